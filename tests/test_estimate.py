"""How long a video will take, and who is asked about it."""

import io
import json
import sys
from pathlib import Path

import pytest
import typer

from vlogger_jax import estimate, filming
from vlogger_jax.core.errors import UserError
from vlogger_jax.estimate import Estimate


@pytest.mark.parametrize("preset", filming.PRESETS)
@pytest.mark.parametrize("size", [64, 256, 512])
def test_it_grows_with_all_that_there_is_to_do(preset, size):
    def seconds(frames=240, size=size, pixels=10**6, speed=estimate.SPEED) -> float:
        return estimate.of(preset, size, frames, pixels, speed).seconds

    assert estimate.BEGIN < seconds(frames=1) < seconds() < min(seconds(frames=480), seconds(pixels=2 * 10**6))
    assert seconds(size=2 * size) > seconds()
    assert seconds(speed=estimate.SPEED / 2) == pytest.approx(2 * seconds())


def test_slower_presets_take_longer():
    found = [estimate.of(preset, 64, 100, 10**6, estimate.SPEED).seconds for preset in ("fast", "usual", "faithful")]
    assert found == sorted(found)


def test_it_is_what_was_measured():
    """Seconds a frame within a quarter, of the benchmark's results."""
    found = json.loads((Path(__file__).parents[1] / "docs" / "results" / "generate.json").read_text())
    assert found["machine"]["flops"] == pytest.approx(estimate.SPEED, rel=0.1)
    for row in found["rows"]:
        pixels = row["portrait"] ** 2
        two, one = (estimate.of(row["preset"], row["size"], n, pixels, estimate.SPEED).seconds for n in (2, 1))
        assert two - one == pytest.approx(row["frame_s"], rel=0.25)


def test_a_machine_has_a_speed():
    assert 1e8 < estimate.measured() < 1e15


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [(3.0, "10 s"), (44.0, "40 s"), (89.0, "90 s"), (100.0, "2 min"), (5000.0, "83 min"), (9000.0, "2.5 h")],
)
def test_as_people_say_it(seconds, spoken):
    assert estimate.spoken(seconds) == spoken


def test_what_is_short_is_told_and_what_is_long_is_asked_about(capsys, monkeypatch):
    short, long = Estimate(48, 60.0), Estimate(10**6, 9000.0)
    estimate.agree(short, yes=False)
    assert capsys.readouterr().err == "this will take about 60 s for 48 frames\n"
    with pytest.raises(UserError, match=r"it would take about 2\.5 h for 1000000 frames\. Say --yes"):
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        estimate.agree(long, yes=False)
    estimate.agree(long, yes=True)


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_somebody_at_a_terminal_is_asked(answer, goes_on, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr("builtins.input", lambda *_: answer.strip())
    if goes_on:
        estimate.agree(Estimate(10**6, 9000.0), yes=False)
    else:
        with pytest.raises(typer.Abort):
            estimate.agree(Estimate(10**6, 9000.0), yes=False)

"""What is measured of motion that was made with it."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from data_pipelines import build, deviations
from tests.data.small import clip
from vlogger_jax import console
from vlogger_jax.body import model_file
from vlogger_jax.core.errors import UserError
from vlogger_jax.motion.packing import PARTS, PerPart

FRAMES = 40


@pytest.fixture(scope="module")
def clips():
    """Expressions of 0.3 in each coefficient, one way or the other; a head that turns about one axis; steps of 2 cm."""
    made, rng = clip(0, "somebody", FRAMES), np.random.default_rng(0)
    body = np.zeros_like(made.motion.body_pose)
    body[:, 11, 1] = 0.1 * rng.choice([-1, 1], FRAMES)
    motion = dataclasses.replace(
        made.motion,
        expression=(0.3 * rng.choice([-1, 1], (FRAMES, 52))).astype(np.float32),
        body_pose=body,
        transl=np.repeat(0.01 * rng.choice([-1, 1], FRAMES), 3).reshape(FRAMES, 3).astype(np.float32),
    )
    return [dataclasses.replace(made, motion=motion)]


def measured(clips, windows=60, seed=0):
    return deviations.measured(clips, model_file.default(), windows, seed, lambda done: None)


def test_it_is_the_root_mean_square_of_what_is_packed(clips):
    found = measured(clips)
    assert found.keys() == PARTS.keys() and PerPart(**found)
    assert found["expression"] == pytest.approx(0.3, rel=1e-5)
    # Half of the references stand 2 cm from half of the frames.
    assert found["transl"] == pytest.approx(0.02 * np.sqrt(0.5), rel=0.15)
    # Two joints of six numbers; one turns by 0.2, of which the first two columns of a matrix see cos - 1, twice sin.
    turned = np.sqrt(0.5 * ((1 - np.cos(0.2)) ** 2 + np.sin(0.2) ** 2) / 12)
    assert found["head"] == pytest.approx(turned, rel=0.15)
    for still in ("jaw", "torso", "arms", "left_hand", "root"):
        assert found[still] == deviations.LEAST


def test_a_seed_decides_it_and_silent_clips_are_left_out(clips):
    assert measured(clips, 5) == measured(clips, 5) != measured(clips, 5, seed=1)
    silent = dataclasses.replace(clips[0], waveform=0 * clips[0].waveform)
    assert measured([*clips, silent], 5)["expression"] == pytest.approx(0.3, rel=1e-5)


def test_no_windows_are_refused(clips):
    with pytest.raises(UserError, match="0 windows"):
        measured(clips, 0)


def test_the_command_prints_what_a_config_holds(capsys, monkeypatch, clips):
    data = SimpleNamespace(clips={"train": clips}.get, body=model_file.default())
    monkeypatch.setattr("data_pipelines.loaders.dataset.open", lambda folder: data)
    assert console.outcome(build.app, ["deviations", "somewhere", "--windows", "3"], "build") == 0
    printed = capsys.readouterr().out
    found = eval(printed.removeprefix("deviations=").rstrip().removesuffix(","))
    assert found == {name: float(f"{value:.2g}") for name, value in measured(clips, 3).items()}
    assert console.outcome(build.app, ["deviations", "somewhere", "--windows", "0"], "build") == 2

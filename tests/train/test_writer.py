"""What is written down: lines that can be read again, and what a resumed training drops."""

import json
import math

import jax
import numpy as np
import pytest

from vlogger_jax.train.writer import Files, Writer, writer


def steps(folder) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_line_a_step_and_null_for_what_is_not_finite(tmp_path):
    written = writer(tmp_path / "new", 0)
    written.write(10, {"loss": 0.5, "count": 3})
    written.write(20, {"loss": math.nan, "norm": math.inf})
    written.close()
    lines = [json.loads(line) for line in (tmp_path / "new" / "metrics.jsonl").read_text().splitlines()]
    assert lines == [{"step": 10, "loss": 0.5, "count": 3}, {"step": 20, "loss": None, "norm": None}]


def test_lines_are_there_before_it_is_closed(tmp_path):
    written = writer(tmp_path, 0)
    written.write(1, {"loss": 0.5})
    assert steps(tmp_path) == [1]
    written.close()


@pytest.mark.parametrize("end", ["", '{"step": 50, "lo', '{"step": 15, "loss": 1.0}'])
def test_later_lines_are_dropped_and_so_is_one_cut_off(tmp_path, end):
    first = writer(tmp_path, 0)
    for step in (10, 20, 30, 40):
        first.write(step, {"loss": 1.0})
    first.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(end)
    again = writer(tmp_path, 20)
    assert steps(tmp_path) == [10, 20]
    again.write(30, {"loss": 2.0})
    again.close()
    assert steps(tmp_path) == [10, 20, 30]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.jsonl", "tensorboard"]


def test_tensorboard_gets_numbers_and_pictures(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    written = writer(tmp_path, 0)
    written.write(7, {"loss": 0.25})
    written.picture(7, "samples", picture)
    written.close()
    events = b"".join(path.read_bytes() for path in (tmp_path / "tensorboard").iterdir())
    assert b"loss" in events and b"samples" in events and b"PNG" in events


def test_of_several_processes_the_first_writes(tmp_path, monkeypatch):
    assert isinstance(writer(tmp_path, 0), Files)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    other = writer(tmp_path / "other", 0)
    assert type(other) is Writer
    other.write(1, {"loss": 1.0})
    other.picture(1, "samples", np.zeros((2, 2, 3), np.uint8))
    other.close()
    assert not (tmp_path / "other").exists()

"""What is written down: lines that can be read again, and what a resumed training drops."""

import errno
import io
import json
import math
import os
import threading

import jax
import numpy as np
import pytest
from tensorboardX import record_writer

from vlogger_jax.core.errors import UserError
from vlogger_jax.train import writer as writer_module
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


@pytest.mark.parametrize("line", ["{", "[1]", "3", '{"loss": 1}', '{"step": null}', "\xff"])
def test_lines_that_cannot_be_read_are_dropped(tmp_path, line):
    good = '{"step": 10, "loss": 1.0}\n'
    (tmp_path / "metrics.jsonl").write_bytes((good + line + "\n").encode("latin-1"))
    writer(tmp_path, 20).close()
    assert (tmp_path / "metrics.jsonl").read_text() == good


def test_what_is_told_later_of_a_step_is_in_its_line(tmp_path):
    written = writer(tmp_path, 0)
    for step, values in (1, {"loss": 1.0}), (2, {"loss": 2.0}), (2, {"validation/loss": math.nan}), (3, {"loss": 3.0}):
        written.write(step, values)
    written.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 1, "loss": 1.0},
        {"step": 2, "loss": 2.0, "validation/loss": None},
        {"step": 3, "loss": 3.0},
    ]


def test_a_full_disk_is_told_of_and_nothing_waits_for_it(tmp_path, monkeypatch):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    monkeypatch.setattr(writer_module, "_drop_after", lambda path, start: None)
    written = writer(tmp_path, 0)
    for call in (lambda: written.write(1, {"loss": 1.0}), written.close):
        with pytest.raises(UserError, match=r"metrics.jsonl could not be written: No space left on device. Make room"):
            call()


def test_so_is_one_that_events_fill(tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            if self.tell() + len(data) > 200:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    monkeypatch.setattr(record_writer, "open_file", lambda path: Full())
    monkeypatch.setattr(os, "fsync", lambda number: None)
    monkeypatch.setattr(Full, "fileno", lambda self: 0)
    written, threads = writer(tmp_path, 0), threading.active_count()
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    with pytest.raises(UserError, match=r"tensorboard could not be written: No space left on device. Make room"):
        written.picture(1, "samples", noise)
    assert threading.active_count() == threads


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

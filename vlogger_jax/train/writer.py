"""What is written down of a training: numbers to `metrics.jsonl`, numbers and pictures for TensorBoard.

A line of the file is `{"step": 200, "loss": 0.5, ...}`, of the steps since the line before; every step is in one. A
training that goes on from a checkpoint drops what is later than that. So after a kill the file reads as if there had
been none, but for an evaluation that it broke off; where a training was asked to end, or stopped, between two lines, it
has one more.
"""

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import jax
import numpy as np
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

from vlogger_jax.core.typing import UInt8
from vlogger_jax.train.disk import unwritable

METRICS = "metrics.jsonl"
EVENTS = "tensorboard"


class Writer:
    """One that writes nothing, as in all processes but the first.

    Attributes:
        folder: of the training.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, step: int, values: Mapping[str, float | int]) -> None:
        """The values after `step` steps; what is not finite becomes null in the file.

        Further values of the same step are added to its line.
        """

    def picture(self, step: int, name: str, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """A picture, for TensorBoard."""

    def close(self) -> None:
        """Write what is left."""


def writer(folder: str | Path, start: int) -> Writer:
    """The writer of this process.

    Args:
        folder: of the training, made where there is none.
        start: the step that it goes on from; later lines are dropped.
    """
    return Files(Path(folder), start) if jax.process_index() == 0 else Writer(Path(folder))


class Files(Writer):
    """A writer to `folder`.

    Events are written by the caller's thread: tensorboardX's own one dies of a full disk, and then it waits for ever.

    Raises:
        UserError: from all methods, if something cannot be written.
    """

    def __init__(self, folder: Path, start: int):
        super().__init__(folder)
        self._last: tuple[int, int, dict[str, float | int | None]] | None = None
        with self._writing(EVENTS):
            (folder / EVENTS).mkdir(parents=True, exist_ok=True)
        with self._writing(METRICS):
            _drop_after(folder / METRICS, start)
            self._lines = (folder / METRICS).open("ab")
        with self._writing(EVENTS):
            self._events = EventsWriter(str(folder / EVENTS / "events"), f".{os.getpid()}")
            # TensorBoard hides what other files have of this step and later ones.
            self._events.write_event(Event(step=start + 1, session_log=SessionLog(status=SessionLog.START)))
            self._events.flush()

    def write(self, step: int, values: Mapping[str, float | int]) -> None:
        """See `Writer`."""
        record = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with self._writing(METRICS):
            self._line(step, record)
        with self._writing(EVENTS):
            for name, value in values.items():
                self._event(step, summary.scalar(name, value))
            self._events.flush()

    def picture(self, step: int, name: str, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """See `Writer`."""
        with self._writing(EVENTS):
            self._event(step, summary.image(name, picture, dataformats="HWC"))
            self._events.flush()

    def close(self) -> None:
        """See `Writer`."""
        try:
            with self._writing(METRICS):
                self._lines.close()
        finally:
            with self._writing(EVENTS):
                self._events.close()

    def _line(self, step: int, record: dict[str, float | int | None]) -> None:
        if self._last is not None and self._last[0] == step:
            _, begin, before = self._last
            record = before | record
            self._lines.truncate(begin)
        begin = self._lines.seek(0, os.SEEK_END)
        self._lines.write((json.dumps({"step": step, **record}) + "\n").encode())
        self._lines.flush()  # what the system has, outlives this process
        self._last = (step, begin, record)

    def _event(self, step: int, said: Summary) -> None:
        self._events.write_event(Event(wall_time=time.time(), step=step, summary=said))

    @contextlib.contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(str(self.folder / name), self.folder, error) from error


def _drop_after(path: Path, start: int) -> None:
    """Leave the lines up to step `start`; what cannot be read, e.g. for being cut off, counts as later."""
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if line.endswith(b"\n") and _step(line) <= start]
    if kept != lines:
        beside = path.with_suffix(".tmp")
        beside.write_bytes(b"".join(kept))
        os.replace(beside, path)


def _step(line: bytes) -> float | int:
    """That a line is of; infinity where it does not say."""
    try:
        found = json.loads(line)
    except ValueError:
        return math.inf
    step = found.get("step") if isinstance(found, dict) else None
    return step if isinstance(step, int) else math.inf

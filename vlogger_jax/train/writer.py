"""What is written down of a training: numbers to `metrics.jsonl`, numbers and pictures for TensorBoard.

A line of the file is `{"step": 200, "loss": 0.5, ...}`, of the steps since the line before. A training that goes on
from a checkpoint drops what is later than that, so that the file reads as if it had never stopped.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
from tensorboardX import SummaryWriter

from vlogger_jax.core.typing import UInt8

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
        """The values after `step` steps; what is not finite becomes null in the file."""

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
    """A writer to `folder`."""

    def __init__(self, folder: Path, start: int):
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _drop_after(folder / METRICS, start)
        self._lines = (folder / METRICS).open("a", encoding="utf-8")
        self._events = SummaryWriter(str(folder / EVENTS), purge_step=start + 1)

    def write(self, step: int, values: Mapping[str, float | int]) -> None:
        """See `Writer`."""
        record = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._lines.write(json.dumps({"step": step, **record}) + "\n")
        self._lines.flush()  # what the system has, outlives this process
        for name, value in values.items():
            self._events.add_scalar(name, value, step)
        self._events.flush()

    def picture(self, step: int, name: str, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """See `Writer`."""
        self._events.add_image(name, picture, step, dataformats="HWC")
        self._events.flush()

    def close(self) -> None:
        """See `Writer`."""
        self._lines.close()
        self._events.close()


def _drop_after(path: Path, start: int) -> None:
    """Leave the lines up to step `start`; one that was cut off counts as later."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= start]
    if kept != lines:
        beside = path.with_suffix(".tmp")
        beside.write_text("".join(kept), encoding="utf-8")
        os.replace(beside, path)

"""Which frames of a clip are stored as pictures, and where they are found again.

The frames lie in runs, in each of which one follows the other; a run is cut into chunks, each one example. Everything
follows from how many frames a clip has, so that nothing but that has to be kept to find any frame of millions.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data_pipelines.schema import CHUNK
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Int


@dataclass(frozen=True)
class Plan:
    """Which frames are stored.

    Attributes:
        frames: of a clip, at most; None: all.
        run: frames that follow each other. `Plan(5, 1)` is five single frames, `Plan(18, 16)` a run of 16 and one of
            2; the runs are as far apart as the clip allows.
    """

    frames: int | None = None
    run: int = CHUNK

    def __post_init__(self) -> None:
        if (self.frames is not None and self.frames < 1) or self.run < 1:
            raise UserError(
                f"{self.frames} frames of a clip, in runs of {self.run}, cannot be stored", "Give 1 or more for each"
            )

    def runs(self, length: int) -> tuple[range, ...]:
        """The runs of a clip of `length` frames, in order."""
        if self.frames is None or self.frames >= length:
            return (range(length),)
        sizes = [self.run] * (self.frames // self.run) + [self.frames % self.run] * (self.frames % self.run > 0)
        free = length - self.frames
        gaps = max(len(sizes) - 1, 1)
        first = free // 2 if len(sizes) == 1 else 0
        starts = [first + sum(sizes[:i]) + free * i // gaps for i in range(len(sizes))]
        return tuple(range(start, start + size) for start, size in zip(starts, sizes, strict=True))

    def chunks(self, length: int) -> tuple[range, ...]:
        """The frames of each example of a clip of `length` frames."""
        return tuple(run[at : at + CHUNK] for run in self.runs(length) for at in range(0, len(run), CHUNK))


@dataclass(frozen=True)
class Table:
    """Where the frames of a split are.

    Attributes:
        plan: of all clips.
        lengths: frames of each clip.
    """

    plan: Plan
    lengths: Int[np.ndarray, "n"]

    @cached_property
    def _kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """The different lengths that there are, and which of them each clip has."""
        return np.unique(self.lengths, return_inverse=True)

    def _of_clips(self, count_of_kind: list[int]) -> np.ndarray:
        return np.asarray(count_of_kind, np.int64)[self._kinds[1]]

    @cached_property
    def first_chunk(self) -> Int[np.ndarray, "m"]:
        """The example in which each clip begins, and their number at the end."""
        counts = self._of_clips([len(self.plan.chunks(length)) for length in self._kinds[0].tolist()])
        return np.concatenate([[0], np.cumsum(counts)])

    def windows(self, count: int) -> "Windows":
        """All windows of `count` frames that follow each other, without common frames."""
        return Windows(self, count)

    def locate(self, clip: int, frame: int) -> tuple[int, int]:
        """(example, row in it) of a frame that is stored.

        Raises:
            KeyError: if it is not.
        """
        for i, chunk in enumerate(self.plan.chunks(int(self.lengths[clip]))):
            if frame in chunk:
                return int(self.first_chunk[clip]) + i, chunk.index(frame)
        raise KeyError((clip, frame))


@dataclass(frozen=True)
class Windows:
    """Windows of `count` stored frames that follow each other: `floor(run / count)` of each run."""

    table: Table
    count: int

    @cached_property
    def _ends(self) -> np.ndarray:
        kinds = self.table._kinds[0].tolist()
        counts = [sum(len(run) // self.count for run in self.table.plan.runs(length)) for length in kinds]
        return np.cumsum(self.table._of_clips(counts))

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, index: int) -> tuple[int, range, int]:
        """(clip, run, number of the window in the run)."""
        clip = int(np.searchsorted(self._ends, index, side="right"))
        left = index - (int(self._ends[clip - 1]) if clip else 0)
        for run in self.table.plan.runs(int(self.table.lengths[clip])):
            if left < len(run) // self.count:
                return clip, run, left
            left -= len(run) // self.count
        raise IndexError(index)

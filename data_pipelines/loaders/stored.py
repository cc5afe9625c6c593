"""Stored frames: which of them a sample takes, and reading them, every record once and only what is used decoded."""

from collections.abc import Sequence

import numpy as np

from data_pipelines.loaders.dataset import Chunks
from data_pipelines.plan import Windows
from data_pipelines.schema import BadExample, Chunk
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Int, UInt8
from vlogger_jax.media import encoded


def chosen(windows: Windows, number: int, rng: np.random.Generator) -> tuple[int, range]:
    """The clip and the frames of a window, moved from its place by up to half its length, within its run.

    The places lie side by side in the middle of the run, so that over epochs a window begins at every frame it can.
    Single frames stay: an epoch has each of them once.
    """
    clip, run, nth = windows[number]
    count, half = windows.count, windows.count // 2
    place = len(run) % count // 2 + nth * count
    start = min(max(place + int(rng.integers(-half, half + 1)), 0), len(run) - count)
    return clip, run[start : start + count]


def far_from(window: range, stored: Int[np.ndarray, "n"], far: int, whose: str) -> Int[np.ndarray, "m"]:
    """Those of the stored frames that are `far` frames or more from `window`; if none is, the farthest outside of it.

    Args:
        whose: what to call the clip.

    Raises:
        BadExample: if all of them are in the window.
    """
    distance = np.maximum(window.start - stored, stored - (window.stop - 1))
    if (farthest := int(distance.max())) < 1:
        raise BadExample(
            f"{whose} has {len(stored)} frames, none outside of a window of {len(window)} for the reference",
            "Store more frames of a clip (`--frames` and `--run` of the build), or ask for fewer",
        )
    return stored[distance >= max(1, min(far, farthest))]


Row = tuple[Chunk, int]
"""A stored frame: its chunk, and its row in it."""


def find(chunks: Chunks, clip: int, frames: Sequence[int]) -> list[Row]:
    """Stored frames of a clip; every record is read once.

    Raises:
        BadExample: if a record cannot be read, or they do not show one person.
    """
    places = [chunks.table.locate(clip, frame) for frame in frames]
    read = {number: chunks[number] for number in dict.fromkeys(number for number, _ in places)}
    if len(people := {chunk.identity for chunk in read.values()}) > 1:
        raise chunks.records.bad(places[0][0], f"and another of its clip show {' and '.join(sorted(people))}")
    return [(read[number], i) for number, i in places]


def pictures(rows: Sequence[Row], size: int) -> UInt8[np.ndarray, "t s s 3"]:
    """The decoded pictures of these frames.

    Raises:
        UserError: if one is damaged or of another size.
    """
    return np.stack([picture(chunk.image[i], (size, size, 3)) for chunk, i in rows])


def picture(data: bytes, shape: tuple[int, ...]) -> UInt8[np.ndarray, "s s *c"]:
    """One decoded picture or matte.

    Raises:
        UserError: if it is damaged or of another shape.
    """
    found = encoded.decode(data)
    if found.shape != shape:
        raise UserError(f"a picture is {found.shape}, not {shape}", "Build the data set again")
    return found


def of(chunks: Chunks, count: int) -> Windows:
    """All windows of `count` frames.

    Raises:
        UserError: if there is none.
    """
    windows = chunks.table.windows(count)
    if not len(windows):
        raise UserError(
            f"no {count} frames of {chunks.records.place} follow each other",
            "Ask for fewer, or store longer runs (`--frames` and `--run` of the build)",
        )
    return windows


def unusable(chunks: Chunks, clip: int, frames: Sequence[int], error: UserError) -> BadExample:
    """What to say of frames whose records are whole but cannot be used."""
    what = f"frames {', '.join(map(str, frames))} of clip {clip} of {chunks.records.place}"
    return BadExample(f"{what} cannot be used: {error.what}", error.fix)

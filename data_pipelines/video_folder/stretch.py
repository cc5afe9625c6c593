"""Which part of a piece of video is one shot of one person: cuts, stretches without gaps, backgrounds that change."""

import numpy as np
from scipy import ndimage

from vlogger_jax.core.typing import Bool, Float, Float32, Int, UInt8
from vlogger_jax.fit import points as body_points
from vlogger_jax.fit.landmarks import Landmarks

THUMB = 32
"""Pixels to the longer side, about, of the small pictures in which cuts and backgrounds are looked for."""

CUT = (0.015, 0.15)
"""Mean difference of small pictures, black to white being 1, between two frames: the scene does not change with less,
and changes with more. In between it does if the change is sudden."""

JUMP = (0.15, 0.6)
"""The same of a face, inter-ocular distances that it moves: 1 m/s is 0.45 of them."""

GROWTH = 1.25
"""Factor by which a face does not grow or shrink from one frame to the next."""

SUDDEN = 4.0
"""Times as large as most of the changes around: fast movement goes on for longer than a frame. Measured on real
videos: 2.4 at most without a cut, 7.7 where two takes of one person were joined."""

GAP = 3
"""Bad frames in a row that do not end a stretch."""

_AROUND = 3  # frames before and after that a change is compared with
_PERSON = 16  # of 255: what the matte holds there is not only background
_LEAST = 0.05  # of the picture: of less background nothing is said


def thumb(frame: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "r c 3"]:
    """A frame, small, 0 to 1: means of boxes."""
    box = max(1, max(frame.shape[:2]) // THUMB)
    step = max(1, box // 4)  # every pixel of a large frame would cost more than to decode it
    rows, columns = (max(1, side // box) for side in frame.shape[:2])
    few = frame[: rows * box : step, : columns * box : step].astype(np.float32) / 255
    rows_at, columns_at = (np.arange(n) * len(axis) // n for n, axis in ((rows, few), (columns, few[0])))
    total = np.add.reduceat(np.add.reduceat(few, rows_at, axis=0), columns_at, axis=1)
    counts = [np.diff([*at, len(axis)]) for at, axis in ((rows_at, few), (columns_at, few[0]))]
    return total / np.float32(np.multiply.outer(*counts))[..., None]


def cuts(thumbs: Float[np.ndarray, "t r c 3"], landmarks: Landmarks) -> Int[np.ndarray, "n"]:
    """The frames with which another scene, or another take of it, begins: the picture or the face is another at once.

    Fades are not found.
    """
    if len(thumbs) < 2:
        return np.zeros(0, np.int64)
    found = _jumps(np.abs(np.diff(thumbs, axis=0)).mean(axis=(1, 2, 3)), CUT)
    distance = body_points.interocular_distances(landmarks)
    smaller, larger = (of(distance[:-1], distance[1:]) for of in (np.minimum, np.maximum))
    middle = np.asarray(landmarks.face)[:, body_points.OUTER_EYES, :2].mean(axis=1)
    moved = np.linalg.norm(np.diff(middle, axis=0), axis=-1) / np.maximum(larger, 1e-6)
    found |= _jumps(np.where(smaller > 0, moved, 0), JUMP) | ((smaller > 0) & (larger > GROWTH * smaller))
    return np.flatnonzero(found) + 1


def _jumps(change: Float[np.ndarray, "n"], limits: tuple[float, float]) -> Bool[np.ndarray, "n"]:
    """Which changes are above the second limit, or above the first and sudden."""
    around = np.pad(change, _AROUND, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(around, 2 * _AROUND + 1)
    others = np.delete(around, _AROUND, axis=1)
    usual = np.nanpercentile(others, 75, axis=1) if len(change) > 1 else np.zeros(1)
    low, high = limits
    return (change > high) | ((change > low) & (change > SUDDEN * (usual + low / 8)))


def longest(good: Bool[np.ndarray, "t"], cuts: Int[np.ndarray, "n"]) -> range:
    """The longest part without a cut that begins and ends with a good frame, no more than `GAP` bad ones in a row.

    The first of equals; empty if no frame is good.
    """
    best = range(0)
    for first, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(good)], strict=True):
        at = first + np.flatnonzero(good[first:end])
        if not len(at):
            continue
        breaks = np.flatnonzero(np.diff(at) > GAP + 1)
        for i, j in zip([0, *(breaks + 1).tolist()], [*breaks.tolist(), len(at) - 1], strict=True):
            run = range(int(at[i]), int(at[j]) + 1)
            best = run if len(run) > len(best) else best
    return best


def background_change(thumbs: Float[np.ndarray, "t r c 3"], matte: UInt8[np.ndarray, "t mh mw"]) -> float:
    """How much the background of a shot changes: root mean square difference from its mean, 0 to 1.

    Only what is never the person counts; 0 where there is too little of it to tell.
    """
    rows, columns = thumbs.shape[1:3]
    ever = matte.max(axis=0)
    row, column = (np.arange(side) * count // side for side, count in zip(ever.shape, (rows, columns), strict=True))
    person = np.zeros((rows, columns), np.uint8)
    np.maximum.at(person, (row[:, None], column[None, :]), ever)
    free = ~ndimage.binary_dilation(person >= _PERSON)
    if free.mean() < _LEAST:
        return 0.0
    return float(np.sqrt(thumbs[:, free].var(axis=0).mean()))

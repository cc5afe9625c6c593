"""The person's matte: a detector's coarse mask at the matte's size, without what belongs to nobody or somebody else."""

import numpy as np
from scipy import ndimage

from vlogger_jax.core.typing import Float, UInt8
from vlogger_jax.fit.landmarks_views import Box

FAINT = 25
"""Of 255: what is fainter connects nothing."""

FRINGE = 4
"""Pixels of the matte that are kept, however faint, around what is connected to the person."""

FLICKER = 96
"""Of 255: changes of one frame that are larger are motion."""


def steadied(mattes: list[UInt8[np.ndarray, "h w"]]) -> UInt8[np.ndarray, "t h w"]:
    """Medians over three frames, which halve the flicker of outlines and do not lag; a hand that rushes by is kept."""
    result = np.stack(mattes)
    for i in range(1, len(mattes) - 1):
        before, now, after = mattes[i - 1 : i + 2]
        median = np.maximum(np.minimum(before, after), np.minimum(np.maximum(before, after), now))
        small = np.maximum(median, now) - np.minimum(median, now) < FLICKER
        result[i] = np.where(small, median, now)
    return result


def cut_out(
    mask: Float[np.ndarray, "mh mw"] | None,
    box: Box,
    points: list[Float[np.ndarray, "_ _"]],
    size: tuple[int, int],
    shape: tuple[int, int],
) -> UInt8[np.ndarray, "h w"]:
    """The matte, of `shape`, of the person that `points` lie on.

    Args:
        mask: how much of each pixel is a person, in the part `box` of the image; None: nothing is.
        points: (x, y, ...) in pixels of the image; a fourth coordinate is the probability that the point is visible.
        size: (height, width) of the image in pixels.
        shape: (height, width) of the matte in pixels.
    """
    if mask is None:
        return np.zeros(shape, np.uint8)
    matte = np.rint(255 * np.clip(resample(mask, box, size, shape), 0, 1)).astype(np.uint8)
    at = np.concatenate([np.zeros((0, 2)), *(p[p[:, 3] > 0.5, :2] if p.shape[1] > 3 else p[:, :2] for p in points)])
    at = at[((at >= 0) & (at < size[::-1])).all(axis=1)]
    rows, columns = (at[:, ::-1] * np.asarray(shape) / size).astype(int).T
    labels, _ = ndimage.label(matte > FAINT)
    touched = np.setdiff1d(labels[rows, columns], 0)
    if not touched.size:
        return matte
    return np.where(ndimage.binary_dilation(np.isin(labels, touched), iterations=FRINGE), matte, 0).astype(np.uint8)


def resample(
    mask: Float[np.ndarray, "mh mw"], box: Box, size: tuple[int, int], shape: tuple[int, int]
) -> Float[np.ndarray, "h w"]:
    """A mask of the part `box` of an image of `size` (height, width), as one of the whole image at `shape`, linearly.

    Outside of the box it is 0.
    """
    found = mask
    for axis, (start, end) in enumerate(((box.y0, box.y1), (box.x0, box.x1))):
        cells = found.shape[axis]
        at = (np.arange(shape[axis]) + 0.5) * size[axis] / shape[axis]
        index = (at - start) / (end - start) * cells - 0.5
        low = np.clip(np.floor(index), 0, cells - 1).astype(int)
        high = np.minimum(low + 1, cells - 1)
        share = np.clip(index - low, 0, 1).astype(np.float32)
        inside = (at >= start) & (at <= end)
        new = [-1, 1] if axis == 0 else [1, -1]
        found = found.take(low, axis) * ((1 - share) * inside).reshape(new) + found.take(high, axis) * (
            share * inside
        ).reshape(new)
    return found

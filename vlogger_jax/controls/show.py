"""Controls as pictures that a person can look at."""

from collections.abc import Iterator, Sequence

import numpy as np

from vlogger_jax.body import names
from vlogger_jax.core.records import Controls
from vlogger_jax.core.typing import UInt8

GAP = 4
"""Pixels between two pictures."""

_GAP_COLOUR = 255
_HIDDEN = 40
"""Grey of what the reference does not show, in the picture of the warp."""

_COLOUR_OF = {
    **{"background": (0, 0, 0), "face skin": (240, 194, 163), "scalp": (115, 84, 69), "ears": (227, 140, 94)},
    **{"eyelids": (158, 107, 199), "sclera": (250, 250, 250), "iris": (41, 107, 184), "lips": (214, 61, 87)},
    **{"upper teeth": (252, 235, 153), "lower teeth": (204, 184, 77), "tongue": (242, 128, 158)},
    **{"mouth cavity": (89, 18, 33), "neck": (140, 199, 158), "torso": (102, 148, 209), "arms": (51, 166, 166)},
    **{"left hand": (242, 158, 46), "right hand": (140, 191, 51), "lower body": (128, 128, 148)},
}
COLOURS = np.array([_COLOUR_OF[name] for name in names.LABELS], np.uint8)
"""Of each label."""


def pictures(
    controls: Controls, reference: UInt8[np.ndarray, "h w 3"]
) -> Iterator[UInt8[np.ndarray, "rows columns 3"]]:
    """One picture a frame: reference, `dense`, `label`; below them `warp`, `composite`, `matte`.

    Args:
        controls: of one clip, at the size of `reference`.
    """
    there = np.asarray(controls.label) > 0
    dense = (np.asarray(controls.dense) >> 8).astype(np.uint8) * there[..., None]
    hidden = (there & ~np.asarray(controls.warp_mask))[..., None]
    warp = np.where(hidden, np.uint8(_HIDDEN), np.asarray(controls.warp))
    matte = np.repeat(np.asarray(controls.matte)[..., None], 3, axis=-1)
    for i in range(len(there)):
        upper = joined([reference, dense[i], COLOURS[controls.label[i]]], axis=1)
        lower = joined([warp[i], np.asarray(controls.composite[i]), matte[i]], axis=1)
        yield joined([upper, lower], axis=0)


def joined(images: Sequence[UInt8[np.ndarray, "_ _ 3"]], axis: int) -> UInt8[np.ndarray, "rows columns 3"]:
    """Pictures below each other (axis 0) or beside each other (axis 1), with a gap between them."""
    shape = list(images[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, _GAP_COLOUR, np.uint8)
    parts = [part for image in images for part in (gap, image)]
    return np.concatenate(parts[1:], axis=axis)

"""Parts of pictures that are judged by themselves (paper Table 3): masks from labels and mattes.

A person covers more than the body's mesh does: hair and clothes belong to no region but `full` and `foreground`.
"""

import numpy as np
from scipy import ndimage

from vlogger_jax.core.typing import Array, Bool, UInt8

FACE = tuple(range(1, 12))
"""Labels of the head (`body.names.LABELS`): skin, scalp, ears, eyes, lips, inside of the mouth."""

HANDS = (15, 16)

GROWN = 1 / 64
"""Of the picture's side, by which face and hands are larger than their labels: edges are where errors are."""

REGIONS = ("face", "hands", "body", "full", "foreground")


def regions(
    label: UInt8[Array, "t h w"], matte: UInt8[Array, "t h w"], reference_matte: UInt8[Array, "h w"]
) -> dict[str, Bool[np.ndarray, "t h w"]]:
    """Where each of `REGIONS` is, by name; a frame may have none of it.

    Args:
        label: of the true G-buffer.
        matte: of the true frames, 0-255.
        reference_matte: of the reference: what the person uncovers counts as foreground, too.
    """
    label, matte = np.asarray(label), np.asarray(matte)
    pixels = max(1, round(GROWN * label.shape[-1]))
    near = np.ones((1, 2 * pixels + 1, 2 * pixels + 1), bool)
    covered = (matte > 0) | (np.asarray(reference_matte) > 0)
    return {
        "face": ndimage.binary_dilation(np.isin(label, FACE), near),
        "hands": ndimage.binary_dilation(np.isin(label, HANDS), near),
        "body": label > 0,
        "full": np.ones(label.shape, bool),
        "foreground": np.broadcast_to(covered, label.shape),
    }

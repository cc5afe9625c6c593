"""Whether pictures are as sharp as they should be: the energy of their gradients over that of the truth's.

Networks that do not know blur, and have less; noise has more. PSNR likes blur: read the two together.
"""

import numpy as np

from vlogger_jax.core.typing import Array, Bool, UInt8


def gradient_energy(picture: UInt8[Array, "*b h w 3"], where: Bool[Array, "*b h w"]) -> float:
    """Mean square of the differences between neighbours in a row and in a column, of colours from 0 to 1.

    Between pixels that both lie in `where`; 0 where there are none.
    """
    values, where = np.asarray(picture, np.float64) / 255, np.asarray(where)
    total, count = 0.0, 0
    for axis in (-2, -3):
        both = _inner(where, axis + 1, 1) & _inner(where, axis + 1, 0)
        squares = np.diff(values, axis=axis)[both] ** 2
        total, count = total + squares.sum(), count + squares.size
    return float(total / count) if count else 0.0


def _inner(where: Bool[np.ndarray, "*b h w"], axis: int, first: int) -> Bool[np.ndarray, "*b i j"]:
    """Without its first, or else its last, row or column."""
    return np.take(where, np.arange(where.shape[axis] - 1) + first, axis=axis)

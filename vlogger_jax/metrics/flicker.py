"""Whether frames hang together: flicker, and seams where one window of a long video goes on from another."""

from collections.abc import Sequence

import numpy as np

from vlogger_jax.core.typing import Array, Bool, UInt8


def flicker(frames: UInt8[Array, "t h w 3"], where: Bool[Array, "t h w"]) -> float:
    """Mean |x[t+1] - 2 x[t] + x[t-1]| of pixels that lie in `where` in all three, colours from 0 to 1.

    Second differences: what moves evenly has few of them. It means something beside that of the truth; NaN where there
    are no such pixels.

    Raises:
        ValueError: of fewer than 3 frames.
    """
    frames, where = np.asarray(frames, np.float64) / 255, np.asarray(where)
    if len(frames) < 3:
        raise ValueError(f"flicker is of 3 frames or more, not {len(frames)}")
    seen = where[2:] & where[1:-1] & where[:-2]
    return float(np.abs(np.diff(frames, n=2, axis=0))[seen].mean()) if seen.any() else float("nan")


def seam_ratio(frames: UInt8[Array, "t h w 3"], truth: UInt8[Array, "t h w 3"], seams: Sequence[int]) -> float:
    """How much more changes at seams than elsewhere, over the same of the truth; 1 where seams are not seen.

    Args:
        seams: numbers of the frames that begin a window, but for the first one.

    Raises:
        ValueError: if there are no seams, or nothing else.
    """
    at = np.isin(np.arange(1, len(frames)), np.asarray(seams, int))
    if not at.any() or at.all():
        raise ValueError(f"{int(at.sum())} of {len(at)} steps are seams; both kinds are needed")

    def ratio(clip: Array) -> float:
        steps = np.abs(np.diff(np.asarray(clip, np.float64), axis=0)).mean(axis=(1, 2, 3))
        return steps[at].mean() / steps[~at].mean()

    return float(ratio(frames) / ratio(truth))

"""How many bilabials close the lips, as p, b and m have to; what misses one is seen at once."""

import math

import numpy as np

from vlogger_jax.core.typing import Array, Float
from vlogger_jax.metrics.count import Count

CLOSED = 1.0
"""mm: half a pixel of a portrait 256 pixels to a side."""

_ROUNDING = 1e-6  # frames: times that are written in seconds mean whole frames now and then


def closures(
    aperture: Float[Array, "t"], fps: float | int, bilabials: Float[np.ndarray, "k 2"], closed: float | int = CLOSED
) -> Count:
    """During how many of the bilabials the lips meet, in a frame within one or in the frame before or after.

    Args:
        aperture: mm, of a frame each; frame i is at i / fps.
        bilabials: start and end of each, seconds; those with no frame of the clip near are no cases.
        closed: mm, at most which the lips meet.
    """
    aperture, times = np.asarray(aperture), np.asarray(bilabials, np.float64) * fps
    first, last = np.ceil(times[:, 0] - _ROUNDING) - 1, np.floor(times[:, 1] + _ROUNDING) + 1
    frame = np.arange(len(aperture))
    during = (frame >= first[:, None]) & (frame <= last[:, None])
    lowest = np.where(during, aperture, math.inf).min(axis=1, initial=math.inf)
    return Count(int((lowest <= closed).sum()), int(during.any(axis=1).sum()))

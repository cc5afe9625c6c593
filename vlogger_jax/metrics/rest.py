"""How many frames without speech leave the mouth at rest: mouths that go on moving in pauses look possessed."""

import numpy as np

from vlogger_jax.core.typing import Array, Bool, Float
from vlogger_jax.metrics.count import Count

AT_REST = 2.0
"""mm of aperture: lips of people at rest are parted a little."""

MARGIN = 0.15
"""Seconds around speech that are none of its pauses: lips lead the sound, and linger."""


def rests(
    aperture: Float[Array, "t"], fps: float | int, speech: Float[np.ndarray, "k 2"], at_rest: float | int = AT_REST
) -> Count:
    """Frames with the mouth at rest, among those more than `MARGIN` away from speech.

    Args:
        aperture: mm, of a frame each; frame i is at i / fps.
        speech: start and end of each stretch of speech, seconds, in any order.
        at_rest: mm, at most which the mouth is.
    """
    still = away(len(aperture), fps, speech)
    return Count(int((np.asarray(aperture)[still] <= at_rest).sum()), int(still.sum()))


def away(
    frames: int, fps: float | int, speech: Float[np.ndarray, "k 2"], margin: float | int = MARGIN
) -> Bool[np.ndarray, "{frames}"]:
    """Which frames are more than `margin` seconds away from all speech."""
    time = np.arange(frames)[:, None] / fps
    distance = np.maximum(speech[:, 0] - time, time - speech[:, 1])
    return distance.min(axis=1, initial=np.inf) > margin

"""Whether movement keeps time with the sound: beat consistency as EMAGE has it (Liu et al. 2024), and mended.

A beat of the motion is a moment in which a joint that was moving is slower than just before and after. The consistency
is 1 when each onset of the sound has such a moment beside it, and falls with the distance to the nearest. No two ways
to measure it can be compared; EMAGE's numbers are of motion at 30 frames/s, and the width of a minimum is in frames.
"""

import math

import librosa
import numpy as np
from scipy import signal

from vlogger_jax.core.typing import Array, Bool, Float

RATE = 16000
EDGE = 2.0
"""Seconds at either end that do not count."""

UPPER = (3, 6, 9, *range(12, 22))
"""Spine, neck, head, collars and arms."""

_ORDER, _SLOWEST, _SIGMA = 7, 0.10, 0.3  # frames around a minimum; in mean speeds; seconds
_HOP = 512


def onsets(waveform: Float[Array, "s"]) -> Float[np.ndarray, "k"]:
    """When sounds begin, seconds, less those of the clip's ends.

    Args:
        waveform: in [-1, 1], 16,000 samples/s.
    """
    edge = int(EDGE * RATE)
    inner = np.asarray(waveform, np.float32)[edge : len(waveform) - edge]
    if not inner.any():
        return np.zeros(0)
    return EDGE + librosa.onset.onset_detect(y=inner, sr=RATE, hop_length=_HOP, units="time")


def mean_speeds(joints: Float[Array, "t 55 3"], fps: float | int) -> Float[np.ndarray, "55"]:
    """Of each joint, m/s. `consistency` asks for their mean over a whole data set, weighted by frames."""
    return _speeds(np.asarray(joints, np.float64), fps).mean(axis=0)


def consistency(
    joints: Float[Array, "t 55 3"], sounds: Float[np.ndarray, "k"], fps: float | int, mean: Float[np.ndarray, "55"]
) -> float:
    """The published one, quirk included: whether a joint moves at a minimum is looked up two seconds too early.

    Args:
        joints: metres, of a body whose root neither turns nor moves (`posed.in_place`).
        sounds: `onsets`.
        mean: `mean_speeds` of the data set of truth.

    Returns:
        0 to 1, which EMAGE's tables have times 10; NaN where nothing is heard. Means of several clips are weighted by
        their lengths.

    Raises:
        ValueError: if the clip is not longer than its ends.
    """
    speeds = _normal(joints, fps, mean)
    return _kept_time(_minima(_inner(speeds, fps)), speeds > _SLOWEST, sounds, fps)


def fixed(
    joints: Float[Array, "t 55 3"], sounds: Float[np.ndarray, "k"], fps: float | int, mean: Float[np.ndarray, "55"]
) -> float:
    """`consistency` without the quirk; arguments, result and errors are the same."""
    inner = _inner(_normal(joints, fps, mean), fps)
    return _kept_time(_minima(inner), inner > _SLOWEST, sounds, fps)


def _normal(joints: Array, fps: float | int, mean: np.ndarray) -> Float[np.ndarray, "t 13"]:
    """Speeds of the upper body in mean speeds; a joint that never moves has none."""
    upper = list(UPPER)
    mean = mean[upper]
    return _speeds(np.asarray(joints, np.float64)[:, upper], fps) / np.where(mean > 0, mean, math.inf)


def _speeds(joints: np.ndarray, fps: float | int) -> np.ndarray:
    """[t, j], by central differences, one-sided at the ends."""
    return np.linalg.norm(np.gradient(joints, 1 / fps, axis=0), axis=-1)


def _inner(speeds: np.ndarray, fps: float | int) -> np.ndarray:
    edge = round(EDGE * fps)
    if len(speeds) <= 2 * edge:
        raise ValueError(f"a clip of {len(speeds) / fps:g} s has nothing between two ends of {EDGE:g} s")
    return speeds[edge : len(speeds) - edge]


def _minima(speeds: np.ndarray) -> Bool[np.ndarray, "t 13"]:
    found = np.zeros(speeds.shape, bool)
    found[signal.argrelmin(speeds, axis=0, order=_ORDER)] = True
    return found


def _kept_time(
    minima: Bool[np.ndarray, "t 13"], moving: Bool[np.ndarray, "u 13"], sounds: Float[np.ndarray, "k"], fps: float | int
) -> float:
    beats = minima & moving[: len(minima)]
    times = np.arange(len(beats)) / fps
    sounds = sounds - EDGE
    sounds = sounds[(sounds >= 0) & (sounds <= len(beats) / fps)]
    if not len(sounds):
        return math.nan
    apart = np.abs(sounds[:, None] - times)  # k t
    nearest = np.where(beats.T[:, None], apart, math.inf).min(axis=-1)
    return float(np.exp(-(nearest**2) / (2 * _SIGMA**2)).mean())

"""The mouths of talking videos: M's, from their sound, beside those that `vlogger fit --video` finds.

How far these agree is ranked among circular shifts under the same search for a lag: of each clip, and of the mean over
clips. What is shifted is M's aperture, not the sound: that would be the same but for where M begins and for the seam,
and to perform all shifts as often as the sound itself takes five minutes and more on two cores. Some are performed from
the shifted sound, and by how much these agree better is told, and added to all shifts before the rank that counts.
"""

from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.disturb import Sound
from vlogger_jax import console
from vlogger_jax.audio.mel import RATE
from vlogger_jax.body import smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Motion
from vlogger_jax.fit.result import Fit
from vlogger_jax.metrics import aperture as apertures
from vlogger_jax.metrics.aperture import correlation

Say = Callable[[Sound, Motion, tuple[float, float, float]], np.ndarray]
"""(sound, reference, how much that shows of torso and hands) -> M's aperture [t], mm, averaged over performances."""

REACH = 5
"""Frames of lag, either way: what fits and files may be late."""

APART, EVERY = 1.0, 0.25
"""Seconds that the sound is shifted at least, either way (a quarter of shorter clips), and steps of them."""

PERFORMED = 4
"""Shifts of each clip that M performs."""

SHIFTED = f"M's curve, in a circle; {PERFORMED} shifts of each clip performed from the shifted sound as well"
"""What ranks are among, for who reads the numbers."""

PAIRINGS = 10_000
"""Of shifts of the clips, drawn at random, among which the clips' mean is ranked."""


def against(
    say: Say, body: BodyModel, fps: float, videos: Mapping[str, tuple[Sound, Fit]], report: console.Report
) -> dict:
    """Correlations and ranks of the clips, and of their mean.

    Args:
        fps: frames/s of M.
        videos: sound and fit, by name.
    """
    clips, shifted, excess, done = {}, [], [], 0
    for name, (sound, fit) in videos.items():
        first = int(np.argmax(fit.quality.good))
        reference = smplx.frames_of(fit.motion, np.array([first]))
        parts = (fit.quality.torso, fit.quality.left_hand, fit.quality.right_hand)
        visible = tuple(float(part[first]) for part in parts)
        said = say(sound, reference, visible)
        fitted = resampled(apertures.aperture(body, fit.motion), fit.quality.good, fit.motion.fps, fps)
        frames = min(len(said), len(fitted))
        said, fitted = said[:frames], fitted[:frames]
        found, lag = searched(said, fitted)
        shifts = shifts_of(frames, fps)
        curves = np.array([searched(np.roll(said, shift), fitted)[0] for shift in shifts])
        pairs = []
        for i in np.linspace(0, len(shifts) - 1, PERFORMED).round().astype(int):
            turned = np.roll(sound[: round(frames * RATE / fps)], round(shifts[i] * RATE / fps))
            pairs.append((curves[i], searched(say(turned, reference, visible)[:frames], fitted)[0]))
            done += 1
            report(done / PERFORMED / len(videos))
        shifted.append(curves)
        excess += [sounds - curve for curve, sounds in pairs]
        clips[name] = {
            "frames": frames,
            "correlation": round(found, 4),
            "lag_frames": lag,
            "shifts": len(shifts),
            **ranked(found, curves),
            "fitted_sd_mm": round(float(fitted.std()), 3),
            "ours_sd_mm": round(float(said.std()), 3),
            "curve_or_sound_shifted": np.round(pairs, 4).tolist(),
        }
    rng = np.random.default_rng(0)
    pairings = np.mean([curves[rng.integers(len(curves), size=PAIRINGS)] for curves in shifted], axis=0)
    pooled = float(np.mean([clip["correlation"] for clip in clips.values()]))
    return {
        "shifted": SHIFTED,
        "clips": clips,
        "pooled": {
            "correlation": round(pooled, 4),
            "pairings": PAIRINGS,
            **ranked(pooled, pairings),
            "excess_of_shifted_sound": round(float(np.mean(excess)), 4),
            "percentile_with_excess": ranked(pooled, pairings + max(float(np.mean(excess)), 0.0))["percentile"],
        },
    }


def resampled(curve: np.ndarray, good: np.ndarray, fps: float, wanted: float) -> np.ndarray:
    """A curve at `wanted` frames/s, frame i of either at i / fps; what is not good is bridged."""
    frames = int((len(curve) - 1) * wanted / fps) + 1
    return np.interp(np.arange(frames) / wanted, np.flatnonzero(good) / fps, curve[good])


def searched(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, int]:
    """The largest correlation within `REACH` frames, and by how many ours is late there."""
    frames = len(theirs)
    found = {
        lag: correlation(ours[max(lag, 0) : frames + min(lag, 0)], theirs[max(-lag, 0) : frames - max(lag, 0)])
        for lag in range(-REACH, REACH + 1)
    }
    best = max(found, key=found.__getitem__)
    return found[best], best


def shifts_of(frames: int, fps: float) -> np.ndarray:
    """By how many frames a clip is shifted."""
    least = min(round(APART * fps), frames // 4)
    return np.arange(least, frames - least + 1, EVERY * fps).round().astype(int)


def ranked(found: float, others: np.ndarray) -> dict:
    """Where `found` is among `others`: `percentile` of them are less."""
    return {
        "shifted_mean": round(float(others.mean()), 4),
        "shifted_95": round(float(np.quantile(others, 0.95)), 4),
        "percentile": round(100 * float(np.mean(others < found)), 2),
    }

"""The metrics of a clip, from all that is measured of its motion, and what becomes of them over clips.

A value is a sum over clips by a sum over clips: a mean, where the second is their number; a share, where it counts
cases; how much there is of something beside the truth, where it is the truth's. Intervals are of 95 %, by a bootstrap
over clips; that of a Fréchet distance is by a jackknife over tenths of the clips, since a clip that is drawn twice
would change it.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats

from benchmarks.motion_baselines import Case
from data_pipelines.avatars.acting import visemes
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.body import lips, reduced, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Motion
from vlogger_jax.metrics import (
    aperture,
    beats,
    blinks,
    closure,
    gesture_distance,
    gesture_windows,
    jerk,
    lip_error,
    posed,
    rest,
    spread,
)
from vlogger_jax.metrics.gesture_autoencoder.latents import Latents
from vlogger_jax.motion.model import UPPER_FACE

TENTHS = 10

METRICS = {
    "lip_vertex_error_mm": "LVE mm",
    "mean_lip_error_mm": "LME mm",
    "aperture_correlation": "corr.",
    "aperture_gain": "gain",
    "bilabials_closed": "closed",
    "rest_without_speech": "rest",
    "expression_std": "std expr.",
    "upper_face_std": "upper face",
    "head_std": "head",
    "hands_std": "hands",
    "face_jerk": "jerk face",
    "body_jerk": "body",
    "blinks_per_minute": "blinks/min",
    "beat_consistency": "BC",
    "beat_consistency_fixed": "BC fixed",
}
"""Their headings. Standard deviations and jerk are relative to the truth's."""

Pair = tuple[float, float]
"""What a clip adds to the two sums of a value; (0, 0): it is no case."""


class Seen(NamedTuple):
    """What metrics look at.

    Attributes:
        lips: `posed.lip_vertices`.
        aperture: mm.
        moves: what is told relative to the truth's, of `METRICS`.
        placed: joints of the body in place.
        blinks: how many.
        windows: of gestures.
    """

    lips: np.ndarray
    aperture: np.ndarray
    moves: dict[str, float]
    placed: np.ndarray
    blinks: int
    windows: np.ndarray


def look(body: BodyModel, motion: Motion) -> Seen:
    """Pose what is measured of `motion`."""
    skeleton = posed.skeleton(body, motion)
    # Lips as `posed.lip_vertices` has them and the face's landmarks, posed together: it is what takes the time.
    of_lips, of_face = lips.vertices(body), np.unique(np.asarray(body.faces)[np.asarray(body.landmark_faces)])
    both = np.union1d(of_lips, of_face)
    face = smplx.pose(reduced.to_vertices(body, both), posed.face_only(motion)).vertices
    moves = {
        "expression_std": spread.of_expression(motion),
        "upper_face_std": spread.of_points(np.asarray(motion.expression)[:, UPPER_FACE, None]),
        "head_std": spread.of_head(skeleton),
        "hands_std": spread.of_hands(skeleton),
        "face_jerk": jerk.jerk(face[:, np.isin(both, of_face)], motion.fps),
        "body_jerk": jerk.jerk(skeleton.positions, motion.fps),
    }
    return Seen(
        lips=face[:, np.isin(both, of_lips)],
        aperture=aperture.aperture(body, motion),
        moves=moves,
        placed=posed.skeleton(body, posed.in_place(motion)).positions,
        blinks=blinks.blinks(motion),
        windows=gesture_windows.windows(motion),
    )


def compare(case: Case, seen: Seen, truth: Seen, onsets: np.ndarray, speeds: np.ndarray) -> dict[str, Pair]:
    """What one clip adds to each of `METRICS`.

    Args:
        onsets: of its sound.
        speeds: mean speed of each joint over all clips of the truth.
    """
    fps = case.clip.motion.fps
    bilabials = [phoneme for phoneme in case.spoken if visemes.closes_lips(phoneme.ipa)]
    closed = closure.closures(seen.aperture, fps, _times(bilabials))
    still = rest.rests(seen.aperture, fps, _times(case.spoken))
    correlation, gain = (f(seen.aperture, truth.aperture) for f in (aperture.correlation, aperture.gain))
    return {
        "lip_vertex_error_mm": one(lip_error.lip_vertex_error(seen.lips, truth.lips)),
        "mean_lip_error_mm": one(lip_error.mean_lip_error(seen.lips, truth.lips)),
        "aperture_correlation": one(correlation if case.spoken else math.nan),
        "aperture_gain": one(gain if case.spoken else math.nan),
        "bilabials_closed": (float(closed.hits), float(closed.cases)),
        "rest_without_speech": (float(still.hits), float(still.cases)),
        **{name: (value, truth.moves[name]) for name, value in seen.moves.items()},
        "blinks_per_minute": (float(seen.blinks), len(seen.aperture) / fps / 60),
        "beat_consistency": one(beats.consistency(seen.placed, onsets, fps, speeds)),
        "beat_consistency_fixed": one(beats.fixed(seen.placed, onsets, fps, speeds)),
    }


def summed(pairs: Iterable[Pair]) -> dict[str, float] | None:
    """The value of a metric and its 95 % interval; None where no clip is a case."""
    over, under = np.array([pair for pair in pairs if pair[1] > 0], np.float64).reshape(-1, 2).T
    if not len(over):
        return None

    def value(over: np.ndarray, under: np.ndarray, axis: int = -1) -> np.ndarray:
        return over.sum(axis=axis) / under.sum(axis=axis)

    if len(over) == 1:
        return {"value": digits(value(over, under))}
    found = scipy.stats.bootstrap(
        (over, under), value, paired=True, n_resamples=2000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    return _rounded(value(over, under), found.low, found.high)


def distances(
    windows: Sequence[np.ndarray], truth: Sequence[np.ndarray], encode: Latents
) -> dict[str, dict[str, float]]:
    """Fréchet distances of the windows of a row's clips from those of the truth."""
    ours, theirs = ([encode(clip) for clip in clips] for clips in (windows, truth))

    def distance(kept: np.ndarray) -> float:
        return gesture_distance.frechet(*(np.concatenate([x[i] for i in kept]) for x in (ours, theirs)))

    everything, part = np.arange(len(ours)), np.arange(len(ours)) % min(TENTHS, len(ours))
    value, without = distance(everything), [distance(everything[part != i]) for i in np.unique(part)]
    half = 1.96 * np.std(without) * math.sqrt(len(without) - 1)
    return {
        "fgd_raw": {"value": digits(gesture_distance.raw(np.concatenate(windows), np.concatenate(truth)))},
        "fgd": _rounded(value, value - half, value + half),
    }


def pooled(pairs: Iterable[dict[str, Pair]]) -> dict[str, dict[str, float] | None]:
    """Each of `METRICS` over clips."""
    pairs = list(pairs)
    return {name: summed(each[name] for each in pairs) for name in METRICS}


def one(value: float) -> Pair:
    """One clip's share of a mean; none, where it has no value."""
    return (0.0, 0.0) if math.isnan(value) else (float(value), 1.0)


def digits(value: float) -> float:
    """Five digits."""
    return float(f"{value:.5g}")


def _times(phonemes: Sequence[Phoneme]) -> np.ndarray:
    return np.array([(phoneme.start, phoneme.end) for phoneme in phonemes], np.float64).reshape(-1, 2)


def _rounded(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": digits(value), "low": digits(low), "high": digits(high)}

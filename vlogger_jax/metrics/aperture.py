"""How far the mouth is open, mm (`body.mouth` says what that is), and how well two such curves agree."""

import math

import numpy as np

from vlogger_jax.body.mouth import Mouth
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Array, Float

MM = 1000.0


def aperture(model: BodyModel, motion: Motion) -> Float[np.ndarray, "t"]:
    """The gap between the lips of every frame, mm; 0 where they touch."""
    mouth = Mouth(model, np.asarray(motion.betas))
    return MM * mouth.aperture(np.asarray(motion.expression), np.asarray(motion.jaw_pose))


def correlation(a: Float[Array, "t"], b: Float[Array, "t"]) -> float:
    """Pearson's; 0 where either is constant, since it then tells nothing of the other."""
    a, b = _centred(a, b)
    both = math.sqrt(float(a @ a)) * math.sqrt(float(b @ b))
    return float(np.clip(a @ b / both, -1.0, 1.0)) if both else 0.0


def gain(predicted: Float[Array, "t"], truth: Float[Array, "t"]) -> float:
    """By how much `predicted` moves where `truth` moves by 1: the slope of the line through both.

    Below 1 it mumbles, above 1 it mouths; noise that has nothing to do with `truth` changes nothing. NaN where `truth`
    is constant.
    """
    predicted, truth = _centred(predicted, truth)
    return float(predicted @ truth / (truth @ truth)) if truth.any() else math.nan


def _centred(a: Array, b: Array) -> tuple[np.ndarray, np.ndarray]:
    """Less their means; exactly 0 where constant, which a mean may miss by a rounding."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return tuple(x - x.mean() if np.ptp(x) else np.zeros_like(x) for x in (a, b))

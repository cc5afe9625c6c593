"""How somebody may look on a photograph, which is seldom how they look on average."""

from dataclasses import dataclass

import numpy as np

from data_pipelines.avatars.acting import face, gestures, lips, rhythm
from data_pipelines.avatars.acting.arkit import columns
from data_pipelines.avatars.style import Style
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.core.typing import Float

_KINDS = {"neutral": 0.28, "closed smile": 0.16, "smile": 0.24, "laugh": 0.06, "talking": 0.20, "open": 0.06}
_SOUNDS = ("ɑ", "æ", "ɛ", "i", "o", "u", "ə", "s", "ʃ", "f", "l", "m")
_TEETH = {
    **{"mouthSmile": 0.75, "mouthStretch": 0.25, "mouthUpperUp": 0.8, "mouthLowerDown": 0.4, "jawOpen": 0.1},
    **{"cheekSquint": 0.5, "eyeSquint": 0.25},
}
_FACES: dict[str, dict[str, float]] = {
    "neutral": {},
    "closed smile": {"mouthSmile": 0.55, "cheekSquint": 0.35, "mouthDimple": 0.2},
    "smile": _TEETH,
    "laugh": {**_TEETH, "jawOpen": 0.26, "eyeSquint": 0.5},
    "open": {"jawOpen": 0.35, "browInnerUp": 0.25, "browOuterUp": 0.2},
}
_CLOSED = ("neutral", "closed smile")


@dataclass(frozen=True)
class Snapshot:
    """A moment.

    Attributes:
        expression: ARKit coefficients without gaze and lids.
        gap: metres, the most that the lips stand open.
        head, torso: radians by which head and torso are turned from where the person idles.
        glance: radians to the person's left and up of the camera.
        shut: how far the lids are closed.
        arms: of the arms that are not at rest, as `arm_poses.arm`.
    """

    expression: Float[np.ndarray, "52"]
    gap: float
    head: Float[np.ndarray, "3"]
    torso: Float[np.ndarray, "3"]
    glance: tuple[float, float]
    shut: float
    arms: dict[str, Float[np.ndarray, "18"]]


def sample(rng: np.random.Generator, style: Style) -> Snapshot:
    """A moment of somebody with this style."""
    kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    expression = (1.0 if kind in ("neutral", "talking") else 0.3) * face.still_mood(style.face)
    if kind == "talking":
        expression = expression + _saying(str(rng.choice(_SOUNDS)), style, rng)
    else:
        strength = rng.uniform(0.6, 1.15)
        for name, value in _FACES[kind].items():
            for side, index in columns(name):
                expression[index] += strength * value * (1.0 + side * style.lips.skew)
    aside = rng.random() < 0.15
    glance = np.deg2rad((14.0, 7.0) if aside else (0.8, 0.8)) * rng.standard_normal(2).clip(-1.5, 1.5)
    shut = float(rng.uniform(0.35, 0.9)) if rng.random() < 0.08 else 0.0
    return Snapshot(
        expression=expression.clip(0.0, 1.0),
        gap=0.0003 if kind in _CLOSED else np.inf,
        head=np.deg2rad((4.0, 8.0, 4.0)) * rng.standard_normal(3).clip(-1.8, 1.8),
        torso=np.deg2rad((2.0, 6.0, 1.5)) * rng.standard_normal(3).clip(-1.8, 1.8),
        glance=(float(glance[0]), float(glance[1])),
        shut=shut,
        arms=gestures.held_up(style.arms, rng) if rng.random() < 0.35 else {},
    )


def _saying(sound: str, style: Style, rng: np.random.Generator) -> np.ndarray:
    said = [Phoneme(sound, 0.0, 0.2, 2)]
    track = lips.track(said, rhythm.of(said, rng), style.lips, rng, np.array([0.1]), 24.0)
    return lips.expression(track, style.lips)[0]

"""Mood and brows."""

import numpy as np

from data_pipelines.avatars.acting.arkit import columns
from data_pipelines.avatars.acting.rhythm import Rhythm
from data_pipelines.avatars.acting.signals import bumps, smoothstep, wander
from data_pipelines.avatars.style import Face
from vlogger_jax.body import names
from vlogger_jax.core.typing import Float

MOODS: dict[str, dict[str, float]] = {
    "neutral": {"mouthSmile": 0.04},
    "warm": {"mouthSmile": 0.55, "cheekSquint": 0.45, "eyeSquint": 0.15, "browOuterUp": 0.08, "mouthDimple": 0.12},
    "serious": {"browDown": 0.30, "mouthPress": 0.10, "eyeSquint": 0.12, "mouthFrown": 0.08},
    "excited": {"mouthSmile": 0.42, "cheekSquint": 0.2, "browInnerUp": 0.30, "browOuterUp": 0.40, "eyeWide": 0.28},
    "sad": {"browInnerUp": 0.62, "mouthFrown": 0.38, "eyeSquint": 0.15, "mouthShrugLower": 0.12},
    "worried": {"browInnerUp": 0.55, "browDown": 0.25, "mouthStretch": 0.15, "mouthFrown": 0.15, "eyeWide": 0.1},
    "surprised": {"browInnerUp": 0.55, "browOuterUp": 0.55, "eyeWide": 0.45},
    "sceptical": {"browOuterUpLeft": 0.6, "browDownRight": 0.45, "mouthDimpleRight": 0.3, "eyeSquintRight": 0.2},
    "tense": {"browDown": 0.55, "noseSneer": 0.12, "eyeSquint": 0.3, "mouthPress": 0.15, "mouthFrown": 0.18},
}
"""What each of `style.MOODS` looks like at full strength, mouth closed."""

_DRIFT = (0.03, 0.3)  # Hz
_RISE = 0.13  # seconds, standard deviation of a brow's rise


def mood(
    face: Face, rng: np.random.Generator, frames: int, fps: float | int, rounded: Float[np.ndarray, "t"]
) -> Float[np.ndarray, "t 52"]:
    """ARKit coefficients of the mood, drifting slowly; rounded lips (0 to 1) leave no room for it at the mouth."""
    found = np.zeros((frames, len(names.EXPRESSIONS)))
    drift = face.strength * (1.0 + 0.3 * wander(rng, frames, fps, *_DRIFT)).clip(0.3, 1.5)
    for name, value in MOODS[face.mood].items():
        room = 1.0 - 0.75 * rounded if name.startswith("mouth") else 1.0
        own = 1.0 + 0.15 * wander(rng, frames, fps, *_DRIFT)
        for side, index in columns(name):
            found[:, index] = value * drift * own * room * (1.0 + 0.08 * side * rng.standard_normal())
    return found.clip(0.0, 1.0)


def still_mood(face: Face) -> Float[np.ndarray, "52"]:
    """The mood at rest."""
    found = np.zeros(len(names.EXPRESSIONS))
    for name, value in MOODS[face.mood].items():
        for _, index in columns(name):
            found[index] = face.strength * value
    return found


def brows(
    face: Face, rhythm: Rhythm, rng: np.random.Generator, times: Float[np.ndarray, "t"], fps: float | int
) -> Float[np.ndarray, "t 52"]:
    """ARKit coefficients of brows that rise (or, in some, frown) with stress."""
    found = np.zeros((len(times), len(names.EXPRESSIONS)))
    idle = 0.06 * wander(rng, len(times), fps, 0.05, 0.8, 2)
    risen = (rng.random(len(rhythm.stressed)) < 0.45) * rhythm.strength * rng.uniform(0.3, 1.0, len(rhythm.stressed))
    frowns = rng.random(len(rhythm.stressed)) < (0.6 if face.mood in ("serious", "tense") else 0.12)
    shape = bumps(times, rhythm.stressed - 0.04, rng.uniform(0.8, 1.6, len(rhythm.stressed)) * _RISE)
    rise = 0.45 * face.brows * (shape * (risen * ~frowns)).sum(axis=1)
    frown = 0.45 * face.brows * (shape * (risen * frowns)).sum(axis=1)
    inner = rng.uniform(0.6, 1.2)
    for _, index in columns("browInnerUp"):
        found[:, index] = inner * rise + idle[:, 0]
    for side, index in columns("browOuterUp"):
        found[:, index] = (1.0 + 0.15 * side * rng.standard_normal()) * rise + idle[:, 1]
    for _, index in columns("browDown"):
        found[:, index] = frown - 0.5 * idle[:, 0]
    for _, index in columns("eyeWide"):
        found[:, index] = 0.35 * smoothstep(rise)
    return found.clip(0.0, 0.9)

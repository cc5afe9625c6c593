"""Gaze and lids: fixations, mostly on the camera, that stay in place while the head turns; blinks."""

import numpy as np

from data_pipelines.avatars.acting.arkit import column, columns
from data_pipelines.avatars.acting.rhythm import Rhythm
from data_pipelines.avatars.acting.signals import smoothstep
from data_pipelines.avatars.style import Face
from vlogger_jax.body import names, smplx
from vlogger_jax.core.typing import Float

_FIXATION = (0.35, 2.2)  # seconds
_ASIDE = np.deg2rad((9.0, 6.0))  # spread of glances: sideways, up and down
_TREMBLE = np.deg2rad(0.7)  # fixations on the camera hit different parts of it
_REACH = np.deg2rad((26.0, 18.0))  # farther the head would turn
_CLOSING, _OPENING = 0.4, 0.6  # parts of a blink


def gaze(
    face: Face,
    rng: np.random.Generator,
    times: Float[np.ndarray, "t"],
    head: Float[np.ndarray, "t 3 3"],
    camera: tuple[float, float],
) -> Float[np.ndarray, "t 2"]:
    """Where the eyes look in the head: radians to the person's left, and up.

    Args:
        head: world rotation of the head; the eyes compensate for it.
        camera: where the camera stands, radians to the person's left and up of +z.
    """
    changes, targets, time = [], [], -float(rng.uniform(0.0, 1.0))
    while not changes or time < times[-1]:
        away = rng.random() < face.wandering
        target = np.asarray(camera) + (_ASIDE if away else _TREMBLE) * rng.standard_normal(2)
        changes.append(time)
        targets.append(target)
        time += float(rng.uniform(*_FIXATION)) * (0.6 if away else 1.4)
    # A saccade of 10 degrees takes about 50 ms: a frame or two.
    which = np.searchsorted(np.array(changes), times, side="right") - 1
    found = np.stack(targets)[which]
    before = np.stack(targets)[np.maximum(which - 1, 0)]
    share = smoothstep((times - np.array(changes)[which]) / 0.05 + 0.25)
    return towards(head, before + share[:, None] * (found - before))


def towards(head: Float[np.ndarray, "t 3 3"], target: Float[np.ndarray, "t 2"]) -> Float[np.ndarray, "t 2"]:
    """The gaze in the head, as of `gaze`, at what is seen at `target`, radians to the person's left and up of +z."""
    left, up = target.T
    direction = np.stack([np.sin(left) * np.cos(up), np.sin(up), np.cos(left) * np.cos(up)], axis=-1)
    x, y, z = np.einsum("tji,tj->it", head, direction)
    return np.clip(np.stack([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))], axis=-1), -_REACH, _REACH)


def looking(gaze: Float[np.ndarray, "t 2"]) -> Float[np.ndarray, "t 52"]:
    """The eyeLook coefficients of a gaze: lids follow, and `smplx.arkit_eye_pose` turns the eyes by it exactly."""
    found = np.zeros((len(gaze), len(names.EXPRESSIONS)))
    left, up = gaze[:, 0] / smplx.LOOK_SIDEWAYS, gaze[:, 1] / smplx.LOOK_UP_DOWN
    for (side, out), (_, into) in zip(columns("eyeLookOut"), columns("eyeLookIn"), strict=True):
        found[:, out], found[:, into] = np.maximum(side * left, 0.0), np.maximum(-side * left, 0.0)
    for name, value in (("eyeLookUp", up), ("eyeLookDown", -up)):
        for _, index in columns(name):
            found[:, index] = np.maximum(value, 0.0)
    return found.clip(0.0, 1.0)


def blinks(
    face: Face, rhythm: Rhythm, rng: np.random.Generator, times: Float[np.ndarray, "t"], fps: float | int
) -> Float[np.ndarray, "t"]:
    """How far blinks close the lids, 0 to 1.

    Blinks come at random but not at once after each other, some at the ends of phrases, some twice, some only half.
    """
    middles, depths = [], []
    duration = float(times[-1])
    mean = 1.0 / face.blink_rate
    time = float(rng.uniform(-0.5, 1.0) * mean)
    while time < duration + 0.3:
        middles.append(time)
        depths.append(rng.uniform(0.5, 0.8) if rng.random() < 0.08 else 1.0)
        if rng.random() < 0.1:
            middles.append(time + face.blink_length + rng.uniform(0.06, 0.15))
            depths.append(1.0)
        time += 0.35 * mean + float(rng.exponential(0.65 * mean))
    middles, depths = np.array(middles), np.array(depths)
    ends = rhythm.runs[:, 1] if len(rhythm.runs) else np.zeros(0)
    if len(ends):
        nearest = ends[np.abs(middles[:, None] - ends).argmin(axis=1)]
        middles = np.where(np.abs(nearest - middles) < 0.4, nearest + rng.uniform(-0.02, 0.08, len(middles)), middles)
    lengths = face.blink_length * rng.uniform(0.85, 1.15, len(middles)) - 0.5 / fps
    since = times[:, None] - middles
    # Half a frame on either side, so that a frame meets the closed eye.
    since = np.sign(since) * np.maximum(np.abs(since) - 0.5 / fps, 0.0)
    shape = 1.0 - np.where(since < 0, -since / (_CLOSING * lengths), since / (_OPENING * lengths))
    return (depths * smoothstep(shape)).max(axis=1, initial=0.0)


def lids(
    face: Face, blinks: Float[np.ndarray, "t"], expression: Float[np.ndarray, "t 52"]
) -> Float[np.ndarray, "t 52"]:
    """Add hanging lids and blinks to an expression; what else narrows or widens the eyes yields to a blink."""
    found = expression.copy()
    for name in ("eyeSquint", "eyeWide", "cheekSquint"):
        for _, index in columns(name):
            found[:, index] *= 1.0 - 0.8 * blinks
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        found[:, column(name)] = face.lids + (1.0 - face.lids) * blinks
    return found

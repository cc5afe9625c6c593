"""Head, torso and breath: idle motion, nods on stressed syllables, turns from phrase to phrase, shifts of posture."""

from dataclasses import dataclass

import numpy as np

from data_pipelines.avatars.acting.rhythm import Rhythm
from data_pipelines.avatars.acting.signals import bumps, smoothstep, steps, wander
from data_pipelines.avatars.style import Head
from vlogger_jax.core.typing import Float

_IDLE = np.deg2rad((1.3, 1.8, 1.0))  # standard deviation of pitch, yaw, roll at liveliness 1
_TALK = np.deg2rad((1.1, 1.0, 0.7))
_NOD = np.deg2rad(3.6)
_INHALE = 0.55  # seconds


@dataclass(frozen=True)
class Posture:
    """Angles of head and torso, radians about (x, y, z), and where the body is.

    Attributes:
        head: of the head on the chest, shared by neck and head.
        torso: of the chest on the ground, shared by pelvis and spine.
        place: of the pelvis, metres.
        lungs: how full they are, about 0 to 1.
    """

    head: Float[np.ndarray, "t 3"]
    torso: Float[np.ndarray, "t 3"]
    place: Float[np.ndarray, "t 3"]
    lungs: Float[np.ndarray, "t"]


def posture(
    head: Head,
    rhythm: Rhythm,
    rng: np.random.Generator,
    times: Float[np.ndarray, "t"],
    fps: float | int,
    camera: tuple[float, float] = (0.0, 0.0),
) -> Posture:
    """What head and torso do at `times`, seconds, of frames that are 1/fps apart.

    Args:
        camera: where it stands, radians to the person's left and up of +z.
    """
    frames, home = len(times), np.asarray(head.pose) + _facing(camera)
    talking = rhythm.speaking(times, 0.3, 0.5)[:, None]
    angles = home + _turns(head, rhythm, rng, times)
    angles = angles + head.lively * _IDLE * (0.6 + 0.4 * talking) * wander(rng, frames, fps, 0.05, 1.2, 3)
    angles = angles + head.lively * _TALK * talking * wander(rng, frames, fps, 0.5, 2.5, 3, slope=0.5)
    angles = angles + _accents(head, rhythm, rng, times)
    lean, place = _shifts(head, rhythm, rng, times)
    lean = lean + head.lively * np.deg2rad((0.7, 0.9, 0.7)) * wander(rng, frames, fps, 0.05, 0.6, 3)
    place = place + 0.004 * head.lively * wander(rng, frames, fps, 0.05, 0.5, 3)
    # A turn of the head takes some of the chest along.
    lean = lean + np.array([0.0, 0.18, 0.0]) * (angles - home)
    return Posture(angles, np.asarray(head.lean) + lean, place, _lungs(head, rhythm, rng, times))


def still(
    head: Head,
    camera: tuple[float, float] = (0.0, 0.0),
    turned: Float[np.ndarray, "3"] | None = None,
    leaning: Float[np.ndarray, "3"] | None = None,
) -> Posture:
    """One frame of the posture that somebody idles around, with the head turned and the torso leaning from there."""
    angles, lean = np.array([head.pose]) + _facing(camera), np.array([head.lean])
    if turned is not None:
        angles = angles + turned
    if leaning is not None:
        lean = lean + leaning
    return Posture(angles, lean, np.zeros((1, 3)), np.array([0.3]))


def _facing(camera: tuple[float, float]) -> np.ndarray:
    """The turn of a head that goes half of the way to the camera; the eyes go the rest."""
    left, up = camera
    return np.array([-0.4 * up, 0.5 * left, 0.0])


def _moments(
    rhythm: Rhythm, rng: np.random.Generator, times: np.ndarray, apart: tuple[float, float], chance: float
) -> np.ndarray:
    """When something changes: at about the starts of speech, each with a chance, and in long stretches between."""
    duration = float(times[-1])
    found = [float(start) - rng.uniform(0.0, 0.35) for start in rhythm.runs[:, 0] if rng.random() < chance]
    time = float(rng.uniform(*apart)) * 0.6
    while time < duration:
        if all(abs(time - other) > 0.5 * apart[0] for other in found):
            found.append(time)
        time += float(rng.uniform(*apart))
    return np.sort(np.array(found, np.float64))


def _turns(head: Head, rhythm: Rhythm, rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Slow turns: somebody talks to the camera, then a little past it, then to somebody beside it."""
    starts = _moments(rhythm, rng, times, (1.2, 3.2), 0.7)
    spread = np.array([np.deg2rad(2.0) + 0.15 * head.turn, head.turn, np.deg2rad(1.5) + 0.25 * head.turn])
    values = spread * rng.standard_normal((len(starts) + 1, 3)).clip(-1.7, 1.7)
    # Every other one comes back to the camera.
    values[::2] *= 0.3
    lasting = rng.uniform(0.45, 0.9, len(starts)) + 0.9 * np.abs(np.diff(values[:, 1])) / np.deg2rad(30)
    return steps(times, starts, lasting, values)


def _accents(head: Head, rhythm: Rhythm, rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Nods, tilts and small turns whose extreme lies on a stressed vowel."""
    count = len(rhythm.stressed)
    if not count:
        return np.zeros((len(times), 3))
    chosen = rng.random(count) < 0.65
    size = chosen * rhythm.strength * rng.uniform(0.4, 1.2, count) * head.nod
    down = np.where(rng.random(count) < 0.8, 1.0, -0.7)
    width = rng.uniform(0.10, 0.16, count)
    nod = bumps(times, rhythm.stressed, width) - 0.45 * bumps(times, rhythm.stressed - 2.2 * width, width)
    other = bumps(times, rhythm.stressed, 1.5 * width)
    pitch = nod @ (_NOD * size * down)
    aside = 0.6 * _NOD * size[:, None] * rng.standard_normal((count, 2)).clip(-1.5, 1.5)
    yaw, roll = (other @ aside).T
    return np.stack([pitch, yaw, roll], axis=-1)


def _shifts(head: Head, rhythm: Rhythm, rng: np.random.Generator, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posture by posture: lean of the torso and place of the pelvis."""
    starts = _moments(rhythm, rng, times, (1.6, 4.0), 0.5)
    count = len(starts) + 1
    reach = 0.62  # metres from the pelvis to the eyes: a lean of 0.06 rad moves them by 4 cm
    aside = rng.standard_normal(count).clip(-1.8, 1.8)
    ahead = rng.standard_normal(count).clip(-1.6, 1.6)
    lean = np.stack(
        [
            0.9 * head.sway * ahead / reach,
            np.deg2rad(2.5) * rng.standard_normal(count),
            -0.65 * head.sway * aside / reach,
        ],
        axis=-1,
    )
    place = head.sway * np.stack([0.55 * aside, 0.12 * rng.standard_normal(count), 0.3 * ahead], axis=-1)
    lasting = rng.uniform(0.9, 1.7, len(starts))
    moved = steps(times, starts, lasting, np.concatenate([lean, place], axis=1))
    return moved[:, :3], moved[:, 3:]


def _lungs(head: Head, rhythm: Rhythm, rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Quickly filled before somebody speaks, slowly emptied; about once a breath's length otherwise."""
    period, duration = 1.0 / head.breath_rate, float(times[-1])
    # When they are full, how long that took, how full, and how long they last.
    found, time = [], -period * float(rng.uniform(0.3, 1.0))
    for start, end in [*rhythm.runs.tolist(), (duration + period, duration + period)]:
        while start - time > 1.5 * period:
            time += period * float(rng.uniform(0.85, 1.15))
            found.append((time, 1.6 * _INHALE, 0.75, 0.95 * period))
        if start <= duration and (start - time > 0.5 * period or not found):
            time = max(start, end - 0.3 * period)
            found.append((start, _INHALE, 1.0, max(0.95 * period, end - start + 0.4)))
    if not found:
        return np.full(len(times), 0.3)
    full, inhale, depth, lasts = np.array(found).T
    rise = smoothstep((times[:, None] - (full - inhale)) / inhale)
    fall = smoothstep((times[:, None] - full) / lasts)
    return (depth * rise * (1.0 - fall)).max(axis=1)

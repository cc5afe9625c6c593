"""From phonemes to motion, by rule: `perform`. The body stands at the origin and faces +z."""

from collections.abc import Sequence

import numpy as np

from data_pipelines.avatars.acting import arms, eyes, face, head, lips, rhythm, seal, snapshot, torso
from data_pipelines.avatars.acting.arkit import column
from data_pipelines.avatars.style import Style
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.body import smplx
from vlogger_jax.body.mouth import Mouth
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Array, Float

_CLOSED = -0.0002
"""Metres: lips that have to be closed overlap by this."""

_REST = 0.0003
"""Metres: the most that lips at rest stand open."""

_HELD = 0.98
"""Of a closure: from here on it is one."""


def perform(
    model: BodyModel,
    betas: Float[Array, "nb"],
    phonemes: Sequence[Phoneme],
    style: Style,
    rng: np.random.Generator,
    frames: int,
    fps: float | int = 24.0,
    camera: tuple[float, float] = (0.0, 0.0),
) -> Motion:
    """What a person of this shape and style does while saying `phonemes`.

    The pelvis stays near its place at rest, the person faces +z. Frame i is at i / fps seconds of the sound.

    Args:
        rng: other numbers, another performance of the same words.
        camera: where the camera stands, radians to the person's left and up of +z. The eyes mostly rest on it, and the
            head is turned half of the way to it.
    """
    times = np.arange(frames) / fps
    prosody = rhythm.of(phonemes, rng)
    track = lips.track(phonemes, prosody, style.lips, rng, times, fps)
    posture = head.posture(style.head, prosody, rng, times, fps, camera)
    pose = torso.pose(model, posture)
    pose = arms.gesture(model, betas, style.arms, prosody, rng, times, fps, pose)
    expression = lips.expression(track, style.lips)
    rounded = expression[:, column("mouthPucker")] + expression[:, column("mouthFunnel")]
    expression = expression + face.mood(style.face, rng, frames, fps, rounded.clip(0.0, 1.0))
    expression = expression + face.brows(style.face, prosody, rng, times, fps)
    shut = eyes.blinks(style.face, prosody, rng, times, fps)
    gaze = eyes.gaze(style.face, rng, times, torso.head_rotation(pose), camera)
    expression = eyes.lids(style.face, shut, expression + eyes.looking(gaze)).clip(0.0, 1.0)
    limit = np.where(track.held.closed > _HELD, _CLOSED, np.where(track.speaking > 0, np.inf, _REST))
    expression = seal.seal(model, Mouth(model, betas), expression, limit)
    return _motion(model, betas, expression, pose, posture.place, fps)


def neutral(
    model: BodyModel, betas: Float[Array, "nb"], style: Style, camera: tuple[float, float] = (0.0, 0.0)
) -> Motion:
    """One frame: the pose that performances in this style idle around, lips closed, eyes on the camera."""
    expression = face.still_mood(style.face)[None]
    pose = arms.rest(model, betas, style.arms, torso.pose(model, head.still(style.head, camera)))
    return _still(model, betas, style, expression, pose, camera, 0.0, _REST)


def reference(
    model: BodyModel,
    betas: Float[Array, "nb"],
    style: Style,
    rng: np.random.Generator,
    camera: tuple[float, float] = (0.0, 0.0),
) -> Motion:
    """One frame: how the same person might look on a photograph.

    They smile, laugh, talk or look serious, at the camera or past it, eyes open or half shut, hands down or up.
    """
    taken = snapshot.sample(rng, style)
    stood = head.still(style.head, camera, taken.head, taken.torso)
    pose = arms.rest(model, betas, style.arms, torso.pose(model, stood), taken.arms)
    towards = camera[0] + taken.glance[0], camera[1] + taken.glance[1]
    return _still(model, betas, style, taken.expression[None], pose, towards, taken.shut, taken.gap)


def _still(
    model: BodyModel,
    betas: Array,
    style: Style,
    expression: np.ndarray,
    pose: np.ndarray,
    towards: tuple[float, float],
    shut: float,
    gap: float,
) -> Motion:
    looking = eyes.looking(eyes.towards(torso.head_rotation(pose), np.array([towards])))
    expression = eyes.lids(style.face, np.array([shut]), expression + looking).clip(0.0, 1.0)
    expression = seal.seal(model, Mouth(model, betas), expression, np.array([gap]))
    return _motion(model, betas, expression, pose, np.zeros((1, 3)), 24.0)


def _motion(
    model: BodyModel, betas: Array, expression: np.ndarray, pose: np.ndarray, place: np.ndarray, fps: float | int
) -> Motion:
    expression, pose = expression.astype(np.float32), pose.astype(np.float32)
    left_eye, right_eye = smplx.arkit_eye_pose(model, expression)
    return Motion(
        betas=np.asarray(betas, np.float32),
        expression=expression,
        global_orient=pose[:, 0],
        body_pose=pose[:, 1:22],
        jaw_pose=smplx.arkit_jaw_pose(model, expression).astype(np.float32),
        leye_pose=left_eye.astype(np.float32),
        reye_pose=right_eye.astype(np.float32),
        left_hand_pose=pose[:, 25:40],
        right_hand_pose=pose[:, 40:55],
        transl=place.astype(np.float32),
        fps=float(fps),
        body=model.name,
    )

"""Where the camera stands: from a face that fills the picture to a person seen down to the hips."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names, rotation
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Camera, Motion
from vlogger_jax.core.typing import Float

SIDE = 1000
"""Pixels to a side of the picture that `Performance.camera` is of; `photograph` scales it."""

FACE = (0.15, 0.70)
"""Height of the face, chin to hairline, as a part of the picture's side; log-uniform between these."""

WIDE = 0.26
"""Below this the person is seen well below the chest, and the picture has room for hands."""


@dataclass(frozen=True)
class Framing:
    """A camera before a person.

    Attributes:
        face_height: of the neutral face, as a part of the picture's side.
        focal: as a part of the picture's side; 1 is a wide phone lens, 3 a portrait lens.
        centre: (x, y) of the middle of the neutral face, as parts of the picture's side.
        turn: radians (x, y, z) by which the person is turned against the camera: pitch, yaw, roll.
    """

    face_height: float
    focal: float
    centre: tuple[float, float]
    turn: tuple[float, float, float]


def sample(rng: np.random.Generator) -> Framing:
    """Any framing: faces of all sizes, off the centre, shoulders cut, seen from a little above, below or aside."""
    face = float(np.exp(rng.uniform(*np.log(FACE))))
    room = 0.5 - 0.62 * face  # the head is about as tall as 1.25 faces
    x = 0.5 + float(np.clip(0.09 * rng.standard_normal(), -1.8, 1.8)) * min(1.0, room / 0.15)
    # People are framed with some air above the head; what the face leaves goes to the body.
    top = rng.uniform(0.05, 0.16) if face < WIDE else rng.uniform(0.02, max(0.03, 0.9 * room))
    y = min(top + 0.85 * face, 0.56)
    pitch, yaw, roll = np.deg2rad(rng.normal(0.0, (4.0, 9.0, 1.5)).clip((-9, -22, -4), (9, 22, 4)))
    return Framing(
        face_height=face,
        focal=float(np.exp(rng.uniform(np.log(1.0), np.log(3.2)))),
        centre=(float(x), float(y)),
        turn=(float(pitch), float(yaw), float(roll)),
    )


def camera(framing: Framing) -> Camera:
    """Of a picture of `SIDE` pixels."""
    return cameras.from_focal(framing.focal * SIDE, (SIDE, SIDE))


def place(model: BodyModel, motion: Motion, framing: Framing) -> Motion:
    """Turn and move a performance at the origin to where `framing` wants it.

    Only the shape of the person decides, so that every performance of one person is placed alike.
    """
    chin, top = _face(model, motion.betas)
    # `global_orient` turns about the pelvis, and `transl` comes after it.
    pelvis = (model.joint_template + model.joint_shapedirs @ motion.betas)[0]
    turn = rotation.axis_angle_to_matrix(np.asarray(framing.turn, np.float32))
    middle = rotation.matmul(turn, (0.5 * (chin + top))[:, None])[:, 0]
    depth = framing.focal * (top - chin)[1] / framing.face_height
    x, y = ((c - 0.5) * depth / framing.focal for c in framing.centre)
    shift = np.asarray((x, -y, -depth), np.float32) - middle
    turned = rotation.matmul(turn, rotation.axis_angle_to_matrix(motion.global_orient))
    moved = rotation.matmul(turn, (pelvis + motion.transl)[..., None])[..., 0]
    return dataclasses.replace(
        motion,
        global_orient=rotation.matrix_to_axis_angle(turned).astype(np.float32),
        transl=(moved - pelvis + shift).astype(np.float32),
    )


def towards_camera(framing: Framing) -> tuple[float, float]:
    """Where the camera stands, seen from the face: radians to the person's left and up of straight ahead."""
    x, y = ((c - 0.5) / framing.focal for c in framing.centre)
    turn = rotation.axis_angle_to_matrix(np.asarray(framing.turn, np.float32))
    left, up, ahead = turn.T @ np.asarray((-x, y, 1.0), np.float32)
    return float(np.arctan2(left, ahead)), float(np.arctan2(up, np.hypot(left, ahead)))


def _face(model: BodyModel, betas: Float[np.ndarray, "nb"]) -> tuple[np.ndarray, np.ndarray]:
    """Chin and hairline in the rest pose, metres: ends of the face's skin on its middle line."""
    skin = np.unique(model.faces[model.labels == names.LABELS.index("face skin")])
    points = model.v_template[skin] + model.shapedirs[skin] @ betas
    middle = points[np.abs(points[:, 0]) < 0.02]
    low, high = middle[middle[:, 1].argmin()], middle[middle[:, 1].argmax()]
    return low, high

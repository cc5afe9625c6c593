"""What a fit looks for: a person, a lens, and a performance; and the `Motion` and `Camera` they amount to.

The face is held where it is seen and the body hangs from it: a frame's `place` is the image position and depth of a
point between the eyes, and `transl` follows. Turning spine or pelvis then leaves the face where it was, and focal
length and depth only trade perspective, which keeps the least squares well conditioned.
"""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from vlogger_jax.body import camera as cameras
from vlogger_jax.body.smplx import BodyModel, Posed
from vlogger_jax.core.records import Camera, Motion, record
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.fit import points as body_points

ANCHOR = 76 + 10
"""iBUG 27, the top of the nose, among the joints that `smplx.pose` reports."""


@record
class Unknowns:
    """One value for each unknown: in its own unit, or in standard deviations from its prior's mean.

    Attributes:
        focal: natural logarithm of pixels.
        place: image position of the anchor (x, y) in inter-ocular distances of the clip, and the logarithm of its depth
            over the focal length (metres a pixel).
        orient, body, jaw, eyes, left_hand, right_hand: axis-angles, radians, as in `Motion`.
    """

    betas: Float[Array, "nb"]
    focal: Float[Array, ""]
    place: Float[Array, "*t 3"]
    orient: Float[Array, "*t 3"]
    body: Float[Array, "*t 21 3"]
    jaw: Float[Array, "*t 3"]
    eyes: Float[Array, "*t 2 3"]
    left_hand: Float[Array, "*t 15 3"]
    right_hand: Float[Array, "*t 15 3"]
    expression: Float[Array, "*t ne"]


SHARED = ("betas", "focal")
"""The unknowns that all frames of a clip share."""


def per_frame(unknowns: Unknowns) -> dict[str, Array]:
    """The unknowns of single frames."""
    return {
        field.name: getattr(unknowns, field.name) for field in dataclasses.fields(unknowns) if field.name not in SHARED
    }


def with_frames(unknowns: Unknowns, change: Callable[..., Array], *others: Unknowns) -> Unknowns:
    """`unknowns` with `change` applied to every array of single frames (and to those of `others`)."""
    rows = per_frame(unknowns)
    changed = {name: change(value, *(getattr(other, name) for other in others)) for name, value in rows.items()}
    return dataclasses.replace(unknowns, **changed)


def join(first: Unknowns, second: Unknowns, overlap: int) -> Unknowns:
    """Two stretches of frames that share `overlap`, in which one fades into the other."""

    def fade(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        share = (np.arange(1, overlap + 1, dtype=np.float32) / (overlap + 1)).reshape(-1, *[1] * (before.ndim - 1))
        both = before[-overlap:] * (1 - share) + after[:overlap] * share
        return np.concatenate([before[:-overlap], both, after[overlap:]])

    return with_frames(first, fade, second)


def split_joints(joints: Float[Array, "*t 55 3"]) -> dict[str, Array]:
    """The axis-angles of all joints, in SMPL-X's order, by the names of the unknowns."""
    return {
        **{"orient": joints[..., 0, :], "body": joints[..., 1:22, :], "jaw": joints[..., 22, :]},
        **{"eyes": joints[..., 23:25, :], "left_hand": joints[..., 25:40, :], "right_hand": joints[..., 40:, :]},
    }


def zeros(model: BodyModel, frames: int) -> Unknowns:
    def make(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    return Unknowns(
        betas=make(model.num_betas),
        focal=make(),
        place=make(frames, 3),
        orient=make(frames, 3),
        body=make(frames, 21, 3),
        jaw=make(frames, 3),
        eyes=make(frames, 2, 3),
        left_hand=make(frames, 15, 3),
        right_hand=make(frames, 15, 3),
        expression=make(frames, model.num_expression),
    )


def camera_of(values: Unknowns, size: tuple[int, int]) -> Camera:
    """The camera of an image of `size` (height, width), its principal point in the middle."""
    height, width = size
    return Camera(
        focal=jnp.exp(values.focal),
        principal=np.array([width / 2, height / 2], np.float32),
        rotation=cameras.FACING,
        translation=np.zeros(3, np.float32),
        size=size,
    )


def motion_of(values: Unknowns, model: BodyModel, fps: float) -> Motion:
    """The motion at `transl` 0."""
    return Motion(
        betas=values.betas,
        expression=values.expression,
        global_orient=values.orient,
        body_pose=values.body,
        jaw_pose=values.jaw,
        leye_pose=values.eyes[..., 0, :],
        reye_pose=values.eyes[..., 1, :],
        left_hand_pose=values.left_hand,
        right_hand_pose=values.right_hand,
        transl=jnp.zeros_like(values.orient),
        fps=fps,
        body=model.name,
    )


def translation_of(
    values: Unknowns, posed: Posed, camera: Camera, interocular: Float[Array, ""]
) -> Float[Array, "t 3"]:
    """The `transl` that puts the anchor of a body posed at `transl` 0 in its place."""
    depth = camera.focal * jnp.exp(values.place[..., 2])
    anchor = cameras.unproject(camera, values.place[..., None, :2] * interocular, depth[..., None])[..., 0, :]
    return anchor - posed.joints[..., ANCHOR, :]


def placed(
    values: Unknowns, points: body_points.Points, size: tuple[int, int], interocular: Float[Array, ""], fps: float
) -> tuple[Motion, Camera, Float[Array, "t n 3"]]:
    """Motion and camera of `values`, and where `points` are, metres, world."""
    camera, motion = camera_of(values, size), motion_of(values, points.body, fps)
    where, posed = body_points.place(points, motion)
    transl = translation_of(values, posed, camera, interocular)
    return dataclasses.replace(motion, transl=transl), camera, where + transl[..., None, :]

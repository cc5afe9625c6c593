"""What a fit looks for: a person, a lens, and a performance; and the `Motion` and `Camera` they amount to.

The face is held where it is seen and the body hangs from it: a frame's `place` is the image position and depth of a
point between the eyes, and `transl` follows. Turning spine or pelvis then leaves the face where it was, and focal
length and depth only trade perspective, which keeps the least squares well conditioned.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from vlogger_jax.body import camera as cameras
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Camera, Motion, record
from vlogger_jax.core.typing import Array, Float, namespace
from vlogger_jax.fit import points as body_points

ANCHOR = 76 + 10
"""iBUG 27, the top of the nose, among the joints that `smplx.pose` reports."""

ANY_SIZE, ANY_RATE = (1, 1), 24.0
"""Of images and frames: no matter to where points are, and constants, lest every video need programs of its own."""


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


def padded(unknowns: Unknowns, length: int) -> Unknowns:
    """`length` frames, the last one repeated."""
    return with_frames(
        unknowns, lambda value: np.concatenate([value, np.repeat(value[-1:], length - len(value), axis=0)])
    )


def between(unknowns: Unknowns, at: np.ndarray, frames: int) -> Unknowns:
    """All `frames` frames, linearly between those known `at` some of them."""
    where = np.interp(np.arange(frames), at, np.arange(len(at)))
    before = np.minimum(where.astype(int), len(at) - 1)
    after, share = np.minimum(before + 1, len(at) - 1), (where - before).astype(np.float32)

    def mix(value: np.ndarray) -> np.ndarray:
        part = share.reshape(-1, *[1] * (value.ndim - 1))
        return (1 - part) * value[before] + part * value[after]

    return with_frames(unknowns, mix)


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


@record
class Placed:
    """Where the points of a body are.

    Attributes:
        transl: metres, as in `Motion`.
        pixels: of the observed points.
        features: pixels of iBUG points 17-67.
    """

    transl: Float[Array, "t 3"]
    pixels: Float[Array, "t n 2"]
    features: Float[Array, "t 51 2"]


def place(
    values: Unknowns, points: body_points.Points, principal: Float[Array, "2"], interocular: Float[Array, ""]
) -> Placed:
    """Pose `points` by `values`, with the anchor in its place.

    Args:
        principal: point of the camera, pixels.
        interocular: distance of the clip, pixels.
    """
    xp = namespace(values.focal, values.place)
    camera = Camera(
        focal=xp.asarray(xp.exp(values.focal)),
        principal=principal,
        rotation=cameras.FACING,
        translation=np.zeros(3, np.float32),
        size=ANY_SIZE,
    )
    where, posed = body_points.place(points, motion_of(values, points.body))
    depth = camera.focal * xp.exp(values.place[..., 2:])
    anchor = cameras.unproject(camera, values.place[..., None, :2] * interocular, depth)
    transl = anchor - posed.joints[..., ANCHOR : ANCHOR + 1, :]
    features = posed.joints[..., ANCHOR - 10 : ANCHOR + 41, :]
    return Placed(
        transl=transl[..., 0, :],
        pixels=cameras.project(camera, where + transl)[0],
        features=cameras.project(camera, features + transl)[0],
    )


def motion_of(values: Unknowns, model: BodyModel, fps: float = ANY_RATE) -> Motion:
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
        transl=0.0 * values.orient,
        fps=fps,
        body=model.name,
    )

"""The SMPL-X body: parameters to vertices and joints (Pavlakos et al. 2019, "Expressive Body Capture", section 3.1).

Written from the published maths for any body in the layout of SMPL-X's model files: 55 joints, linear shape and
expression, linear pose correctives, linear blend skinning. One source for numpy and JAX: with numpy in, numpy comes out
and no device is opened; under `jit`, `vmap` and `grad` it traces.
"""

import math
from functools import cache
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from vlogger_jax.body import names, rotation
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion, record, static
from vlogger_jax.core.typing import Array, Float, Int, namespace

NECK = names.JOINTS.index("neck")
CONTOUR_LIMIT = 39
"""Degrees of yaw either way that the table of face contours covers."""

LOOK_SIDEWAYS, LOOK_UP_DOWN = math.radians(30), math.radians(25)
"""How far the eyes turn at ARKit's full eyeLook coefficients. Ours: ARKit leaves the angles open."""


@record
class HandPrior:
    """Principal components and mean of one hand's pose; rows of `components` and `mean` are 15 axis-angles, flat."""

    components: Float[Array, "k 45"]
    mean: Float[Array, "45"]


@record
class BodyModel:
    """A body as arrays, in metres at the rest pose.

    Attributes:
        joint_template, joint_shapedirs, joint_expression_dirs: the joint regressor applied to the template and to the
            shape and expression directions.
        posedirs: corrective offset of every vertex for each entry of R - I of joints 1-54; None where there are none.
        lbs_weights: how far each vertex follows each joint; rows sum to 1.
        vertex_picks: `names.VERTEX_PICKS`.
        landmark_faces, landmark_bary: iBUG points 17-67 as points of faces.
        contour_faces, contour_bary: iBUG points 0-16, by the head's yaw (0..39 degrees, then -1..-39).
        mediapipe_faces, mediapipe_bary: MediaPipe's 478 face points as points of faces.
        uv, uv_faces: texture coordinates and the faces' indices into them.
        labels: index into `names.LABELS` of every face.
        name: what `Motion.body` must say.
        shape_names, expression_names: what the betas and expression coefficients mean; empty where nothing says.
        jaw_open_angle: radians that the jaw turns at ARKit's full jawOpen; 0 where expressions are not ARKit's.
    """

    v_template: Float[Array, "v 3"]
    shapedirs: Float[Array, "v 3 nb"]
    expression_dirs: Float[Array, "v 3 ne"]
    posedirs: Float[Array, "486 v 3"] | None
    joint_template: Float[Array, "55 3"]
    joint_shapedirs: Float[Array, "55 3 nb"]
    joint_expression_dirs: Float[Array, "55 3 ne"]
    lbs_weights: Float[Array, "v 55"]
    left_hand: HandPrior
    right_hand: HandPrior
    faces: Int[Array, "f 3"]
    vertex_picks: Int[Array, "21"]
    landmark_faces: Int[Array, "51"]
    landmark_bary: Float[Array, "51 3"]
    contour_faces: Int[Array, "79 17"] | None
    contour_bary: Float[Array, "79 17 3"] | None
    mediapipe_faces: Int[Array, "478"] | None
    mediapipe_bary: Float[Array, "478 3"] | None
    uv: Float[Array, "n 2"] | None
    uv_faces: Int[Array, "f 3"] | None
    labels: Int[Array, "f"]
    name: str = static()
    shape_names: tuple[str, ...] = static()
    expression_names: tuple[str, ...] = static()
    jaw_open_angle: float = static()

    @property
    def num_betas(self) -> int:
        return self.shapedirs.shape[-1]

    @property
    def num_expression(self) -> int:
        return self.expression_dirs.shape[-1]


@record
class Posed:
    """A posed body, metres, in the world of its `Motion`.

    Attributes:
        joints: in SMPL-X's order: 55 joints, 21 vertex picks, iBUG 17-67, and iBUG 0-16 where the body has contours.
        joint_rotation: world rotation of each of the 55 joints.
    """

    vertices: Float[Array, "*b t v 3"]
    joints: Float[Array, "*b t j 3"]
    joint_rotation: Float[Array, "*b t 55 3 3"]


def pose(model: BodyModel, motion: Motion) -> Posed:
    """Pose `model` by `motion`; differentiable, any leading batch dimensions.

    Raises:
        UserError: if `motion` was made with another body, or is not of this body's sizes.
    """
    if motion.body != model.name:
        raise UserError(
            f"this motion was made with the body {motion.body!r}, but the body in use is {model.name!r}",
            "Use the body that the motion was made with, or fit again",
        )
    sizes = {"betas": (model.num_betas,), "expression": (model.num_expression,)}
    sizes |= {"left_hand_pose": (15, 3), "right_hand_pose": (15, 3)}
    for field, wanted in sizes.items():
        found = getattr(motion, field).shape[-len(wanted) :]
        if found != wanted:
            holds, takes = (" x ".join(map(str, size)) for size in (found, wanted))
            raise UserError(
                f"Motion.{field} holds {holds} numbers, but the body {model.name!r} takes {takes}",
                "Load the body with as many coefficients as the motion has, or cut the motion to the body",
            )
    xp = namespace(*jax.tree.leaves((model, motion)))
    # Accelerators multiply float32 in reduced precision by default, which is millimetres here.
    with jax.default_matmul_precision("highest"):
        vertices = _blend(model.v_template, model.shapedirs, motion.betas)[..., None, :, :]
        vertices = _blend(vertices, model.expression_dirs, motion.expression)
        rest = _blend(model.joint_template, model.joint_shapedirs, motion.betas)[..., None, :, :]
        rest = _blend(rest, model.joint_expression_dirs, motion.expression)
        local = rotation.axis_angle_to_matrix(full_pose(motion))
        if model.posedirs is not None:
            feature = (local[..., 1:, :, :] - xp.eye(3, dtype=local.dtype)).reshape(*local.shape[:-3], 486)
            offsets = feature @ model.posedirs.reshape(486, -1)
            vertices = vertices + offsets.reshape(*offsets.shape[:-1], *model.v_template.shape)
        world, position = _chain(local, rest)
        vertices = _skin(model.lbs_weights, world, position, rest, vertices)
        transl = motion.transl[..., None, :]
        joints = [position, vertices[..., model.vertex_picks, :], _landmarks(model, vertices)]
        if model.contour_faces is not None:
            joints.append(_contour(model, vertices, world))
    return Posed(
        vertices=vertices + transl,
        joints=xp.concatenate(joints, axis=-2) + transl,
        joint_rotation=world,
    )


def full_pose(motion: Motion) -> Float[Array, "*b t 55 3"]:
    """The axis-angles of all 55 joints in SMPL-X's order."""
    singles = [motion.jaw_pose, motion.leye_pose, motion.reye_pose]
    parts = [motion.global_orient[..., None, :], motion.body_pose, *(single[..., None, :] for single in singles)]
    parts += [motion.left_hand_pose, motion.right_hand_pose]
    return namespace(*parts).concatenate(parts, axis=-2)


def hand_pose(
    prior: HandPrior, values: Float[Array, "*b k"], *, pca: bool, flat_hand_mean: bool
) -> Float[Array, "*b 15 3"]:
    """A complete hand pose, as `Motion` holds it, from what SMPL-X's tools write.

    Args:
        values: coefficients of the first k components if `pca`, else 45 numbers (15 axis-angles, radians).
        pca: whether `values` are coefficients.
        flat_hand_mean: whether `values` are relative to the flat hand; if not, the prior's mean is added.

    Raises:
        UserError: if there are more coefficients than components, or not 45 numbers.
    """
    given, components = values.shape[-1], len(prior.components)
    if pca and given > components:
        raise UserError(
            f"the hand pose has {given} coefficients, but the hand has {components} components",
            "Give no more than it has",
        )
    if not pca and given != 45:
        raise UserError(
            f"the hand pose has {given} numbers, not 45 (15 axis-angles)", "If they are coefficients, set pca=True"
        )
    with jax.default_matmul_precision("highest"):
        hand = values @ prior.components[: values.shape[-1]] if pca else values
    hand = hand if flat_hand_mean else hand + prior.mean
    return hand.reshape(*hand.shape[:-1], 15, 3)


def arkit_jaw_pose(model: BodyModel, expression: Float[Array, "*b ne"]) -> Float[Array, "*b 3"]:
    """The `jaw_pose` that ARKit coefficients imply: `jawOpen` turns the jaw, and as an expression holds only the rest.

    Raises:
        UserError: if the expressions of `model` are not ARKit's, or `expression` has another number of them.
    """
    (opening,) = _arkit(model, expression, "jawOpen")
    zero = 0.0 * opening
    return namespace(expression).stack([model.jaw_open_angle * opening, zero, zero], axis=-1)


def arkit_eye_pose(
    model: BodyModel, expression: Float[Array, "*b ne"]
) -> tuple[Float[Array, "*b 3"], Float[Array, "*b 3"]]:
    """The `leye_pose` and `reye_pose` that ARKit coefficients imply; as expressions eyeLook* move the lids only.

    Raises:
        UserError: if the expressions of `model` are not ARKit's, or `expression` has another number of them.
    """
    return _eye_pose(model, expression, "Left", 1.0), _eye_pose(model, expression, "Right", -1.0)


def rest_motion(model: BodyModel, frames: int = 1, fps: float = 24.0) -> Motion:
    """`frames` frames (numpy) of `model` in its rest pose: zero everywhere."""

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    return Motion(
        betas=zeros(model.num_betas),
        expression=zeros(frames, model.num_expression),
        global_orient=zeros(frames, 3),
        body_pose=zeros(frames, 21, 3),
        jaw_pose=zeros(frames, 3),
        leye_pose=zeros(frames, 3),
        reye_pose=zeros(frames, 3),
        left_hand_pose=zeros(frames, 15, 3),
        right_hand_pose=zeros(frames, 15, 3),
        transl=zeros(frames, 3),
        fps=fps,
        body=model.name,
    )


def frames_of(motion: Motion, which: slice | Int[Array, "n"]) -> Motion:
    """Some frames of one clip's motion."""
    return Motion(**_shared(motion), **{name: value[which] for name, value in _varying(motion).items()})


def joined(first: Motion, *others: Motion) -> Motion:
    """The frames of clips of one person, one after another; what they share is the first's."""
    xp = namespace(first.transl, *(other.transl for other in others))
    clips = [_varying(motion) for motion in (first, *others)]
    return Motion(**_shared(first), **{name: xp.concatenate([clip[name] for clip in clips]) for name in clips[0]})


def _shared(motion: Motion) -> dict[str, Any]:
    return {"betas": motion.betas, "fps": motion.fps, "body": motion.body}


def _varying(motion: Motion) -> dict[str, Array]:
    """The fields that have a value for every frame."""
    return {name: value for name, value in vars(motion).items() if name not in _shared(motion)}


def _arkit(model: BodyModel, expression: Array, *wanted: str) -> list[Array]:
    """The coefficients of the named expressions."""
    if not set(wanted) <= set(model.expression_names):
        raise UserError(
            f"the body {model.name!r} has no ARKit expression {' or '.join(wanted)}",
            "Give the poses of jaw and eyes, or use the default body",
        )
    given, takes = expression.shape[-1], model.num_expression
    if given != takes:
        raise UserError(
            f"expression holds {given} numbers, but the body {model.name!r} takes {takes}",
            "Give one coefficient for each of the body's expression_names",
        )
    return [expression[..., model.expression_names.index(name)] for name in wanted]


def _eye_pose(model: BodyModel, expression: Array, side: str, outwards: float) -> Array:
    """`outwards` is the sign of x on the eye's side of the face."""
    down, up, out, in_ = _arkit(model, expression, *(f"eyeLook{way}{side}" for way in ("Down", "Up", "Out", "In")))
    x, y = LOOK_UP_DOWN * (down - up), outwards * LOOK_SIDEWAYS * (out - in_)
    return namespace(expression).stack([x, y, 0.0 * x], axis=-1)


def _blend(base: Array, directions: Array, coefficients: Array) -> Array:
    """base [.., n, 3] + directions [n, 3, k] · coefficients [.., k]."""
    n, _, k = directions.shape
    offsets = coefficients @ directions.reshape(3 * n, k).T
    return base + offsets.reshape(*offsets.shape[:-1], n, 3)


@cache
def _levels() -> tuple[np.ndarray, ...]:
    """Joints by their distance from the root: all of one level can be placed at once."""
    depth = [0] * len(names.PARENTS)
    for joint, parent in enumerate(names.PARENTS[1:], start=1):
        depth[joint] = depth[parent] + 1
    return tuple(np.flatnonzero(np.equal(depth, level)) for level in range(max(depth) + 1))


def _chain(local: Array, rest: Array) -> tuple[Array, Array]:
    """World rotation [.., 55, 3, 3] and position [.., 55, 3] of every joint."""
    xp = namespace(local, rest)
    levels = _levels()
    parents = np.array(names.PARENTS)
    rotations, positions = [local[..., :1, :, :]], [xp.broadcast_to(rest, local.shape[:-1])[..., :1, :]]
    for above, level in pairwise(levels):
        slot = np.searchsorted(above, parents[level])
        turn = rotations[-1][..., slot, :, :]
        bone = (rest[..., level, :] - rest[..., parents[level], :])[..., None]
        positions.append(positions[-1][..., slot, :] + rotation.matmul(turn, bone)[..., 0])
        rotations.append(rotation.matmul(turn, local[..., level, :, :]))
    order = np.argsort(np.concatenate(levels))
    return xp.concatenate(rotations, axis=-3)[..., order, :, :], xp.concatenate(positions, axis=-2)[..., order, :]


def _skin(weights: Array, world: Array, position: Array, rest: Array, vertices: Array) -> Array:
    """Linear blend skinning: each vertex moves by the weighted mean of the joints' rigid motions."""
    xp = namespace(weights, world, position)
    shift = position - rotation.matmul(world, rest[..., None])[..., 0]
    rigid = xp.concatenate([world.reshape(*world.shape[:-2], 9), shift], axis=-1)
    blended = weights @ rigid
    # Column by column of the turn: half the time of a product and a sum over an axis of three.
    x, y, z = (vertices[..., k, None] for k in range(3))
    return blended[..., 0:9:3] * x + blended[..., 1:9:3] * y + blended[..., 2:9:3] * z + blended[..., 9:]


def _landmarks(model: BodyModel, vertices: Array) -> Array:
    corners = vertices[..., model.faces[model.landmark_faces], :]
    return (corners * model.landmark_bary[..., None]).sum(axis=-2)


def _contour(model: BodyModel, vertices: Array, world: Array) -> Array:
    """iBUG 0-16: where the outline of the face lies on the mesh depends on the yaw of the neck."""
    xp = namespace(vertices, world)
    neck = world[..., NECK, :, :]
    yaw = xp.arctan2(-neck[..., 2, 0], xp.sqrt(neck[..., 0, 0] ** 2 + neck[..., 1, 0] ** 2))
    degrees = xp.clip(xp.round(-yaw * (180.0 / np.pi)), -CONTOUR_LIMIT, CONTOUR_LIMIT).astype("int32")
    row = xp.where(degrees < 0, CONTOUR_LIMIT - degrees, degrees)
    corners = xp.asarray(model.faces)[xp.asarray(model.contour_faces)[row]]  # .. 17 3
    points = xp.take_along_axis(vertices[..., None, :, :], corners[..., None], axis=-2)
    return (points * xp.asarray(model.contour_bary)[row][..., None]).sum(axis=-2)

"""Room between arms and body: hands and forearms stay out of the torso and the head of this very person.

The torso is a stack of ellipses, the head an ellipsoid, both measured on the person at rest; arms are points. Where one
is too near, the arm gives way: it is raised aside and stretched, as little as that takes, smoothly, and for some frames
before and after.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from data_pipelines.avatars.acting.arm_poses import ANGLES
from vlogger_jax.body import names, rotation
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.typing import Array, Float

_SLICES = np.arange(-0.38, 0.11, 0.04)
_POINTS = ((1, 0, 0), (1, 0.4, 0), (1, 0.75, 0), (2, 0, 0), (2, 0.5, 0), (2, 1, 0), (2, 0.85, 0.045))
"""Bone (1 forearm, 2 hand), where on it, and metres from there to the palm's side, where fingers curl."""

ROOM = np.array((0.010, 0.024, 0.036, 0.042, 0.036, 0.026, 0.022))
"""Metres from the body's skin that the arm keeps at each of `_POINTS`: hands leave room for themselves and
for clothes, elbows may touch the waist."""

HANDS_APART = 0.036
"""Metres between the axes of both hands: closer, and fingers would run through each other."""

_GIVE = np.zeros(12)
_GIVE[[3, 4, 5, 7]] = (
    -20.0,
    -10.0,
    20.0,
    28.0,
)  # degrees: shoulder twisted out and forwards, arm aside, elbow stretched
_TRIES = (0.25, 0.5, 0.75, 1.0)
_AROUND, _SMOOTH = 13, 4.0  # frames: giving way begins and ends gently

_CHEST, _NECK, _HEAD = (names.JOINTS.index(name) for name in ("spine3", "neck", "head"))
_ARM = [
    [names.JOINTS.index(f"{side}_{name}") for name in ("collar", "shoulder", "elbow", "wrist")]
    for side in ("left", "right")
]
_MIRROR = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0]])


@dataclass(frozen=True)
class Shape:
    """A person at rest, metres.

    Attributes:
        joints: of the skeleton.
        hands: from each wrist to the tip of its middle finger.
        widths, depths, middles: of the torso at each of `_SLICES`: half width, half depth, and z of the middle.
        head: middle of the head from its joint, and its half lengths.
    """

    joints: Float[np.ndarray, "55 3"]
    hands: Float[np.ndarray, "2 3"]
    widths: Float[np.ndarray, "n"]
    depths: Float[np.ndarray, "n"]
    middles: Float[np.ndarray, "n"]
    head: tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]


def measure(model: BodyModel, betas: Float[Array, "nb"]) -> Shape:
    """The shape of a person."""
    betas = np.asarray(betas)
    torso, skull = _parts(model)
    joints = np.asarray(model.joint_template) + np.asarray(model.joint_shapedirs) @ betas
    directions = np.asarray(model.shapedirs)
    points = np.asarray(model.v_template)[torso] + directions[torso] @ betas
    head = np.asarray(model.v_template)[skull] + directions[skull] @ betas
    picks = np.asarray(model.vertex_picks)[[names.VERTEX_PICKS.index(f"{side}_middle") for side in ("left", "right")]]
    tips = np.asarray(model.v_template)[picks] + directions[picks] @ betas
    near = np.abs(points[:, 1] - _SLICES[:, None]) < 0.035
    wide = np.where(near, np.abs(points[:, 0]), 0.0).max(axis=1)
    front = np.where(near, points[:, 2], -np.inf).max(axis=1)
    back = np.where(near, points[:, 2], np.inf).min(axis=1)
    low, high = head.min(axis=0), head.max(axis=0)
    return Shape(
        joints=joints,
        hands=tips - joints[[arm[3] for arm in _ARM]],
        widths=wide,
        depths=0.5 * (front - back),
        middles=0.5 * (front + back),
        head=(0.5 * (low + high) - joints[_HEAD], 0.5 * (high - low)),
    )


def _parts(model: BodyModel) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the torso that follow pelvis or spine, and those of the head; some of them are enough."""
    labels, faces = np.asarray(model.labels), np.asarray(model.faces)
    weights = np.asarray(model.lbs_weights)

    def of(*wanted: str) -> np.ndarray:
        return np.unique(faces[np.isin(labels, [names.LABELS.index(name) for name in wanted])])

    torso = of("torso", "lower body")
    spine = [names.JOINTS.index(name) for name in ("pelvis", "spine1", "spine2", "spine3")]
    return torso[weights[torso][:, spine].sum(axis=1) > 0.6], of("face skin", "scalp")


def arm_points(
    shape: Shape, arms: Float[np.ndarray, "t 2 18"], pose: Float[np.ndarray, "t 55 3"]
) -> Float[np.ndarray, "t 2 p 3"]:
    """Points on the axes of both arms, in the chest's own axes, where the person stands at rest.

    Args:
        arms: as `arm_poses.arm`, of either side as of the left.
        pose: what it holds of the arms is added, radians.
    """
    local = np.deg2rad(arms[..., ANGLES].reshape(*arms.shape[:2], 4, 3)) * _MIRROR[:, None]
    local = local + pose[:, np.array(_ARM)]
    turns = rotation.axis_angle_to_matrix(local)
    joints = shape.joints[np.array(_ARM)]
    turned = turns[:, :, 0]
    place = joints[:, 0] + (turned @ (joints[:, 1] - joints[:, 0])[..., None])[..., 0]
    bones = [joints[:, 2] - joints[:, 1], joints[:, 3] - joints[:, 2], shape.hands]
    starts, directions = [], []
    for k, bone in enumerate(bones, start=1):
        turned = turned @ turns[:, :, k]
        direction = (turned @ bone[..., None])[..., 0]
        starts.append(place)
        directions.append(direction)
        place = place + direction
    palm = -turned[..., 1]
    return np.stack([starts[bone] + share * directions[bone] + aside * palm for bone, share, aside in _POINTS], axis=2)


def depth(
    shape: Shape, points: Float[np.ndarray, "t 2 p 3"], pose: Float[np.ndarray, "t 55 3"]
) -> Float[np.ndarray, "t 2 p"]:
    """How deep `arm_points` are under the skin of torso or head, metres; negative outside.

    Args:
        pose: of the head, radians; other joints do not matter.
    """
    x, y, z = np.moveaxis(points, -1, 0)

    def at(values: np.ndarray) -> np.ndarray:
        return np.interp(y, _SLICES, values)

    wide, deep, middle = at(shape.widths), at(shape.depths), at(shape.middles)
    # A torso is flatter than an ellipse: the fourth power.
    inside = 1.0 - ((x / wide) ** 4 + ((z - middle) / deep) ** 4) ** 0.25
    torso = np.where((y > _SLICES[0] - 0.03) & (y < _SLICES[-1] + 0.03), inside * deep, -1.0)
    neck = rotation.axis_angle_to_matrix(pose[:, _NECK])
    turned = neck @ rotation.axis_angle_to_matrix(pose[:, _HEAD])
    joints = shape.joints
    centre = joints[_NECK] + (neck @ (joints[_HEAD] - joints[_NECK])) + turned @ shape.head[0]
    local = np.einsum("tkj,tapk->tapj", turned, points - centre[:, None, None])
    head = (1.0 - np.linalg.norm(local / shape.head[1], axis=-1)) * shape.head[1].min()
    return np.maximum(torso, head)


def between_hands(points: Float[np.ndarray, "t 2 p 3"]) -> Float[np.ndarray, "t"]:
    """Metres between the axes of both hands, from wrist to the tip of the middle finger, given `arm_points`."""
    wrists, tips = points[:, :, 3, None], points[:, :, 5, None]
    left, right = np.moveaxis(wrists + np.linspace(0.0, 1.0, 5)[:, None] * (tips - wrists), 1, 0)
    return np.linalg.norm(left[:, :, None] - right[:, None], axis=-1).min(axis=(1, 2))


def _blocked(shape: Shape, arms: np.ndarray, pose: np.ndarray) -> np.ndarray:
    points = arm_points(shape, arms, pose)
    near = (depth(shape, points, pose) + ROOM > 0).any(axis=-1)
    return near | (between_hands(points) < HANDS_APART)[:, None]


def keep(
    model: BodyModel, betas: Float[Array, "nb"], arms: Float[np.ndarray, "t 2 18"], pose: Float[np.ndarray, "t 55 3"]
) -> Float[np.ndarray, "t 2 18"]:
    """`arms`, but clear of the torso and the head."""
    shape = measure(model, betas)
    needed = np.zeros(arms.shape[:2])
    blocked = _blocked(shape, arms, pose)
    for give in _TRIES:
        frames = np.flatnonzero(blocked.any(axis=1))
        if not len(frames):
            break
        needed[blocked] = give
        given = arms[frames]
        given[..., ANGLES] += needed[frames, :, None] * _GIVE
        blocked[frames] &= _blocked(shape, given, pose[frames])
    if not needed.any():
        return arms
    around = ndimage.maximum_filter1d(needed, _AROUND, axis=0, mode="nearest")
    smooth = ndimage.gaussian_filter1d(around, _SMOOTH, axis=0, mode="nearest", truncate=1.5)
    found = arms.copy()
    found[..., ANGLES] += smooth[..., None] * _GIVE
    return found

"""MakeHuman's rig of 163 bones, reduced to the 55 joints of SMPL-X."""

from dataclasses import dataclass

import numpy as np

from data_pipelines.default_body.source import KEPT_GROUPS, Source
from vlogger_jax.body import names
from vlogger_jax.core.typing import Array, Float, Int

_FINGERS = {"index": 2, "middle": 3, "pinky": 5, "ring": 4, "thumb": 1}
_SIDES = {"left": "L", "right": "R"}
_LIMBS = {
    **{"hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "foot": "toe1-1", "collar": "clavicle"},
    **{"shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist", "eye": "eye"},
}
_MIDDLE = {
    **{"pelvis": "root", "spine1": "spine04", "spine2": "spine03", "spine3": "spine02"},
    **{"neck": "neck01", "head": "head", "jaw": "jaw"},
}

_RIGID = {  # what neither bends nor follows the skin around it
    **{"eye-l": "left_eye", "eye-r": "right_eye", "helper-tongue": "jaw"},
    **{"helper-upper-teeth": "head", "helper-lower-teeth": "jaw"},
}

_REACH = {  # degrees that joints can turn
    **{"hip": 90, "knee": 130, "ankle": 45, "foot": 40, "spine": 35, "neck": 50, "head": 50, "collar": 25},
    **{"shoulder": 90, "elbow": 130, "wrist": 70, "jaw": 0, "eye": 0, "thumb": 50},
    # Fingers would lose their knuckles, and nothing tears there.
    **{"index": 0, "middle": 0, "ring": 0, "pinky": 0, "pelvis": 0},
}
_STRETCH = 3.0
_SHORTEST_EDGE = 5e-4
_SOFT_RINGS = 3
_SOFTENING_STEPS = 300


def bone_of(joint: str) -> str:
    """The bone whose head is `joint`, one of `names.JOINTS`."""
    if joint in _MIDDLE:
        return _MIDDLE[joint]
    side, _, part = joint.partition("_")
    if part in _LIMBS:
        return f"{_LIMBS[part]}.{_SIDES[side]}"
    return f"finger{_FINGERS[part[:-1]]}-{part[-1]}.{_SIDES[side]}"


def keep_vertices(source: Source) -> Int[Array, "v"]:
    """Indices of the vertices that stay: skin, eyeballs, teeth and tongue."""
    return np.unique(np.concatenate([source.mesh.group_vertices(group) for group in KEPT_GROUPS]))


@dataclass(frozen=True)
class Skeleton:
    """Joints and skinning in the artist's pose.

    Attributes:
        joint_regressor: [55, n] over all vertices of the base mesh; rows average a joint's cube.
        tip_regressor: [10, n], the ends of the last finger bones, in `TIPS`' order.
        weights: [v, 55] over the kept vertices.
        forearm_twist: [v, 2] over the kept vertices: how much of the left and right elbow's weight belongs to the
            outer half of the forearm, which turns half as far as the wrist.
    """

    joint_regressor: np.ndarray
    tip_regressor: np.ndarray
    weights: np.ndarray
    forearm_twist: np.ndarray


TIPS = tuple(f"{side}_{finger}" for side in _SIDES for finger in _FINGERS)
"""Fingers in the order of `Skeleton.tip_regressor`."""


def build(source: Source, kept: Int[Array, "v"], people: Float[Array, "p n 3"]) -> Skeleton:
    """Reduce the rig for `people` [p, n, 3], the mean one first: how far skin may stretch is measured on all of them.

    Bones without a joint of their own give their weight to the nearest ancestor that has one.
    """
    count = len(source.mesh.vertices)
    joint_of_bone = {bone_of(joint): index for index, joint in enumerate(names.JOINTS)}

    def joint_of(bone: str) -> int:
        if bone.startswith("toe"):  # every toe bends with the ball of the foot
            return joint_of_bone[f"toe1-1.{bone[-1]}"]
        while bone not in joint_of_bone:
            bone = source.rig[bone]["parent"]
        return joint_of_bone[bone]

    weights = np.zeros((count, len(names.JOINTS)))
    twist = np.zeros((count, 2))
    for bone, pairs in source.weights.items():
        rows = np.array(pairs, float).reshape(-1, 2)
        moved = rows[:, 0].astype(int)
        np.add.at(weights, (moved, joint_of(bone)), rows[:, 1])
        if bone.startswith("lowerarm02"):
            twist[moved, 0 if bone.endswith("L") else 1] += rows[:, 1]
    for group, joint in _RIGID.items():
        members = source.mesh.group_vertices(group)
        weights[members] = 0.0
        weights[members, names.JOINTS.index(joint)] = 1.0
    total = weights.sum(axis=1, keepdims=True)[kept]
    if (total < 0.5).any():
        raise ValueError(f"{(total < 0.5).sum()} kept vertices have no skinning weights")

    regressor = np.zeros((len(names.JOINTS), count))
    for index, joint in enumerate(names.JOINTS):
        group = _cube(source, bone_of(joint), "head")
        if joint == "pelvis":  # the rig's root starts on the skin of the back
            group = "joint-pelvis"
        elif joint.endswith("_eye"):  # the centre of the eyeball, so that it turns in place
            group = f"helper-{joint[0]}-eye"
        _average(regressor[index], source, group)
    tips = np.zeros((len(TIPS), count))
    for index, tip in enumerate(TIPS):
        side, finger = tip.split("_")
        _average(tips[index], source, _cube(source, f"finger{_FINGERS[finger]}-3.{_SIDES[side]}", "tail"))
    return Skeleton(
        joint_regressor=regressor,
        tip_regressor=tips,
        weights=_soften(weights[kept] / total, people[:, kept], regressor @ people[0], _edges(source, kept)),
        forearm_twist=twist[kept] / total,
    )


def _edges(source: Source, kept: np.ndarray) -> np.ndarray:
    """Edges of the quads, [e, 2] into the kept vertices, diagonals included: triangles will have one of them."""
    quads = np.concatenate([source.mesh.quads[group][0] for group in KEPT_GROUPS])
    pairs = np.concatenate([quads[:, [i, j]] for i, j in ((0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3))])
    pairs = np.unique(np.sort(np.searchsorted(kept, pairs), axis=1), axis=0)
    return pairs[pairs[:, 0] != pairs[:, 1]]


def _soften(weights: np.ndarray, people: np.ndarray, joints: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Average the weights around edges that turns of `_REACH` would stretch more than `_STRETCH` times, until none is.

    The rig was made for its own 163 bones; folded into 55 joints it leaves such steps in the crotch, between thumb and
    palm, and at the toes. The jaw, whose lips must part, and the rigid parts stay as they are.
    """
    weights = weights.copy()
    parts = [name.removeprefix("left_").removeprefix("right_").rstrip("123") for name in names.JOINTS]
    reach = 2 * np.sin(np.deg2rad([_REACH[part] for part in parts]) / 2)
    fixed = weights[:, [part in ("jaw", "eye") for part in parts]].max(axis=1) > 0.02
    below = np.eye(len(parts))  # below[i, j]: joint i moves with joint j
    for joint in range(1, len(parts)):
        below[joint] += below[names.PARENTS[joint]]
    a, b = edges.T
    vertices, lengths = people[0], np.linalg.norm(people[:, a] - people[:, b], axis=-1)
    length = np.maximum(lengths.min(axis=0), _SHORTEST_EDGE)
    lever = np.linalg.norm((vertices[a] + vertices[b])[:, None] / 2 - joints, axis=-1)
    # Near vertices count for more, so that a step spreads over lengths and not over edges.
    near = (1.0 / length)[:, None]
    total = np.zeros((len(weights), 1))
    np.add.at(total, edges.ravel(), np.repeat(near, 2, axis=0))
    for _ in range(_SOFTENING_STEPS):
        step = np.abs((weights[a] - weights[b]) @ below)
        stretched = (step * lever) @ reach / length > _STRETCH - 1
        soft = np.zeros(len(weights), bool)
        soft[edges[stretched].ravel()] = True
        if not (soft & ~fixed).any():
            break
        for _ in range(_SOFT_RINGS):  # room for the step to spread into
            soft[edges[soft[edges].any(axis=1)].ravel()] = True
        soft &= ~fixed
        around = np.zeros_like(weights)
        np.add.at(around, a, near * weights[b])
        np.add.at(around, b, near * weights[a])
        weights[soft] = 0.5 * weights[soft] + 0.5 * (around / total)[soft]
    return weights


def _cube(source: Source, bone: str, end: str) -> str:
    return source.rig[bone][end].get("cube_name", "")


def _average(row: np.ndarray, source: Source, group: str) -> None:
    members = source.mesh.group_vertices(group)
    row[members] = 1.0 / len(members)

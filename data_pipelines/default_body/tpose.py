"""From the artist's pose (arms down, elbows bent) to SMPL-X's T-pose, linearly in vertices and joints.

Every joint gets one fixed rotation Q from the artist's pose to the T-pose. The T-pose is defined as the mesh that
linear blend skinning bends back into the artist's mesh exactly: v_artist = Σ w (Qᵀ (v - J) + J_artist). Solving for v
keeps the error of skinning out of lowered, bent arms, where people who talk spend their time, and leaves it to the
T-pose itself. With Q fixed the map is linear in (v_artist, J_artist), so blend shapes go through it unchanged.
"""

from dataclasses import dataclass

import numpy as np

from data_pipelines.default_body.skeleton import TIPS, Skeleton
from vlogger_jax.body import names, rotation
from vlogger_jax.core.typing import Array, Float

_X, _Y, _Z = np.eye(3)
_FINGER_YAW = {"index": 9.0, "middle": 1.0, "ring": -7.0, "pinky": -16.0}
"""Degrees from the arm's axis towards the thumb at which stretched fingers lie."""
_THUMB = ((0.72, -0.22, 0.66), (0.80, -0.16, 0.58), (0.86, -0.12, 0.50))
"""Directions of the three bones of the left thumb, stretched."""
_UPPER_LEG, _LOWER_LEG = (0.105, -0.994, 0.02), (-0.02, -0.999, -0.04)


@dataclass(frozen=True)
class TPose:
    """The map from artist's pose to T-pose.

    Attributes:
        turn: [55, 3, 3], the world rotation Q of each joint.
        twist: [2, 3, 3], Q of the outer half of each forearm.
    """

    skeleton: Skeleton
    turn: np.ndarray
    twist: np.ndarray

    def joints(self, artist: Float[Array, "55 3"]) -> Float[Array, "55 3"]:
        """Joints in the T-pose from joints in the artist's pose, [55, 3]; also maps offsets to offsets."""
        posed = artist.copy()
        for joint, parent in enumerate(names.PARENTS):
            if parent >= 0:
                posed[joint] = posed[parent] + self.turn[parent] @ (artist[joint] - artist[parent])
        return posed

    def vertices(self, vertices: Float[Array, "v 3"], artist: Float[Array, "55 3"]) -> Float[Array, "v 3"]:
        """Vertices [v, 3] in the T-pose from those and the joints [55, 3] in the artist's pose; maps offsets too."""
        joints = self.joints(artist)
        weights, twist = self.skeleton.weights.copy(), self.skeleton.forearm_twist
        elbows = [names.JOINTS.index(f"{side}_elbow") for side in ("left", "right")]
        weights[:, elbows] -= twist
        turns = np.concatenate([self.turn, self.twist])
        weights = np.concatenate([weights, twist], axis=1)
        pivots = np.concatenate([joints, joints[elbows]])
        origins = np.concatenate([artist, artist[elbows]])
        back = np.swapaxes(turns, -1, -2)
        shift = origins - np.einsum("jab,jb->ja", back, pivots)
        blended = np.einsum("vj,jab->vab", weights, back)
        return np.linalg.solve(blended, (vertices - weights @ shift)[..., None])[..., 0]

    def relaxed_hands(self) -> tuple[Float[Array, "15 3 3"], Float[Array, "15 3 3"]]:
        """The artist's hands as rotations of the T-pose, left and right [15, 3, 3], relative to the parents."""
        first = names.JOINTS.index("left_index1")
        local = np.stack([self.turn[p] @ self.turn[j].T for j, p in list(enumerate(names.PARENTS))[first:]])
        return local[:15], local[15:]


def build(skeleton: Skeleton, vertices: Float[Array, "n 3"]) -> TPose:
    """Find the rotations on one mesh (all vertices of the base mesh, symmetric)."""
    joints = dict(zip(names.JOINTS, skeleton.joint_regressor @ vertices, strict=True))
    tips = dict(zip(TIPS, skeleton.tip_regressor @ vertices, strict=True))
    turns = {joint: np.eye(3) for joint in names.JOINTS}

    upper = joints["left_elbow"] - joints["left_shoulder"]
    lower = joints["left_wrist"] - joints["left_elbow"]
    hinge = np.cross(upper, lower)  # the elbow bends forward: about -y in the T-pose
    turns["left_shoulder"] = _align(upper, hinge, _X, -_Y)
    turns["left_elbow"] = _align(lower, hinge, _X, -_Y)
    back_of_hand = np.cross(joints["left_index1"] - joints["left_wrist"], joints["left_pinky1"] - joints["left_wrist"])
    turns["left_wrist"] = _align(joints["left_middle1"] - joints["left_wrist"], back_of_hand, _X, _Y)
    for finger in ("index", "middle", "ring", "pinky", "thumb"):
        chain = [joints[f"left_{finger}{i}"] for i in (1, 2, 3)] + [tips[f"left_{finger}"]]
        for i in range(3):
            bone = turns["left_wrist"] @ (chain[i + 1] - chain[i])
            turns[f"left_{finger}{i + 1}"] = _shortest(bone, _finger_direction(finger, i)) @ turns["left_wrist"]
    thigh, shin = joints["left_knee"] - joints["left_hip"], joints["left_ankle"] - joints["left_knee"]
    turns["left_hip"] = _shortest(thigh, np.array(_UPPER_LEG))
    turns["left_knee"] = _shortest(shin, np.array(_LOWER_LEG))

    mirror = np.diag([-1.0, 1.0, 1.0])
    for joint in names.JOINTS:
        if joint.startswith("left_"):
            turns[joint.replace("left_", "right_")] = mirror @ turns[joint] @ mirror
    half = _half(turns["left_wrist"] @ turns["left_elbow"].T) @ turns["left_elbow"]
    return TPose(
        skeleton=skeleton,
        turn=np.stack([turns[joint] for joint in names.JOINTS]),
        twist=np.stack([half, mirror @ half @ mirror]),
    )


def _finger_direction(finger: str, bone: int) -> np.ndarray:
    if finger == "thumb":
        return np.array(_THUMB[bone])
    yaw = np.deg2rad(_FINGER_YAW[finger])
    return np.cos(yaw) * _X + np.sin(yaw) * _Z


def _frame(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first = first / np.linalg.norm(first)
    second = second - (second @ first) * first
    second = second / np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _align(first: np.ndarray, second: np.ndarray, to_first: np.ndarray, to_second: np.ndarray) -> np.ndarray:
    """The rotation that takes `first` to `to_first` and, as nearly as that allows, `second` to `to_second`."""
    return _frame(to_first, to_second) @ _frame(first, second).T


def _shortest(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The rotation of least angle that takes the direction `start` to `end`."""
    axis = np.cross(start, end)
    return _align(start, axis, end, axis) if np.linalg.norm(axis) > 1e-9 else np.eye(3)


def _half(matrix: np.ndarray) -> np.ndarray:
    """The rotation that, done twice, is `matrix`."""
    return rotation.axis_angle_to_matrix(0.5 * rotation.matrix_to_axis_angle(matrix))

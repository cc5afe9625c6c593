"""Postures as joint angles: shares of head, torso and breath in the joints that make them up."""

import numpy as np

from data_pipelines.avatars.acting.head import Posture
from vlogger_jax.body import names, rotation
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.typing import Float

_TORSO = {"pelvis": 0.34, "spine1": 0.24, "spine2": 0.22, "spine3": 0.20}
_HEAD = {"neck": 0.45, "head": 0.55}
_COLLAR = names.JOINTS.index("left_collar"), names.JOINTS.index("right_collar")
_CHEST = names.JOINTS.index("spine3")
_BREATH = np.deg2rad((2.2, 1.2))  # by which full lungs raise the collars, and tilt the chest back


def pose(model: BodyModel, posture: Posture) -> Float[np.ndarray, "t 55 3"]:
    """Angles of all joints: torso and head by `posture`, hands the body's mean ones, everything else 0."""
    found = np.zeros((len(posture.head), len(names.JOINTS), 3))
    for shares, angles in ((_TORSO, posture.torso), (_HEAD, posture.head)):
        for name, share in shares.items():
            found[:, names.JOINTS.index(name)] = share * angles
    for collar, sign in zip(_COLLAR, (1.0, -1.0), strict=True):
        found[:, collar, 2] = sign * _BREATH[0] * posture.lungs
    found[:, _CHEST, 0] -= _BREATH[1] * posture.lungs
    found[:, 25:40] = np.asarray(model.left_hand.mean).reshape(15, 3)
    found[:, 40:55] = np.asarray(model.right_hand.mean).reshape(15, 3)
    return found


def head_rotation(pose: Float[np.ndarray, "t 55 3"]) -> Float[np.ndarray, "t 3 3"]:
    """World rotation of the head."""
    turned = np.eye(3)
    for name in (*_TORSO, *_HEAD):
        turned = turned @ rotation.axis_angle_to_matrix(pose[:, names.JOINTS.index(name)])
    return turned

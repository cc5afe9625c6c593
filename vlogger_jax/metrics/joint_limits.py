"""How many frames have an arm or a hand where none can be, such as hands that were raised twice."""

import math

import numpy as np

from vlogger_jax.body import names
from vlogger_jax.core.typing import Array, Bool, Float
from vlogger_jax.metrics.count import Count

ARMS = tuple(
    names.JOINTS.index(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist") for side in ("left", "right")
)
HANDS = tuple(range(names.JOINTS.index("left_index1"), len(names.JOINTS)))

TOLERANCE = math.radians(5)
"""Limits are of people in general; nobody sees less."""


def beyond(
    pose: Float[Array, "t 55 3"], limits: Float[Array, "55 3 2"], joints: tuple[int, ...] = ARMS + HANDS
) -> Count:
    """Frames in which some of the joints is beyond its limits.

    Args:
        pose: axis-angles, radians (`smplx.full_pose`).
        limits: lowest and highest angle about each axis, radians (`fit.priors.joint_limits`, for example).
    """
    return Count(int(_outside(pose, limits)[:, list(joints)].any(axis=1).sum()), len(pose))


def _outside(pose: Array, limits: Array) -> Bool[np.ndarray, "t 55"]:
    pose, limits = np.asarray(pose, np.float64), np.asarray(limits, np.float64)
    return ((pose < limits[..., 0] - TOLERANCE) | (pose > limits[..., 1] + TOLERANCE)).any(axis=-1)

"""How much expression, head and hands move: standard deviations over time, to be compared with those of the truth.

Each is the root of the mean squared distance from the mean over time, all directions together: 0 for who sits still.
"""

import numpy as np

from vlogger_jax.body import names, rotation
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.metrics.posed import Skeleton

HEAD = names.JOINTS.index("head")
WRISTS = (names.JOINTS.index("left_wrist"), names.JOINTS.index("right_wrist"))


def of_expression(motion: Motion) -> float:
    """Of the expression's coefficients, root of the mean over all."""
    return of_points(np.asarray(motion.expression)[..., None])


def of_head(skeleton: Skeleton) -> float:
    """Of the head's rotation in the world about its mean, radians."""
    return of_rotations(skeleton.rotations[..., HEAD, :, :])


def of_hands(skeleton: Skeleton) -> float:
    """Of the wrists in the world, metres."""
    return of_points(skeleton.positions[..., WRISTS, :])


def of_points(points: Float[Array, "t n d"]) -> float:
    """Root of the mean squared distance of each point from its own mean over time."""
    points = np.asarray(points, np.float64)
    return float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=-1).mean()))


def of_rotations(rotations: Float[Array, "t 3 3"]) -> float:
    """Root of the mean squared angle to the mean rotation, radians.

    The mean is the rotation nearest to the mean of the matrices.
    """
    rotations = np.asarray(rotations, np.float64)
    u, _, vt = np.linalg.svd(rotations.mean(axis=0))
    u[:, -1] *= np.linalg.det(u @ vt)
    turns = rotation.matrix_to_axis_angle(rotation.matmul((u @ vt).T, rotations))
    return float(np.sqrt((turns**2).sum(axis=-1).mean()))

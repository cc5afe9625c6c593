"""Bodies reduced to what a metric looks at, so that a clip is posed in milliseconds."""

import dataclasses
from typing import NamedTuple

import jax
import numpy as np

from vlogger_jax.body import lips, names, reduced, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Float


class Skeleton(NamedTuple):
    """The 55 joints of SMPL-X in the world of their motion.

    Attributes:
        positions: metres.
        rotations: world rotations.
    """

    positions: Float[np.ndarray, "*b t 55 3"]
    rotations: Float[np.ndarray, "*b t 55 3 3"]


def skeleton(model: BodyModel, motion: Motion) -> Skeleton:
    """Where the joints are.

    Raises:
        UserError: if `motion` is of another body.
    """
    posed = smplx.pose(reduced.to_vertices(model, np.zeros(1, np.int64)), _numpy(motion))
    return Skeleton(posed.joints[..., : len(names.JOINTS), :], posed.joint_rotation)


def lip_vertices(model: BodyModel, motion: Motion) -> Float[np.ndarray, "*b t n 3"]:
    """The vertices of the lips, metres, moved by expression and jaw alone: the head stays at the origin, unturned.

    Raises:
        UserError: if `motion` is of another body, or the body does not say which faces are lips.
    """
    vertices = lips.vertices(model)
    if not len(vertices):
        raise UserError(f"the body {model.name!r} does not say which faces are lips", "Use the default body")
    return smplx.pose(reduced.to_vertices(model, vertices), face_only(motion)).vertices


def face_only(motion: Motion) -> Motion:
    """Shape, expression and jaw of `motion`; all else at rest."""
    motion = _numpy(motion)
    kept = ("betas", "expression", "jaw_pose")
    still = {name: np.zeros_like(value) for name, value in _arrays(motion).items() if name not in kept}
    return dataclasses.replace(motion, **still)


def in_place(motion: Motion) -> Motion:
    """`motion` of a body whose root neither turns nor moves."""
    motion = _numpy(motion)
    return dataclasses.replace(
        motion, global_orient=np.zeros_like(motion.global_orient), transl=np.zeros_like(motion.transl)
    )


def _numpy(motion: Motion) -> Motion:
    return jax.tree.map(np.asarray, motion)


def _arrays(motion: Motion) -> dict[str, np.ndarray]:
    return {name: value for name, value in vars(motion).items() if name not in ("fps", "body")}

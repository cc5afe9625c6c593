"""One person's performance given to another: the face as it is, the body as a change of the other's own pose.

Somebody who leans and keeps a hand raised does so while talking too. So joints of the body move relative to a pose of
their own: R = R_target R_sourceᵀ R_motion for every joint, in the frame of its parent, as the motion network's packing
has it (docs/decisions.md).
"""

import dataclasses

from vlogger_jax.body import rotation
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Array, Float, namespace

LEGS = (0, 1, 3, 4, 6, 7, 9, 10)
"""Rows of `Motion.body_pose` (hips, knees, ankles, feet) that stay the target's: people who talk stand or sit still."""

HEAD = (11, 14)
"""Neck and head."""

TORSO = (2, 5, 8)
"""The spine."""

ARMS = (12, 13, 15, 16, 17, 18, 19, 20)
"""Collars, shoulders, elbows and wrists, left and right."""


@dataclasses.dataclass(frozen=True)
class Strength:
    """How much of the change each part takes over; 0 leaves the target's pose, 1 takes all."""

    head: float = 1.0
    torso: float = 1.0
    arms: float = 1.0
    hands: float = 1.0


def retarget(motion: Motion, source: Motion, target: Motion, strength: Strength = Strength()) -> Motion:
    """`motion`, performed by the person of `target` from the pose of `target`.

    Args:
        motion: whose expression, jaw and eyes are taken as they are.
        source: one frame, the pose of the performer that `motion` is a change of.
        target: one frame, the pose that corresponds to it. Shape, legs and place are its own.
        strength: root rotation and translation count as torso.

    Raises:
        UserError: if the bodies differ, or `source` or `target` is not one frame.
    """
    for name, other in (("source", source), ("target", target)):
        if other.body != motion.body:
            raise UserError(
                f"the motion was made with the body {motion.body!r}, the {name} with {other.body!r}",
                "Use one body for both",
            )
        if other.transl.shape[-2] != 1:
            raise UserError(f"the {name} has {other.transl.shape[-2]} frames", "Give one frame")
    xp = namespace(motion.body_pose, source.body_pose, target.body_pose)
    rows = dict.fromkeys(HEAD, strength.head) | dict.fromkeys(TORSO, strength.torso)
    rows |= dict.fromkeys(ARMS, strength.arms) | dict.fromkeys(LEGS, 0.0)
    weight = xp.asarray([rows[row] for row in range(21)], dtype=motion.body_pose.dtype)[:, None]

    def turned(name: str, share: Array | float) -> Array:
        return _changed(getattr(motion, name), getattr(source, name), getattr(target, name), share)

    moved = strength.torso * (motion.transl - source.transl)
    return dataclasses.replace(
        motion,
        betas=target.betas,
        global_orient=turned("global_orient", strength.torso),
        body_pose=turned("body_pose", weight),
        left_hand_pose=turned("left_hand_pose", strength.hands),
        right_hand_pose=turned("right_hand_pose", strength.hands),
        transl=target.transl + moved,
    )


def _changed(
    moving: Float[Array, "*m 3"], source: Float[Array, "*s 3"], target: Float[Array, "*s 3"], share: Array | float
) -> Float[Array, "*m 3"]:
    """Axis-angles of R_target (R_sourceᵀ R_moving) ^ share."""
    xp = namespace(moving, source, target)
    back = xp.swapaxes(rotation.axis_angle_to_matrix(source), -1, -2)
    change = rotation.matrix_to_axis_angle(rotation.matmul(back, rotation.axis_angle_to_matrix(moving))) * share
    new = rotation.matmul(rotation.axis_angle_to_matrix(target), rotation.axis_angle_to_matrix(change))
    return rotation.matrix_to_axis_angle(new)

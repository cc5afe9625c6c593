"""One person's performance given to another: the face as it is, the body as a change of the other's own pose.

Somebody who leans and keeps a hand raised does so while talking too: R = R_target R_source^T R for every joint.
"""

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.motion import change
from vlogger_jax.motion.manner import ALL, Strength


def retarget(motion: Motion, source: Motion, target: Motion, strength: Strength = ALL) -> Motion:
    """`motion`, performed by the person of `target` from the pose of `target`.

    Args:
        motion: whose expression, jaw and eyes are taken as they are.
        source: one frame, the pose of the performer that `motion` is a change of.
        target: one frame, the pose that corresponds to it. Shape, legs and place are its own.
        strength: of the body's parts.

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
    return change.applied(strength(change.between(motion, source)), motion, target)

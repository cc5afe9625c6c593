"""How a body's pose differs from a reference pose, joint by joint, and the same difference of another's pose.

Delta R = R_ref^T R in the frame of each joint's parent, as an axis-angle, so that it can be scaled and limited.
"""

import dataclasses

from vlogger_jax.body import rotation
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Array, Float, namespace
from vlogger_jax.motion.packing import BODY, of_part, put_part

Change = dict[str, Float[Array, "*b t j 3"]]
"""By the name of the part of the body: axis-angles, radians, of its joints; "transl" [*b, t, 1, 3] in metres."""


def between(motion: Motion, reference: Motion) -> Change:
    """What takes `reference`, one frame, to each frame of `motion`."""
    found: Change = {}
    for name, part in BODY.items():
        moving, still = of_part(motion, part), of_part(reference, part)
        if not part.joints:
            found[name] = (moving - still)[..., None, :]
            continue
        xp = namespace(moving, still)
        back = xp.swapaxes(rotation.axis_angle_to_matrix(still), -1, -2)
        found[name] = rotation.matrix_to_axis_angle(rotation.matmul(back, rotation.axis_angle_to_matrix(moving)))
    return found


def applied(change: Change, motion: Motion, reference: Motion) -> Motion:
    """`motion` with the body of `reference`, one frame, changed by `change`; shape and legs are the reference's."""
    frames = motion.transl.shape[:-1]
    legs = namespace(motion.transl, reference.transl).broadcast_to(reference.body_pose, (*frames, 21, 3))
    fields = {"betas": reference.betas, "body_pose": legs}
    for name, part in BODY.items():
        start = of_part(reference, part)
        if part.joints:
            turned = rotation.matmul(*(rotation.axis_angle_to_matrix(turn) for turn in (start, change[name])))
            put_part(fields, part, rotation.matrix_to_axis_angle(turned))
        else:
            put_part(fields, part, start + change[name][..., 0, :])
    return dataclasses.replace(motion, **fields)

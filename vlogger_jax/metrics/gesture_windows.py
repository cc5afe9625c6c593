"""Gestures as numbers: short windows of how upper body and fingers are turned."""

import numpy as np

from vlogger_jax.body import rotation
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Array, Float, namespace

FRAMES = 32
"""Of a window."""

UPPER = (3, 6, 9, *range(12, 22))
"""Spine, neck, head, collars and arms, among the 55 joints."""

NUMBERS = 6 * (len(UPPER) + 30)
"""Of a frame."""


def pack(
    body_pose: Float[Array, "*b t 21 3"],
    left_hand_pose: Float[Array, "*b t 15 3"],
    right_hand_pose: Float[Array, "*b t 15 3"],
) -> Float[Array, "*b t 258"]:
    """6D rotations of the 13 joints of the upper body and the 30 of the hands, each relative to its parent."""
    xp = namespace(body_pose, left_hand_pose, right_hand_pose)
    upper = body_pose[..., np.array(UPPER) - 1, :]  # the root is not in it
    joints = xp.concatenate([upper, left_hand_pose, right_hand_pose], axis=-2)
    sixd = rotation.matrix_to_sixd(rotation.axis_angle_to_matrix(joints))
    return sixd.reshape(*sixd.shape[:-2], NUMBERS)


def windows(motion: Motion, stride: int = FRAMES) -> Float[np.ndarray, "n 32 258"]:
    """The whole windows of a clip, one every `stride` frames; none where it is too short.

    Frames are taken as they are: motions that are compared are of one rate.
    """
    packed = pack(*map(np.asarray, (motion.body_pose, motion.left_hand_pose, motion.right_hand_pose)))
    if len(packed) < FRAMES:
        return np.zeros((0, FRAMES, NUMBERS), packed.dtype)
    found = np.lib.stride_tricks.sliding_window_view(packed, FRAMES, axis=0)[::stride]
    return np.ascontiguousarray(np.swapaxes(found, 1, 2))

"""Windows as the network sees them: how far from a usual posture, in turns that matter.

Numbers by hand: about the means of `mentor_synth`, and about its standard deviations but for spine and fingers, which
would count for more than is seen of them. They are part of the autoencoder: others make another distance.
"""

import numpy as np

from vlogger_jax.body import names, rotation
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.metrics.gesture_windows import UPPER

_JOINTS = [names.JOINTS[joint] for joint in UPPER] + list(names.JOINTS[-30:])

POSTURE = {  # axis-angles of the left side, degrees; the right side mirrors it, and the middle is straight
    **{"shoulder": (5, -24, -65), "elbow": (15, -70, 0), "wrist": (0, -2, 3)},
    **{"index1": (3, 0, -21), "index2": (2, 2, -17), "index3": (1, 0, -10)},
    **{"middle1": (0, 9, -27), "middle2": (1, -3, -13), "middle3": (0, 2, -12)},
    **{"pinky1": (-6, 10, -35), "pinky2": (-1, -3, -24), "pinky3": (0, 1, -8)},
    **{"ring1": (-2, 11, -28), "ring2": (0, -4, -19), "ring3": (-1, 4, -13)},
    **{"thumb1": (20, -13, -25), "thumb2": (-9, 12, 7), "thumb3": (1, 12, -7)},
}

TURN = {"spine": 0.02, "neck": 0.03, "head": 0.035, "collar": 0.03, "shoulder": 0.12, "elbow": 0.25, "wrist": 0.16}
"""What a number of a joint is divided by."""

FINGER = 0.15


def _posture(joint: str) -> tuple[float | int, ...]:
    side, _, part = joint.rpartition("_")
    x, y, z = POSTURE.get(part, (0, 0, 0))
    return (x, -y, -z) if side == "right" else (x, y, z)


def _turn(joint: str) -> float:
    return TURN.get(joint.rpartition("_")[2].rstrip("123"), FINGER)


_CENTRE = rotation.matrix_to_sixd(
    rotation.axis_angle_to_matrix(np.deg2rad(np.array([_posture(joint) for joint in _JOINTS], np.float32)))
).reshape(-1)
_SCALE = np.repeat(np.array([_turn(joint) for joint in _JOINTS], np.float32), 6)


def standard(windows: Float[Array, "*b 258"]) -> Float[Array, "*b 258"]:
    """From `gesture_windows.pack` to what the network sees."""
    return (windows - _CENTRE) / _SCALE


def packed(standard: Float[Array, "*b 258"]) -> Float[Array, "*b 258"]:
    """The inverse of `standard`."""
    return standard * _SCALE + _CENTRE

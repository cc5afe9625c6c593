"""How arms and hands are held: joint angles by name, found once so that wrists and palms are where the names say.

An arm is 18 numbers: degrees about (x, y, z) of collar, shoulder, elbow and wrist, then of a hand the curl of index,
middle, ring and little finger, of the thumb, and how far fingers are spread, degrees beyond the relaxed hand. Tables
are of the left side; the right side mirrors them. All lie within `fit.priors.LIMITS`, which are boxes: so does whatever
is between two of them.
"""

import numpy as np

from vlogger_jax.body import names
from vlogger_jax.core.typing import Float

ANGLES, FINGERS = slice(0, 12), slice(12, 18)
SIZE = 18

_RELAXED = (4, 7, 11, 14, 0, 0)
HANDS = {
    "relaxed": _RELAXED,
    "open": (-10, -9, -7, -4, -10, 5),
    "soft": (0, 1, 3, 5, -4, 2),
    "flat": (-6, -7, -7, -8, 4, -2),
    "cupped": (14, 17, 20, 24, 10, 0),
    "fist": (62, 66, 66, 64, 45, 0),
    "pointing": (-8, 62, 66, 66, 45, 0),
    "two": (-8, -8, 64, 66, 50, 8),
    "three": (-8, -8, -8, 64, 50, 8),
    "pinch": (36, 22, 16, 12, 38, 0),
}
"""Shapes of the hand, beyond the body's relaxed one."""

_ARMS = {
    "hanging": ((0, 0, -4), (0, -8, -72), (0, -18, 0), (0, 0, 0)),
    "clasped": ((0, -1, -3), (25, -29, -61), (33, -66, -2), (-1, -14, -17)),
    "clasped over": ((0, -1, -3), (22, -38, -60), (26, -65, -2), (-1, -9, -30)),
    "lap": ((0, 0, -4), (8, -32, -67), (63, -43, 1), (5, -4, 32)),
    "folded": ((0, 0, -3), (25, -26, -56), (-2, -103, -2), (-6, -8, -27)),
    "folded over": ((0, -1, -3), (17, -43, -52), (-11, -88, -2), (-7, -6, -40)),
    "low ready": ((0, 0, -3), (8, -13, -64), (26, -74, 0), (0, -9, 15)),
    "ready": ((0, 0, -3), (3, -21, -63), (18, -94, 0), (1, -4, 6)),
    "palm up": ((0, 0, -3), (19, -31, -80), (-56, -103, -2), (-23, 8, 5)),
    "palm down": ((0, 0, -3), (-15, -13, -60), (49, -99, 2), (12, 11, 0)),
    "chop": ((0, 0, -3), (0, -26, -76), (-1, -97, 0), (1, 10, 8)),
    "point up": ((0, 0, -3), (-31, -4, -57), (51, -117, 2), (17, -2, 40)),
    "chest": ((0, -1, -3), (43, -33, -49), (-28, -121, -3), (-20, 1, -36)),
    "wide": ((0, 0, -3), (6, -10, -69), (-56, -107, -1), (-9, 5, 5)),
    "wide up": ((0, 1, -3), (-13, 1, -80), (-56, -101, -2), (-34, 10, -2)),
    "front": ((0, 0, -3), (-40, 0, -61), (55, -112, 3), (24, 4, 38)),
    "high": ((0, 0, -3), (-11, -15, -55), (1, -117, 1), (3, -7, 6)),
    "far": ((0, 0, -3), (4, -46, -72), (-55, -78, -2), (-14, 10, -4)),
}


def arm(pose: str, hand: str = "relaxed") -> Float[np.ndarray, "18"]:
    """An arm of the left side."""
    return np.array([*np.ravel(_ARMS[pose]), *HANDS[hand]], np.float64)


_JOINTS = ("collar", "shoulder", "elbow", "wrist")
_FINGERS = ("index", "middle", "ring", "pinky")
_KNUCKLES = (1.0, 1.1, 0.65)  # how the joints of a finger share its curl
_SPREAD = (-1.0, -0.3, 0.4, 1.0)
_THUMB = np.array(((20, 25, 0), (0, 35, -15), (0, 40, -10))) / 60.0


def _fingers() -> np.ndarray:
    """What each of the six numbers of a left hand turns: [6, 15, 3]."""
    order = [name.removeprefix("left_") for name in names.JOINTS[25:40]]
    found = np.zeros((6, 15, 3))
    for i, finger in enumerate(_FINGERS):
        for k, share in enumerate(_KNUCKLES, start=1):
            found[i, order.index(f"{finger}{k}"), 2] = -share
        found[5, order.index(f"{finger}1"), 1] = _SPREAD[i]
    for k in range(3):
        found[4, order.index(f"thumb{k + 1}")] = _THUMB[k]
    return found.reshape(6, 45)


_HAND = _fingers()
_MIRROR = np.array((1.0, -1.0, -1.0))


def put(pose: Float[np.ndarray, "t 55 3"], side: str, arms: Float[np.ndarray, "t 18"]) -> None:
    """Add an arm and its hand, degrees as of the left side, to the joints of `side` in `pose`, radians."""
    mirror = _MIRROR if side == "right" else np.ones(3)
    joints = [names.JOINTS.index(f"{side}_{name}") for name in _JOINTS]
    pose[:, joints] += np.deg2rad(arms[:, ANGLES].reshape(-1, 4, 3)) * mirror
    first = names.JOINTS.index(f"{side}_index1")
    pose[:, first : first + 15] += np.deg2rad(arms[:, FINGERS] @ _HAND).reshape(-1, 15, 3) * mirror

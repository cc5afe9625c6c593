"""The poses and expressions that the figures show, by name, in SMPL-X's axes; angles in degrees."""

import dataclasses

import numpy as np

from vlogger_jax.body import names, smplx
from vlogger_jax.core.records import Motion

HAND_FIELDS = {"left": "left_hand_pose", "right": "right_hand_pose"}


def both(**left: tuple[float, float, float]) -> dict[str, tuple[float, float, float]]:
    """Joints of the left side, given without `left_`, and their mirror images on the right."""
    found = {}
    for joint, (x, y, z) in left.items():
        found["left_" + joint], found["right_" + joint] = (x, y, z), (x, -y, -z)
    return found


def fist(side: str, curl: float = 75.0, but: tuple[str, ...] = ()) -> dict[str, tuple[float, float, float]]:
    """A closed hand; the fingers in `but` stay stretched."""
    sign = -1.0 if side == "left" else 1.0
    found = {
        f"{side}_{finger}{i}": (0.0, 0.0, sign * curl)
        for finger in ("index", "middle", "ring", "pinky")
        if finger not in but
        for i in (1, 2, 3)
    }
    if "thumb" not in but:
        for i, (x, y, z) in enumerate(((20, 25, 0), (0, 35, -15), (0, 40, -10)), start=1):
            found[f"{side}_thumb{i}"] = (x, -sign * y, -sign * z)
    return found


RELAXED_ARMS = both(collar=(0, 0, -4), shoulder=(0, -8, -70), elbow=(0, -18, 0))

POSES: dict[str, dict[str, tuple[float, float, float]]] = {
    "rest pose": {},
    "arms down": {**RELAXED_ARMS, "head": (4, 10, 0)},
    "explaining": {
        **both(collar=(0, 0, -3), shoulder=(10, -30, -58), elbow=(20, -85, 0), wrist=(-35, 0, 0)),
        "neck": (-4, -8, 3),
        "spine2": (0, 6, 0),
    },
    "arms raised": both(collar=(0, 0, 14), shoulder=(0, -12, 62), elbow=(0, -25, 0)),
    "fist and pointing": {
        **both(collar=(0, 0, -2), shoulder=(0, -35, -45), elbow=(0, -105, 0)),
        **fist("right"),
        **fist("left", but=("index", "thumb")),
        "head": (0, 0, -10),
    },
    "elbows sharp": {
        **both(collar=(0, 0, -2), shoulder=(25, -25, -62), elbow=(0, -135, 0), wrist=(0, 0, 25)),
        "spine3": (8, 0, 0),
        "head": (-6, 0, 0),
    },
}
RELAXED_HANDS = ("arms down", "explaining", "elbows sharp")

EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "eyeBlink": {"eyeBlinkLeft": 1, "eyeBlinkRight": 1},
    "jawOpen": {"jawOpen": 0.8},
    "mouthSmile": {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4},
    "mouthFunnel": {"mouthFunnel": 1, "jawOpen": 0.15},
    "mouthPucker": {"mouthPucker": 1},
    "p, b, m": {
        **{"mouthPressLeft": 0.6, "mouthPressRight": 0.6, "mouthRollUpper": 0.3, "mouthRollLower": 0.3, "jawOpen": 0.05}
    },
    "jawOpen + mouthClose": {"jawOpen": 0.6, "mouthClose": 0.6},
    "surprise": {
        **{"browInnerUp": 1, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8, "eyeWideLeft": 1, "eyeWideRight": 1},
        "jawOpen": 0.35,
    },
    "anger": {
        **{"browDownLeft": 1, "browDownRight": 1, "noseSneerLeft": 0.8, "noseSneerRight": 0.8},
        **{"mouthFrownLeft": 0.8, "mouthFrownRight": 0.8, "eyeSquintLeft": 0.6, "eyeSquintRight": 0.6},
    },
    "teeth": {
        **{"mouthUpperUpLeft": 0.8, "mouthUpperUpRight": 0.8, "mouthLowerDownLeft": 0.8, "mouthLowerDownRight": 0.8},
        **{"mouthStretchLeft": 0.5, "mouthStretchRight": 0.5, "jawOpen": 0.04},
    },
    "tongueOut": {"tongueOut": 1, "jawOpen": 0.4},
}


def make(
    model: smplx.BodyModel,
    joints: dict[str, tuple[float, float, float]] | None = None,
    expression: dict[str, float] | None = None,
    relaxed_hands: bool = False,
) -> Motion:
    """One frame of `model`: the named joints turned, the named expressions on, the jaw opened by jawOpen."""
    motion = smplx.rest_motion(model)
    pose = np.zeros((len(names.JOINTS), 3), np.float32)
    for joint, degrees in (joints or {}).items():
        pose[names.JOINTS.index(joint)] = np.deg2rad(degrees)
    hands = {"left_hand_pose": pose[25:40], "right_hand_pose": pose[40:55]}
    if relaxed_hands:
        for side, prior in (("left", model.left_hand), ("right", model.right_hand)):
            hands[HAND_FIELDS[side]] = hands[HAND_FIELDS[side]] + np.asarray(prior.mean).reshape(15, 3)
    coefficients = np.zeros(model.num_expression, np.float32)
    for name, strength in (expression or {}).items():
        coefficients[model.expression_names.index(name)] = strength
    left_gaze, right_gaze = smplx.arkit_eye_pose(model, coefficients)
    return dataclasses.replace(
        motion,
        global_orient=pose[None, 0],
        body_pose=pose[None, 1:22],
        jaw_pose=(smplx.arkit_jaw_pose(model, coefficients) + pose[22])[None].astype(np.float32),
        leye_pose=(left_gaze + pose[23])[None].astype(np.float32),
        reye_pose=(right_gaze + pose[24])[None].astype(np.float32),
        expression=coefficients[None],
        **{name: hand[None].astype(np.float32) for name, hand in hands.items()},
    )

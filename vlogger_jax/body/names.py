"""The names and numbers of SMPL-X's skeleton, of ARKit's expressions, and of our labels."""

JOINTS = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle"),
    *("spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("jaw", "left_eye", "right_eye"),
    *(f"left_{finger}{i}" for finger in ("index", "middle", "pinky", "ring", "thumb") for i in (1, 2, 3)),
    *(f"right_{finger}{i}" for finger in ("index", "middle", "pinky", "ring", "thumb") for i in (1, 2, 3)),
)
"""The 55 joints in the order of SMPL-X's parameters."""

PARENTS = (
    *(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15),
    *(20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38),
    *(21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53),
)
"""The parent of each joint; -1 for the root."""

VERTEX_PICKS = (
    *("nose", "right_eye", "left_eye", "right_ear", "left_ear"),
    *("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel"),
    *(f"left_{finger}" for finger in ("thumb", "index", "middle", "ring", "pinky")),
    *(f"right_{finger}" for finger in ("thumb", "index", "middle", "ring", "pinky")),
)
"""The 21 vertices reported as joints 55-75; fingers mean their tips."""

SMPLX_VERTEX_PICKS = (
    *(9120, 9929, 9448, 616, 6, 5770, 5780, 8846, 8463, 8474, 8635),
    *(5361, 4933, 5058, 5169, 5286, 8079, 7669, 7794, 7905, 8022),
)
"""`VERTEX_PICKS` on the mesh of SMPL-X, which its model files do not hold."""

SMPLX_VERTICES = 10475
"""Vertices of the mesh that `SMPLX_VERTEX_PICKS` belongs to."""

LABELS = (
    *("background", "face skin", "scalp", "ears", "eyelids", "sclera", "iris", "lips", "upper teeth", "lower teeth"),
    *("tongue", "mouth cavity", "neck", "torso", "arms", "left hand", "right hand", "lower body"),
)
"""What a face of the mesh belongs to; left and right are the person's."""

EXPRESSIONS = (
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight"),
    *("eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight"),
    *("eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight"),
    *("jawForward", "jawLeft", "jawOpen", "jawRight"),
    *("mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel"),
    *("mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker"),
    *("mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight", "tongueOut"),
)
"""ARKit's 52 expressions, the expression basis of the default body; each runs from 0 to 1."""

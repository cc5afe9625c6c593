"""What the shaders know of a body as such: smooth masks over its vertices, and where the parts of a face are.

All positions are canonical (`BodyModel.v_template`, metres). The face's marks are drawn on one half of it, seen from
the front, in (|x|, y): faces are symmetrical here, and what is not (moles, blotches, paint) is laid over them.
"""

from functools import lru_cache

import numpy as np

from data_pipelines.avatars.look.occlusion import occlusion
from data_pipelines.default_body.shading import vertex_normals
from vlogger_jax.body import names
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float

MASKS = ("lips", "lids", "scalp", "blood", "beard", "oil", "palm", "nail", "open")
"""Columns of `Chart.masks`: parts of the face, where skin is redder, bearded, oily, paler (palms), nails, and how much
of the sky a point sees (ambient occlusion)."""

_FIRST = 76 - 17  # where iBUG point 0 would be among the joints of `smplx.pose`


@record
class Chart:
    """A body as the shaders see it.

    Attributes:
        normal: outward unit normals of the template.
        masks: `MASKS` at every vertex, 0 to 1.
        brow: the line of the brow from inside outwards.
        upper_lid, lower_lid: outlines of the open eye from the inner corner to the outer one.
        upper_lip, lower_lip: the mouth's outer outline from the middle to the corner.
        nose: (wing, tip height) as two points.
        eye: the eyeball's centre; x is positive.
        eye_radius, iris: radius of the eyeball, metres, and the angle of the iris's rim from the line of sight.
        scale: between the eyes' centres over that of the default body; scales everything drawn on the face.
    """

    normal: Float[Array, "v 3"]
    masks: Float[Array, "v m"]
    brow: Float[Array, "5 2"]
    upper_lid: Float[Array, "4 2"]
    lower_lid: Float[Array, "4 2"]
    upper_lip: Float[Array, "4 2"]
    lower_lip: Float[Array, "4 2"]
    nose: Float[Array, "2 2"]
    eye: Float[Array, "3"]
    eye_radius: Float[Array, ""]
    iris: Float[Array, ""]
    scale: Float[Array, ""]


@lru_cache(maxsize=4)
def normals(model: BodyModel) -> Float[np.ndarray, "v 3"]:
    """Outward unit normals of the template, without a device."""
    return vertex_normals(np.asarray(model.v_template, np.float32), np.asarray(model.faces)).astype(np.float32)


@lru_cache(maxsize=4)
def of(model: BodyModel) -> Chart:
    """The chart of `model`, kept for the next call."""
    rest, faces, labels = (np.asarray(each) for each in (model.v_template, model.faces, model.labels))
    rest = rest.astype(np.float32)
    normal = normals(model)
    corners = rest[faces[np.asarray(model.landmark_faces)]]
    points = (corners * np.asarray(model.landmark_bary)[..., None]).sum(axis=1)
    half = {i: np.array([abs(points[i - 17, 0]), points[i - 17, 1]], np.float32) for i in range(17, 68)}
    eye = np.asarray(model.joint_template)[names.JOINTS.index("left_eye")].astype(np.float32)
    ball = rest[np.unique(faces[np.isin(labels, [names.LABELS.index("sclera"), names.LABELS.index("iris")])])]
    ball = ball[ball[:, 0] > 0] - eye if len(ball) else np.array([[0.0, 0.0, 0.0154]])
    iris = np.unique(faces[labels == names.LABELS.index("iris")])
    rim = rest[iris][rest[iris, 0] > 0] - eye if len(iris) else np.array([[0.0063, 0.0, 0.0141]])
    return Chart(
        normal=normal,
        masks=_masks(model, rest, faces, labels, normal, half, eye),
        brow=np.stack([half[i] for i in (22, 23, 24, 25, 26)]),
        upper_lid=np.stack([half[i] for i in (42, 43, 44, 45)]),
        lower_lid=np.stack([half[i] for i in (42, 47, 46, 45)]),
        upper_lip=np.stack([half[i] for i in (51, 52, 53, 54)]),
        lower_lip=np.stack([half[i] for i in (57, 56, 55, 54)]),
        nose=np.stack([half[35], half[30]]),
        eye=eye,
        eye_radius=np.asarray(np.linalg.norm(ball, axis=1).mean(), np.float32),
        iris=np.asarray(np.arctan2(np.hypot(rim[:, 0], rim[:, 1]), rim[:, 2]).max(), np.float32),
        scale=np.asarray(eye[0] / 0.0289, np.float32),
    )


def _masks(
    model: BodyModel,
    rest: np.ndarray,
    faces: np.ndarray,
    labels: np.ndarray,
    normal: np.ndarray,
    half: dict[int, np.ndarray],
    eye: np.ndarray,
) -> np.ndarray:
    def share(*parts: str, smooth: int = 0) -> np.ndarray:
        """How many of a vertex's faces belong to the parts."""
        hits = np.isin(labels, [names.LABELS.index(part) for part in parts]).astype(np.float32)
        for _ in range(smooth + 1):
            total = np.bincount(faces.ravel(), np.repeat(hits, 3), len(rest))
            at = total / np.maximum(np.bincount(faces.ravel(), minlength=len(rest)), 1)
            hits = at[faces].mean(axis=1)
        return at.astype(np.float32)

    scale = eye[0] / 0.0289
    side, height, depth = np.abs(rest[:, 0]) / scale, (rest[:, 1] - half[54][1]) / scale, rest[:, 2] - eye[2] + 0.115
    face = share("face skin", "lips", "eyelids", smooth=1)
    neck = share("neck", smooth=1)
    nose = float(half[30][1] - half[54][1])

    def spot(x: float, y: float, radius: float) -> np.ndarray:
        """A soft round spot on the face, placed by metres from the middle and above the mouth's corners."""
        return np.exp(-((side - x) ** 2 + (height - y) ** 2) / radius**2) * face

    hands = share("left hand", "right hand", smooth=2)
    knuckles = np.zeros(len(rest), np.float32)
    joints = np.asarray(model.joint_template)
    for index, name in enumerate(names.JOINTS):
        if name[-1] in "123" and not name.startswith("spine"):
            knuckles += 0.6 * np.exp(-((rest - joints[index]) ** 2).sum(axis=1) / 0.011**2) * (normal[:, 1] > 0)
    picks = rest[np.asarray(model.vertex_picks)]
    fingers = ("index", "middle", "ring", "pinky")
    tips = [picks[i] for i, name in enumerate(names.VERTEX_PICKS) if name.endswith(fingers)]
    nail = np.zeros(len(rest), np.float32)
    for tip in tips:
        near = np.exp(-(((rest - tip) / np.array([0.0085, 0.02, 0.0065])) ** 4).sum(axis=1))
        nail = np.maximum(nail, near * np.clip(2.5 * normal[:, 1] - 0.7, 0, 1))
    blood = 0.4 * spot(0.040, 0.028, 0.025) + spot(0.0, nose, 0.016) + 0.35 * spot(0.0, -0.035, 0.015)
    blood = blood + 0.9 * share("ears", smooth=2) + 0.5 * share("eyelids", smooth=2) + knuckles + 0.3 * hands
    line = 0.006 + 0.62 * np.clip(side - 0.026, 0, None)
    jaw = np.clip((line - height) / 0.010 + 0.5, 0, 1) * np.clip((height + 0.062 - 0.3 * side) / 0.012, 0, 1)
    jaw *= np.clip(face + neck, 0, 1) * (1 - share("ears", smooth=1)) * np.clip((depth - 0.035) / 0.02, 0, 1)
    moustache = spot(0.0, 0.0165, 0.0085) + spot(0.014, 0.0145, 0.008) + spot(0.024, 0.006, 0.009)
    sideburn = np.clip((side - 0.060) / 0.006, 0, 1) * np.clip((0.065 - height) / 0.02, 0, 1) * face * (height > 0)
    beard = np.clip(np.maximum(np.maximum(jaw, 1.2 * moustache), sideburn), 0, 1)
    oil = spot(0.0, 0.105, 0.035) + spot(0.0, 0.035, 0.02) + 0.8 * spot(0.033, 0.045, 0.014)
    oil = oil + 0.5 * spot(0.0, -0.03, 0.01)
    columns = {
        "lips": share("lips", smooth=0),
        "lids": share("eyelids", smooth=1),
        "scalp": share("scalp", smooth=3),
        "blood": np.clip(blood, 0, 1.5),
        "beard": beard * (1 - np.clip(1.5 * share("lips", smooth=1), 0, 1)),
        "oil": np.clip(oil, 0, 1),
        "palm": hands * np.clip(-1.6 * normal[:, 1] + 0.2, 0, 1),
        "nail": nail,
        "open": occlusion(model),
    }
    return np.stack([columns[name] for name in MASKS], axis=-1).astype(np.float32)

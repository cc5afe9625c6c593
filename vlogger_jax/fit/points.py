"""Which points of the body MediaPipe's landmarks are compared with.

The body is reduced to these points (`body.reduced`), so that the same body layer poses a few hundred vertices.
"""

import numpy as np

from vlogger_jax.body import names, reduced
from vlogger_jax.body.smplx import BodyModel, Posed, pose
from vlogger_jax.core.records import Motion, record, static
from vlogger_jax.core.typing import Array, Float, Int, namespace
from vlogger_jax.fit.landmarks import Landmarks

IBUG = (
    *((70,), (63,), (105,), (66,), (107,), (336,), (296,), (334,), (293,), (300,)),
    *((168, 6), (197, 195), (5,), (4,), (75,), (97,), (2,), (326,), (305,)),
    *((33,), (160,), (158,), (133,), (153,), (144,), (362,), (385,), (387,), (263,), (373,), (380,)),
    *((61,), (39,), (37,), (0,), (267,), (269,), (291,), (321,), (314,), (17,), (84,), (91,)),
    *((78,), (82,), (13,), (312,), (308,), (317,), (14,), (87,)),
)
"""iBUG points 17-67 (brows, nose, eyes, outer and inner lips) among MediaPipe's face points; two mean their middle."""

OUTER_EYES = (33, 263)
"""The outer corners of the eyes among MediaPipe's face points: their distance is the inter-ocular distance."""

POSE_JOINTS = {
    **{11: "left_shoulder", 12: "right_shoulder", 13: "left_elbow", 14: "right_elbow"},
    **{15: "left_wrist", 16: "right_wrist", 23: "left_hip", 24: "right_hip", 25: "left_knee", 26: "right_knee"},
}
"""MediaPipe Pose's points that are joints of the body."""

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")  # in MediaPipe's order


def hand_points(side: str) -> list[int]:
    """MediaPipe's 21 points of a hand, wrist first, among the joints that `smplx.pose` reports."""
    tips = len(names.JOINTS)
    found = [names.JOINTS.index(f"{side}_wrist")]
    for finger in _FINGERS:
        found += [names.JOINTS.index(f"{side}_{finger}{i}") for i in (1, 2, 3)]
        found.append(tips + names.VERTEX_PICKS.index(f"{side}_{finger}"))
    return found


@record
class Points:
    """A body reduced to what landmarks show.

    Attributes:
        body: its vertices are the vertex picks, iBUG 17-67 and, where the body has them, MediaPipe's 478.
        face: `body`'s vertices of the observed face points.
        joints: of the observed joints of body, left and right hand, among those that `smplx.pose` reports.
        dense: whether the face points are MediaPipe's 478; if not they are iBUG's 51.
    """

    body: BodyModel
    face: Int[Array, "n"]
    joints: Int[Array, "k"]
    dense: bool = static()


def reduce(model: BodyModel) -> Points:
    """The points of `model`; those of a face without MediaPipe's points are iBUG 17-67."""
    faces, bary = [np.asarray(model.landmark_faces)], [np.asarray(model.landmark_bary)]
    dense = model.mediapipe_faces is not None
    if dense:
        faces.append(np.asarray(model.mediapipe_faces))
        bary.append(np.asarray(model.mediapipe_bary))
    picks = np.asarray(model.vertex_picks)
    corners = np.concatenate([np.repeat(picks[:, None], 3, axis=1), *(np.asarray(model.faces)[f] for f in faces)])
    weights = np.concatenate([np.tile(np.float32([1, 0, 0]), (len(picks), 1)), *bary]).astype(np.float32)

    ibug = np.arange(len(picks), len(picks) + 51, dtype=np.int32)
    body = reduced.to_points(model, corners, weights, np.arange(len(picks), dtype=np.int32), ibug)
    return Points(
        body=body,
        face=ibug if not dense else np.arange(len(picks) + 51, len(corners), dtype=np.int32),
        joints=np.array(
            [*map(names.JOINTS.index, POSE_JOINTS.values()), *hand_points("left"), *hand_points("right")], np.int32
        ),
        dense=dense,
    )


def place(points: Points, motion: Motion) -> tuple[Float[Array, "t n 3"], Posed]:
    """Where the observed points of the body are, metres: first the face, then `Points.joints`."""
    posed = pose(points.body, motion)
    parts = [posed.vertices[..., points.face, :], posed.joints[..., points.joints, :]]
    return namespace(*parts).concatenate(parts, axis=-2), posed


def observed(landmarks: Landmarks, dense: bool) -> tuple[Float[np.ndarray, "t n 2"], Float[np.ndarray, "t n"]]:
    """The landmarks that `place` is compared with, pixels, and their confidences."""
    face, face_confidence = np.asarray(landmarks.face), np.asarray(landmarks.face_confidence)
    if not dense:
        face, face_confidence = ibug(face), ibug_confidence(face_confidence)
    pose_index = list(POSE_JOINTS)
    where = [face, landmarks.pose[:, pose_index], landmarks.left_hand, landmarks.right_hand]
    confidence = [face_confidence, landmarks.pose_confidence[:, pose_index]]
    confidence += [landmarks.left_hand_confidence, landmarks.right_hand_confidence]
    return (
        np.concatenate([np.asarray(part)[..., :2] for part in where], axis=1),
        np.concatenate([np.asarray(part) for part in confidence], axis=1),
    )


def ibug(face: Float[np.ndarray, "*b 478 c"]) -> Float[np.ndarray, "*b 51 c"]:
    """iBUG 17-67 from MediaPipe's face points."""
    return np.stack([face[..., list(pair), :].mean(axis=-2) for pair in IBUG], axis=-2).astype(face.dtype)


def ibug_confidence(confidence: Float[np.ndarray, "*b 478"]) -> Float[np.ndarray, "*b 51"]:
    """Confidences of iBUG 17-67: of two points the lower."""
    return np.stack([confidence[..., list(pair)].min(axis=-1) for pair in IBUG], axis=-1)


def interocular_distances(landmarks: Landmarks) -> Float[np.ndarray, "t"]:
    """Between the outer corners of the eyes, pixels; 0 where one is not known. The landmarks' own depth undoes
    foreshortening."""
    first, second = (np.asarray(landmarks.face)[:, i] for i in OUTER_EYES)
    known = np.asarray(landmarks.face_confidence)[:, OUTER_EYES].min(axis=-1) > 0
    return (known * np.linalg.norm(first - second, axis=-1)).astype(np.float32)

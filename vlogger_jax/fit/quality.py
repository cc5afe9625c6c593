"""How good a fit is, from the landmarks it was made of: what filters of data sets go by."""

import numpy as np

from vlogger_jax.core.typing import Float
from vlogger_jax.fit import points as body_points
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.fit.result import Quality

GOOD = 0.06
"""Inter-ocular distances: a frame whose landmarks are farther from the body on average is not to be used."""

INSIDE = 0.8
"""Of the face's points: with fewer in the picture, the rest of the face is a guess."""

TORSO = (11, 12, 23, 24)
"""Shoulders and hips among the points of MediaPipe Pose."""


def measure(features: Float[np.ndarray, "t 51 2"], landmarks: Landmarks) -> Quality:
    """The quality of every frame of a fit.

    Args:
        features: where the fit puts iBUG points 17-67, pixels.
    """
    face = body_points.ibug(np.asarray(landmarks.face))[..., :2]
    known = body_points.ibug_confidence(np.asarray(landmarks.face_confidence)) > 0
    error = (known * np.linalg.norm(features - face, axis=-1)).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    distance = body_points.interocular_distances(landmarks)
    seen = (distance > 0) & known.any(axis=-1)
    reprojection = np.where(seen, error / np.where(seen, distance, 1.0), np.inf).astype(np.float32)
    inside = (known & ((face >= 0) & (face <= landmarks.size[::-1])).all(axis=-1)).sum(axis=-1)
    inside = (inside / np.maximum(known.sum(axis=-1), 1)).astype(np.float32)
    return Quality(
        reprojection=reprojection,
        face=np.asarray(landmarks.face_confidence).mean(axis=-1),
        torso=np.asarray(landmarks.pose_confidence)[:, TORSO].mean(axis=-1),
        left_hand=np.asarray(landmarks.left_hand_confidence).mean(axis=-1),
        right_hand=np.asarray(landmarks.right_hand_confidence).mean(axis=-1),
        jitter=(jerk(features, landmarks.fps) / np.median(distance[seen])).astype(np.float32),
        inside=inside,
        good=(reprojection < GOOD) & (inside >= INSIDE),
    )


def jerk(track: Float[np.ndarray, "t n c"], fps: float) -> Float[np.ndarray, "t"]:
    """Mean length of the third derivative by time of `n` points; the ends take the nearest frame's."""
    if len(track) < 4:
        return np.zeros(len(track), np.float32)
    inner = np.linalg.norm(np.diff(track, n=3, axis=0), axis=-1).mean(axis=-1) * fps**3
    return np.pad(inner, (1, 2), mode="edge")

"""How good a fit is, from the landmarks it was made of: what filters of data sets go by."""

import jax
import numpy as np

from vlogger_jax.body import camera as cameras
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Camera, Motion
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.fit import points as body_points
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.fit.result import Quality

GOOD = 0.06
"""Inter-ocular distances: a frame whose landmarks are farther from the body on average is not to be used."""

TORSO = (11, 12, 23, 24)
"""Shoulders and hips among the points of MediaPipe Pose."""


def measure(model: BodyModel, motion: Motion, camera: Camera, landmarks: Landmarks) -> Quality:
    """The quality of every frame of a fit."""
    found = ibug_pixels(model, motion, camera)
    error = np.linalg.norm(found - body_points.ibug(np.asarray(landmarks.face))[..., :2], axis=-1).mean(axis=-1)
    distance = body_points.interocular_distances(landmarks)
    face = np.asarray(landmarks.face_confidence).mean(axis=-1)
    seen = distance > 0
    reprojection = np.where(seen, error / np.where(seen, distance, 1.0), np.inf).astype(np.float32)
    usual = np.median(distance[seen])
    return Quality(
        reprojection=reprojection,
        face=face,
        torso=np.asarray(landmarks.pose_confidence)[:, TORSO].mean(axis=-1),
        left_hand=np.asarray(landmarks.left_hand_confidence).mean(axis=-1),
        right_hand=np.asarray(landmarks.right_hand_confidence).mean(axis=-1),
        jitter=(jerk(found, motion.fps) / usual).astype(np.float32),
        good=reprojection < GOOD,
    )


def ibug_pixels(model: BodyModel, motion: Motion, camera: Camera) -> Float[np.ndarray, "t 51 2"]:
    """Where a fit puts iBUG points 17-67."""
    return np.asarray(_ibug_pixels(body_points.reduce(model), motion, camera))


@jax.jit
def _ibug_pixels(points: body_points.Points, motion: Motion, camera: Camera) -> Array:
    joints = body_points.place(points, motion)[1].joints[..., 76:127, :]
    return cameras.project(camera, joints)[0]


def jerk(track: Float[np.ndarray, "t n c"], fps: float) -> Float[np.ndarray, "t"]:
    """Mean length of the third derivative by time of `n` points; the ends take the nearest frame's."""
    if len(track) < 4:
        return np.zeros(len(track), np.float32)
    inner = np.linalg.norm(np.diff(track, n=3, axis=0), axis=-1).mean(axis=-1) * fps**3
    return np.pad(inner, (1, 2), mode="edge")

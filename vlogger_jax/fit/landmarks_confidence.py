"""How far the points that were found can be trusted, and the record made of them.

MediaPipe tells how probably a point of the pose is visible, and nothing about face and hands. Here a point of the face
is trusted as far as it faces the camera, and a hand as far as the pose's wrist is visible and where the hand is. What
does not move steadily is trusted less, and what lies outside of the image is a guess.
"""

import logging

import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float32
from vlogger_jax.fit.landmarks import POINTS, Landmarks
from vlogger_jax.fit.landmarks_matte import steadied
from vlogger_jax.fit.landmarks_search import Found

log = logging.getLogger(__name__)

OUTSIDE = 0.1
"""Factor on the confidence of points outside of the image."""

ALONE = 0.2
"""Factor on the confidence of a hand that neither the frame before nor the one after shows."""

UNSTEADY = 0.35
"""Palms, or distances between the outer corners of the eyes, off steady motion in one frame: more lowers confidence."""

SMOOTHING = 1 / 30
"""Seconds: standard deviation of the symmetric filter over the pose. Without it MediaPipe's pose trembles."""

FASTEST = 0.25
"""Distances between the shoulders that a point of the pose moves in a frame at most; more is a cut."""

FACE_LEAST = 0.05
"""Confidence of the points of a face that was found which face away from the camera."""

_WRISTS = {"left_hand": 15, "right_hand": 16}  # among the points of the pose
_RIGHT_EYE, _LEFT_EYE, _TOP, _CHIN = 33, 263, 10, 152  # among those of the face: outer corners, forehead, chin
_WRIST, _KNUCKLE = 0, 9  # among those of a hand
_SHOULDERS = (11, 12)


def assemble(found: list[Found], fps: float) -> Landmarks:
    """The record of what was found in all frames.

    Raises:
        UserError: if no frame shows a face.
    """
    count, size = len(found), found[0].size
    missing = [i for i, frame in enumerate(found) if frame.seen.face is None]
    if len(missing) == count:
        raise UserError(
            _no_face(found),
            "Use a picture or video that shows it larger, sharper and upright, or give your own landmarks",
        )
    if missing:
        log.warning("no face in %d of %d frames, first in frame %d", len(missing), count, missing[0])
    points = {name: np.zeros((count, number, 3), np.float32) for name, number in POINTS.items()}
    there = {name: np.zeros(count, bool) for name in POINTS}
    visible = np.zeros((count, POINTS["pose"]), np.float32)
    for i, frame in enumerate(found):
        for name in POINTS:
            array = getattr(frame.seen, name)
            if array is not None:
                points[name][i], there[name][i] = array[:, :3], True
        if frame.seen.pose is not None:
            visible[i] = np.clip(frame.seen.pose[:, 3], 0, 1)
    _keep_one_of_two(points, there)
    confidence = {
        "face": facing(points["face"])
        * _steadiness(points["face"], there["face"], _face_width(points["face"]))[:, None]
    }
    for name, wrist in _WRISTS.items():
        confidence[name] = _hand(points[name], there[name], points["pose"][:, wrist], visible[:, wrist])
    confidence["pose"] = visible
    points["pose"] = _smoothed(points["pose"], there["pose"], SMOOTHING * fps)
    for name in POINTS:
        inside = ((points[name][..., :2] >= 0) & (points[name][..., :2] <= (size[1], size[0]))).all(axis=-1)
        confidence[name] = np.where(inside, 1, OUTSIDE) * confidence[name] * there[name][:, None]
    arrays = {name: np.where(there[name][:, None, None], points[name], 0).astype(np.float32) for name in POINTS}
    arrays |= {f"{name}_confidence": confidence[name].astype(np.float32) for name in POINTS}
    return Landmarks(**arrays, matte=steadied([frame.matte for frame in found]), fps=fps, size=size)


def _no_face(found: list[Found]) -> str:
    height, width = found[0].size
    what = f"any of the {len(found)} frames" if len(found) > 1 else "the picture"
    bodies = sum(frame.seen.pose is not None for frame in found)
    seen = (
        "nor a body"
        if not bodies
        else "only a body without one"
        if len(found) == 1
        else f"only a body in {bodies} of them"
    )
    return f"no face was found in {what} of {width} x {height} pixels, {seen}"


def facing(face: Float32[np.ndarray, "t 478 3"]) -> Float32[np.ndarray, "t 478"]:
    """How far each point of a face mesh is turned towards the camera: from `FACE_LEAST`, away from it, to 1.

    The head is taken for a ball that the mesh lies on; its middle is half a face's width behind the mesh's.
    """
    across, along = face[:, _LEFT_EYE] - face[:, _RIGHT_EYE], face[:, _CHIN] - face[:, _TOP]
    forward = np.cross(along, across)  # x right, y down, z away: out of a frontal face this points at the camera
    forward /= np.maximum(np.linalg.norm(forward, axis=-1, keepdims=True), 1e-9)
    width = np.linalg.norm(across, axis=-1)
    middle = face.mean(axis=1) - 0.5 * width[:, None] * forward
    normal = face - middle[:, None]
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    return np.clip((0.2 - normal[..., 2]) / 0.5, FACE_LEAST, 1).astype(np.float32)


def _keep_one_of_two(points: dict[str, np.ndarray], there: dict[str, np.ndarray]) -> None:
    """Where both hands are the same one, keep that whose wrist of the pose is nearer."""
    left, right = points["left_hand"], points["right_hand"]
    apart = np.linalg.norm((left - right)[..., :2], axis=-1).mean(axis=-1)
    size = np.maximum(_hand_size(left), _hand_size(right))
    same = there["left_hand"] & there["right_hand"] & (apart < 0.4 * size)
    far = {
        name: np.linalg.norm((points[name][:, _WRIST] - points["pose"][:, w])[:, :2], axis=-1)
        for name, w in _WRISTS.items()
    }
    there["left_hand"] &= ~(same & (far["left_hand"] > far["right_hand"]))
    there["right_hand"] &= ~(same & (far["left_hand"] <= far["right_hand"]))


def _hand(points: np.ndarray, there: np.ndarray, wrist: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Confidence of a hand's points: visibility of the pose's wrist x agreement with it x steadiness."""
    size = _hand_size(points)
    size = np.maximum(size, 0.7 * np.median(size[there]) if there.any() else 1e-3)  # a hand seen end on looks small
    apart = np.linalg.norm((points[:, _WRIST] - wrist)[:, :2], axis=-1) / size
    agreement = np.exp(-0.5 * np.maximum(apart - 0.5, 0) ** 2)  # MediaPipe's two wrists lie half a palm apart
    confidence = visible * agreement * _steadiness(points, there, size)
    if len(there) > 2:
        around = np.pad(there, 1)
        confidence = np.where(there & ~around[:-2] & ~around[2:], ALONE, 1) * confidence
    return np.repeat(confidence[:, None], points.shape[1], axis=1)


def _steadiness(points: np.ndarray, there: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Down from 1 where points are not where steady motion takes them; [t].

    Steady with the frames around, with the two before or with the two after: at a cut the last two do not count.
    """
    count, away = len(points), []
    at = np.pad(
        np.where(there[:, None, None], points[..., :2], np.nan), ((2, 2), (0, 0), (0, 0)), constant_values=np.nan
    )
    for a, b, c in ((1, 2, 3), (0, 1, 2), (4, 3, 2)):
        bend = at[a : a + count] - 2 * at[b : b + count] + at[c : c + count]
        away.append(np.linalg.norm(bend, axis=-1).mean(axis=-1) / 2)
    least = np.fmin(np.fmin(away[0], away[1]), away[2]) / np.maximum(size, 1e-3)
    return np.exp(-3 * np.maximum(np.nan_to_num(least) - UNSTEADY, 0))


def _smoothed(points: np.ndarray, there: np.ndarray, frames: float) -> np.ndarray:
    """Gaussian means over frames before and after; `frames` is the standard deviation.

    Only pairs of frames at the same distance count, so that steady motion stays exact, and none beyond a point that is
    missing or goes faster than arms do (a cut).
    """
    width = np.linalg.norm((points[:, _SHOULDERS[0]] - points[:, _SHOULDERS[1]])[:, :2], axis=-1)
    limit = FASTEST * np.median(width[there]) if there.any() else 0
    known = np.where(there[:, None, None], points, np.nan).astype(np.float64)
    total, weight = np.nan_to_num(known), np.ones(points.shape[:2])
    reach = there[:, None] & np.ones(points.shape[:2], bool)
    for k in range(1, min(int(np.ceil(3 * frames)), len(points) - 1) + 1):
        before, after = np.full_like(known, np.nan), np.full_like(known, np.nan)
        before[k:], after[:-k] = known[:-k], known[k:]
        for other in (before, after):
            reach &= np.linalg.norm((other - known)[..., :2], axis=-1) <= k * limit  # NaN is not
        share = np.where(reach, np.exp(-0.5 * (k / frames) ** 2), 0)
        total += share[..., None] * np.where(reach[..., None], before + after, 0)
        weight += 2 * share
    return total / weight[..., None]


def _face_width(face: np.ndarray) -> np.ndarray:
    return np.linalg.norm(face[:, _LEFT_EYE] - face[:, _RIGHT_EYE], axis=-1)


def _hand_size(hand: np.ndarray) -> np.ndarray:
    """From wrist to middle knuckle, pixels, foreshortened or not."""
    return np.linalg.norm(hand[:, _KNUCKLE] - hand[:, _WRIST], axis=-1)

"""Where a fit starts: the pose of the head in every frame, from the face points alone, and what is not looked for."""

import warnings

import numpy as np
from scipy.spatial.transform import Rotation

from vlogger_jax.body.smplx import BodyModel, pose, rest_motion
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import record, static
from vlogger_jax.core.typing import Array, Bool, Float
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.fit.points import ibug, ibug_confidence, interocular_distances
from vlogger_jax.fit.priors import LEGS, TORSO
from vlogger_jax.fit.unknowns import ANCHOR

RIGID = [*range(10, 19), 19, 22, 25, 28]
"""Nose and corners of the eyes, among iBUG 17-67: what no expression moves much."""

SMALLEST_FACE = 1.0
"""Pixels between the outer corners of the eyes."""

CUT = np.array([0.6, 0.6, 0.15])
"""A face that moves farther than this in 1/24 s (inter-ocular distances, logarithm of its size) is in another shot."""

FEWEST = 5
"""Of the points `RIGID` that must be known of a face."""

FARTHEST_TURN = 1.0
"""Radians that neck and head turn together with ease."""

SHOULDERS, KNEES, WRISTS = (11, 12), (25, 26), {"left": 15, "right": 16}
"""Among the points of MediaPipe Pose."""

SEEN = 0.5
"""Confidence from which on these count as seen, and the pose of torso, legs and arms is looked for."""


@record
class Start:
    """What is known of every frame before anything is fitted.

    Attributes:
        turn: of the head, axis-angle, world.
        place: as in `Unknowns`.
        interocular: pixels, of the whole clip.
        continues: whether it goes on from the frame before; where it does not, the video was cut.
        held: names of joints that nothing shows.
        hanging: which arms, `left` or `right`, show no hand.
    """

    turn: Float[Array, "t 3"]
    place: Float[Array, "t 3"]
    interocular: Float[Array, ""]
    continues: Bool[Array, "t"]
    held: frozenset[str] = static()
    hanging: frozenset[str] = static()


def begin(model: BodyModel, landmarks: Landmarks) -> Start:
    """Weak perspective: the rotation, scale and shift that take the body's face best to the landmarks, their own depth
    included (Kabsch 1976). Frames without a face take those of the nearest frame that has one.

    A torso whose shoulders are not seen is held upright, facing the camera: neck and head turn instead, and the pelvis
    only where they cannot turn as far. Legs whose knees are not seen are held, arms that show no hand hang.

    Raises:
        UserError: if no frame shows the eyes and enough of the face, or it is smaller than `SMALLEST_FACE`.
    """
    rest = np.asarray(pose(model, rest_motion(model)).joints)[0, ANCHOR - 10 : ANCHOR + 41]
    known = ibug_confidence(np.asarray(landmarks.face_confidence))[:, RIGID] > 0
    with_face = np.flatnonzero((interocular_distances(landmarks) > 0) & (known.sum(axis=-1) >= FEWEST))
    if not len(with_face):
        raise UserError("the landmarks have no face in any frame", "Give landmarks of eyes and nose with confidences")
    interocular = np.median(interocular_distances(landmarks)[with_face])
    if not interocular >= SMALLEST_FACE:
        raise UserError(
            f"the eyes of the landmarks' face lie {interocular:.2g} pixels apart", "Give a larger face, in pixels"
        )
    face = ibug(np.asarray(landmarks.face))[with_face]
    turns, scales, anchors = np.empty((len(face), 3)), np.empty(len(face)), np.empty((len(face), 2))
    for i, (points, which) in enumerate(zip(face[:, RIGID], known[with_face], strict=True)):
        body = rest[RIGID][which]
        rotation, scales[i], middle = _weak_perspective(body, points[which] * np.float32([1, -1, -1]))
        turns[i] = rotation.as_rotvec()
        anchors[i] = (middle + scales[i] * rotation.apply(rest[10] - body.mean(axis=0)))[:2] * (1, -1)
    place = np.concatenate([anchors / interocular, -np.log(np.maximum(scales, 1e-3))[:, None]], axis=1)
    nearest = np.interp(np.arange(len(landmarks.face)), with_face, np.arange(len(with_face))).round().astype(int)
    held = _held(landmarks, with_face)
    if np.median(np.linalg.norm(turns, axis=-1)) > FARTHEST_TURN:
        held -= {"pelvis"}
    return Start(
        turn=turns[nearest].astype(np.float32),
        place=place[nearest].astype(np.float32),
        continues=_continues(place, with_face, len(landmarks.face), landmarks.fps),
        interocular=np.asarray(interocular, np.float32),
        held=held,
        hanging=frozenset(side for side in WRISTS if not _shows_hand(landmarks, side)),
    )


def _weak_perspective(body: np.ndarray, seen: np.ndarray) -> tuple[Rotation, float, np.ndarray]:
    """Rotation, scale (pixels a metre) and the middle of the seen points; y up, z towards the camera."""
    middle = seen.mean(axis=0)
    centred = body - body.mean(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # points on a line: any rotation about it will do to begin with
        rotation, _ = Rotation.align_vectors(seen - middle, centred)
    # Depth is the weakest of the landmarks' coordinates, so it has no say in the scale.
    flat = rotation.apply(centred)[:, :2]
    return rotation, float((flat * (seen - middle)[:, :2]).sum() / (flat * flat).sum()), middle


def _continues(place: np.ndarray, with_face: np.ndarray, frames: int, fps: float) -> np.ndarray:
    """Whether each frame goes on from the one before: not where a face is somewhere else when it is seen again."""
    elapsed = np.diff(with_face)[:, None] * 24.0 / fps
    cut = (np.abs(np.diff(place, axis=0)) > CUT * np.maximum(elapsed, 1.0)).any(axis=-1)
    found = np.ones(frames, bool)
    found[0] = False
    found[with_face[1:][cut]] = False
    return found


def _held(landmarks: Landmarks, with_face: np.ndarray) -> frozenset[str]:
    confidence = np.median(np.asarray(landmarks.pose_confidence)[with_face], axis=0)
    hidden = [joints for joints, shown in ((TORSO, SHOULDERS), (LEGS, KNEES)) if confidence[list(shown)].min() < SEEN]
    return frozenset(name for joints in hidden for name in joints)


def _shows_hand(landmarks: Landmarks, side: str) -> bool:
    """In one frame of ten or more."""
    wrist = np.asarray(landmarks.pose_confidence)[:, WRISTS[side]]
    hand = np.asarray(getattr(landmarks, f"{side}_hand_confidence")).max(axis=-1)
    return bool(np.quantile(np.maximum(wrist, hand), 0.9) >= SEEN)

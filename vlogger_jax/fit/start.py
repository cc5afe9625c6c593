"""Where a fit starts: the pose of the head in every frame, from the face points alone, and what is not looked for."""

import numpy as np
from scipy.spatial.transform import Rotation

from vlogger_jax.body.smplx import BodyModel, pose, rest_motion
from vlogger_jax.core.records import record, static
from vlogger_jax.core.typing import Array, Bool, Float
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.fit.points import ibug, interocular_distances
from vlogger_jax.fit.priors import LEGS, TORSO
from vlogger_jax.fit.unknowns import ANCHOR

RIGID = [*range(10, 19), 19, 22, 25, 28]
"""Nose and corners of the eyes, among iBUG 17-67: what no expression moves much."""

CUT = (0.6, 0.6, 0.15)
"""A face that moves farther than this from one frame to the next (inter-ocular distances, logarithm of its size) is in
another shot."""

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

    A torso whose shoulders are not seen is held upright, facing the camera: neck and head turn instead. So are legs
    whose knees are not seen, and arms that show no hand hang.
    """
    rest = np.asarray(pose(model, rest_motion(model)).joints)[0, ANCHOR - 10 : ANCHOR + 41]
    body = rest[RIGID] - rest[RIGID].mean(axis=0)
    with_face = np.flatnonzero(np.asarray(landmarks.face_confidence).max(axis=-1) > 0)
    face = ibug(np.asarray(landmarks.face))[with_face]
    world = face[:, RIGID] * np.float32([1, -1, -1])
    world = world - world.mean(axis=1, keepdims=True)
    turns, scales = np.empty((len(face), 3)), np.empty(len(face))
    for i, points in enumerate(world):
        rotation, _ = Rotation.align_vectors(points, body)
        turns[i] = rotation.as_rotvec()
        # Depth is the weakest of the landmarks' coordinates, so it has no say in the scale.
        flat = rotation.apply(body)[:, :2]
        scales[i] = (flat * points[:, :2]).sum() / (flat * flat).sum()
    interocular = np.median(interocular_distances(landmarks)[with_face])
    place = np.concatenate([face[:, 10, :2] / interocular, -np.log(np.maximum(scales, 1e-3))[:, None]], axis=1)
    nearest = np.abs(np.arange(len(landmarks.face))[:, None] - with_face).argmin(axis=1)
    place = place[nearest].astype(np.float32)
    return Start(
        turn=turns[nearest].astype(np.float32),
        place=place,
        continues=np.append(False, (np.abs(np.diff(place, axis=0)) < CUT).all(axis=-1)),
        interocular=np.asarray(interocular, np.float32),
        held=_held(landmarks, with_face),
        hanging=frozenset(side for side in WRISTS if not _shows_hand(landmarks, side)),
    )


def _held(landmarks: Landmarks, with_face: np.ndarray) -> frozenset[str]:
    confidence = np.median(np.asarray(landmarks.pose_confidence)[with_face], axis=0)
    hidden = [joints for joints, shown in ((TORSO, SHOULDERS), (LEGS, KNEES)) if confidence[list(shown)].min() < SEEN]
    return frozenset(name for joints in hidden for name in joints)


def _shows_hand(landmarks: Landmarks, side: str) -> bool:
    wrist = np.asarray(landmarks.pose_confidence)[:, WRISTS[side]]
    return bool(max(wrist.max(), np.asarray(getattr(landmarks, f"{side}_hand_confidence")).max()) >= SEEN)

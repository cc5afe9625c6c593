"""The whole fit on clips small enough for every run; `test_truth` and `test_real` measure it."""

import dataclasses

import jax
import numpy as np
import pytest

from tests.fit import truth
from vlogger_jax.body import model_file, names, rotation, smplx
from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import priors, solve, start

FRAMES = 6

SEEN = [
    names.JOINTS.index(name) for name in ("neck", "head", "left_shoulder", "right_shoulder", "left_elbow", "left_wrist")
]
"""What is within the picture of person 1."""


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def clip(model):
    return truth.clip(model, seed=1, frames=FRAMES)


@pytest.fixture(scope="module")
def landmarks(model, clip):
    return truth.landmarks(model, *clip, noise=0.0)


@pytest.fixture(scope="module")
def fitted(model, landmarks):
    return solve.fit(model, landmarks)


def head_error(model, first, second):
    turns = [smplx.pose(model, motion).joint_rotation[:, names.JOINTS.index("head")] for motion in (first, second)]
    between = rotation.matmul(np.swapaxes(turns[0], -1, -2), turns[1])
    return np.rad2deg(np.linalg.norm(rotation.matrix_to_axis_angle(between), axis=-1))


def test_a_clip_comes_back(model, clip, landmarks, fitted):
    motion, _ = clip
    assert head_error(model, motion, fitted.motion).max() < 4
    assert np.rad2deg(np.abs(motion.jaw_pose - fitted.motion.jaw_pose)).max() < 3
    assert fitted.quality.reprojection.max() < 0.01 and fitted.quality.good.all()
    assert fitted.motion.fps == landmarks.fps and fitted.camera.size == landmarks.size
    assert np.shares_memory(fitted.matte, landmarks.matte)


def test_coefficients_and_angles_stay_possible(fitted):
    assert fitted.motion.expression.min() >= 0 and fitted.motion.expression.max() <= 1
    limits = priors.joint_limits()[1:22]
    assert (fitted.motion.body_pose > limits[..., 0] - 0.1).all() and (
        fitted.motion.body_pose < limits[..., 1] + 0.1
    ).all()
    assert np.isfinite(np.concatenate([v.ravel() for v in jax.tree.leaves(fitted.motion)])).all()


@pytest.mark.slow
def test_the_same_landmarks_give_the_same_fit(model, landmarks, fitted):
    again = solve.fit(model, landmarks)
    for first, second in zip(jax.tree.leaves(fitted), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(first, second)


def test_progress_goes_from_nothing_to_everything(model, landmarks):
    told = []
    solve.fit(model, landmarks, report=told.append)
    assert told == sorted(told) and 0 < told[0] < 0.2 and told[-1] == 1.0


def test_a_picture_is_a_clip_of_one_frame(model, clip, landmarks):
    one = solve.fit(model, jax.tree.map(lambda v: v[:1], landmarks))
    assert one.motion.transl.shape == (1, 3) and one.quality.reprojection[0] < 0.01
    assert head_error(model, jax.tree.map(lambda v: v[:1] if v.ndim > 1 else v, clip[0]), one.motion)[0] < 5


@pytest.mark.slow
def test_a_torso_that_is_not_seen_stays_upright(model, landmarks):
    tight = dataclasses.replace(landmarks, pose_confidence=0 * landmarks.pose_confidence)
    found = solve.fit(model, tight)
    assert not found.motion.global_orient.any()
    spine = [names.JOINTS.index(name) - 1 for name in priors.TORSO[1:]]
    resting = priors.typical_pose()[[i + 1 for i in spine], :, 0]
    np.testing.assert_allclose(found.motion.body_pose[:, spine], np.broadcast_to(resting, (FRAMES, 5, 3)), atol=1e-6)
    assert found.quality.reprojection.max() < 0.02 and (found.quality.torso == 0).all()


def test_a_known_focal_length_is_kept(model, clip, landmarks):
    found = solve.fit(model, landmarks, focal=float(clip[1].focal))
    np.testing.assert_allclose(found.camera.focal, clip[1].focal, rtol=0.03)


@pytest.mark.slow
def test_frames_without_a_face_lie_between_their_neighbours_and_are_not_good(model, landmarks):
    lost = np.ones(FRAMES, np.float32)
    lost[2:4] = 0
    groups = {
        name: value * (lost.reshape(-1, *[1] * (value.ndim - 1)))
        for name, value in vars(landmarks).items()
        if name in points_of(landmarks)
    }
    found = solve.fit(model, dataclasses.replace(landmarks, **groups))
    assert list(found.quality.good) == [True, True, False, False, True, True]
    assert np.isinf(found.quality.reprojection[2:4]).all()
    steps = np.linalg.norm(np.diff(found.motion.transl, axis=0), axis=-1)
    assert steps.max() < 0.05


def points_of(landmarks):
    return {name for name in vars(landmarks) if name not in ("fps", "size", "matte")}


@pytest.mark.slow
def test_a_face_of_51_points_is_enough_for_other_bodies(model, landmarks, clip):
    """As with a licensed SMPL-X file: no MediaPipe points, nameless coefficients without a box."""
    other = dataclasses.replace(
        model, mediapipe_faces=None, mediapipe_bary=None, expression_names=(), shape_names=(), name="smplx-0123456789ab"
    )
    found = solve.fit(other, landmarks)
    assert found.motion.body == other.name and found.quality.reprojection.max() < 0.03
    assert head_error(other, dataclasses.replace(clip[0], body=other.name), found.motion).max() < 12


@pytest.mark.slow
def test_long_clips_are_joined_from_windows(model, monkeypatch):
    motion, camera = truth.clip(model, seed=1, frames=26)
    landmarks = truth.landmarks(model, motion, camera, noise=0.0)
    monkeypatch.setattr(solve, "LENGTHS", (16,))
    monkeypatch.setattr(solve, "SPREAD", 13)
    monkeypatch.setattr(solve, "OVERLAP", 4)
    told = []
    found = solve.fit(model, landmarks, focal=float(camera.focal), report=told.append)
    assert found.motion.transl.shape == (26, 3) and told == sorted(told) and told[-1] == 1.0
    assert found.quality.reprojection.max() < 0.02
    assert head_error(model, motion, found.motion).max() < 5
    steps, true_steps = (
        np.linalg.norm(np.diff(smplx.pose(model, m).joints[:, SEEN], axis=0), axis=-1) for m in (found.motion, motion)
    )
    assert steps.max() < 2.5 * true_steps.max()  # metres a frame: no jump where windows meet


def test_no_face_at_all_is_an_error(model, landmarks):
    blind = dataclasses.replace(landmarks, face_confidence=0 * landmarks.face_confidence)
    with pytest.raises(UserError, match="no face"):
        solve.fit(model, blind)


@pytest.mark.parametrize("focal", [0.0, -5.0, 20.0, 1e6, float("nan"), float("inf")])
def test_an_impossible_focal_length_is_an_error(model, landmarks, focal):
    with pytest.raises(UserError, match="focal"):
        solve.fit(model, landmarks, focal=focal)


@pytest.mark.parametrize("points", [(33, 263), range(478)])
def test_landmarks_that_are_no_face_are_an_error(model, landmarks, points):
    face = landmarks.face.copy()
    face[:, list(points)] = 7.0
    with pytest.raises(UserError, match="face"):
        solve.fit(model, dataclasses.replace(landmarks, face=face))


@pytest.mark.slow
def test_points_that_are_not_known_do_not_count(model, landmarks, fitted):
    """Their coordinates may be anything; those of the file format are 0."""
    face, confidence = landmarks.face.copy(), landmarks.face_confidence.copy()
    unknown = np.arange(2, 468, 5)  # points of the nose's bridge and of the lips among them
    face[:, unknown], confidence[:, unknown] = 0, 0
    found = solve.fit(model, dataclasses.replace(landmarks, face=face, face_confidence=confidence))
    assert found.quality.good.all() and found.quality.reprojection.max() < 0.015
    assert head_error(model, fitted.motion, found.motion).max() < 1


def test_half_a_face_is_not_good(model, landmarks):
    middle = float(landmarks.face[..., 0].mean())
    half = dataclasses.replace(landmarks, size=(512, round(middle)))
    found = solve.fit(model, half)
    assert not found.quality.good.any() and (found.quality.inside < 0.7).all()


def test_a_gap_is_no_cut_and_a_jump_is_one(model, landmarks):
    moved = landmarks.face + np.float32([3, 0, 0]) * np.arange(FRAMES, dtype=np.float32)[:, None, None]
    confidence = landmarks.face_confidence.copy()
    confidence[2:4] = 0
    gap = start.begin(model, dataclasses.replace(landmarks, face=moved, face_confidence=confidence))
    assert list(gap.continues) == [False, True, True, True, True, True]
    moved[3:] += np.float32([200, 0, 0])
    jump = start.begin(model, dataclasses.replace(landmarks, face=moved))
    assert list(jump.continues) == [False, True, True, False, True, True]


@pytest.mark.slow
def test_a_head_that_neck_and_head_cannot_turn_turns_the_pelvis(model, landmarks):
    """Upside down: the torso is not seen, and still has to turn."""
    height, width = landmarks.size
    turned = landmarks.face * np.float32([-1, -1, 1]) + np.float32([width, height, 0])
    tight = dataclasses.replace(landmarks, face=turned, pose_confidence=0 * landmarks.pose_confidence)
    found = solve.fit(model, tight)
    assert found.quality.reprojection.max() < 0.03
    assert np.abs(found.motion.betas).max() < 3

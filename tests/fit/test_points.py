import dataclasses

import numpy as np
import pytest

from tests.body import random_motion
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.fit import points


@pytest.fixture(scope="module")
def model():
    return model_file.default()


def test_the_reduced_body_puts_its_points_where_the_whole_body_has_them(model):
    reduced = points.reduce(model)
    motion = random_motion.sample(model, 20, np.random.default_rng(0), betas=1.0, faces=True)
    whole, small = smplx.pose(model, motion), smplx.pose(reduced.body, motion)
    np.testing.assert_allclose(small.joints[..., :76, :], whole.joints[..., :76, :], atol=2e-6)
    # A point's skinning is the mean of its corners': exact on one joint, near it between two.
    landmarks = np.linalg.norm(small.joints[..., 76:127, :] - whole.joints[..., 76:127, :], axis=-1)
    corners = whole.vertices[..., np.asarray(model.faces)[model.mediapipe_faces], :]
    exact = (corners * model.mediapipe_bary[..., None]).sum(axis=-2)
    dense = np.linalg.norm(small.vertices[..., reduced.face, :] - exact, axis=-1)
    assert landmarks.max() < 1e-4 and dense.max() < 1e-3
    assert landmarks.mean() < 1e-5 and dense.mean() < 1e-5


def test_a_body_without_mediapipes_points_is_reduced_to_ibugs(model):
    sparse = dataclasses.replace(model, mediapipe_faces=None, mediapipe_bary=None)
    reduced = points.reduce(sparse)
    assert not reduced.dense and len(reduced.face) == 51
    motion = smplx.rest_motion(sparse)
    found = smplx.pose(reduced.body, motion)
    np.testing.assert_allclose(found.vertices[0, reduced.face], smplx.pose(sparse, motion).joints[0, 76:127], atol=1e-6)


def test_pose_correctives_are_reduced_too(model):
    rng = np.random.default_rng(1)
    correctives = (1e-3 * rng.standard_normal((486, 1, 3))).astype(np.float32)
    bent = dataclasses.replace(model, posedirs=np.broadcast_to(correctives, (486, *model.v_template.shape)))
    motion = random_motion.sample(model, 2, rng, betas=1.0, faces=False)
    whole, small = smplx.pose(bent, motion), smplx.pose(points.reduce(bent).body, motion)
    np.testing.assert_allclose(small.joints[..., :76, :], whole.joints[..., :76, :], atol=5e-6)


def test_hands_are_in_mediapipes_order():
    everything = (*names.JOINTS, *names.VERTEX_PICKS)
    found = [everything[i] for i in points.hand_points("left")]
    assert found[:5] == ["left_wrist", "left_thumb1", "left_thumb2", "left_thumb3", "left_thumb"]
    assert found[17:] == ["left_pinky1", "left_pinky2", "left_pinky3", "left_pinky"]
    assert [name.replace("left", "right") for name in found] == [everything[i] for i in points.hand_points("right")]


def test_mediapipes_face_points_lie_on_ibugs(model):
    """The table IBUG against the body's own two sets, which were found independently of it."""
    reduced = points.reduce(model)
    posed = smplx.pose(reduced.body, smplx.rest_motion(model))
    distance = np.linalg.norm(points.ibug(posed.vertices[0, reduced.face]) - posed.joints[0, 76:127], axis=-1)
    assert np.median(distance) < 1e-3 and distance.max() < 6e-3


def test_landmarks_of_ibug_are_means_of_mediapipes():
    face = np.random.default_rng(0).uniform(0, 500, (2, 478, 3)).astype(np.float32)
    found = points.ibug(face)
    np.testing.assert_allclose(found[:, 10], (face[:, 168] + face[:, 6]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(found[:, 31], face[:, 61])

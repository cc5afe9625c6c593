import numpy as np
import pytest

from tests.body import random_motion
from vlogger_jax.body import model_file, reduced, smplx


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def motion(model):
    return random_motion.sample(model, 3, np.random.default_rng(0), 1.0, True)


def test_some_of_the_vertices_lie_where_they_lay(model, motion):
    kept = np.array([5, 4000, 17, 5])
    whole, few = smplx.pose(model, motion), smplx.pose(reduced.to_vertices(model, kept), motion)
    np.testing.assert_allclose(few.vertices, whole.vertices[..., kept, :], atol=1e-6)
    np.testing.assert_allclose(few.joints[..., :55, :], whole.joints[..., :55, :], atol=1e-6)


def test_points_on_rigid_faces_are_means_of_their_corners(model, motion):
    rigid = np.flatnonzero((np.ptp(model.lbs_weights[model.faces], axis=1) < 1e-6).all(axis=-1))[:20]
    corners, weights = model.faces[rigid], np.random.default_rng(1).dirichlet(np.ones(3), 20).astype(np.float32)
    whole, few = smplx.pose(model, motion), smplx.pose(reduced.to_points(model, corners, weights), motion)
    there = (whole.vertices[..., corners, :] * weights[..., None]).sum(axis=-2)
    np.testing.assert_allclose(few.vertices, there, atol=1e-5)


def test_picks_and_landmarks_are_joints_after_the_55(model, motion):
    corners = np.repeat(np.arange(0, 7200, 100)[:, None], 3, axis=1)
    picks, landmarks = np.arange(21, dtype=np.int32), np.arange(21, 72, dtype=np.int32)
    small = reduced.to_points(model, corners, np.full(corners.shape, 1 / 3, np.float32), picks, landmarks)
    posed = smplx.pose(small, motion)
    np.testing.assert_allclose(posed.joints[..., 55:, :], posed.vertices, atol=1e-6)

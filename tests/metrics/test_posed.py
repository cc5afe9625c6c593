"""What is posed of a reduced body is what the body layer poses of the whole one."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from tests.metrics.people import moving
from vlogger_jax.body import names, reduced, smplx
from vlogger_jax.core.errors import UserError
from vlogger_jax.metrics import posed


def test_the_skeleton_is_that_of_the_whole_body(model):
    motion = moving(model, 3)
    whole, found = smplx.pose(model, motion), posed.skeleton(model, motion)
    np.testing.assert_allclose(found.positions, whole.joints[:, :55], atol=1e-6)
    np.testing.assert_allclose(found.rotations, whole.joint_rotation, atol=1e-6)


def test_lips_are_those_of_a_body_at_rest_with_this_face(model):
    motion = moving(model, 3)
    still = smplx.rest_motion(model, 3)
    face = dataclasses.replace(still, betas=motion.betas, expression=motion.expression, jaw_pose=motion.jaw_pose)
    lips = np.unique(model.faces[np.asarray(model.labels) == names.LABELS.index("lips")])
    np.testing.assert_allclose(posed.lip_vertices(model, motion), smplx.pose(model, face).vertices[:, lips], atol=1e-6)


def test_body_head_and_eyes_do_not_move_the_lips(model):
    motion, other = moving(model), moving(model, seed=1)
    same = dataclasses.replace(other, betas=motion.betas, expression=motion.expression, jaw_pose=motion.jaw_pose)
    np.testing.assert_array_equal(posed.lip_vertices(model, motion), posed.lip_vertices(model, same))
    jaw = dataclasses.replace(same, jaw_pose=other.jaw_pose)
    assert np.abs(posed.lip_vertices(model, motion) - posed.lip_vertices(model, jaw)).max() > 1e-3


def test_samples_are_posed_together(model):
    one, two = moving(model, 4), moving(model, 4, seed=1)
    both = dataclasses.replace(
        one,
        **{
            name: np.stack([value, getattr(two, name)])
            for name, value in vars(one).items()
            if name not in ("fps", "body")
        },
    )
    for function in (posed.lip_vertices, lambda model, motion: posed.skeleton(model, motion).positions):
        apart = np.stack([function(model, one), function(model, two)])
        np.testing.assert_allclose(function(model, both), apart, atol=1e-6)


def test_correctives_of_the_jaw_move_the_lips(model):
    """Bodies in SMPL-X's own files have them, the default body has none."""
    rng = np.random.default_rng(0)
    small = reduced.to_vertices(model, np.arange(5))
    lips = np.full(1, names.LABELS.index("lips"), np.int32)
    posedirs = rng.normal(0, 0.01, (486, 5, 3)).astype(np.float32)
    with_them = dataclasses.replace(small, posedirs=posedirs, labels=lips, faces=np.int32([[0, 1, 2]]))
    motion = moving(model, 3)
    found = posed.lip_vertices(with_them, motion)
    whole = smplx.pose(with_them, posed.face_only(motion)).vertices[:, :3]
    np.testing.assert_allclose(found, whole, atol=1e-6)
    without = posed.lip_vertices(dataclasses.replace(with_them, posedirs=None), motion)
    assert np.abs(found - without).max() > 1e-4


def test_a_body_that_says_nothing_of_lips_is_refused(model):
    silent = dataclasses.replace(model, labels=np.zeros_like(model.labels))
    with pytest.raises(UserError, match="does not say which faces are lips"):
        posed.lip_vertices(silent, moving(model, 2))


def test_in_place_the_root_stays(model):
    found = posed.skeleton(model, posed.in_place(moving(model)))
    assert np.ptp(found.positions[:, 0], axis=0).max() < 1e-4  # the pelvis follows the expression by micrometres
    np.testing.assert_array_equal(found.rotations[:, 0], np.broadcast_to(np.eye(3), (12, 3, 3)))
    assert np.ptp(found.positions[:, 20], axis=0).min() > 0.01


def test_arrays_of_jax_will_do(model):
    motion = moving(model, 2)
    traced = dataclasses.replace(motion, expression=jnp.asarray(motion.expression))
    found = posed.lip_vertices(model, traced)
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, posed.lip_vertices(model, motion))

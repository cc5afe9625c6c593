import dataclasses

import jax
import numpy as np
import pytest

from tests.metrics.people import moving
from vlogger_jax.body import rotation, smplx
from vlogger_jax.metrics.gesture_windows import FRAMES, NUMBERS, pack, windows


def test_at_rest_every_rotation_is_the_identity(model):
    (found,) = windows(smplx.rest_motion(model, FRAMES))
    np.testing.assert_array_equal(found.reshape(FRAMES, 43, 6), np.broadcast_to([1, 0, 0, 0, 1, 0], (FRAMES, 43, 6)))
    assert NUMBERS == 258


@pytest.mark.parametrize(
    ("field", "joint", "place"),
    [
        ("body_pose", 2, 0),
        ("body_pose", 11, 3),
        ("body_pose", 20, 12),
        ("left_hand_pose", 0, 13),
        ("right_hand_pose", 14, 42),
    ],
)
def test_each_joint_has_its_place(model, field, joint, place):
    """`body_pose` begins with joint 1, the left hip; spine1 is joint 3, the neck 12, the right wrist 21."""
    motion = smplx.rest_motion(model, FRAMES)
    pose = getattr(motion, field).copy()
    pose[5, joint] = 0.3, -0.2, 0.1
    still, found = windows(motion)[0], windows(dataclasses.replace(motion, **{field: pose}))[0]
    changed = (found != still).reshape(FRAMES, 43, 6).any(axis=-1)
    assert np.argwhere(changed).tolist() == [[5, place]]
    matrix = rotation.axis_angle_to_matrix(pose[5, joint])
    np.testing.assert_allclose(found[5, 6 * place : 6 * place + 6], matrix[:, :2].T.reshape(-1))


@pytest.mark.parametrize("field", ["global_orient", "transl", "expression", "jaw_pose", "betas"])
def test_where_a_body_stands_and_whose_it_is_do_not_count(model, field):
    motion, other = moving(model, FRAMES), moving(model, FRAMES, seed=1)
    mixed = dataclasses.replace(motion, **{field: getattr(other, field)})
    np.testing.assert_array_equal(windows(motion), windows(mixed))


def test_legs_do_not_count(model):
    motion = moving(model, FRAMES)
    pose = motion.body_pose.copy()
    pose[:, [0, 1, 3, 4, 6, 7, 9, 10]] = 0
    np.testing.assert_array_equal(windows(motion), windows(dataclasses.replace(motion, body_pose=pose)))


@pytest.mark.parametrize(
    ("frames", "stride", "starts"), [(31, 32, []), (32, 32, [0]), (70, 32, [0, 32]), (41, 4, [0, 4, 8])]
)
def test_windows_are_whole_and_one_a_stride(model, frames, stride, starts):
    motion = moving(model, frames)
    packed = pack(motion.body_pose, motion.left_hand_pose, motion.right_hand_pose)
    found = windows(motion, stride)
    assert found.shape == (len(starts), FRAMES, NUMBERS)
    for window, start in zip(found, starts, strict=True):
        np.testing.assert_array_equal(window, packed[start : start + FRAMES])


def test_it_traces_to_the_same(model):
    motion = moving(model, 3)
    poses = motion.body_pose, motion.left_hand_pose, motion.right_hand_pose
    np.testing.assert_allclose(jax.jit(pack)(*poses), pack(*poses), atol=1e-6)

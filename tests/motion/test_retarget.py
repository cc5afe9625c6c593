"""A performance given to another person."""

import dataclasses

import jax
import numpy as np
import pytest

from vlogger_jax.body import model_file, names, rotation, smplx
from vlogger_jax.core.errors import UserError
from vlogger_jax.motion.manner import Strength
from vlogger_jax.motion.packing import ARMS, HEAD, LEGS, TORSO
from vlogger_jax.motion.retarget import retarget

ROTATIONS = ("global_orient", "body_pose", "left_hand_pose", "right_hand_pose")
MODEL = model_file.default()


def a_motion(seed: int, frames: int) -> smplx.Motion:
    rng = np.random.default_rng(seed)
    rest = smplx.rest_motion(MODEL, frames=frames)
    drawn = {
        field.name: (0.4 * rng.standard_normal(getattr(rest, field.name).shape)).astype(np.float32)
        for field in dataclasses.fields(rest)
        if not field.metadata.get("static")
    }
    return dataclasses.replace(rest, **drawn)


def matrices(motion: smplx.Motion, name: str) -> np.ndarray:
    return rotation.axis_angle_to_matrix(getattr(motion, name))


def test_from_a_pose_to_itself_is_the_motion_but_for_legs_and_shape():
    motion, one = a_motion(0, 5), a_motion(1, 1)
    new = retarget(motion, one, one)
    for name in ROTATIONS:
        wanted = matrices(motion, name).copy()
        if name == "body_pose":
            wanted[:, list(LEGS)] = matrices(one, name)[:, list(LEGS)]
        np.testing.assert_allclose(matrices(new, name), wanted, atol=2e-6)
    np.testing.assert_allclose(new.transl, motion.transl, atol=1e-6)
    np.testing.assert_array_equal(new.betas, one.betas)


def test_the_pose_it_starts_from_becomes_the_target_and_the_face_is_taken_as_it_is():
    source, target = a_motion(2, 1), a_motion(3, 1)
    new = retarget(source, source, target)
    for name in ROTATIONS:
        np.testing.assert_allclose(matrices(new, name), matrices(target, name), atol=2e-6)
    for name in ("expression", "jaw_pose", "leye_pose", "reye_pose"):
        np.testing.assert_array_equal(getattr(new, name), getattr(source, name))
    np.testing.assert_allclose(new.transl, target.transl, atol=1e-6)


def test_a_turn_of_the_head_is_added_in_its_own_frame():
    row = names.JOINTS.index("head") - 1
    source, target, moving = (smplx.rest_motion(MODEL) for _ in range(3))
    target.body_pose[0, row] = (0, 0, 0.5)
    moving.body_pose[0, row] = (0.3, 0, 0)
    new = retarget(moving, source, target)
    wanted = rotation.matmul(
        rotation.axis_angle_to_matrix(np.float32([0, 0, 0.5])), rotation.axis_angle_to_matrix(np.float32([0.3, 0, 0]))
    )
    np.testing.assert_allclose(matrices(new, "body_pose")[0, row], wanted, atol=1e-6)
    half = retarget(moving, source, smplx.rest_motion(MODEL), Strength(head=0.5))
    np.testing.assert_allclose(half.body_pose[0, row], (0.15, 0, 0), atol=1e-6)


@pytest.mark.parametrize(("part", "rows"), [("head", HEAD), ("torso", TORSO), ("arms", ARMS)])
def test_strength_holds_one_part_and_no_other(part, rows):
    motion, source, target = a_motion(4, 3), a_motion(5, 1), a_motion(6, 1)
    full, held = retarget(motion, source, target), retarget(motion, source, target, Strength(**{part: 0.0}))
    for row in range(21):
        wanted = np.repeat(target.body_pose[:, row], 3, axis=0) if row in rows else full.body_pose[:, row]
        np.testing.assert_allclose(
            rotation.axis_angle_to_matrix(held.body_pose[:, row]), rotation.axis_angle_to_matrix(wanted), atol=2e-6
        )
    torso_held = np.repeat(target.transl, 3, axis=0) if part == "torso" else full.transl
    np.testing.assert_allclose(held.transl, torso_held, atol=1e-6)
    np.testing.assert_allclose(matrices(held, "left_hand_pose"), matrices(full, "left_hand_pose"), atol=2e-6)


def test_hands_are_a_part_of_their_own():
    motion, source, target = a_motion(4, 3), a_motion(5, 1), a_motion(6, 1)
    held = retarget(motion, source, target, Strength(hands=0.0))
    for name in ("left_hand_pose", "right_hand_pose"):
        wanted = np.repeat(matrices(target, name), 3, axis=0)
        np.testing.assert_allclose(matrices(held, name), wanted, atol=2e-6)


@pytest.mark.slow
def test_under_jit_as_on_numpy():
    motion, source, target = a_motion(7, 4), a_motion(8, 1), a_motion(9, 1)
    eager, traced = retarget(motion, source, target), jax.jit(retarget)(motion, source, target)
    assert isinstance(eager.body_pose, np.ndarray)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=3e-6), eager, traced)


def test_what_cannot_be():
    motion, one = a_motion(0, 5), a_motion(1, 1)
    with pytest.raises(UserError, match="the source has 5 frames"):
        retarget(motion, motion, one)
    with pytest.raises(UserError, match="the target with 'smplx-0'"):
        retarget(motion, one, dataclasses.replace(one, body="smplx-0"))

import dataclasses
import math

import numpy as np
import pytest

from tests.metrics.people import moving
from vlogger_jax.body import rotation, smplx
from vlogger_jax.metrics import posed, spread

RNG = np.random.default_rng(0)


def test_points():
    """One that jumps by 3 and 4 either way, one that stays."""
    points = np.array([[[3.0, 4], [7, 7]], [[-3, -4], [7, 7]]])
    assert spread.of_points(points) == pytest.approx(5 / math.sqrt(2))
    assert spread.of_points(points + 9) == pytest.approx(5 / math.sqrt(2))
    assert spread.of_points(3 * points) == pytest.approx(15 / math.sqrt(2))


def test_rotations_to_and_fro_about_any_mean():
    """By 0.3 about any axis, before or after any other turn."""
    axis = np.array([0.6, 0, 0.8])
    turns = rotation.axis_angle_to_matrix(np.array([0.3, -0.3, 0.3, -0.3])[:, None] * axis)
    base, other = rotation.axis_angle_to_matrix(RNG.normal(size=(2, 3)))
    for rotations in (turns, base @ turns, turns @ other, base @ turns @ other):
        assert spread.of_rotations(rotations) == pytest.approx(0.3)


def test_small_rotations_spread_like_their_axis_angles():
    turns = RNG.normal(0, 0.02, (500, 3))
    found = spread.of_rotations(rotation.axis_angle_to_matrix(turns))
    assert found == pytest.approx(spread.of_points(turns[:, None]), rel=1e-3)


def test_a_mean_nearer_to_a_reflection_becomes_a_rotation():
    """Half turns, four about x and three about each of y and z: nearest is that about x, and the others are π off."""
    turns = rotation.axis_angle_to_matrix(np.pi * np.repeat(np.eye(3), (4, 3, 3), axis=0))
    assert np.linalg.det(turns.mean(axis=0)) < 0
    assert spread.of_rotations(turns) == pytest.approx(np.pi * math.sqrt(0.6))


def test_who_sits_still_has_none(model):
    motion = smplx.rest_motion(model, 5)
    skeleton = posed.skeleton(model, motion)
    assert spread.of_expression(motion) == 0
    assert spread.of_head(skeleton) < 1e-7
    assert spread.of_hands(skeleton) < 1e-7


def test_the_head_turns_with_all_below_it(model):
    still = smplx.rest_motion(model, 4)
    turns = np.float32([0.2, -0.2, 0.2, -0.2])
    orient, body = still.global_orient.copy(), still.body_pose.copy()
    orient[:, 1], body[:, 14, 1] = turns, turns
    of_root = dataclasses.replace(still, global_orient=orient)
    assert spread.of_head(posed.skeleton(model, of_root)) == pytest.approx(0.2, rel=1e-5)
    both = dataclasses.replace(of_root, body_pose=body)
    assert spread.of_head(posed.skeleton(model, both)) == pytest.approx(0.4, rel=1e-5)
    body[:, 14, 1] = -turns
    against = dataclasses.replace(of_root, body_pose=body)
    assert spread.of_head(posed.skeleton(model, against)) == pytest.approx(0, abs=1e-6)


def test_hands_are_the_wrists_in_metres(model):
    still = smplx.rest_motion(model, 4)
    up = dataclasses.replace(still, transl=np.float32([[0, 0.1, 0], [0, -0.1, 0]] * 2))
    assert spread.of_hands(posed.skeleton(model, up)) == pytest.approx(0.1, rel=1e-5)
    moved = posed.skeleton(model, moving(model))
    assert spread.of_hands(moved) == pytest.approx(spread.of_points(moved.positions[:, [20, 21]]))


def test_expressions_are_averaged_over_all(model):
    motion = smplx.rest_motion(model, 2)
    expression = motion.expression.copy()
    expression[:, 0] = 0, 0.4
    found = spread.of_expression(dataclasses.replace(motion, expression=expression))
    assert found == pytest.approx(0.2 / math.sqrt(52), rel=1e-5)

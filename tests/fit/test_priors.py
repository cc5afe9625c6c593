import dataclasses

import numpy as np
import pytest

from vlogger_jax.body import model_file, names
from vlogger_jax.fit import priors
from vlogger_jax.fit import unknowns as free


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def believed(model):
    return priors.prior(model, np.zeros((3, 3), np.float32), 512)


def test_the_right_side_mirrors_the_left():
    limits, typical = priors.joint_limits(), priors.typical_pose()
    for name in names.JOINTS:
        if name.startswith("left_"):
            left, right = names.JOINTS.index(name), names.JOINTS.index(name.replace("left", "right"))
            np.testing.assert_array_equal(limits[left, 0], limits[right, 0])
            np.testing.assert_array_equal(limits[left, 1:], -limits[right, 1:, ::-1])
            np.testing.assert_array_equal(typical[left, 1:, 0], -typical[right, 1:, 0])
            np.testing.assert_array_equal(typical[left, :, 1], typical[right, :, 1])


def test_what_is_typical_is_possible(believed):
    for name, mean in free.per_frame(believed.mean).items():
        low, high = getattr(believed.low, name), getattr(believed.high, name)
        assert (mean >= low).all() and (mean <= high).all(), name


def test_elbows_bend_forwards_only():
    limits = priors.joint_limits()
    for name, sign in (("left_elbow", -1), ("right_elbow", 1)):
        bend = sign * limits[names.JOINTS.index(name), 1]
        assert bend.max() > np.deg2rad(130) and bend.min() > np.deg2rad(-10)


def test_held_joints_stay_at_their_mean(model):
    held = priors.prior(model, np.zeros((1, 3), np.float32), 512, held=frozenset(priors.TORSO))
    for name in priors.TORSO:
        joint = names.JOINTS.index(name)
        spread = held.spread.orient if joint == 0 else held.spread.body[:, joint - 1]
        assert (spread == 0).all()
    assert (held.spread.body[:, names.JOINTS.index("neck") - 1] > 0).all()


def test_the_focal_length_is_about_that_of_a_phone_or_the_given_one(model):
    place = np.zeros((1, 3), np.float32)
    guessed, known = priors.prior(model, place, 1000), priors.prior(model, place, 1000, focal=3000.0)
    assert np.exp(guessed.mean.focal) == pytest.approx(1200, rel=1e-5)
    assert np.exp(known.mean.focal) == pytest.approx(3000, rel=1e-5)
    assert known.spread.focal == 0 < guessed.spread.focal


def test_coefficients_of_other_bodies_have_no_box(model):
    other = dataclasses.replace(model, expression_names=())
    believed = priors.prior(other, np.zeros((1, 3), np.float32), 512)
    assert np.isneginf(believed.low.expression).all() and np.isposinf(believed.high.expression).all()
    assert (believed.spread.expression == 1).all()


def test_a_hand_of_another_body_may_be_straight(model):
    """The mean hand of SMPL-X is half closed; limits are the joints', not relative to it."""
    bent = np.tile(np.float32([0.1, 0.2, -0.9]), 15)
    curled = dataclasses.replace(model, left_hand=dataclasses.replace(model.left_hand, mean=bent))
    believed = priors.prior(curled, np.zeros((1, 3), np.float32), 512)
    assert (believed.low.left_hand <= 0).all() and (believed.high.left_hand >= 0).all()
    assert (believed.low.left_hand <= bent.reshape(15, 3)).all()


def test_shared_values_can_be_held(model, believed):
    known = dataclasses.replace(believed.mean, betas=np.full(model.num_betas, 0.7, np.float32))
    held = priors.with_shared(believed, known)
    assert (held.mean.betas == np.float32(0.7)).all() and (held.spread.betas == 0).all() and held.spread.focal == 0
    np.testing.assert_array_equal(held.spread.body, believed.spread.body)


def test_arms_that_show_no_hand_hang(model):
    place = np.zeros((1, 3), np.float32)
    hanging = priors.prior(model, place, 512, hanging=frozenset({"left"})).mean.body[0]
    usual = priors.prior(model, place, 512).mean.body[0]
    left, right = (names.JOINTS.index(f"{side}_elbow") - 1 for side in ("left", "right"))
    assert abs(hanging[left, 1]) < np.deg2rad(25) < abs(usual[left, 1])
    np.testing.assert_array_equal(hanging[right], usual[right])
    other = priors.prior(model, place, 512, hanging=frozenset({"right"})).mean.body[0]
    np.testing.assert_allclose(other[right], hanging[left] * [1, -1, -1], atol=1e-6)

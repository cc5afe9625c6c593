"""How much is shown and how far it goes: nothing, all, and never too far."""

import dataclasses

import hypothesis.extra.numpy as arrays
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.motion import made
from vlogger_jax.body import names
from vlogger_jax.body.names import EXPRESSIONS
from vlogger_jax.core.errors import UserError
from vlogger_jax.motion import change
from vlogger_jax.motion.manner import KEPT, ORDINARY, Limits, Manner, Strength
from vlogger_jax.motion.packing import ARMS, BODY

FREE = Manner(limits=None, keep_expression=0.0)
MOTION = made.motion(0, 6, expressions=52)
REFERENCE = made.motion(1, 1, expressions=52)
FROZEN = Strength(**{field.name: 0.0 for field in dataclasses.fields(Strength)})
JOINTS = {name: part.joints or 1 for name, part in BODY.items()}


def changes(values: np.ndarray) -> change.Change:
    """All parts from one array [t, 33, 3]."""
    ends = np.cumsum(list(JOINTS.values()))
    return dict(zip(JOINTS, np.split(values, ends[:-1], axis=1), strict=True))


A_CHANGE = arrays.arrays(
    np.float32, (2, sum(JOINTS.values()), 3), elements=st.floats(-1, 1, width=32, allow_subnormal=False)
)


def spine(found: change.Change) -> np.ndarray:
    return found["root"].sum(axis=1) + found["torso"].sum(axis=1)


def test_of_no_strength_is_the_reference():
    shown = Manner(limits=None, strength=FROZEN)(MOTION, REFERENCE, REFERENCE)
    made.same(shown, REFERENCE)


def test_of_full_strength_without_limits_is_what_was_performed():
    shown = FREE(MOTION, REFERENCE, REFERENCE)
    legs = MOTION.body_pose.copy()
    legs[:, (0, 1, 3, 4, 6, 7, 9, 10)] = REFERENCE.body_pose[:, (0, 1, 3, 4, 6, 7, 9, 10)]
    made.same(shown, dataclasses.replace(MOTION, body_pose=legs))
    np.testing.assert_array_equal(shown.betas, REFERENCE.betas)


def test_a_change_is_of_a_joint_in_its_own_frame():
    """And applied again gives what it was taken from."""
    found = change.between(MOTION, REFERENCE)
    assert set(found) == set(BODY)
    made.same(change.applied(found, MOTION, REFERENCE), FREE(MOTION, REFERENCE, REFERENCE))
    moved = dataclasses.replace(REFERENCE, transl=REFERENCE.transl + np.float32([0.1, 0.2, 0.3]))
    only = change.between(moved, REFERENCE)
    np.testing.assert_allclose(only["transl"], [[[0.1, 0.2, 0.3]]], atol=1e-6)
    assert max(np.abs(only[name]).max() for name in BODY if name != "transl") < 1e-3


@pytest.mark.parametrize(
    ("part", "moved"),
    [
        ("head", {"head"}),
        ("torso", {"root", "torso", "transl"}),
        ("arms", {"arms"}),
        ("hands", {"left_hand", "right_hand"}),
        ("left", {"left_hand", "arms"}),
        ("right", {"right_hand", "arms"}),
        ("face", set()),
    ],
)
def test_each_strength_is_of_its_parts(part, moved):
    values = changes(np.ones((2, sum(JOINTS.values()), 3), np.float32))
    found = Strength(**{part: 0.5})(values)
    assert {name for name in BODY if (found[name] != 1).any()} == moved
    sides = {"left": {0.5}, "right": {0.5}}.get(part, set())
    for i, row in enumerate(ARMS):
        joint = names.JOINTS[row + 1]
        wanted = 0.5 if part == "arms" or (sides and joint.startswith(part)) else 1.0
        assert (found["arms"][:, i] == wanted).all(), joint
    for name in moved - {"arms"}:
        assert (found[name] == 0.5).all()


def test_a_side_counts_on_top():
    values = changes(np.ones((1, sum(JOINTS.values()), 3), np.float32))
    found = Strength(arms=0.5, hands=0.8, left=0.1)(values)
    np.testing.assert_allclose(found["left_hand"], 0.08)
    np.testing.assert_allclose(found["right_hand"], 0.8)
    assert set(np.unique(found["arms"])) == {np.float32(0.5 * np.float32(0.1)), np.float32(0.5)}


@given(A_CHANGE, st.floats(0, 1))
def test_limits_are_not_passed_and_what_is_far_from_them_is_left_alone(values, share):
    limits, before = Limits(), changes(values)
    after, less = limits(before), limits({name: np.float32(share) * value for name, value in before.items()})
    head = np.deg2rad([limits.pitch, limits.yaw, limits.roll])
    for of, limit in (
        (lambda found: found["head"].sum(axis=1), head),
        (spine, np.deg2rad(np.full(3, limits.torso))),
        (lambda found: found["transl"][:, 0], np.full(3, limits.shift)),
    ):
        whole, held, lesser = np.abs(of(before)), np.abs(of(after)), np.abs(of(less))
        assert (held <= limit * (1 + 1e-3) + 1e-6).all()
        assert (held <= whole + 1e-6).all()
        # More never comes out as less.
        assert (lesser <= held + 1e-6).all()
        near = whole < 0.5 * limit
        np.testing.assert_allclose(held[near], whole[near], atol=1e-6)
        assert (np.sign(of(after)) * np.sign(of(before)) >= 0)[whole > 1e-4].all()
    for name in ("arms", "left_hand", "right_hand"):
        np.testing.assert_array_equal(after[name], before[name])


def test_a_large_change_comes_close_to_the_limit_and_small_ones_are_left_to_the_bit():
    limits = Limits()
    found = limits(changes(np.ones((1, sum(JOINTS.values()), 3), np.float32)))
    wanted = np.deg2rad([limits.pitch, limits.yaw, limits.roll])
    np.testing.assert_allclose(found["head"].sum(axis=1)[0], wanted, rtol=1e-3)
    np.testing.assert_allclose(spine(found)[0], np.deg2rad(limits.torso), rtol=1e-3)
    np.testing.assert_allclose(found["transl"][0, 0], limits.shift, rtol=1e-3)
    small = changes(np.full((1, sum(JOINTS.values()), 3), 1e-3, np.float32))
    for name, value in limits(small).items():
        np.testing.assert_array_equal(value, small[name], err_msg=name)


def test_limits_hold_for_what_is_shown():
    shown = Manner(limits=ORDINARY)(MOTION, REFERENCE, REFERENCE)
    found = change.between(shown, REFERENCE)
    bound = np.deg2rad([ORDINARY.pitch, ORDINARY.yaw, ORDINARY.roll])
    assert (np.abs(found["head"].sum(axis=1)) <= bound + 1e-4).all()
    assert (np.abs(shown.transl - REFERENCE.transl) <= ORDINARY.shift + 1e-6).all()


def test_limits_hold_whatever_the_strength():
    shown = Manner(strength=Strength(head=20.0, torso=20.0), limits=ORDINARY)(MOTION, REFERENCE, REFERENCE)
    found = change.between(shown, REFERENCE)
    bound = np.deg2rad([ORDINARY.pitch, ORDINARY.yaw, ORDINARY.roll])
    assert (np.abs(found["head"].sum(axis=1)) <= bound + 1e-4).all()
    assert (np.abs(shown.transl - REFERENCE.transl) <= ORDINARY.shift + 1e-6).all()


def expressions(kept: bool) -> list[int]:
    return [i for i, name in enumerate(EXPRESSIONS) if (name in KEPT) == kept]


def test_brows_and_smile_may_be_kept_and_what_articulates_is_not():
    manner = dataclasses.replace(FREE, keep_expression=1.0)
    told = manner.told(REFERENCE)
    assert (told.expression[:, expressions(True)] == 0).all()
    np.testing.assert_array_equal(told.expression[:, expressions(False)], REFERENCE.expression[:, expressions(False)])
    shown = manner(MOTION, told, REFERENCE).expression
    np.testing.assert_array_equal(shown[:, expressions(False)], MOTION.expression[:, expressions(False)])
    wanted = np.clip(MOTION.expression + REFERENCE.expression, 0, 1)[:, expressions(True)]
    np.testing.assert_allclose(shown[:, expressions(True)], wanted, atol=1e-6)
    # Somebody who does nothing keeps that face.
    still = dataclasses.replace(MOTION, expression=0 * MOTION.expression)
    found = manner(still, told, REFERENCE).expression[:, expressions(True)]
    np.testing.assert_array_equal(found, np.repeat(REFERENCE.expression[:, expressions(True)], 6, axis=0))


def test_half_of_the_expression():
    manner = dataclasses.replace(FREE, keep_expression=0.5)
    told = manner.told(REFERENCE).expression
    np.testing.assert_allclose(told[:, expressions(True)], 0.5 * REFERENCE.expression[:, expressions(True)])
    assert FREE.told(REFERENCE).expression.tolist() == REFERENCE.expression.tolist()


def test_what_is_kept_are_brows_cheeks_nose_and_smile():
    assert {"browInnerUp", "mouthSmileLeft", "cheekPuff"} <= set(KEPT)
    assert not any(name.startswith(("jaw", "eye", "tongue")) for name in KEPT)
    assert {name for name in KEPT if name.startswith("mouth")} == {"mouthSmileLeft", "mouthSmileRight"}


@pytest.mark.parametrize("face", [0.0, 0.5, 2.0])
def test_the_face_has_a_strength(face):
    shown = dataclasses.replace(FREE, strength=Strength(face=face))(MOTION, REFERENCE, REFERENCE)
    for name in made.FACE:
        still = getattr(REFERENCE, name)
        wanted = still + face * (getattr(MOTION, name) - still)
        wanted = np.clip(wanted, 0, 1) if name == "expression" else wanted
        np.testing.assert_allclose(getattr(shown, name), wanted, atol=1e-6)
    made.same(
        dataclasses.replace(shown, **{name: getattr(MOTION, name) for name in made.FACE}),
        FREE(MOTION, REFERENCE, REFERENCE),
    )


def test_expressions_stay_in_range():
    wild = dataclasses.replace(MOTION, expression=5 * MOTION.expression - 1)
    shown = Manner(keep_expression=1.0)(wild, REFERENCE, REFERENCE).expression
    assert shown.min() == 0 and shown.max() == 1


def test_expressions_that_are_not_arkits_are_not_kept_and_not_clipped():
    """Of a body with 100 coefficients, of any size and sign."""
    motion, reference = made.motion(2, 6, expressions=100), made.motion(3, 1, expressions=100)
    motion, reference = (dataclasses.replace(each, expression=4 * each.expression - 2) for each in (motion, reference))
    manner = dataclasses.replace(FREE, keep_expression=1.0)
    assert manner.told(reference) is reference
    np.testing.assert_array_equal(manner(motion, reference, reference).expression, motion.expression)
    half = dataclasses.replace(manner, strength=Strength(face=0.5))(motion, reference, reference).expression
    np.testing.assert_allclose(half, 0.5 * (motion.expression + reference.expression), atol=1e-6)
    assert half.min() < -1 and np.abs(motion.expression).max() > 1.5


@pytest.mark.slow
def test_under_jit_as_on_numpy():
    manner = Manner(keep_expression=0.7)
    told = manner.told(REFERENCE)
    made.same(jax.jit(manner.__call__)(MOTION, told, REFERENCE), manner(MOTION, told, REFERENCE), 1e-5)


@pytest.mark.parametrize(
    ("made_of", "settings", "message"),
    [
        (Strength, dict(arms=-0.1), "the strength of arms is -0.1"),
        (Strength, dict(face=float("inf")), "the strength of face is inf"),
        (Strength, dict(head=float("nan")), "the strength of head is nan"),
        (Limits, dict(yaw=0.0), "limits of motion are"),
        (Limits, dict(pitch=float("nan")), "limits of motion are"),
        (Manner, dict(keep_expression=1.5), "keep_expression is 1.5"),
        (Manner, dict(keep_expression=-0.5), "keep_expression is -0.5"),
    ],
)
def test_what_cannot_be_is_refused(made_of, settings, message):
    with pytest.raises(UserError, match=message):
        made_of(**settings)

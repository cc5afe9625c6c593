"""The cost against what it must be at the truth, and the preconditioner against the normal matrix itself."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from tests.fit import truth
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, smplx
from vlogger_jax.fit import assemble, objective, precondition, start
from vlogger_jax.fit import unknowns as free
from vlogger_jax.fit.objective import Weights
from vlogger_jax.fit.unknowns import Unknowns

EVEN = Weights(tolerance=4.0, hands=1.0, distance=1.0, pose=1.0, betas=1.0, expression=1.0, difference=1.0, bend=1.0)
FRAMES = 4
residuals_of = jax.jit(objective.residuals)


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def clip(model):
    return truth.clip(model, seed=5, frames=FRAMES)


def assembled(model, clip, noise=0.0, length=FRAMES):
    motion, camera = clip
    landmarks = truth.landmarks(model, motion, camera, noise)
    return assemble.assemble(model, landmarks, start.begin(model, landmarks), length)


def values_of(motion, camera, interocular, model) -> Unknowns:
    """The true clip as values of the unknowns."""
    anchor = smplx.pose(model, motion).joints[:, free.ANCHOR : free.ANCHOR + 1]
    pixels, depth = cameras.project(camera, anchor)
    return Unknowns(
        betas=motion.betas,
        focal=np.asarray(np.log(camera.focal)),
        place=np.concatenate([pixels[:, 0] / interocular, np.log(depth / camera.focal)], axis=-1).astype(np.float32),
        orient=motion.global_orient,
        body=motion.body_pose,
        jaw=motion.jaw_pose,
        eyes=np.stack([motion.leye_pose, motion.reye_pose], axis=1),
        left_hand=motion.left_hand_pose,
        right_hand=motion.right_hand_pose,
        expression=motion.expression,
    )


@pytest.fixture(scope="module")
def at_truth(model, clip):
    motion, camera = clip
    problem = assembled(model, clip).problem
    found = objective.standardised(problem.prior, values_of(motion, camera, problem.interocular, model))
    return problem, found, residuals_of(found, problem, EVEN)


def test_unknowns_amount_to_the_motion_and_camera_they_came_from(model, clip, at_truth):
    problem, found, _ = at_truth
    values = objective.natural(problem.prior, found)
    placed = free.place(values, problem.points, problem.principal, problem.interocular)
    motion = dataclasses.replace(free.motion_of(values, model), transl=placed.transl)
    for name, value in vars(clip[0]).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(getattr(motion, name), value, atol=2e-4, err_msg=name)
    assert float(np.exp(values.focal)) == pytest.approx(float(clip[1].focal), rel=1e-5)


def test_the_truth_is_projected_onto_its_landmarks(at_truth):
    _, _, residuals = at_truth
    assert np.abs(residuals["projection"]).max() < 0.02  # standard deviations; reduced skinning is not exact
    assert np.abs(residuals["distance"]).max() < 0.02
    assert np.abs(residuals["jaw"]).max() < 1e-4


def test_a_landmark_far_off_pulls_no_more_than_the_tolerance(at_truth):
    problem, found, _ = at_truth
    far = dataclasses.replace(problem, seen=problem.seen + np.float32([1e4, 0]))
    residuals = residuals_of(found, far, EVEN)["projection"]
    assert np.abs(residuals).max() <= EVEN.tolerance * (1 + 1e-5)
    for away in (3.0, 40.0):  # Geman and McClure's s / sqrt(1 + s² / tolerance²)
        moved = dataclasses.replace(problem, seen=problem.seen + np.float32([away, 0]))
        bent = np.asarray(residuals_of(found, moved, EVEN)["projection"])[..., 0]
        scaled = away / problem.interocular / problem.deviation
        expected = -scaled / np.sqrt(1 + (scaled / EVEN.tolerance) ** 2) * np.sqrt(problem.confidence)
        np.testing.assert_allclose(bent, expected, atol=0.03)


def test_a_confidence_is_a_weight_of_the_square(at_truth):
    problem, found, _ = at_truth
    moved = dataclasses.replace(problem, seen=problem.seen + 5)
    whole = residuals_of(found, moved, EVEN)
    quarter = residuals_of(found, dataclasses.replace(moved, confidence=moved.confidence / 4), EVEN)
    np.testing.assert_allclose(quarter["projection"], whole["projection"] / 2, rtol=1e-4, atol=1e-5)


def test_what_is_not_seen_does_not_count(at_truth):
    problem, found, _ = at_truth
    unseen = dataclasses.replace(problem, seen=problem.seen + 100, confidence=np.zeros_like(problem.confidence))
    residuals = residuals_of(found, unseen, EVEN)
    assert not residuals["projection"].any() and not residuals["distance"].any()


def test_hands_count_as_much_as_the_stage_says(at_truth):
    problem, found, _ = at_truth
    moved = dataclasses.replace(problem, seen=problem.seen + 10)
    whole = residuals_of(found, moved, EVEN)["projection"]
    half = residuals_of(found, moved, dataclasses.replace(EVEN, hands=0.5))["projection"]
    np.testing.assert_allclose(half[:, -42:], 0.5 * whole[:, -42:], rtol=1e-5)
    np.testing.assert_allclose(half[:, :-42], whole[:, :-42], rtol=1e-5)


def test_temporal_terms_end_at_a_cut(at_truth):
    problem, found, _ = at_truth
    step = dataclasses.replace(found, jaw=found.jaw + np.float32([0, 0, 5, 5])[:, None])
    joined = residuals_of(step, problem, EVEN)
    cut = dataclasses.replace(problem, continues=np.array([False, True, False, True]))
    parted = residuals_of(step, cut, EVEN)
    assert np.abs(joined["difference jaw"][1]).max() > 1 and np.abs(joined["bend jaw"]).max() > 1
    assert not parted["difference jaw"][1].any() and not parted["bend jaw"].any()
    np.testing.assert_array_equal(parted["difference jaw"][::2], joined["difference jaw"][::2])


def test_speed_counts_alike_at_any_rate(at_truth):
    """The same movement in twice as many frames: half the differences, a quarter of the bends, per frame."""
    problem, found, _ = at_truth
    slow = dataclasses.replace(
        found, jaw=np.linspace(0, 1, FRAMES)[:, None].astype(np.float32) * np.ones(3, np.float32)
    )
    fast = dataclasses.replace(slow, jaw=slow.jaw / 2)
    once = residuals_of(slow, problem, EVEN)["difference jaw"]
    doubled = dataclasses.replace(problem, rate=np.asarray(2.0, np.float32))
    np.testing.assert_allclose(residuals_of(fast, doubled, EVEN)["difference jaw"], once, rtol=1e-5)
    bent = np.arange(FRAMES, dtype=np.float32)[:, None] ** 2 * np.ones(3, np.float32)
    once = residuals_of(dataclasses.replace(found, jaw=bent), problem, EVEN)["bend jaw"]
    twice = residuals_of(dataclasses.replace(found, jaw=bent / 4), doubled, EVEN)["bend jaw"]
    assert np.abs(once).max() > 0.1
    np.testing.assert_allclose(twice, once, rtol=1e-4)


def test_limits_push_back_from_beyond_only(at_truth):
    problem, found, residuals = at_truth
    assert not residuals["limit body"].any()
    elbow = 17
    body = objective.natural(problem.prior, found).body
    bent = np.asarray(body).copy()
    bent[:, elbow, 1] = np.deg2rad(60)  # backwards
    beyond = objective.standardised(
        problem.prior, dataclasses.replace(objective.natural(problem.prior, found), body=bent)
    )
    found_limits = np.array(residuals_of(beyond, problem, EVEN)["limit body"])
    expected = (np.deg2rad(60) - problem.prior.high.body[0, elbow, 1]) / objective.LIMIT_TOLERANCE
    np.testing.assert_allclose(found_limits[:, elbow, 1], expected, rtol=1e-4)
    found_limits[:, elbow] = 0
    assert not found_limits.any()


def test_shared_priors_keep_their_weight_in_longer_clips(model, clip):
    one = jax.tree.map(lambda v: v[:1] if isinstance(v, np.ndarray) and v.ndim > 1 else v, clip[0])
    short, long = assembled(model, (one, clip[1]), length=1), assembled(model, clip)
    ones = np.ones(model.num_betas, np.float32)
    of_one = residuals_of(dataclasses.replace(short.start, betas=ones), short.problem, EVEN)["prior betas"]
    of_four = residuals_of(dataclasses.replace(long.start, betas=ones), long.problem, EVEN)["prior betas"]
    np.testing.assert_allclose(of_four, np.sqrt(FRAMES) * of_one, rtol=1e-5)
    one, four = (
        residuals_of(dataclasses.replace(made.start, focal=np.ones((), np.float32)), made.problem, EVEN)
        for made in (short, long)
    )
    assert float(four["prior focal"]) == pytest.approx(np.sqrt(FRAMES) * float(one["prior focal"]), rel=1e-5)
    away = dataclasses.replace(short.start, place=np.ones((1, 3), np.float32))
    np.testing.assert_allclose(residuals_of(away, short.problem, EVEN)["prior place"], 0.1, rtol=1e-5)


def test_padding_adds_nothing_that_is_seen(model, clip):
    bare, padded = (assembled(model, clip, noise=1.0, length=FRAMES + extra) for extra in (0, 2))
    parts = [residuals_of(made.start, made.problem, EVEN) for made in (bare, padded)]
    for name in ("projection", "distance", "difference jaw", "bend body"):
        first, second = (float(np.square(part[name]).sum()) for part in parts)
        assert first == pytest.approx(second, rel=1e-5), name


def normal_matrix(problem, at, weights, damping):
    flat, unravel = ravel_pytree(at)
    residuals = jax.jit(lambda x: ravel_pytree(objective.residuals(unravel(x), problem, weights))[0])
    jacobian = np.asarray(jax.jacfwd(residuals)(flat), np.float64)
    return jacobian.T @ jacobian + damping * np.eye(len(flat)), unravel


@pytest.mark.parametrize("padding", [0, 2])
def test_the_preconditioner_inverts_a_clip_whose_frames_are_alike(model, clip, padding):
    """With one frame repeated nothing is approximate but the ends of the second differences."""
    motion, camera = clip
    still = jax.tree.map(
        lambda v: np.repeat(v[:1], FRAMES, axis=0) if isinstance(v, np.ndarray) and v.ndim > 1 else v, motion
    )
    weights = jax.tree.map(jnp.float32, dataclasses.replace(EVEN, bend=0.0))
    made = assembled(model, (still, camera), length=FRAMES + padding)
    values = values_of(still, camera, made.problem.interocular, model)
    at = objective.standardised(made.problem.prior, free.padded(values, FRAMES + padding))
    transform = precondition.cosines(FRAMES, FRAMES + padding)
    inverse = jax.jit(precondition.prepare)(at, made.problem, weights, np.arange(2), transform, jnp.float32(10.0))
    matrix, unravel = normal_matrix(made.problem, at, weights, 10.0)
    rng = np.random.default_rng(0)
    direction = rng.standard_normal(len(matrix))
    vector = unravel(jnp.asarray(matrix @ direction, jnp.float32))
    found = ravel_pytree(jax.jit(partial(precondition.apply, inverse))(vector))[0]
    ones = jax.tree.map(np.ones_like, at)
    exists = ravel_pytree(free.with_frames(ones, lambda v: v * _existing(v, FRAMES)))[0] > 0
    shared = len(direction) - sum(v.size for v in free.per_frame(at).values())
    assert shared == model.num_betas + 1
    error = np.asarray(found)[exists] - direction[exists]
    assert np.linalg.norm(error) < 0.05 * np.linalg.norm(direction[exists])


def _existing(value, frames):
    return (np.arange(len(value)) < frames).reshape(-1, *[1] * (value.ndim - 1)).astype(np.float32)


def test_cosines_take_differences_apart():
    transform = precondition.cosines(6, 8)
    np.testing.assert_allclose(transform @ transform.T, np.eye(8), atol=1e-6)
    difference = np.diff(np.eye(6), axis=0)
    diagonal = transform[:6, :6] @ (difference.T @ difference) @ transform[:6, :6].T
    np.testing.assert_allclose(diagonal, np.diag(2 - 2 * np.cos(np.pi * np.arange(6) / 6)), atol=1e-5)

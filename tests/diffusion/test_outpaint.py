"""Outpainting: what networks are shown, and the AR(1) toy, whose continuations are known exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.diffusion import gaussians
from tests.diffusion.gaussians import COVARIANCE, FRAMES, KNOWN
from vlogger_jax.diffusion import grid, table
from vlogger_jax.diffusion.denoise import Denoised
from vlogger_jax.diffusion.outpaint import Replacement, draw_levels, loss_weight, prepare
from vlogger_jax.diffusion.sampler import sample
from vlogger_jax.diffusion.schedule import Cosine, Linear
from vlogger_jax.diffusion.stepper import Ddim, Ddpm, DpmSolver2M

KEY = jax.random.key(0)
TABLE = table.linear()
CLIPS = 2000
GIVEN = np.full(KNOWN, 2.0)
"""Two standard deviations from the mean."""


def spaced(steps):
    return grid.every(TABLE.respaced(table.spaced(1000, [steps])))


# What networks are shown.


def test_context_by_hand():
    x0 = jnp.arange(24.0).reshape(1, 4, 2, 3)
    mask = jnp.array([[True, False, False, True]])
    context = prepare(x0, mask, jnp.zeros(1), KEY)
    np.testing.assert_array_equal(context.known[:, [0, 3]], x0[:, [0, 3]])
    assert (context.known[:, 1:3] == 0).all()
    assert context.shown.shape == (1, 4, 2, 1)
    np.testing.assert_array_equal(context.shown[0, :, 0, 0], [1, 0, 0, 1])
    np.testing.assert_array_equal(context.channels()[..., :3], context.known)
    assert context.channels().shape == (1, 4, 2, 4)


def test_masks_of_channels_are_shown_as_such():
    mask = jnp.zeros((2, 5, 3), bool).at[..., 1].set(True)
    assert prepare(jnp.ones((2, 5, 3)), mask, jnp.zeros(2), KEY).channels().shape == (2, 5, 6)


def test_what_is_unknown_is_never_seen():
    mask = jnp.array([[True, False]])
    one, other = (prepare(jnp.array([[[1.0], [unknown]]]), mask, jnp.zeros(1), KEY) for unknown in (3.0, jnp.nan))
    np.testing.assert_array_equal(one.channels(), other.channels())


def test_noise_on_the_context():
    x0 = jnp.full((2, 5000, 1), 2.0)
    known = prepare(x0, jnp.ones((2, 5000), bool), jnp.array([0.0, 0.3]), KEY).known
    np.testing.assert_array_equal(known[0], x0[0])
    np.testing.assert_allclose(known[1].std(), 0.3, rtol=0.05)
    np.testing.assert_allclose(known[1].mean(), 2 * np.sqrt(1 - 0.09), rtol=0.01)


def test_levels():
    levels = draw_levels(KEY, 4000)
    assert levels.min() >= 0
    assert levels.max() < 0.3
    np.testing.assert_allclose(levels.mean(), 0.15, atol=0.01)


def test_the_loss_counts_what_is_to_be_generated():
    np.testing.assert_array_equal(loss_weight(jnp.array([[True, False]])), [[0, 1]])


# The AR(1) toy.


def continued(denoise, path, known, noise_seed=1):
    """Bias of the new frames, in the prior's standard deviations, and their spread over the true one."""
    shape = (CLIPS, FRAMES)
    given = jnp.zeros(shape).at[:, :KNOWN].set(jnp.asarray(known, jnp.float32))
    mask = jnp.broadcast_to(jnp.arange(FRAMES) < KNOWN, shape)
    stepper = Replacement(Ddpm(), given, mask)
    noise = jax.random.normal(jax.random.key(noise_seed), shape)
    found = np.asarray(jax.jit(lambda noise: sample(denoise, path, stepper, noise, KEY))(noise))
    np.testing.assert_array_equal(found[:, :KNOWN], given[:, :KNOWN])
    mean, covariance = gaussians.ar1_posterior(np.asarray(known))
    return found[:, KNOWN:].mean(axis=0) - mean, found[:, KNOWN:].std(axis=0) / np.sqrt(np.diag(covariance))


def test_the_toys_first_new_frame_is_narrow():
    np.testing.assert_allclose(np.sqrt(gaussians.ar1_posterior(GIVEN)[1][0, 0]), 0.31, atol=0.005)


@pytest.mark.parametrize(("steps", "ratio"), [(250, 1.44), (50, 1.33)])
def test_replacement_alone_is_biased(steps, ratio):
    bias, spread = continued(gaussians.ar1_prior(TABLE), spaced(steps), GIVEN)
    assert 0.6 < np.abs(bias[:3]).max() < 0.9
    np.testing.assert_allclose(spread[0], ratio, atol=0.07)


def test_resampling_helps_at_ten_times_the_cost():
    bias, spread = continued(gaussians.ar1_prior(TABLE), spaced(50).resampled(10), GIVEN)
    assert 0.08 < np.abs(bias[:3]).max() < 0.25
    np.testing.assert_allclose(spread[0], 0.84, atol=0.05)


def trained(context, schedule=TABLE):
    """What a perfectly trained network says: E[x_0 | x_t of what is not shown, and the context with its noise].

    It reads the context's channels and nothing else of what is known, which may be any frames.
    """
    kept = np.asarray(context.shown[0, :, 0]) == 1
    level = context.level[0]
    scale = jnp.where(kept, jnp.sqrt(1 - level**2), 1.0)

    def denoise(x, t):
        alpha, sigma = schedule.level(t[0])
        scales = jnp.where(kept, scale, alpha)
        noises = jnp.where(kept, jnp.maximum(level, 1e-3), sigma)
        seen = jnp.where(kept, context.known[..., 0], x)
        joint = scales[:, None] * COVARIANCE * scales + jnp.diag(noises**2)
        draw = jnp.linalg.solve(joint, scales[:, None] * COVARIANCE).astype(x.dtype)
        return Denoised(jnp.matmul(seen, draw, precision="highest"))

    return denoise


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_a_network_trained_with_masks_is_not_biased(level):
    """Where replacement is off by 0.74 of the prior's deviation. A noised context is a little less telling."""
    x0 = jnp.zeros((CLIPS, FRAMES, 1)).at[:, :KNOWN, 0].set(jnp.asarray(GIVEN, jnp.float32))
    mask = jnp.broadcast_to(jnp.arange(FRAMES) < KNOWN, (CLIPS, FRAMES))
    context = prepare(x0, mask, jnp.full(CLIPS, level), jax.random.key(5))
    bias, spread = continued(trained(context), spaced(100), GIVEN)
    assert np.abs(bias[:3]).max() < 0.1
    assert 0.95 < spread[0] < 1.1


def test_frames_between_known_ones():
    """First and last known: the same stepper, another mask."""
    ends = (np.arange(FRAMES) == 0) | (np.arange(FRAMES) == FRAMES - 1)
    x0 = jnp.asarray(np.where(ends, 1.5, 0.0), jnp.float32) * jnp.ones((CLIPS, 1))
    mask = jnp.broadcast_to(ends, x0.shape)
    context = prepare(x0[..., None], mask, jnp.zeros(CLIPS), KEY)
    noise = jax.random.normal(jax.random.key(1), x0.shape)
    found = sample(trained(context), spaced(100), Replacement(Ddpm(), x0, mask), noise, KEY)
    mean = COVARIANCE[:, ends] @ np.linalg.solve(COVARIANCE[np.ix_(ends, ends)], np.array([1.5, 1.5]))
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=0.1)


# Replacement as such.


@pytest.mark.parametrize("stepper", [Ddim(), Ddpm(), DpmSolver2M()], ids=str)
def test_known_parts_come_out_exactly_and_the_rest_is_generated(stepper):
    known = jnp.asarray(np.random.default_rng(0).standard_normal((2, 3, 4, 4, 2)), jnp.float32)
    mask = jnp.zeros((2, 3, 4, 4, 1), bool).at[:, :, 1:3].set(True)
    noise = jax.random.normal(KEY, known.shape)
    path = grid.uniform_time(Linear(), 6).to_clean()
    found = sample(gaussians.exact(Linear()), path, Replacement(stepper, known, mask), noise, KEY)
    np.testing.assert_array_equal(found[:, :, 1:3], known[:, :, 1:3])
    assert (found[:, :, 0] != known[:, :, 0]).all()
    assert jnp.isfinite(found).all()


def test_the_network_sees_the_known_part_as_noisy_as_the_rest():
    """With the noise that sampling starts from held, x is where the noising process takes that noise."""
    known, noise = jnp.full((1, 2), 3.0), jnp.array([[0.5, -0.5]])
    mask = jnp.array([[True, False]])
    seen = []

    def denoise(x, t):
        jax.debug.callback(lambda *values: seen.append([float(value) for value in values]), x[0, 0], t[0], ordered=True)
        return Denoised(jnp.zeros_like(x))

    path = grid.uniform_time(Cosine(), 4)
    jax.block_until_ready(sample(denoise, path, Replacement(Ddim(), known, mask, noise), noise, KEY))
    jax.effects_barrier()
    for x, t in seen[1:]:
        alpha, sigma = Cosine().level(np.array([t]))
        np.testing.assert_allclose(x, (alpha * 3 + sigma * 0.5).item(), rtol=1e-4)
    assert len(seen) == 4

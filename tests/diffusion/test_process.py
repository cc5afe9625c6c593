"""Corruption, predictions of all kinds, and the exact steps between two levels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.precision import wide
from vlogger_jax.diffusion import prediction, process
from vlogger_jax.diffusion.prediction import X0, Eps, V, named, noise_in
from vlogger_jax.diffusion.process import level_at, posterior, renoise
from vlogger_jax.diffusion.schedule import Cosine, Linear, level

KINDS = [Eps(), X0(), V()]
corrupt = jax.jit(process.corrupt, static_argnums=0)


def pair(shape, seed=0):
    return (jnp.asarray(part, jnp.float32) for part in np.random.default_rng(seed).standard_normal((2, *shape)))


def test_corrupt_by_hand():
    t = jnp.array([0.5, 1.0])
    x = corrupt(Cosine(), jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[5.0, 6.0], [7.0, 8.0]]), t)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(x[0], [6 * half, 8 * half], rtol=1e-5)
    np.testing.assert_allclose(x[1], [7, 8], rtol=1e-3)


def test_a_level_a_frame_is_that_frames_level():
    x0, noise = (np.asarray(part) for part in pair((2, 3, 4, 5, 1)))
    t = np.random.default_rng(1).random((2, 3), np.float32)
    x = corrupt(Linear(), x0, noise, t)
    for frame in range(3):
        alone = corrupt(Linear(), x0[:, frame], noise[:, frame], t[:, frame])
        np.testing.assert_allclose(x[:, frame], alone, rtol=1e-6, atol=1e-6)


def test_motion_and_video_of_the_same_numbers_are_the_same():
    x0, noise = pair((2, 3, 12))
    t = jnp.asarray([0.3, 0.8])
    x = corrupt(Linear(), x0, noise, t)
    video = corrupt(Linear(), x0.reshape(2, 3, 2, 2, 3), noise.reshape(2, 3, 2, 2, 3), t)
    np.testing.assert_allclose(np.reshape(video, x.shape), x, rtol=1e-6, atol=1e-6)


@settings(max_examples=30)
@given(logsnr=st.floats(-6, 8), seed=st.integers(0, 99))
def test_predictions_tell_x0_and_each_other(logsnr, seed):
    x0, noise = np.random.default_rng(seed).standard_normal((2, 1, 5))
    at = level(np.asarray([logsnr]))
    x = at.alpha * x0 + at.sigma * noise
    for kind in KINDS:
        found = kind.clean(kind.target(x0, noise, at), x, at)
        np.testing.assert_allclose(found, x0, atol=1e-9)
        np.testing.assert_allclose(noise_in(x, found, at), noise, atol=1e-9)
        for other in KINDS:
            said = other.target(found, noise_in(x, found, at), at)
            np.testing.assert_allclose(said, other.target(x0, noise, at), atol=1e-9)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_round_trip_in_float32(kind):
    x0, noise = pair((3, 64))
    t = jnp.array([0.05, 0.3, 0.6])
    at = level_at(Linear(), t, x0)
    found = kind.clean(kind.target(x0, noise, at), corrupt(Linear(), x0, noise, t), at)
    np.testing.assert_allclose(found, x0, atol=3e-6)


def test_v_is_the_velocity_of_the_angle():
    """d x / d phi with alpha = cos(phi), sigma = sin(phi); Salimans & Ho 2022, appendix D."""
    x0, noise = np.array([[1.5]]), np.array([[-0.4]])
    phi, step = 0.7, 1e-6
    at = prediction.Level(np.cos(phi), np.sin(phi))
    x = [np.cos(angle) * x0 + np.sin(angle) * noise for angle in (phi - step, phi + step)]
    np.testing.assert_allclose(V().target(x0, noise, at), (x[1] - x[0]) / (2 * step), rtol=1e-8)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("logsnr", [-4.0, 0.0, 3.0])
def test_gain_of_an_error(kind, logsnr):
    at, x = level(np.asarray([logsnr])), np.array([[0.3]])
    clean = [kind.clean(np.array([[output]]), x, at) for output in (1.0, 1.1)]
    gain = (0.1 / np.abs(clean[1] - clean[0]).item()) ** 2
    np.testing.assert_allclose(np.log(gain), kind.log_gain(jnp.asarray(logsnr)), atol=1e-5)


def test_predictions_by_name():
    assert [named(name) for name in ("eps", "x0", "v")] == KINDS
    with pytest.raises(UserError, match="no prediction named 'velocity'"):
        named("velocity")


@settings(max_examples=30)
@given(start=st.floats(-8, 6), width=st.floats(0.01, 10))
def test_the_posterior_is_bayes_rule(start, width):
    """From x_0: the joint distribution of (x_s, x_t) by the posterior is that by the noising process."""
    start, stop = np.asarray([start]), np.asarray([start + width])
    (at, st_), (as_, ss) = level(start), level(stop)
    found = posterior(start, stop)
    np.testing.assert_allclose(found.clean + found.noisy * at, as_, rtol=1e-7)
    np.testing.assert_allclose(found.noisy**2 * st_**2 + found.variance, ss**2, rtol=1e-7)
    np.testing.assert_allclose(found.noisy * st_**2, np.sqrt(1 - found.beta) * ss**2, rtol=1e-7)


def test_the_posterior_of_the_step_to_clean_data_is_x0():
    found = posterior(jnp.asarray(3.0), jnp.asarray(jnp.inf))
    np.testing.assert_allclose([found.clean, found.noisy, found.variance], [1, 0, 0], atol=1e-7)


def test_renoised_data_are_as_noisy_as_they_should_be():
    start, stop = jnp.asarray(2.0), jnp.asarray(-1.0)
    one, none = jnp.ones((1, 1)), jnp.zeros((1, 1))
    kept, added = renoise(one, start, stop, none).item(), renoise(none, start, stop, one).item()
    np.testing.assert_allclose(kept * level(start).alpha, level(stop).alpha, rtol=1e-6)
    np.testing.assert_allclose(kept**2 * level(start).sigma ** 2 + added**2, level(stop).sigma ** 2, rtol=1e-6)


def test_bfloat16_is_widened_and_float64_kept():
    assert wide(jnp.ones(2, jnp.bfloat16)).dtype == jnp.float32
    assert corrupt(Linear(), *(jnp.ones((1, 2), jnp.bfloat16),) * 2, jnp.ones(1)).dtype == jnp.float32

"""Losses: what they are of known predictions, weightings against each other, masks, times."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlogger_jax.core.errors import UserError
from vlogger_jax.diffusion import times
from vlogger_jax.diffusion.objective import Objective, mean
from vlogger_jax.diffusion.prediction import X0, Eps, V
from vlogger_jax.diffusion.process import corrupt, from_left, level_at
from vlogger_jax.diffusion.schedule import Cosine, Linear
from vlogger_jax.diffusion.weighting import MinSnr, Sigmoid, TruncatedSnr, Uniform

KINDS = [Eps(), X0(), V()]
WEIGHTINGS = [Uniform(Eps()), Uniform(X0()), Uniform(V()), MinSnr(), TruncatedSnr(), Sigmoid(-1.5)]
T = jnp.array([0.1, 0.5, 0.9])


def loss(objective, predict, *args):
    return jax.jit(lambda *args: objective(predict, *args))(*args)


def batch(shape=(3, 4, 6)):
    return (jnp.asarray(part, jnp.float32) for part in np.random.default_rng(0).standard_normal((2, *shape)))


def test_the_simple_loss_of_a_network_that_says_nothing():
    x0, noise = batch()
    found = loss(Objective(Linear(), Eps(), Uniform(Eps())), lambda x, t: jnp.zeros_like(x), x0, noise, T)
    np.testing.assert_allclose(found, (noise**2).mean(axis=(1, 2)), rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_network_sees_x_t_and_t_and_is_right(kind):
    x0, noise = batch()

    def predict(x, t):
        np.testing.assert_array_equal(x, corrupt(Cosine(), x0, noise, T))
        np.testing.assert_array_equal(t, T)
        return kind.target(x0, noise, level_at(Cosine(), t, x))

    np.testing.assert_array_equal(Objective(Cosine(), kind, MinSnr())(predict, x0, noise, T), 0)


@pytest.mark.parametrize("weighting", WEIGHTINGS, ids=str)
def test_one_weighting_is_one_loss_whatever_is_predicted(weighting):
    """Networks of all kinds that are wrong about x_0 by the same have the same loss."""
    x0, noise = batch()
    wrong = x0 + 0.1

    def wrong_loss(kind):
        def predict(x, t):
            at = level_at(Cosine(), t, x)
            return kind.target(wrong, (x - at.alpha * wrong) / at.sigma, at)

        return loss(Objective(Cosine(), kind, weighting), predict, x0, noise, T)

    found = [wrong_loss(kind) for kind in KINDS]
    np.testing.assert_allclose(found[0], found[1], rtol=2e-3)
    np.testing.assert_allclose(found[2], found[1], rtol=2e-3)
    expected = 0.01 * np.exp(weighting.log_weight(Cosine().logsnr(T)))
    np.testing.assert_allclose(found[1], expected, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_uniform_weights_are_one_for_their_own_kind(kind):
    np.testing.assert_array_equal(Objective(Linear(), kind, Uniform(kind)).weight(T), 1)


def test_truncated_snr_is_snr_between_its_ends():
    logsnr = jnp.log(jnp.array([0.001, 0.5, 1.0, 3.0, 8.0, 1e4]))
    found = jnp.exp(TruncatedSnr(0.5, 8.0).log_weight(logsnr))
    np.testing.assert_allclose(found, [0.5, 0.5, 1.0, 3.0, 8.0, 8.0], rtol=1e-5)
    for low, high in ((0.0, 1.0), (2.0, 1.0)):
        with pytest.raises(UserError, match="truncated_snr"):
            TruncatedSnr(low, high)


@settings(max_examples=30)
@given(t=st.floats(0.01, 0.99), gamma=st.floats(0.5, 20))
def test_min_snr_by_hand(t, gamma):
    t = jnp.asarray([t])
    snr = np.exp(np.asarray(Cosine().logsnr(t), np.float64))
    eps, x0, v = (Objective(Cosine(), kind, MinSnr(gamma)).weight(t) for kind in KINDS)
    np.testing.assert_allclose(x0, np.minimum(snr, gamma), rtol=1e-4)
    np.testing.assert_allclose(eps, np.minimum(snr, gamma) / snr, rtol=1e-4)
    np.testing.assert_allclose(v, np.minimum(snr, gamma) / (snr + 1), rtol=1e-4)


def test_sigmoid_by_hand():
    logsnr = np.asarray(Cosine().logsnr(T))
    found = Objective(Cosine(), Eps(), Sigmoid(-3)).weight(T)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(logsnr + 3)), rtol=1e-4)


def test_what_does_not_count_does_not():
    errors = jnp.asarray(np.random.default_rng(0).random((2, 3, 4)), jnp.float32)
    weight = jnp.array([[0.0, 1, 1], [0, 0, 0]])
    found = mean(errors.at[:, 0].set(jnp.inf), weight)
    np.testing.assert_allclose(found, [errors[0, 1:].mean(), 0], rtol=1e-6)
    np.testing.assert_allclose(mean(errors, jnp.full((2, 1, 4), 0.3)), mean(errors), rtol=1e-6)


def test_context_frames_have_no_gradient():
    x0, noise = batch()
    weight = jnp.ones((3, 4)).at[:, :2].set(0)
    objective = Objective(Linear(), V(), MinSnr())
    gradient = jax.grad(lambda said: loss(objective, lambda x, t: said, x0, noise, T, weight).sum())(jnp.zeros_like(x0))
    assert (gradient[:, :2] == 0).all()
    assert (gradient[:, 2:] != 0).all()


def test_motion_and_video_of_the_same_numbers_have_the_same_loss():
    x0, noise = batch((3, 4, 12))
    objective = Objective(Linear(), V(), MinSnr())
    weight = jnp.asarray(np.random.default_rng(1).random((3, 4)), jnp.float32)
    t = jnp.asarray(np.random.default_rng(2).random((3, 4)), jnp.float32)
    motion = loss(objective, lambda x, t: x, x0, noise, t, weight)
    video = loss(objective, lambda x, t: x, *(part.reshape(3, 4, 2, 2, 3) for part in (x0, noise)), t, weight)
    np.testing.assert_allclose(video, motion, rtol=1e-6)


def test_a_time_a_frame_is_that_frames_loss():
    x0, noise = batch((3, 4, 6))
    objective = Objective(Linear(), V(), MinSnr())
    t = jnp.asarray(np.random.default_rng(2).random((3, 4)), jnp.float32)
    frames = loss(objective, lambda x, t: jnp.tanh(x), *(part.reshape(12, 6) for part in (x0, noise)), t.ravel())
    together = loss(objective, lambda x, t: jnp.tanh(x), x0, noise, t)
    np.testing.assert_allclose(together, frames.reshape(3, 4).mean(axis=1), rtol=1e-5)


def test_a_bfloat16_network_is_compared_in_float32():
    x0, noise = batch()
    found = loss(Objective(Linear(), Eps(), Uniform(Eps())), lambda x, t: x.astype(jnp.bfloat16), x0, noise, T)
    assert found.dtype == jnp.float32


def test_float64_stays_float64():
    with jax.enable_x64(True):
        x0, noise = (jnp.asarray(part) for part in np.random.default_rng(0).standard_normal((2, 3, 4)))
        t = jnp.asarray(np.array([0.1, 0.5, 0.9]))
        assert Objective(Cosine(), V(), MinSnr())(lambda x, t: x, x0, noise, t).dtype == jnp.float64


@pytest.mark.parametrize("draw", [times.uniform, times.stratified])
def test_times_are_uniform(draw):
    t = np.concatenate([draw(jax.random.key(seed), (64, 3)).ravel() for seed in range(20)])
    assert t.min() >= 0
    assert t.max() < 1
    np.testing.assert_allclose(np.quantile(t, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.03)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31 - 1))
def test_stratified_times_lie_in_parts_of_their_own(seed):
    t = np.asarray(times.stratified(jax.random.key(seed), (16, 2)))
    for frame in t.T:
        np.testing.assert_array_equal(np.sort(np.floor(frame * 16)), np.arange(16))
    assert (np.argsort(t[:, 0]) != np.argsort(t[:, 1])).any()


def test_stratified_times_come_in_any_order():
    first = [float(times.stratified(jax.random.key(seed), (8,))[0]) for seed in range(60)]
    assert min(first) < 0.2
    assert max(first) > 0.8


def test_times_towards_noise():
    t = np.asarray(times.TowardsNoise(share=0.2, start=0.65)(np.linspace(0, 1, 100_001, dtype=np.float32)))
    np.testing.assert_allclose((t >= 0.65).mean(), 0.2 + 0.8 * 0.35, atol=1e-3)
    np.testing.assert_allclose((t < 0.325).mean(), 0.8 * 0.325, atol=1e-3)
    np.testing.assert_allclose((t > 0.825).mean(), 0.2 * 0.5 + 0.8 * 0.175, atol=1e-3)


def test_from_left():
    assert from_left(jnp.ones((2, 3)), jnp.ones((2, 3, 4, 5, 1))).shape == (2, 3, 1, 1, 1)

"""Samplers: the field's golden numbers, orders of convergence, moments, and what is traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.diffusion import gaussians
from tests.diffusion.gaussians import sampled
from vlogger_jax.core.draw import Draw
from vlogger_jax.diffusion import grid, table
from vlogger_jax.diffusion.denoise import Denoised, denoiser, learned_variance_denoiser
from vlogger_jax.diffusion.noise import per_sample
from vlogger_jax.diffusion.prediction import Eps, V
from vlogger_jax.diffusion.process import posterior
from vlogger_jax.diffusion.sampler import Span, sample, sample_spans
from vlogger_jax.diffusion.schedule import Cosine, Linear, level
from vlogger_jax.diffusion.stepper import Ddim, Ddpm, DpmSolver2M, Large, Learned, Small
from vlogger_jax.diffusion.table import Table
from vlogger_jax.diffusion.threshold import Clip, thresholded

KEY = jax.random.key(0)
TABLE = table.linear()


# The golden numbers are those of diffusers' tests of its schedulers, to all digits that stand there.

ABAR32 = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000, dtype=np.float32), dtype=np.float32).astype(np.float64)
TABLE32 = Table(1 - ABAR32 / np.append(1, ABAR32[:-1]), np.arange(1000), 1000)
"""Its table, which is float32."""


def golden(path, kind, stepper, threshold):
    """Mean of |x| for the network x n / (n + 1) and the input that those tests have."""

    def network(x, t):
        n = t[:, None, None, None] * 999
        return x * n / (n + 1)

    with jax.enable_x64(True):
        x = jnp.asarray(np.arange(768).reshape(3, 8, 8, 4).transpose(3, 0, 1, 2) / 768)
        denoise = thresholded(denoiser(network, TABLE32, kind), threshold)
        return np.abs(sampled(denoise, path, stepper, x)).mean()


@pytest.mark.parametrize(("kind", "total", "mean"), [(Eps(), 172.0067, 0.223967), (V(), 52.5302, 0.0684)])
def test_ddim_is_the_fields(kind, total, mean):
    found = golden(grid.every(TABLE32.respaced(table.leading(1000, 10))), kind, Ddim(), Clip())
    np.testing.assert_allclose(768 * found, total, atol=5e-5, rtol=0)
    np.testing.assert_allclose(found, mean, atol=5e-7 if kind == Eps() else 5e-5, rtol=0)


def test_dpm_solver_is_the_fields():
    found = golden(grid.linspace(TABLE32, 10), Eps(), DpmSolver2M(first_order_last=False), Clip(np.inf))
    np.testing.assert_allclose(found, 0.3301, atol=5e-5, rtol=0)


def order(stepper, make_grid, schedule):
    """Slope of log error against log step for 20 to 160 steps, by the exact solution of the ODE."""
    noise = jnp.linspace(-2, 2, 9)[:, None]
    counts, errors = np.array([20, 40, 80, 160]), []
    with jax.enable_x64(True):
        for steps in counts:
            path = make_grid(schedule, int(steps))
            start = gaussians.flow(path.start[0], np.asarray(noise, np.float64))
            scale = np.sqrt(level(path.start[:1]).alpha ** 2 * (gaussians.SPREAD**2 - 1) + 1)
            z = (start - level(path.start[:1]).alpha * gaussians.MEAN) / scale
            found = sampled(gaussians.exact(schedule), path, stepper, jnp.asarray(start))
            errors.append(np.abs(found - gaussians.flow(path.stop[-1], z)).max())
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


@pytest.mark.parametrize("schedule", [Linear(), Cosine(-10, 10)], ids=str)
@pytest.mark.parametrize(
    ("stepper", "least", "most"),
    [(Ddim(), 0.9, 1.1), (DpmSolver2M(), 1.8, 2.2), (DpmSolver2M(first_order_last=False), 1.8, 2.2)],
    ids=str,
)
def test_order_of_convergence(stepper, least, most, schedule):
    assert least < order(stepper, grid.uniform_logsnr, schedule) < most


def test_order_of_convergence_in_time():
    assert order(Ddim(), grid.uniform_time, Linear()) > 0.9


@pytest.mark.parametrize("stepper", [Ddim(), DpmSolver2M()], ids=str)
def test_the_way_to_clean_data_ends_at_x0(stepper):
    path = grid.uniform_logsnr(Cosine(-10, 10), 400).to_clean()
    z = jnp.linspace(-2, 2, 9)[:, None]
    found = sampled(gaussians.exact(Cosine(-10, 10)), path, stepper, z)
    np.testing.assert_allclose(found, gaussians.MEAN + gaussians.SPREAD * z, atol=0.02)


def moments(path, variance):
    """Mean and variance of Ddpm's samples of the exact denoiser, by the recursion of its affine steps."""
    mean, spread2 = 0.0, 1.0
    for start, stop, time in zip(path.start, path.stop, path.time, strict=True):
        exact = posterior(np.array([start]), np.array([stop]))
        alpha, sigma = (part.item() for part in gaussian_level(time))
        gain = gaussians.gain(alpha, sigma)
        shrink = exact.clean.item() * gain + exact.noisy.item()
        mean = shrink * mean + exact.clean.item() * (1 - gain * alpha) * gaussians.MEAN
        added = 0.0 if np.isinf(stop) else variance(exact, Denoised(None)).item()
        spread2 = shrink**2 * spread2 + added
    return mean, spread2


def gaussian_level(time):
    return Cosine(-10, 10).level(np.array([time]))


@pytest.mark.parametrize("variance", [Small(), Large()], ids=str)
def test_moments_of_ddpm(variance):
    count = 20_000
    path = grid.uniform_time(Cosine(-10, 10), 100).to_clean()
    noise = jax.random.normal(jax.random.key(1), (count, 1))
    found = np.asarray(sampled(gaussians.exact(Cosine(-10, 10)), path, Ddpm(variance), noise))
    mean, spread2 = moments(path, variance)
    assert abs(found.mean() - mean) < 3 * np.sqrt(spread2 / count)
    assert abs(found.var() - spread2) < 3 * spread2 * np.sqrt(2 / count)
    # And what the recursion tells is what the data are, but for the steps being finite.
    np.testing.assert_allclose([mean, np.sqrt(spread2)], [gaussians.MEAN, gaussians.SPREAD], rtol=0.06)


def test_the_ends_of_the_solver_are_of_first_order():
    """Of two steps both are ends, and first order is DDIM's; or one is, and the other better."""
    path, x = grid.uniform_logsnr(Cosine(-10, 10), 2), jnp.linspace(-2, 2, 9)[:, None]
    ddim, ends, start = (
        sampled(gaussians.exact(Cosine(-10, 10)), path, stepper, x)
        for stepper in (Ddim(), DpmSolver2M(), DpmSolver2M(first_order_last=False))
    )
    np.testing.assert_allclose(ends, ddim, atol=1e-5)
    assert jnp.abs(start - ddim).max() > 0.01


def test_ddim_with_all_noise_is_ddpm():
    path = grid.uniform_time(Linear(), 30).to_clean()
    noise = jax.random.normal(KEY, (50, 3))
    one, other = (sampled(gaussians.exact(Linear()), path, stepper, noise) for stepper in (Ddim(1.0), Ddpm(Small())))
    np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.parametrize(("raw", "variance"), [(-1.0, Small()), (1.0, Large())])
def test_learned_variances_at_their_bounds(raw, variance):
    def network(x, t):
        return jnp.concatenate([x / 2, jnp.full_like(x, raw)], axis=-1)

    path = grid.every(TABLE.respaced(table.spaced(1000, [20])))
    noise = jax.random.normal(KEY, (8, 3))
    learned = sampled(learned_variance_denoiser(network, TABLE, Eps()), path, Ddpm(Learned()), noise)
    fixed = sampled(denoiser(lambda x, t: x / 2, TABLE, Eps()), path, Ddpm(variance), noise)
    np.testing.assert_allclose(learned, fixed, rtol=2e-4, atol=2e-4)


def test_learned_variances_need_a_network_that_has_them():
    with pytest.raises(ValueError, match="predicts no variance"):
        sampled(gaussians.exact(Linear()), grid.uniform_time(Linear(), 2), Ddpm(Learned()), jnp.zeros((1, 1)))


# Grids.


def test_grids_by_hand():
    leading = grid.every(TABLE.respaced(table.leading(1000, 10)))
    np.testing.assert_allclose(leading.time * 999, np.arange(900, -1, -100), atol=1e-9)
    np.testing.assert_allclose(leading.start, TABLE.logsnrs[np.arange(900, -1, -100)], atol=1e-9)
    np.testing.assert_allclose(leading.stop[:-1], leading.start[1:], rtol=1e-12)
    assert leading.stop[-1] == np.inf
    linspace = grid.linspace(TABLE, 10)
    np.testing.assert_allclose(linspace.time * 999, [999, 899, 799, 699, 599, 500, 400, 300, 200, 100], atol=1e-9)
    np.testing.assert_allclose(linspace.stop[-1], TABLE.logsnrs[0], atol=1e-9)
    logsnr = grid.uniform_logsnr(Cosine(), 6)
    np.testing.assert_allclose(logsnr.start, [-15, -10, -5, 0, 5, 10], atol=1e-9)
    np.testing.assert_allclose(Cosine().logsnr(logsnr.time), logsnr.start, atol=1e-9)
    time = grid.uniform_time(Cosine(), 4)
    np.testing.assert_allclose(time.time, [1, 0.75, 0.5, 0.25])
    assert np.isfinite(time.stop).all()


def test_a_resampled_grid_goes_back():
    path = grid.uniform_time(Cosine(), 3).to_clean().resampled(2)
    np.testing.assert_allclose(path.time, [1, 1, 2 / 3, 2 / 3, 1 / 3])
    np.testing.assert_array_equal(path.stop[:2], [path.start[2]] * 2)


@pytest.mark.parametrize("stepper", [Ddim(), Ddpm(Small()), DpmSolver2M()], ids=str)
def test_resampling_keeps_the_distribution(stepper):
    schedule = Cosine(-8, 8)
    path = grid.uniform_time(schedule, 60).to_clean().resampled(3)
    noise = jax.random.normal(jax.random.key(2), (4000, 1))
    found = np.asarray(sampled(gaussians.exact(schedule), path, stepper, noise))
    np.testing.assert_allclose(found.mean(), gaussians.MEAN, atol=0.04)
    np.testing.assert_allclose(found.std(), gaussians.SPREAD, rtol=0.1)


# How it is computed.


@pytest.mark.parametrize("stepper", [Ddim(), Ddpm(), DpmSolver2M()], ids=str)
def test_one_scan_that_traces_the_network_once(stepper):
    traced = []

    def network(x, t):
        traced.append(x.shape)
        return jnp.tanh(x)

    def run(noise):
        return sampled(denoiser(network, Linear(), V()), grid.uniform_time(Linear(), 25), stepper, noise)

    jaxpr = jax.make_jaxpr(run)(jnp.zeros((2, 3))).jaxpr
    assert gaussians.count(jaxpr, "scan") == 1
    assert gaussians.count(jaxpr, "tanh") == 1
    assert traced == [(2, 3)]


@pytest.mark.parametrize("stepper", [Ddim(0.5), Ddpm(), DpmSolver2M()], ids=str)
def test_motion_and_video_of_the_same_numbers_are_the_same(stepper):
    noise = jax.random.normal(KEY, (2, 3, 12))
    path = grid.uniform_time(Linear(), 5)
    network = denoiser(lambda x, t: x * 0.9, Linear(), V())
    motion = sampled(network, path, stepper, noise)
    video = sampled(network, path, stepper, noise.reshape(2, 3, 2, 2, 3))
    np.testing.assert_allclose(video.reshape(motion.shape), motion, atol=1e-6)


def test_same_key_same_bytes_and_other_key_other_bytes():
    noise = jax.random.normal(KEY, (2, 3))
    run = [sampled(gaussians.exact(Linear()), grid.uniform_time(Linear(), 4), Ddpm(), noise, k) for k in (3, 3, 4)]
    np.testing.assert_array_equal(run[0], run[1])
    assert (run[0] != run[2]).all()


def test_a_bfloat16_network_is_sampled_in_float32():
    network = denoiser(lambda x, t: x.astype(jnp.bfloat16), Linear(), V())
    found = sampled(network, grid.uniform_time(Linear(), 3), DpmSolver2M(), jnp.ones((1, 2), jnp.bfloat16))
    assert found.dtype == jnp.float32


@pytest.mark.parametrize("stepper", [Ddpm(), DpmSolver2M()], ids=str)
def test_spans_continue_each_other(stepper):
    path = grid.uniform_time(Linear(), 9)
    network = gaussians.exact(Linear())
    noise = jax.random.normal(KEY, (4, 1))
    whole = sampled(network, path, stepper, noise)
    parts = [Span(network, 2), Span(network, 4), Span(network, 3)]
    parts = jax.jit(lambda x: sample_spans(parts, path, stepper, x, gaussians.noise(4)))(noise)
    np.testing.assert_allclose(parts, whole, atol=1e-6)
    with pytest.raises(ValueError, match="grid of 9"):
        sample_spans([Span(network, 2)], path, stepper, noise, gaussians.noise(4))


def test_a_clip_by_itself_is_that_clip_of_a_batch():
    x, path, draw = jax.random.normal(KEY, (3, 2)), grid.uniform_time(Linear(), 3), Draw.of(KEY, 3)

    def run(x, draw):
        return jax.jit(lambda x: sample(gaussians.exact(Linear()), path, Ddpm(), x, per_sample(draw)))(x)

    alone = run(x[1:2], Draw(draw.key, draw.number[1:2], 3))
    np.testing.assert_allclose(alone[0], run(x, draw)[1], atol=1e-6)


@pytest.mark.parametrize(("stepper", "drawn"), [(Ddim(), False), (DpmSolver2M(), False), (Ddpm(), True)], ids=str)
def test_only_stochastic_steps_draw_numbers(stepper, drawn):
    def run(x):
        return sample(gaussians.exact(Linear()), grid.uniform_time(Linear(), 3), stepper, x, gaussians.noise(2))

    assert ("erf_inv" in jax.jit(run).lower(jnp.zeros((2, 3))).as_text()) == drawn

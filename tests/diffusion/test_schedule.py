"""Schedules: closed values, inverses, bounds, and float32 against float64."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlogger_jax.diffusion import table
from vlogger_jax.diffusion.schedule import Cosine, Linear, Shifted, level, log_alpha_squared

SCHEDULES = [Linear(), Linear(0.5, 12), Cosine(), Cosine(-10, 12), Shifted(Cosine(), 4), table.linear(), table.cosine()]
TIMES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20).map(np.array)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@settings(max_examples=30)
@given(t=TIMES)
def test_time_of_inverts_logsnr(schedule, t):
    np.testing.assert_allclose(schedule.time_of(schedule.logsnr(t)), t, atol=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_snr_falls_and_is_finite(schedule):
    logsnr = schedule.logsnr(np.linspace(0, 1, 2001))
    assert np.isfinite(logsnr).all()
    assert (np.diff(logsnr) < 0).all()


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_alpha_and_sigma_are_of_one_logsnr(schedule):
    t = np.linspace(0, 1, 101)
    np.testing.assert_allclose(schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2, 1, atol=1e-12)
    np.testing.assert_allclose(2 * np.log(schedule.alpha(t) / schedule.sigma(t)), schedule.logsnr(t), atol=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_float32_on_the_device_agrees_with_float64_on_the_host(schedule):
    # Times are exact in float32, so that what is compared is the arithmetic.
    t = np.linspace(0, 1, 257)
    logsnr = schedule.logsnr(jnp.asarray(t, jnp.float32))
    assert logsnr.dtype == jnp.float32
    np.testing.assert_allclose(logsnr, schedule.logsnr(t), atol=1e-4)
    np.testing.assert_allclose(schedule.alpha(jnp.asarray(t, jnp.float32)), schedule.alpha(t), rtol=5e-5)
    np.testing.assert_allclose(schedule.sigma(jnp.asarray(t, jnp.float32)), schedule.sigma(t), rtol=5e-5)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_what_a_schedule_never_reaches_is_one_of_its_ends(schedule):
    np.testing.assert_allclose(schedule.time_of(np.array([99.0, np.inf, -99.0])), [0, 0, 1], atol=1e-12)


def test_linear_is_the_limit_of_ddpms_betas():
    steps = table.linear(1000)
    np.testing.assert_allclose(Linear().logsnr(steps.time), steps.logsnrs, atol=0.1)
    fine = table.linear(100_000)
    np.testing.assert_allclose(Linear(start=1e-5).logsnr(fine.time[1000::1000]), fine.logsnrs[1000::1000], atol=2e-3)


def test_linear_by_hand():
    s = 1e-3 + 0.5 * (1 - 1e-3)
    np.testing.assert_allclose(Linear().alpha(np.array([0.5])) ** 2, np.exp(-(0.1 * s + 19.9 / 2 * s**2)), rtol=1e-12)


def test_cosine_is_half_and_half_in_the_middle_and_meets_its_bounds():
    np.testing.assert_allclose(Cosine().logsnr(np.array([0.0, 0.5, 1.0])), [15, 0, -15], atol=1e-9)
    wide = Cosine(-40, 40)
    t = np.array([0.1, 0.3, 0.8])
    np.testing.assert_allclose(wide.alpha(t), np.cos(np.pi / 2 * t), atol=1e-6)


def test_twice_the_size_takes_a_quarter_of_the_snr():
    t = np.array([0.2, 0.7])
    shifted = Shifted(Linear(), 128 / 64)
    np.testing.assert_allclose(np.exp(shifted.logsnr(t) - Linear().logsnr(t)), 0.25, rtol=1e-12)


def test_clean_data_have_a_level():
    assert [part.item() for part in level(np.array([np.inf]))] == [1, 0]
    assert [float(part) for part in level(jnp.asarray(jnp.inf))] == [1, 0]


def test_log_alpha_squared_keeps_small_numbers():
    np.testing.assert_allclose(log_alpha_squared(jnp.asarray(20.0)), -np.log1p(np.exp(-20.0)), rtol=1e-6)

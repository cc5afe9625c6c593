"""Discrete tables: values of the field, respacing, and tables as schedules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlogger_jax.core.errors import UserError
from vlogger_jax.diffusion import table


def test_ddpms_table():
    steps = table.linear()
    assert steps.betas[0] == 1e-4
    assert steps.betas[-1] == 0.02
    np.testing.assert_allclose(steps.abar, np.cumprod(1 - np.linspace(1e-4, 0.02, 1000)), rtol=1e-12)
    variance = steps.posterior.variance
    assert variance[0] == 0
    np.testing.assert_allclose(variance[487], 0.00979, atol=5e-6)
    np.testing.assert_allclose(variance[999], 0.02, atol=5e-6)


def test_posterior_by_hand():
    """Ho et al. 2020, eq. 7, as it stands there."""
    steps = table.linear(50)
    beta, abar = steps.betas, steps.abar
    before = np.append(1.0, abar[:-1])
    found = steps.posterior
    np.testing.assert_allclose(found.beta, beta, rtol=1e-9)
    np.testing.assert_allclose(found.clean, np.sqrt(before) * beta / (1 - abar), rtol=1e-9)
    np.testing.assert_allclose(found.noisy, np.sqrt(1 - beta) * (1 - before) / (1 - abar), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(found.variance, beta * (1 - before) / (1 - abar), rtol=1e-9, atol=1e-15)


def test_fewer_steps_take_larger_betas():
    np.testing.assert_allclose(table.linear(250).betas[[0, -1]], [4e-4, 0.08], rtol=1e-12)


def test_cosine_betas_end_at_their_bound():
    steps = table.cosine()
    assert steps.betas[-1] == 0.999
    assert (np.diff(steps.betas) >= 0).all()
    angle = np.pi / 2 * (np.array([0, 0.5]) + 0.008) / 1.008
    np.testing.assert_allclose(steps.abar[499], np.cos(angle[1]) ** 2 / np.cos(angle[0]) ** 2, rtol=1e-9)


@settings(max_examples=30)
@given(kept=st.sets(st.integers(0, 999), min_size=1, max_size=40).map(sorted).map(np.array))
def test_respaced_steps_are_as_noisy_as_before(kept):
    whole = table.linear()
    some = whole.respaced(kept)
    np.testing.assert_allclose(some.abar, whole.abar[kept], rtol=1e-9)
    np.testing.assert_array_equal(some.index, kept)
    np.testing.assert_allclose(some.logsnr(kept / 999), whole.logsnrs[kept], atol=1e-6)


def test_respaced_twice():
    twice = table.linear().respaced(np.arange(0, 1000, 10)).respaced(np.array([3, 50]))
    np.testing.assert_array_equal(twice.index, [30, 500])
    np.testing.assert_allclose(twice.abar, table.linear().abar[[30, 500]], rtol=1e-9)


def test_spaced_keeps_the_ends_of_each_part():
    np.testing.assert_array_equal(table.spaced(1000, [3]), [0, 500, 999])  # 499.5 to even, as ADM
    np.testing.assert_array_equal(table.spaced(300, [10, 15, 20])[[0, 9, 10, 24, 25, 44]], [0, 99, 100, 199, 200, 299])
    np.testing.assert_array_equal(table.spaced(7, [2, 1]), [0, 3, 4])  # parts of 4 and 3
    assert len(table.spaced(1000, [10, 6, 4, 3, 2, 2, 3, 4, 6, 10])) == 50


def test_leading_steps():
    np.testing.assert_array_equal(table.leading(1000, 4), [0, 250, 500, 750])


@pytest.mark.parametrize(
    "ask",
    [
        lambda: table.spaced(10, [6, 2]),
        lambda: table.spaced(10, [0]),
        lambda: table.leading(10, 0),
        lambda: table.leading(10, 11),
    ],
)
def test_steps_that_are_not_there(ask):
    with pytest.raises(UserError, match=r"steps? (are|is) to be kept"):
        ask()

import math

import numpy as np
import pytest

from vlogger_jax.metrics.diversity import deviation, l1div

RNG = np.random.default_rng(0)


def test_two_samples_that_part():
    """A metre apart along any direction: half of √2 each, by n - 1."""
    samples = np.zeros((2, 3, 4, 3))
    samples[1, 1:] = np.array([0.6, 0, 0.8]) * np.array([1.0, 2.0])[:, None, None]
    np.testing.assert_allclose(deviation(samples), [0, math.sqrt(0.5), math.sqrt(2)])


def test_more_samples_tell_it_better_but_not_larger():
    samples = RNG.normal(0, 0.01, (24, 5, 400, 3))
    expected = 0.01 * math.sqrt(3)
    np.testing.assert_allclose(deviation(samples), expected, rtol=0.03)
    np.testing.assert_allclose((deviation(samples[:8]) ** 2).mean(), expected**2, rtol=0.15)


def test_points_are_averaged_after_the_root():
    samples = np.zeros((2, 1, 2, 3))
    samples[1, 0, 0, 0] = 2.0
    np.testing.assert_allclose(deviation(samples), [math.sqrt(2) / 2])


def test_where_all_samples_go_does_not_matter():
    samples = RNG.normal(size=(3, 6, 2, 3))
    away = RNG.normal(size=(6, 2, 3))
    np.testing.assert_allclose(deviation(samples + away), deviation(samples))


def test_one_sample_is_refused():
    with pytest.raises(ValueError, match="give 2 or more"):
        deviation(np.zeros((1, 2, 3, 3)))


def test_l1div_sums_over_coordinates_and_averages_over_time():
    points = np.zeros((4, 2, 3))
    points[::2, 0], points[1::2, 0] = (1, 2, 3), (-1, -2, -3)
    assert l1div(points) == pytest.approx(6)
    assert l1div(points + 5) == pytest.approx(6)
    assert l1div(np.ones((4, 2, 3))) == 0

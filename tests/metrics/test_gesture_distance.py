"""The distance between Gaussians whose moments are exactly what they should be."""

import numpy as np
import pytest
from scipy import linalg

from vlogger_jax.metrics.gesture_distance import frechet, raw

RNG = np.random.default_rng(0)


def rows(n: int, mean: np.ndarray, root: np.ndarray) -> np.ndarray:
    """n rows with this mean and the covariance rootᵀ root, not by chance but exactly."""
    drawn = RNG.normal(size=(n, len(mean)))
    drawn -= drawn.mean(axis=0)
    white = np.linalg.qr(drawn)[0] * np.sqrt(n - 1)
    return white @ root + mean


def published(x: np.ndarray, y: np.ndarray) -> float:
    one, two = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (x, y))
    root = linalg.sqrtm(one @ two)
    return ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + np.trace(one + two - 2 * np.real(root))


def test_means_apart():
    root = np.diag([1.0, 2, 3])
    found = frechet(rows(50, np.zeros(3), root), rows(70, np.array([3.0, 0, 4]), root))
    assert found == pytest.approx(25)


def test_along_common_axes_standard_deviations_are_apart():
    """Σ (s₁ - s₂)², whichever way the axes lie."""
    turn = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    one, two = rows(50, np.zeros(3), np.diag([1.0, 2, 3])), rows(60, np.zeros(3), np.diag([3.0, 2, 0]))
    assert frechet(one, two) == pytest.approx(4 + 0 + 9)
    assert frechet(one @ turn, two @ turn) == pytest.approx(13)


def test_in_any_case_it_is_what_scipy_says():
    x, y = RNG.normal(size=(40, 6)) @ RNG.normal(size=(6, 6)), RNG.normal(size=(30, 6)) @ RNG.normal(size=(6, 6)) + 1
    assert frechet(x, y) == pytest.approx(published(x, y))
    assert frechet(x, y) == pytest.approx(frechet(y, x))


def test_with_fewer_rows_than_columns_too():
    """Singular covariances, whose root scipy finds to half of the digits only."""
    x, y = RNG.normal(size=(12, 40)), 2 * RNG.normal(size=(9, 40))
    assert frechet(x, y) == pytest.approx(published(x, y), rel=1e-4)


def test_a_set_is_no_way_from_itself():
    x = RNG.normal(size=(40, 6))
    assert frechet(x, x) == pytest.approx(0, abs=1e-12)
    assert frechet(x, x[::-1]) == pytest.approx(0, abs=1e-12)
    assert frechet(x, x) >= 0


def test_sets_of_one_source_come_closer_as_they_grow():
    small, large = (frechet(*RNG.normal(size=(2, n, 6))) for n in (20, 2000))
    assert large < 0.05 * small


def test_raw_windows_are_rows():
    x, y = RNG.normal(size=(2, 10, 4, 3))
    assert raw(x, y) == frechet(x.reshape(10, 12), y.reshape(10, 12))
    shifted = x.copy()
    shifted[:, 2, 1] += 3
    assert raw(x, shifted) == pytest.approx(9)


def test_one_row_has_no_covariance():
    with pytest.raises(ValueError, match="1 rows have no covariance"):
        frechet(np.zeros((1, 3)), np.zeros((5, 3)))

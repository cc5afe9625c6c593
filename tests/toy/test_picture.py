"""Pictures show what they are given, where it is."""

import numpy as np
import pytest

from vlogger_jax.toy import picture
from vlogger_jax.toy.truth import Ar1, Mixture


def test_a_point_is_where_it_should_be():
    """In the panel of its class, x to the right, y up."""
    found = picture.points(Mixture(), np.array([[[1.0, 0.2]]]), np.array([1], np.uint8), size=100)
    assert found.shape == (100, 200, 3)
    empty = picture.points(Mixture(), np.zeros((0, 1, 2)), np.zeros(0, np.uint8), size=100)
    rows, columns = np.nonzero((found != empty).any(axis=-1))
    np.testing.assert_allclose(rows.mean() + 0.5, 50 - 0.2 * 100 / 3.5, atol=0.6)
    np.testing.assert_allclose(columns.mean() + 0.5, 150 + 1.0 * 100 / 3.5, atol=0.6)


def test_points_outside_are_left_out():
    far = np.array([[[9.0, 0.0]], [[0.0, -9.0]], [[1.74, 1.74]]])
    assert picture.points(Mixture(), far, np.zeros(3, np.uint8)).shape == (256, 512, 3)


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 4)), (5, (2, 4)), (40, (3, 4))])
def test_sequences_have_a_panel_each(count, shape):
    x = np.random.default_rng(0).standard_normal((count, 16, 1))
    found = picture.lines(Ar1(), x, x, np.arange(16) < 4, size=64)
    assert found.shape == (64 * shape[0], 96 * shape[1], 3)


def test_a_line_is_at_its_height_and_the_band_around_what_is_known():
    x = np.full((1, 16, 1), 1.0)
    found = picture.lines(Ar1(), x, x, np.arange(16) < 4, size=140)[:, :210].astype(int)
    column = found[:, 100]
    line = np.flatnonzero((np.abs(column - picture.COLOURS[0]) < 40).all(axis=-1))
    np.testing.assert_allclose(line.mean() + 0.5, 70 - 1.0 * 20, atol=1)
    band = np.flatnonzero((column == picture.BAND).all(axis=-1))
    mean, covariance = Ar1().posterior(x[0, :, 0], np.arange(16) < 4)
    wanted = [(3.5 - mean[3] + sign * 2 * np.sqrt(covariance[3, 3])) * 20 for sign in (-1, 1)]
    np.testing.assert_allclose([band[0], band[-1] + 1], wanted, atol=4)
    assert (found[50 - 1, 8] < 90).all(), "the first frame is known: a dot"

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlogger_jax.body import names, smplx
from vlogger_jax.metrics.aperture import aperture, correlation, gain

RNG = np.random.default_rng(0)


def test_it_is_in_millimetres_and_0_for_closed_lips(model):
    motion = smplx.rest_motion(model, 3)
    opening = motion.expression.copy()
    opening[:, names.EXPRESSIONS.index("jawOpen")] = (0, 0.5, 1)
    motion = dataclasses.replace(motion, expression=opening, jaw_pose=smplx.arkit_jaw_pose(model, opening))
    found = aperture(model, motion)
    assert found.shape == (3,)
    assert 0 <= found[0] < 1 < 5 < found[1] < found[2] < 80


@given(st.floats(-5, 5).filter(lambda slope: abs(slope) > 1e-3), st.floats(-10, 10))
def test_a_line_through_the_truth(slope, offset):
    truth = RNG.normal(size=20)
    assert correlation(slope * truth + offset, truth) == pytest.approx(math.copysign(1, slope))
    assert gain(slope * truth + offset, truth) == pytest.approx(slope)


def test_the_correlation_is_numpys():
    a, b = RNG.normal(size=(2, 50))
    assert correlation(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert correlation(a, b) == pytest.approx(correlation(b, a))
    assert gain(a, b) == pytest.approx(np.polyfit(b, a, 1)[0])


def test_what_has_nothing_to_do_with_the_truth_changes_no_gain():
    truth, noise = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
    assert gain(0.7 * truth + 3 * noise, truth) == pytest.approx(0.7)
    assert correlation(noise, truth) == 0


@pytest.mark.parametrize("constant", [0.0, 0.1, 7.3, 1e20])
def test_what_does_not_move_tells_nothing(constant):
    """0.1 thirty times has a mean that is not 0.1."""
    moving, still = RNG.normal(size=30), np.full(30, constant)
    assert correlation(moving, still) == correlation(still, moving) == correlation(still, still) == 0
    assert gain(still, moving) == 0
    assert math.isnan(gain(moving, still))

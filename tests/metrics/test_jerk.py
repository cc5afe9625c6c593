import numpy as np
import pytest

from vlogger_jax.metrics.jerk import jerk

TIME = np.arange(40)[:, None, None] / 24


def test_of_a_cubic_it_is_its_third_derivative():
    direction = np.array([2.0, 0, 1.5])
    assert jerk(direction * TIME**3, 24) == pytest.approx(6 * 2.5)


def test_a_parabola_has_none():
    assert jerk(np.array([1.0, 2, 3]) * TIME**2 + TIME, 24) == pytest.approx(0, abs=1e-9)


def test_points_are_averaged_by_length_and_never_cancel():
    points = np.concatenate([TIME**3, -(TIME**3), 0 * TIME], axis=1) * np.array([1.0, 0, 0])
    assert jerk(points, 24) == pytest.approx(6 * 2 / 3)


def test_seconds_count_and_not_frames():
    fast = np.arange(80)[:, None, None] / 48
    assert jerk(np.sin(fast) * np.ones(3), 48) == pytest.approx(jerk(np.sin(TIME) * np.ones(3), 24), rel=0.02)


def test_too_few_frames_have_none():
    assert jerk(np.zeros((4, 1, 3)), 24) == 0
    with pytest.raises(ValueError, match="4 frames or more, not 3"):
        jerk(np.zeros((3, 1, 3)), 24)

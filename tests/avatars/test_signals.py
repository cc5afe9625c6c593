import numpy as np
import pytest

from data_pipelines.avatars.acting import signals


def test_steps_between_0_and_1():
    x = np.linspace(-0.5, 1.5, 201)
    for curve in (signals.smoothstep, signals.minimum_jerk):
        y = curve(x)
        assert y[0] == 0 and y[-1] == 1 and (np.diff(y) >= 0).all()
        np.testing.assert_allclose(curve(np.array([0.5])), 0.5)
        np.testing.assert_allclose(y + y[::-1], 1.0, atol=1e-12)


def test_minimum_jerk_is_the_known_polynomial():
    x = np.array([0.25])
    np.testing.assert_allclose(signals.minimum_jerk(x), 10 * x**3 - 15 * x**4 + 6 * x**5)


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0])
def test_wandering_has_variance_1_within_its_band(slope):
    low, high, fps = 0.1, 2.0, 24.0
    x = signals.wander(np.random.default_rng(0), 20_000, fps, low, high, 6, slope=slope)
    np.testing.assert_allclose((x**2).mean(), 1.0, rtol=0.1)
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x))[:, None], axis=0)) ** 2
    frequency = np.fft.rfftfreq(len(x), 1 / fps)
    outside = (frequency < 0.9 * low) | (frequency > 1.1 * high)
    assert spectrum[outside].sum() < 1e-3 * spectrum.sum()
    bands = [spectrum[(frequency > f) & (frequency < 1.25 * f)].mean() for f in (0.15, 1.5)]
    np.testing.assert_allclose(np.log10(bands[0] / bands[1]), 2 * slope, atol=0.35)


def test_wandering_is_pure():
    first, second = (signals.wander(np.random.default_rng(3), 50, 24, 0.1, 1.0, 2) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (50, 2)


def test_steps_reach_their_values():
    times = np.linspace(0, 10, 241)
    values = np.array([[0.0, 1.0], [2.0, -1.0], [5.0, 0.0]])
    found = signals.steps(times, np.array([2.0, 6.0]), np.array([1.0, 0.5]), values)
    for when, value in ((1.9, values[0]), (3.1, values[1]), (5.9, values[1]), (7.0, values[2])):
        np.testing.assert_allclose(found[np.searchsorted(times, when)], value, atol=1e-9)
    np.testing.assert_array_equal(
        signals.steps(times, np.zeros(0), np.zeros(0), values[:1]), np.tile(values[0], (241, 1))
    )


def test_bumps_are_1_in_the_middle():
    found = signals.bumps(np.array([0.0, 1.0, 1.2]), np.array([1.0]), np.array([0.2]))
    np.testing.assert_allclose(found[:, 0], [np.exp(-12.5), 1.0, np.exp(-0.5)])

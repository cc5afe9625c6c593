"""Beat consistency: closed forms, the published definition written out in loops, and where the quirk shows."""

import math

import numpy as np
import pytest

from tests.metrics.people import smooth
from vlogger_jax.metrics import beats

FPS = 24.0


TIME = np.arange(240) / FPS
SWINGING = TIME + np.sin(2 * np.pi * TIME) / (4 * np.pi)
"""A way whose speed is 1 + cos(2π t) / 2: never still, and slowest at 0.5, 1.5, ... s."""


def joints(way: np.ndarray) -> np.ndarray:
    """All 55 joints `way` [t] far along a line, metres."""
    return np.repeat(way[:, None, None] * np.array([0.6, 0, 0.8]), 55, axis=1)


def both(points, sounds, mean=None):
    mean = beats.mean_speeds(points, FPS) if mean is None else mean
    return [score(points, np.array(sounds, np.float64), FPS, mean) for score in (beats.consistency, beats.fixed)]


def test_sounds_at_slow_moments():
    assert both(joints(SWINGING), [2.5, 3.5, 6.5]) == pytest.approx([1, 1])


@pytest.mark.parametrize("late", [0.1, -0.2, 0.4])
def test_the_distance_counts_as_a_gaussian_of_0_3_seconds(late):
    found = both(joints(SWINGING), [late + k + 0.5 for k in range(3, 7)])
    assert found == pytest.approx([math.exp(-(late**2) / 0.18)] * 2)


def test_each_sound_counts_for_itself_and_movement_without_sound_costs_nothing():
    points = joints(SWINGING)
    (one, _), (other, _) = both(points, [3.5]), both(points, [4.0])
    assert both(points, [3.5, 4.0]) == pytest.approx([(one + other) / 2] * 2)


def test_the_ends_do_not_count():
    points = joints(SWINGING)
    assert both(points, [1.0, 3.5, 8.9]) == both(points, [3.5])
    assert all(map(math.isnan, both(points, [1.0, 8.9])))
    assert all(map(math.isnan, both(points, [])))


def test_without_any_beat_it_is_0():
    assert both(joints(TIME), [3.5]) == [0, 0]
    assert both(np.zeros((240, 55, 3)), [3.5]) == [0, 0]


def test_who_was_still_has_no_beat():
    """A joint at a thousandth of the speed of the data set."""
    points = joints(SWINGING)
    assert both(points, [3.5], beats.mean_speeds(1000 * points, FPS)) == [0, 0]


def test_the_quirk_looks_two_seconds_too_early():
    """Still until 4 s: the minima at 4.5 and 5.5 s are looked up at 2.5 and 3.5 s, where nothing moves."""
    quirky, mended = both(joints(np.maximum(SWINGING, SWINGING[96])), [4.5])
    assert mended == pytest.approx(1)
    assert quirky < 0.01  # the nearest that is left lies two seconds off


def test_only_the_upper_body_is_looked_at():
    points, legs = joints(SWINGING), [1, 2, 4, 5, 7, 8, 10, 11, 0, *range(22, 55)]
    other = points.copy()
    other[:, legs] = smooth(240, len(legs))
    mean = beats.mean_speeds(points, FPS)
    assert both(points, [3.3], mean) == both(other, [3.3], mean)
    assert sorted((*legs, *beats.UPPER)) == [*range(55)]


def in_loops(points, sounds, mean, late):
    """The definition, joint by joint; `late`: by how many frames the speed is looked up where it belongs."""
    total = []
    for joint in beats.UPPER:
        speed = []
        for i in range(len(points)):
            before, after = max(i - 1, 0), min(i + 1, len(points) - 1)
            speed.append(np.linalg.norm(points[after, joint] - points[before, joint]) / (after - before) * FPS)
        speed = np.array(speed) / mean[joint]
        inner, times = speed[48:-48], []
        for i in range(len(inner)):
            around = [inner[min(max(i + k, 0), len(inner) - 1)] for k in range(-7, 8) if k]
            if all(inner[i] < other for other in around) and speed[i + late] > 0.1:
                times.append(i / FPS)
        near = [min((abs(time - (sound - 2)) for time in times), default=math.inf) for sound in sounds]
        total.append(np.mean([math.exp(-(distance**2) / (2 * 0.3**2)) for distance in near]))
    return np.mean(total)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_definition(seed):
    points, sounds = smooth(200, 55, seed), np.array([2.1, 2.9, 3.6, 5.0, 6.2])
    mean = 4 * beats.mean_speeds(points, FPS)  # so that some of the minima are too slow
    found = both(points, sounds, mean)
    assert found == pytest.approx([in_loops(points, sounds, mean, late) for late in (0, 48)])
    assert found[0] != found[1]


def test_mean_speeds_are_of_each_joint():
    points = joints(TIME)
    points[:, 7] *= 3
    found = beats.mean_speeds(points, FPS)
    np.testing.assert_allclose(found, np.where(np.arange(55) == 7, 3, 1))


def test_clips_that_are_all_ends_are_refused():
    with pytest.raises(ValueError, match=r"a clip of 4 s has nothing between two ends of 2 s"):
        both(np.zeros((96, 55, 3)), [2.0], np.ones(55))


def test_onsets_are_where_clicks_are():
    rng, sound = np.random.default_rng(0), np.zeros(8 * beats.RATE, np.float32)
    clicks = np.array([0.5, 2.7, 3.6, 5.1, 7.5])
    for click in clicks:
        start = int(click * beats.RATE)
        sound[start : start + 1600] += rng.normal(0, 0.3, 1600) * np.exp(-np.arange(1600) / 200)
    apart = np.abs(beats.onsets(sound)[:, None] - clicks)  # a click may sound twice
    assert apart.min(axis=1).max() < 0.05
    assert (apart.min(axis=0) < 0.05).tolist() == [False, True, True, True, False]


def test_silence_and_short_clips_have_no_onsets():
    assert len(beats.onsets(np.zeros(8 * beats.RATE))) == 0
    assert len(beats.onsets(np.ones(3 * beats.RATE))) == 0

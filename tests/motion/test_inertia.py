"""Averages of motion: closed forms, each part by itself, and as many frames ahead as there may be."""

import dataclasses

import jax
import numpy as np
import pytest

from tests.motion import made
from tests.nn import sharded
from vlogger_jax.motion.inertia import averaged, window
from vlogger_jax.motion.packing import NONE, PARTS, Packing

T, PACKING = 16, Packing(5)


def of(x: np.ndarray, ahead: int = 2, **reaches: float) -> np.ndarray:
    return np.asarray(_compiled(x, PACKING, dataclasses.replace(NONE, **reaches), ahead))


_compiled = jax.jit(averaged, static_argnums=(1, 2, 3))


def motion(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((2, T, PACKING.d)).astype(np.float32)


@pytest.mark.parametrize("ahead", [0, 1, 4, 9])
@pytest.mark.parametrize("reach", [0, 0.1, 1.0, 4.0, 9.0])
def test_a_window_is_a_raised_cosine_on_either_side(reach, ahead):
    found, back, front = window(reach, ahead), round(reach), min(round(reach), ahead)
    assert list(found) == list(range(-back, front + 1))
    np.testing.assert_allclose(sum(found.values()), 1)
    for later, weight in found.items():
        share = abs(later) / (1 + (front if later > 0 else back))
        np.testing.assert_allclose(weight / found[0], np.cos(np.pi * share / 2) ** 2)


def test_a_short_side_ahead_lets_little_trembling_through():
    """White noise, third differences: less than half of what a Gaussian leaves that is cut off there."""

    def left(weights: dict[int, float]) -> float:
        return float(np.linalg.norm(np.diff(np.pad(list(weights.values()), 3), n=3)))

    cut = {i: np.exp(-((i / 3) ** 2) / 2) for i in range(-9, 5)}
    assert left(window(9, 4)) < 0.5 * left({i: w / sum(cut.values()) for i, w in cut.items()})


@pytest.mark.parametrize("ahead", [0, 3])
def test_what_is_constant_stays_so(ahead):
    still = np.broadcast_to(motion()[:, :1], (2, T, PACKING.d))
    np.testing.assert_allclose(of(still, ahead, **dict.fromkeys(PARTS, 4.0)), still, rtol=1e-5)


@pytest.mark.parametrize("ahead", [0, 2, 9])
def test_an_impulse_gives_the_window(ahead):
    """A frame that lies so much later counts as `window` says: the impulse is seen before it comes."""
    x = np.zeros((1, T, PACKING.d), np.float32)
    x[:, 8] = 1
    found = of(x, ahead, head=3.0)[0, :, PACKING.columns["head"]]
    wanted = [window(3.0, ahead).get(8 - frame, 0.0) for frame in range(T)]
    np.testing.assert_allclose(found, np.tile(wanted, (12, 1)).T, atol=1e-7)
    assert len(np.flatnonzero(wanted)) == 4 + min(ahead, 3)


def test_the_ends_repeat():
    """As much of the first frame as lies before the clip, and of the last as lies behind it."""
    x = np.zeros((1, T, PACKING.d), np.float32)
    x[:, 0], x[:, -1] = 1, 2
    found, weights = of(x, 2, transl=3.0)[0, :, -1], window(3.0, 2)
    for frame in range(3):
        np.testing.assert_allclose(found[frame], sum(w for i, w in weights.items() if frame + i <= 0), atol=1e-6)
    for left in range(3):
        np.testing.assert_allclose(found[-1 - left], 2 * sum(w for i, w in weights.items() if i >= left), atol=1e-6)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_has_its_own(part):
    """0 leaves the others to the bit."""
    found, where = of(motion(), **{part: 3.0}), np.zeros(PACKING.d, bool)
    where[PACKING.columns[part]] = True
    np.testing.assert_array_equal(found[..., ~where], motion()[..., ~where])
    assert (found[..., where] != motion()[..., where]).any(axis=1).all()
    both = of(motion(), **{"arms": 2.0, part: 3.0})
    np.testing.assert_array_equal(both[..., where], found[..., where])


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_it_looks_no_further_ahead_than_it_may(ahead):
    later = motion()
    later[:, 9:] += 1
    reaches = dict.fromkeys(PARTS, 3.0)
    differ = (of(later, ahead, **reaches) != of(motion(), ahead, **reaches)).any(axis=(0, 2))
    np.testing.assert_array_equal(differ, np.arange(T) >= 9 - ahead)


def test_frames_that_are_split_over_chips_are_averaged_as_one_clip():
    def network(_, x):
        return averaged(x, PACKING, made.MASS, 2)

    found = jax.jit(sharded.split(network, (2, 1, 4), sharded.FRAMES))({}, motion())
    np.testing.assert_allclose(found, of(motion(), **vars(made.MASS)), atol=1e-6)

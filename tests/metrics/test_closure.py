import numpy as np
import pytest

from vlogger_jax.metrics.closure import closures
from vlogger_jax.metrics.count import Count

FPS = 10.0


def mouth(*closed: int, frames: int = 20) -> np.ndarray:
    """Wide open but for some frames."""
    found = np.full(frames, 5.0)
    found[list(closed)] = 0.9
    return found


@pytest.mark.parametrize("frame", range(20))
def test_a_frame_within_or_beside_a_bilabial_closes_it(frame):
    """From 0.75 to 0.95 s: frames 8 and 9 lie within, 7 and 10 beside."""
    expected = Count(int(frame in (7, 8, 9, 10)), 1)
    assert closures(mouth(frame), FPS, np.array([[0.75, 0.95]])) == expected


@pytest.mark.parametrize("frame", range(20))
def test_one_that_is_shorter_than_a_frame_has_those_around_it(frame):
    assert closures(mouth(frame), FPS, np.array([[0.72, 0.78]])).hits == (frame in (7, 8))


@pytest.mark.parametrize("frame", range(20))
def test_times_on_frames_are_those_frames(frame):
    """0.3 · 10 is not 3 in floating point, nor is 0.7 · 10 always 7."""
    assert closures(mouth(frame), FPS, np.array([[0.1 * 3, 0.7]])).hits == (2 <= frame <= 8)


def test_each_counts_for_itself():
    bilabials = np.array([[0.2, 0.3], [1.0, 1.1], [1.5, 1.6]])
    assert closures(mouth(3, 16), FPS, bilabials) == Count(2, 3)
    assert closures(mouth(*range(20)), FPS, bilabials) == Count(3, 3)
    assert closures(mouth(), FPS, bilabials) == Count(0, 3)


def test_the_edge_belongs_to_the_closed():
    assert closures(np.full(9, 1.0), FPS, np.array([[0.2, 0.3]])).hits == 1
    assert closures(np.full(9, 1.001), FPS, np.array([[0.2, 0.3]])).hits == 0
    assert closures(np.full(9, 1.001), FPS, np.array([[0.2, 0.3]]), closed=2).hits == 1


def test_what_the_clip_does_not_reach_is_no_case():
    assert closures(mouth(19), FPS, np.array([[1.95, 2.1], [2.2, 2.3], [0.0, 0.0]])) == Count(1, 2)
    assert closures(mouth(0), FPS, np.zeros((0, 2))) == Count(0, 0)

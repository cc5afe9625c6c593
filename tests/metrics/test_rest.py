import numpy as np
import pytest

from vlogger_jax.metrics.count import Count
from vlogger_jax.metrics.rest import away, rests


def test_frames_near_speech_do_not_count():
    """Speech from 0.5 to 1.0 s at 10 frames/s: 0.3 s and 1.2 s are 0.2 s away, 0.4 and 1.1 are 0.1."""
    assert np.flatnonzero(~away(20, 10, np.array([[0.5, 1.0]]))).tolist() == [*range(4, 12)]


def test_the_margin_itself_belongs_to_speech():
    assert np.flatnonzero(~away(8, 4, np.array([[1.0, 1.0]]), margin=0.25)).tolist() == [3, 4, 5]


def test_stretches_in_any_order_and_overlapping():
    speech = np.array([[1.5, 1.6], [0.0, 0.3], [0.2, 0.5]])
    found = away(20, 10, speech)
    alone = np.array([away(20, 10, each[None]) for each in speech])
    np.testing.assert_array_equal(found, alone.all(axis=0))
    assert found.any()


@pytest.mark.parametrize(("aperture", "hits"), [(2.0, 12), (2.1, 0), (0.0, 12)])
def test_hits_are_frames_at_rest(aperture, hits):
    assert rests(np.full(20, aperture), 10, np.array([[0.5, 1.0]])) == Count(hits, 12)


def test_only_frames_without_speech_are_looked_at():
    mouth = np.zeros(20)
    mouth[4:12] = 30.0
    assert rests(mouth, 10, np.array([[0.5, 1.0]])) == Count(12, 12)
    mouth[0] = 30.0
    assert rests(mouth, 10, np.array([[0.5, 1.0]])) == Count(11, 12)


def test_silence_is_all_rest_and_speech_none():
    assert rests(np.zeros(20), 24.0, np.zeros((0, 2))) == Count(20, 20)
    assert rests(np.zeros(20), 24.0, np.array([[0.0, 1.0]])) == Count(0, 0)

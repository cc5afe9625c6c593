import numpy as np

from data_pipelines.avatars.acting import rhythm
from tests.avatars.acted import said


def test_silence_has_no_rhythm():
    for phonemes in ((), said(("", 3.0))):
        found = rhythm.of(phonemes, np.random.default_rng(0))
        assert found.runs.shape == (0, 2) and len(found.stressed) == len(found.strength) == 0
        np.testing.assert_array_equal(found.speaking(np.arange(5.0), 0.1, 0.1), 0.0)


def test_short_silences_belong_to_the_speech_around():
    phonemes = said(("", 1.0), ("t", 0.1), ("a", 0.2, 2), ("", 0.2), ("i", 0.1, 2), ("", 0.5), ("u", 0.3, 2), ("", 1.0))
    found = rhythm.of(phonemes, np.random.default_rng(0))
    np.testing.assert_allclose(found.runs, [[1.0, 1.6], [2.1, 2.4]])
    np.testing.assert_allclose(found.stressed, [1.2, 1.55, 2.25])
    assert found.strength[1] >= 1.0 and found.strength[2] >= 1.0 >= found.strength[0]  # the last of a stretch


def test_only_vowels_with_primary_stress_count():
    phonemes = said(("t", 0.1, 2), ("a", 0.1, 1), ("i", 0.1, 2), ("e", 0.1))
    np.testing.assert_allclose(rhythm.of(phonemes, np.random.default_rng(0)).stressed, [0.25])


def test_without_marks_long_vowels_are_stressed():
    phonemes = said(*[("a", 0.3 if i % 4 == 0 else 0.1) for i in range(10)])
    found = rhythm.of(phonemes, np.random.default_rng(0))
    assert len(found.stressed) == 3


def test_speaking_begins_early_and_ends_late():
    found = rhythm.of(said(("", 1.0), ("a", 1.0, 2), ("", 1.0)), np.random.default_rng(0))
    times = np.array([0.0, 0.87, 0.9, 0.999, 1.5, 2.0, 2.1, 2.16])
    speaking = found.speaking(times, 0.12, 0.15)
    np.testing.assert_array_equal(speaking[[0, 1, 4, 7]], [0, 0, 1, 0])
    assert (speaking[[2, 6]] > 0).all() and speaking[3] > 0.99 and speaking[5] == 1

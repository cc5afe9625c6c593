"""Windows of motion hold what the clip holds there, sound included, to the bit."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipelines.loaders import motion
from data_pipelines.loaders.dataset import DataSet
from data_pipelines.loaders.motion import Motions, MotionWindows, hear
from data_pipelines.loaders.order import Stream
from data_pipelines.schema import BadExample, Clip
from tests.data.people import People
from vlogger_jax.audio import mel
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.body import model_file
from vlogger_jax.core.errors import UserError

SILENCE = np.float32(math.log(mel.FLOOR))


SHORT = Motions(8, 16)


class Drawn(np.random.Generator):
    """Draws the numbers it is given."""

    def __init__(self, *numbers: int):
        super().__init__(np.random.PCG64(0))
        self.numbers = [*numbers]

    def integers(self, low: int, high: int | None = None) -> int:
        found = self.numbers.pop(0)
        assert (0 if high is None else low) <= found < (low if high is None else high)
        return found


@pytest.fixture(scope="module")
def clip() -> Clip:
    people = People()
    return people.clip(people.job("train", 0))


def windows(*clips: Clip, config: Motions = SHORT) -> MotionWindows:
    return MotionWindows(clips, model_file.default(), config)


@given(
    start=st.integers(0, 60),
    frames=st.integers(1, 40),
    fps=st.sampled_from([24.0, 25.0, 29.97, 30.0, 23.976, 12.5, 60.0]),
    samples=st.integers(1, 30000),
)
def test_a_window_of_sound_is_that_of_the_whole_sound_to_the_bit(start, frames, fps, samples):
    sound = np.random.default_rng(samples).integers(-30000, 30000, samples).astype(np.int16)
    whole = mel.mel(sound.astype(np.float32) / 32767, fps).mel[start:][:frames]
    found = hear(sound, fps, start, frames)
    assert found.shape == (frames, 4, 80)
    # The whole sound has frames up to its end, to half a frame; what it does not count may still hear its last samples.
    np.testing.assert_array_equal(found[: len(whole)], whole)
    past = math.ceil((samples + mel.WINDOW) / mel.RATE * fps) + 1
    assert (found[max(past - start, 0) :] == SILENCE).all()


@pytest.mark.parametrize(("length", "start", "reference"), [(8, 0, 3), (16, 4, 0), (11, 9, 19)])
def test_a_window_is_that_part_of_the_clip(clip, length, start, reference):
    found = windows(clip).sample(0, Drawn(length, start, reference))
    assert found["length"] == length and found["length"].dtype == np.int32
    for name, value in motion._varying(clip.motion).items():
        np.testing.assert_array_equal(found[name][:length], value[start : start + length])
        assert (found[name][length:] == value[start + length - 1]).all(), "the last frame is repeated"
        np.testing.assert_array_equal(found[f"reference_{name}"], value[[reference]])
    np.testing.assert_array_equal(found["betas"], clip.motion.betas)
    quality = clip.quality
    expected = [quality.torso[reference], quality.left_hand[reference], quality.right_hand[reference]]
    np.testing.assert_array_equal(found["visible"], expected)
    whole = mel.mel(clip.waveform.astype(np.float32) / 32767, 24.0).mel[start:][:16]
    np.testing.assert_array_equal(found["mel"][: len(whole)], whole)


def test_every_length_place_and_reference_is_met(clip):
    frames, rng = len(clip.motion.transl), np.random.default_rng(0)
    ramp = np.arange(frames, dtype=np.float32)[:, None].repeat(3, axis=1)
    clip = dataclasses.replace(clip, motion=dataclasses.replace(clip.motion, transl=ramp))
    found = [windows(clip, config=Motions(18, 19)).sample(0, rng) for _ in range(400)]
    assert {int(each["length"]) for each in found} == {18, 19}
    assert {int(each["transl"][0, 0]) for each in found if each["length"] == 19} == set(range(frames - 18))
    assert len({int(each["reference_transl"][0, 0]) for each in found}) > frames * 0.8


def test_a_clip_shorter_than_the_shortest_is_taken_whole(clip):
    frames = len(clip.motion.transl)
    found = windows(clip, config=Motions(100, 120)).sample(0, np.random.default_rng(0))
    assert found["length"] == frames
    np.testing.assert_array_equal(found["transl"][:frames], clip.motion.transl)


def test_spoken_follows_the_phonemes(clip):
    spoken = (Phoneme("", 0, 0.25), Phoneme("a", 0.25, 0.5, 1), Phoneme("", 0.5, 0.6), Phoneme("b", 0.6, 9))
    found = windows(dataclasses.replace(clip, phonemes=spoken)).sample(0, Drawn(16, 1, 0))
    # Frame i is at i/24 s: 6/24 begins the vowel, 12/24 ends it, 14.4/24 begins the stop.
    np.testing.assert_array_equal(found["spoken"], [0] * 5 + [1] * 6 + [0] * 3 + [1] * 2)
    unknown = windows(dataclasses.replace(clip, phonemes=())).sample(0, np.random.default_rng(0))
    assert (unknown["spoken"] == motion.UNKNOWN).all()


def test_a_silent_clip_is_a_bad_sample(clip):
    hum = (np.arange(len(clip.waveform)) % 2).astype(np.int16)
    for sound in (0 * clip.waveform, hum):
        with pytest.raises(BadExample, match=r"clip 0 \(train-0\) is silent"):
            windows(dataclasses.replace(clip, waveform=sound)).sample(0, np.random.default_rng(0))
    windows(dataclasses.replace(clip, waveform=hum * 20)).sample(0, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"body": "smplx-0123"}, "the body 'smplx-0123' with 57 coefficients of shape and 52 of expression, not"),
        ({"betas": np.zeros(7, np.float32)}, "'default-v1' with 7 coefficients of shape"),
        ({"expression": np.zeros((40, 9), np.float32)}, "57 coefficients of shape and 9 of expression"),
    ],
)
def test_a_clip_of_another_body_is_refused_and_not_replaced(clip, change, what):
    other = dataclasses.replace(clip, motion=dataclasses.replace(clip.motion, **change))
    with pytest.raises(UserError, match=what) as caught:
        Stream(windows(other), 0, tolerated=5)[0]
    assert not isinstance(caught.value, BadExample)


def test_samples_are_as_the_spec_says(data: DataSet):
    made = MotionWindows(data.clips("train"), data.body, Motions(8, 40))
    assert len(made) == 6
    found = made.sample(1, np.random.default_rng(0))
    assert {name: (each.shape, each.dtype) for name, each in found.items()} == {
        name: (each.shape, each.dtype) for name, each in made.spec.items()
    }


@pytest.mark.parametrize(("shortest", "longest"), [(0, 5), (6, 5)])
def test_impossible_lengths_are_refused(shortest, longest):
    with pytest.raises(UserError, match="Give 1 <= shortest <= longest"):
        Motions(shortest, longest)

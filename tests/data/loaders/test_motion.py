"""Windows of motion hold what the clip holds there, and hear what has been heard until then."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from data_pipelines.avatars.acting import visemes
from data_pipelines.loaders import motion
from data_pipelines.loaders.dataset import DataSet
from data_pipelines.loaders.motion import Motions, MotionWindows
from data_pipelines.loaders.order import Stream
from data_pipelines.loaders.overheard import Overheard
from data_pipelines.schema import BadExample, Clip
from tests.data.people import People
from vlogger_jax.audio import hearing, mel
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.body import model_file
from vlogger_jax.core.errors import UserError

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


def heard(clip: Clip, choice, frames: int) -> np.ndarray:
    """Of the whole clip, and of silence up to so many frames."""
    sound = mel.mel(clip.waveform.astype(np.float32) / 32767, 24.0).mel.astype(np.float16).astype(np.float32)
    return hearing.named(choice).hear(np.concatenate([sound, hearing.silence(frames - len(sound))]), 24.0)[0]


@pytest.mark.parametrize("choice", ["log_mel", {"name": "normalised", "decay": 1.0}])
@pytest.mark.parametrize("start", [0, 4, 11])
def test_a_window_hears_what_was_heard_since_the_clip_began(clip, choice, start):
    length = len(clip.motion.transl) - start  # so that the last frames of the longest are after the clip
    config = Motions(8, 64, hearing=choice)
    found = windows(clip, config=config).sample(0, Drawn(length, start, 3))["heard"]
    np.testing.assert_allclose(found, heard(clip, choice, start + 64)[start:], atol=1e-5)
    assert found[: length - 1].max() > 0.9 > 0.3 > found[length + 2 :].max() and np.ptp(found[: length - 1]) > 0.1


def test_what_is_after_the_window_is_heard_too(clip):
    """The sound goes on where the motion repeats its last frame."""
    found = windows(clip).sample(0, Drawn(8, 2, 0))
    np.testing.assert_allclose(found["heard"], heard(clip, "log_mel", 60)[2:18], atol=1e-5)
    assert (found["transl"][8:] == found["transl"][7]).all()


def test_what_is_put_into_the_sound_is_a_function_of_the_seed_and_changes_nothing_else(clip):
    plain, mixed = (windows(clip, config=dataclasses.replace(SHORT, overheard=each)) for each in (
        Overheard(), Overheard(warp=0.1, noise=1.0, music=1.0)
    ))  # fmt: skip
    one, same, other = (mixed.sample(0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    clean = plain.sample(0, np.random.default_rng(1))
    np.testing.assert_array_equal(one["heard"], same["heard"])
    assert not np.array_equal(one["heard"], other["heard"]) and not np.array_equal(one["heard"], clean["heard"])
    for name in clean.keys() - {"heard"}:
        np.testing.assert_array_equal(one[name], clean[name])


class Read(tuple):
    """Clips that count how often each is read."""

    def __getitem__(self, number):
        self.counts[number] += 1
        return super().__getitem__(number)


@pytest.mark.parametrize(("remembered", "counts"), [(0, (4, 4)), (1, (1, 4)), (5, (1, 1))])
def test_as_many_clips_as_are_wanted_are_remembered(clip, remembered, counts):
    clips = Read([clip, dataclasses.replace(clip, identity="another")])
    clips.counts = Counter()
    made = MotionWindows(clips, model_file.default(), dataclasses.replace(SHORT, remembered=remembered))
    for number, seed in ((0, 0), (1, 1), (0, 2), (1, 3)) * 2:
        found = made.sample(number, np.random.default_rng(seed))
        expected = windows(clip).sample(0, np.random.default_rng(seed))
        assert all(np.array_equal(found[name], value) for name, value in expected.items())
    assert tuple(clips.counts[number] for number in range(2)) == counts
    assert not any(len(known.clip.waveform) for known in made._known.values())


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


def test_visemes_follow_the_phonemes(clip):
    said = (Phoneme("", 0, 0.25), Phoneme("aɪ", 0.25, 0.5, 1), Phoneme("", 0.5, 0.6), Phoneme("b", 0.6, 9))
    found = windows(dataclasses.replace(clip, phonemes=said)).sample(0, Drawn(16, 1, 0))
    # Frame i is at i/24 s: 6/24 begins the diphthong, 9/24 its second part, 12/24 ends it, 14.4/24 begins the stop.
    expected = ["silence"] * 5 + ["open"] * 3 + ["close"] * 3 + ["silence"] * 3 + ["bilabial"] * 2
    assert [visemes.NAMES[number] for number in found["viseme"]] == expected
    padded = windows(dataclasses.replace(clip, phonemes=said)).sample(0, Drawn(8, 1, 0))
    assert [visemes.NAMES[number] for number in padded["viseme"]] == expected[:8] + ["open"] * 8
    late = (said[1]._replace(start=0.1),)
    first = windows(dataclasses.replace(clip, phonemes=late)).sample(0, Drawn(8, 0, 0))["viseme"][0]
    assert visemes.NAMES[first] == "open", "before the first there is none"
    unknown = windows(dataclasses.replace(clip, phonemes=())).sample(0, np.random.default_rng(0))
    assert (unknown["viseme"] == motion.UNKNOWN).all() and len(visemes.NAMES) <= motion.UNKNOWN


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


def test_a_clip_of_another_rate_is_refused_and_not_replaced(clip):
    slow = dataclasses.replace(clip, motion=dataclasses.replace(clip.motion, fps=12.0))
    asked = dataclasses.replace(SHORT, fps=24.0)
    with pytest.raises(UserError, match=r"has 12.0 frames/s, not 24.0") as caught:
        Stream(windows(slow, config=asked), 0, tolerated=5)[0]
    assert not isinstance(caught.value, BadExample)
    nearly = dataclasses.replace(clip, motion=dataclasses.replace(clip.motion, fps=24000 / 1001))
    assert windows(nearly, config=asked).sample(0, np.random.default_rng(0))["length"] > 0


def test_samples_are_as_the_spec_says(data: DataSet):
    normalised = {"name": "normalised", "bands": 24}
    made = MotionWindows(data.clips("train"), data.body, Motions(8, 40, normalised, Overheard(0.1, 1.0, 1.0)))
    assert len(made) == 6 and made.spec["heard"].shape == (40, 4, 24)
    found = made.sample(1, np.random.default_rng(0))
    assert {name: (each.shape, each.dtype) for name, each in found.items()} == {
        name: (each.shape, each.dtype) for name, each in made.spec.items()
    }


@pytest.mark.parametrize(("shortest", "longest"), [(0, 5), (6, 5)])
def test_impossible_lengths_are_refused(shortest, longest):
    with pytest.raises(UserError, match="Give 1 <= shortest <= longest"):
        Motions(shortest, longest)


@pytest.mark.parametrize(
    "wrong", [{"remembered": -1}, {"hearing": "ears"}, {"hearing": {"name": "log_mel", "bands": 3}}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError):
        Motions(**wrong)

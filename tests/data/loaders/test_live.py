"""Samples without files are those of the recipe, and pure functions of their numbers."""

import itertools
from functools import partial

import numpy as np
import pytest

from data_pipelines.loaders import live, order
from data_pipelines.loaders.frames import Frames, conditioned_spec
from data_pipelines.loaders.live import Clips, Jobs, Photographs
from data_pipelines.loaders.motion import Motions, MotionWindows
from data_pipelines.loaders.order import Order, Reading, Stream
from data_pipelines.schema import BadExample
from tests.data.people import People
from vlogger_jax.core.errors import UserError

PEOPLE = People(unusable=(2,))
TRAIN = Jobs(partial(PEOPLE.job, "train"))
FEW = Jobs(partial(PEOPLE.job, "train"), 3)


def test_clips_are_numbered_and_those_of_the_recipe():
    clips = Clips(PEOPLE, TRAIN)
    assert len(clips) == live.ENDLESS
    made = PEOPLE.clip(PEOPLE.job("train", 10**9))
    assert clips[10**9].clip == 10**9 and clips[10**9].identity == made.identity
    np.testing.assert_array_equal(clips[10**9].motion.transl, made.motion.transl)


def test_a_clip_that_is_left_out_is_replaced():
    windows = MotionWindows(Clips(PEOPLE, FEW), PEOPLE.body(), Motions(4, 8))
    with pytest.raises(BadExample, match="people leaves out clip 2: nobody is seen"):
        windows.sample(2, np.random.default_rng(0))
    stream = Stream(windows, 0, tolerated=10)
    assert sorted(int(stream[i]["replaced"] > 0) for i in range(3)) == [0, 0, 1]


def test_motion_without_end_comes_in_batches():
    stream = Stream(MotionWindows(Clips(PEOPLE, TRAIN), PEOPLE.body(), Motions(4, 8)), 0)
    found = list(itertools.islice(order.batches(stream, Order(2), 5), 2))
    assert all(np.array_equal(found[1][name], value) for name, value in order.batch(stream, Order(2), 6).items())


def test_photographs_are_as_the_spec_says_and_pure():
    made = Photographs(PEOPLE, FEW, Frames(32, 3))
    found, again = (made.sample(1, np.random.default_rng(4)) for _ in range(2))
    spec = conditioned_spec(Frames(32, 3))
    assert {name: (each.shape, each.dtype) for name, each in found.items()} == {
        name: (each.shape, each.dtype) for name, each in spec.items()
    }
    assert all(np.array_equal(found[name], again[name]) for name in found)


def test_photographs_show_frames_that_follow_each_other_and_a_far_reference(monkeypatch):
    made, taken = Photographs(PEOPLE, FEW, Frames(32, 4, far=12)), []
    shots = People.shots
    monkeypatch.setattr(People, "shots", lambda *given: taken.append(given[3]) or shots(*given))
    found = made.sample(0, np.random.default_rng(0))
    *window, reference = taken[0]
    assert window == list(range(window[0], window[0] + 4))
    assert max(window[0] - reference, reference - window[-1]) >= 12
    expected = shots(PEOPLE, TRAIN[0], PEOPLE.clip(TRAIN[0]), taken[0], 32)
    np.testing.assert_array_equal(found["frames"], expected.frames[:4])
    np.testing.assert_array_equal(found["reference"], expected.frames[4])
    np.testing.assert_array_equal(found["reference_matte"], expected.matte[4])


def test_a_clip_shorter_than_a_window_is_a_bad_sample():
    with pytest.raises(BadExample, match=r"clip 1 has \d+ frames, not 100"):
        Photographs(PEOPLE, FEW, Frames(32, 100)).sample(1, np.random.default_rng(0))


def test_a_clip_as_long_as_a_window_has_no_reference_and_is_a_bad_sample():
    length = len(PEOPLE.clip(TRAIN[1]).motion.transl)
    with pytest.raises(BadExample, match=f"clip 1 has {length} frames, none outside of a window of {length}"):
        Photographs(PEOPLE, FEW, Frames(32, length)).sample(1, np.random.default_rng(0))


def test_photographs_stay_in_the_process_that_owns_the_device():
    stream = Stream(Photographs(PEOPLE, TRAIN, Frames(32)), 0)
    with pytest.raises(UserError, match="Set workers to 0"):
        next(iter(order.batches(stream, Order(1, reading=Reading(workers=1)))))

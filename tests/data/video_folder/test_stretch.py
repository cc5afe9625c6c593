"""Cuts, stretches and backgrounds, in closed form and against the plainest way to compute them."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipelines.video_folder import stretch
from tests import cli_files
from vlogger_jax.fit import points

NONE = np.zeros(0, np.int64)


@pytest.mark.parametrize("size", [(64, 64), (60, 100), (1080, 1920), (48, 17), (5, 700)])
def test_a_small_picture_is_means(size):
    ramp = np.linspace(0, 255, size[1]).round().astype(np.uint8)
    small = stretch.thumb(np.tile(ramp[:, None], (size[0], 1, 3)))
    assert max(small.shape[:2]) <= 2 * stretch.THUMB
    assert small.dtype == np.float32
    np.testing.assert_allclose(small.mean(), 0.5, atol=0.02)
    assert (np.diff(small[0, :, 0]) > 0).all()
    np.testing.assert_allclose(small, np.broadcast_to(small[:1, :, :1], small.shape), atol=1e-6)


def test_a_chequerboard_is_grey():
    board = np.indices((128, 128)).sum(axis=0) % 2 * 255
    np.testing.assert_allclose(stretch.thumb(np.repeat(board[..., None], 3, -1).astype(np.uint8)), 0.5, atol=1e-3)


def head(frames, x, eyes=40.0):
    """Landmarks of a head at `x` pixels, its eyes so far apart."""
    found = cli_files.landmarks(frames, (100, 200))
    face = np.array(found.face)
    left, right = points.OUTER_EYES
    face[:, left, 0], face[:, right, 0] = x - np.asarray(eyes) / 2, x + np.asarray(eyes) / 2
    return dataclasses.replace(found, face=face.astype(np.float32))


def still(frames):
    return np.random.default_rng(0).uniform(0, 1, (1, 8, 8, 3)) + np.zeros((frames, 1, 1, 1))


def test_nothing_changes():
    for frames in (1, 2, 3, 50):
        assert stretch.cuts(still(frames), head(frames, np.zeros(frames))).tolist() == []


@pytest.mark.parametrize("frames", [2, 3, 9, 40])
@pytest.mark.parametrize("change", [0.03, 0.3])
def test_another_scene(frames, change):
    thumbs = still(frames)
    thumbs[frames // 2 :] += change
    assert stretch.cuts(thumbs, head(frames, np.zeros(frames))).tolist() == [frames // 2]


def test_a_fast_pan_and_a_little_noise_are_no_cuts():
    time = np.arange(60)
    thumbs = still(60) + 0.05 * np.clip(time - 30, 0, 5)[:, None, None, None]
    thumbs += np.random.default_rng(1).normal(0, 0.01, thumbs.shape)
    assert stretch.cuts(thumbs, head(60, 10.0 * np.sin(time / 4))).tolist() == []


def test_a_face_that_is_elsewhere():
    at = np.zeros(30)
    at[20:] = 10  # a quarter of the distance of the eyes
    assert stretch.cuts(still(30), head(30, at)).tolist() == [20]
    assert stretch.cuts(still(30), head(30, 2.0 * np.arange(30))).tolist() == []
    assert stretch.cuts(still(30), head(30, 40.0 * np.arange(30) * (np.arange(30) % 5 == 0))).size


def test_a_face_of_another_size():
    eyes = np.full(30, 40.0)
    eyes[12:] = 52
    assert stretch.cuts(still(30), head(30, np.zeros(30), eyes)).tolist() == [12]


def test_a_face_that_is_lost_for_a_moment_has_not_moved():
    found = head(30, np.full(30, 90.0))
    confidence = np.array(found.face_confidence)
    confidence[10:12] = 0
    face = np.asarray(found.face) * (confidence[..., None] > 0)
    found = dataclasses.replace(found, face=face, face_confidence=confidence)
    assert stretch.cuts(still(30), found).tolist() == []


def plainly(good, cuts):
    """All parts, looked at one by one."""
    best = range(0)
    for first in range(len(good)):
        for end in range(first + 1, len(good) + 1):
            part = good[first:end]
            gaps = "".join(".x"[int(bad)] for bad in ~part)
            fits = part[0] and part[-1] and "x" * (stretch.GAP + 1) not in gaps
            if fits and not any(first < cut < end for cut in cuts) and end - first > len(best):
                best = range(first, end)
    return best


@given(good=st.lists(st.booleans(), min_size=1, max_size=24), data=st.data())
def test_the_longest_stretch(good, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, len(good) - 1), max_size=3))) if len(good) > 1 else []
    good = np.array(good)
    assert stretch.longest(good, np.array(cuts, np.int64)) == plainly(good, cuts)


def test_a_background_that_changes():
    thumbs = np.full((10, 8, 8, 3), 0.5)
    matte = np.zeros((10, 64, 64), np.uint8)
    matte[4, 16:40, 16:40] = 255
    assert stretch.background_change(thumbs, matte) == 0
    thumbs[:, 2:5, 2:5] += np.random.default_rng(0).uniform(size=(10, 3, 3, 3))
    assert stretch.background_change(thumbs, matte) == 0, "the person is not the background"
    thumbs[::2] += 0.1
    thumbs[1::2] -= 0.1
    assert stretch.background_change(thumbs, matte) == pytest.approx(0.1)
    assert stretch.background_change(thumbs, np.full_like(matte, 255)) == 0

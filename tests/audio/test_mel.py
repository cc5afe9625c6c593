"""Mel features: closed forms, librosa, exact times, and a stream that equals the whole."""

import os
import subprocess
import sys
from fractions import Fraction

import hypothesis.strategies as st
import jax
import librosa
import numpy as np
import pytest
from hypothesis import given, settings

from vlogger_jax.audio import mel as mels
from vlogger_jax.core import rate as rates
from vlogger_jax.core.errors import UserError

FPS = [12, 23.976, 24, 25, 29.97, 30, 59.94, 7.3]


def noise(samples, seed=0, level=0.1):
    return (level * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def sine(hertz, seconds=0.5):
    return np.sin(2 * np.pi * hertz * np.arange(int(16000 * seconds)) / 16000).astype(np.float32)


@pytest.mark.parametrize("hertz", [120, 440, 1000, 2500, 6000])
def test_a_sine_is_loudest_in_its_band(hertz):
    edges = librosa.mel_frequencies(82, fmin=0, fmax=8000)
    features = mels.mel(sine(hertz), 24).mel[2:-2]
    loudest = features.argmax(axis=-1)
    assert (np.abs(edges[1:-1][loudest] - hertz) <= np.diff(edges)[loudest] + 1).all()


def test_power_of_a_sine_in_the_middle_of_the_windows():
    """Parseval: the power of all bins is 512 times the energy of the windowed sine, half of the sum of hann²."""
    features = mels.mel(sine(3000.0), 25).mel[3]
    energy = np.exp(features) @ (1 / mels._filters().max(axis=0))  # a triangle as high as 1 a bin, about
    expected = 1024 / 2 * 0.5 * (0.375 * mels.WINDOW)
    np.testing.assert_allclose(energy, expected, rtol=0.1)


@pytest.mark.parametrize("factor", [0.1, 0.5, 3.0])
def test_a_louder_sound_adds_twice_the_log_of_the_factor(factor):
    quiet, loud = (mels.mel(noise(8000, level=0.3) * np.float32(f), 24).mel for f in (1, factor))
    assert quiet.min() > np.log(1e-5) + 5
    np.testing.assert_allclose(loud - quiet, 2 * np.log(factor), atol=1e-4)


def test_silence_is_the_floor():
    np.testing.assert_array_equal(mels.mel(np.zeros(3000, np.float32), 24).mel, np.log(np.float32(1e-5)))
    np.testing.assert_array_equal(mels.mel(np.zeros(0, np.float32), 24).mel, np.log(np.float32(1e-5)))


def test_the_filters_are_librosas():
    theirs = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=80, fmin=0, fmax=8000)
    np.testing.assert_allclose(mels._filters(), theirs.T, atol=1e-8)


@pytest.mark.parametrize("fps", [25, 20, 12.5, 40])
def test_equals_librosa_where_centres_coincide(fps):
    waveform = noise(16000 * 3 + 777)
    waveform[20000:30000] = 0
    theirs = librosa.feature.melspectrogram(
        y=waveform, sr=16000, n_fft=1024, hop_length=round(4000 / fps), win_length=640, n_mels=80, fmin=0, fmax=8000,
        pad_mode="constant",
    )  # fmt: skip
    theirs = np.log(np.maximum(theirs, 1e-5)).T
    ours = mels.mel(waveform, fps).mel.reshape(-1, 80)
    common = min(len(ours), len(theirs))
    assert common > 3.4 * fps * 3
    np.testing.assert_allclose(ours[:common], theirs[:common], atol=2e-5)


@pytest.mark.parametrize("fps", FPS)
def test_centres_are_where_they_are_said_to_be(fps):
    """A click sounds the same in a column as in the middle of a sound, moved by the rounded centre."""
    rate = rates.exact_rate(fps)
    expected = [[round_half_up((i + Fraction(k, 4)) * 16000 / rate) for k in range(4)] for i in range(40)]
    np.testing.assert_array_equal(mels._centres(0, 40, rate), expected)
    frame, column = 5, 3
    click = np.zeros(16000, np.float32)
    click[expected[frame][column]] = 1
    features = mels.mel(click, fps).mel
    np.testing.assert_allclose(features[frame, column], np.log(mels._filters().sum(axis=0)), atol=1e-4)
    later = np.roll(click, 1)
    assert (mels.mel(later, fps).mel[frame, column] < features[frame, column]).all()


@pytest.mark.parametrize("fps", [23.976, 29.97, 59.94])
def test_no_drift_after_three_hours(fps):
    rate = rates.exact_rate(fps)
    assert rate.denominator == 1001
    first = int(3 * 3600 * rate)
    centres = mels._centres(first, first + 3, rate)
    for i, row in enumerate(centres):
        for k, centre in enumerate(row):
            assert abs(int(centre) - (first + i + Fraction(k, 4)) * 16000 / rate) <= Fraction(1, 2)
    assert mels.frame_count(3 * 3600 * 16000, rate) == round(3 * 3600 * rate)


@pytest.mark.parametrize("fps", [23.976, 24])
def test_hour_three_sounds_as_it_does_alone(fps):
    """Three hours whose only sound is at the end, at a whole number of frames and samples."""
    rate = rates.exact_rate(fps)
    begin = 3 * 3600 // rate.denominator * rate.denominator  # s, a whole number of frames
    first, end = int(begin * rate), noise(4000)
    stream = mels.Stream(fps)
    stream._frames, stream._begin = first - 2, int(mels._centres(first - 2, first - 1, rate)[0, 0]) - 320
    silence = np.zeros(begin * 16000 - stream._begin, np.float32)
    got = np.concatenate([stream.push(silence), stream.push(end), stream.finish()])
    np.testing.assert_array_equal(got[2:], mels.mel(end, fps).mel)


@pytest.mark.parametrize(("samples", "fps", "frames"), [(0, 24, 1), (1, 24, 1), (999, 24, 1), (1000, 24, 2)])
def test_number_of_frames_halves_up(samples, fps, frames):
    assert mels.mel(np.zeros(samples, np.float32), fps).mel.shape == (frames, 4, 80)


def test_batches_and_blocks(monkeypatch):
    waveforms = np.stack([noise(30000, seed) for seed in range(6)]).reshape(2, 3, -1)
    features = mels.mel(waveforms, 29.97).mel
    assert features.shape == (2, 3, 56, 4, 80)
    np.testing.assert_array_equal(features[1, 2], mels.mel(waveforms[1, 2], 29.97).mel)
    monkeypatch.setattr(mels, "_BLOCK", 7)
    np.testing.assert_array_equal(mels.mel(waveforms, 29.97).mel, features)


def test_jit_gives_the_same_as_numpy():
    waveform = noise(20000)
    ours = mels.mel(waveform, 29.97)
    jitted = jax.jit(mels.mel, static_argnums=1)(waveform, 29.97)
    assert isinstance(ours.mel, np.ndarray) and isinstance(jitted.mel, jax.Array)
    assert ours.fps == jitted.fps == 30000 / 1001
    np.testing.assert_allclose(jitted.mel, ours.mel, atol=1e-5)
    empty = jax.jit(mels.mel, static_argnums=1)(np.zeros(0, np.float32), 24)
    np.testing.assert_allclose(empty.mel, np.log(1e-5), rtol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    fps=st.sampled_from([*FPS, 1000, 0.8]),
    cuts=st.lists(st.integers(0, 5000), max_size=12),
    seed=st.integers(0, 100),
    block=st.sampled_from([1, 3, 256]),
)
def test_a_stream_equals_the_whole(fps, cuts, seed, block):
    waveform = noise(sum(cuts), seed)
    stream, parts, at = mels.Stream(fps), [], 0
    for cut in cuts:
        parts.append(stream.push(waveform[at : at + cut]))
        at += cut
    parts.append(stream.finish())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mels, "_BLOCK", block)
        np.testing.assert_array_equal(np.concatenate(parts), mels.mel(waveform, fps).mel)


@pytest.mark.parametrize("fps", [24, 29.97, 1000])
def test_a_stream_gives_a_frame_as_soon_as_it_can_and_keeps_little(fps):
    stream, rate, given = mels.Stream(fps), rates.exact_rate(fps), 0
    for i in range(4000):
        given += len(stream.push(np.ones(1, np.float32)))
        heard = i + 1
        assert mels._centres(given, given + 1, rate)[0, 3] + 320 > heard
        assert not given or mels._centres(given - 1, given, rate)[0, 3] + 320 <= heard
        assert len(stream._kept) <= 640 + 16000 / fps + 1
    assert given > 0


def test_a_finished_stream_is_finished():
    stream = mels.Stream(24)
    assert stream.finish().shape == (1, 4, 80)
    with pytest.raises(ValueError, match="finished"):
        stream.push(np.zeros(1, np.float32))
    with pytest.raises(ValueError, match="finished"):
        stream.finish()


def test_loaders_need_neither_librosa_nor_a_device():
    program = """
import sys
import numpy as np
from vlogger_jax.audio import mel
assert mel.mel(np.zeros(16000, np.float32), 24).mel.shape == (24, 4, 80)
assert mel.Stream(24).finish().shape == (1, 4, 80)
assert not {"librosa", "scipy", "tensorflow", "flax"} & sys.modules.keys()
"""
    environment = os.environ | {"JAX_PLATFORMS": "none_such"}
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1001])
def test_impossible_rates_are_refused(fps):
    with pytest.raises(UserError, match="fps is"):
        mels.mel(np.zeros(10, np.float32), fps)
    with pytest.raises(UserError, match="fps is"):
        mels.Stream(fps)


def round_half_up(value):
    return int((value + Fraction(1, 2)) // 1)

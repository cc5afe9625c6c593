"""Phonemes move with the sound through every change of time: impulses and tones tell where things went."""

import numpy as np
import pytest

from data_pipelines.avatars.sound import RATE, timing
from vlogger_jax.audio.speech import Phoneme, Speech

LENGTH = 0.1
"""Seconds of a phoneme."""


def impulses(count=40, rate=22050):
    """An impulse at the beginning of every phoneme."""
    starts = LENGTH * np.arange(1, count + 1)
    waveform = np.zeros(round((starts[-1] + 2 * LENGTH) * rate), np.float32)
    waveform[np.rint(starts * rate).astype(int)] = 1
    return Speech(waveform, rate, tuple(Phoneme("a", s, s + LENGTH, 1) for s in starts.tolist()))


def tone(frequency, rate=RATE, seconds=4.0):
    waveform = np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate).astype(np.float32)
    return Speech(waveform, rate, (Phoneme("a", 0.0, seconds),))


def late(speech):
    """Seconds from every phoneme's beginning to the sound's centre around it, within half a phoneme of each side."""
    centres = []
    for phoneme in speech.phonemes:
        half = (phoneme.end - phoneme.start) / 2
        first = round((phoneme.start - half) * speech.rate)
        part = np.abs(speech.waveform[first : round((phoneme.start + half) * speech.rate)].astype(np.float64)) ** 2
        centres.append((first + (np.arange(len(part)) * part).sum() / part.sum()) / speech.rate - phoneme.start)
    return np.array(centres)


def frequency(speech):
    """Hz, of the strongest part of the middle of a sound."""
    middle = speech.waveform[len(speech.waveform) // 4 : -len(speech.waveform) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return spectrum.argmax() * speech.rate / len(middle)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_tract_scales_time_and_frequency(factor):
    moved = timing.tract(impulses(), factor)
    assert moved.rate == RATE
    assert np.abs(late(moved)).max() < 5e-5
    np.testing.assert_allclose([p.end - p.start for p in moved.phonemes], LENGTH / factor)
    assert abs(len(moved.waveform) / RATE - len(impulses().waveform) / 22050 / factor) < 1e-3
    assert abs(frequency(timing.tract(tone(500, 22050), factor)) - 500 * factor) < 1
    assert [p.stress for p in moved.phonemes] == [1] * 40


@pytest.mark.parametrize(("drift", "jitter"), [(0.03, 0.0), (0.0, 0.015), (0.03, 0.015)])
def test_what_wanders_stays_with_its_phoneme(drift, jitter):
    speech = timing.tract(impulses(), 1.0)
    moved = timing.wander(speech, drift, jitter, np.random.default_rng(0))
    assert np.abs(late(moved)).max() < 1e-4
    lengths = np.array([p.end - p.start for p in moved.phonemes])
    assert lengths.std() > 1e-4
    assert abs(lengths.mean() / LENGTH - 1) < 0.03


@pytest.mark.parametrize("seed", range(6))
def test_wandering_reads_all_of_the_sound(seed):
    """However slow the pace, as 0.5 is its least."""
    speech = timing.tract(impulses(8), 1.0)
    end = len(speech.waveform) / RATE
    whole = speech._replace(phonemes=(*speech.phonemes, Phoneme("", speech.phonemes[-1].end, end)))
    for drift in (0.03, 3.0):
        moved = timing.wander(whole, drift, 0.015, np.random.default_rng(seed))
        assert abs(moved.phonemes[-1].end - len(moved.waveform) / RATE) < 1e-3
        assert (np.diff([p.start for p in moved.phonemes]) > 0).all()


def test_wandering_has_the_asked_size():
    speech = Speech(
        np.zeros(60 * RATE, np.float32), RATE, tuple(Phoneme("a", t, t + 0.01) for t in np.arange(0, 59, 0.01).tolist())
    )
    moved = timing.wander(speech, 0.02, 0.0, np.random.default_rng(1))
    assert abs(np.std([0.01 / (p.end - p.start) for p in moved.phonemes]) / 0.02 - 1) < 0.15


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.0, 1.1, 1.25])
def test_stretch_keeps_pitch_and_takes_the_phonemes_along(factor):
    speech = timing.tract(impulses(), 1.0)
    moved = timing.stretch(speech, factor)
    assert len(moved.waveform) == round(len(speech.waveform) * factor)
    # A window is 16 ms to each side, and what it holds is not itself stretched.
    assert np.abs(late(moved)).max() < 0.5 * timing.HOP / RATE
    assert np.abs(late(moved)).mean() < 0.003
    starts = np.array([p.start for p in moved.phonemes])
    assert np.abs(starts - factor * LENGTH * np.arange(1, 41)).max() < (timing.SEARCH + timing.HOP) / RATE
    assert all(p.end >= p.start for p in moved.phonemes)
    for pitch in (90, 220):
        assert abs(frequency(timing.stretch(tone(pitch), factor)) - pitch) < 2


@pytest.mark.parametrize("factor", [0.8, 0.93, 1.0, 1.1, 1.25])
def test_stretch_leaves_no_phoneme_beyond_the_sound(factor):
    for seconds in (0.5, 1.01, 2.503):
        speech = tone(150, seconds=seconds)
        cut = seconds - 1e-3
        moved = timing.stretch(speech._replace(phonemes=(Phoneme("a", 0.0, cut), Phoneme("", cut, seconds))), factor)
        assert moved.phonemes[-1].end <= len(moved.waveform) / RATE
        assert all(p.start <= p.end for p in moved.phonemes)


def test_stretch_neither_loses_nor_adds_sound():
    steady = tone(150)
    for factor in (0.8, 1.25):
        middle = timing.stretch(steady, factor).waveform[4000:-4000]
        power = np.convolve(middle**2, np.ones(1600) / 1600, "valid")
        np.testing.assert_allclose(power, 0.5, rtol=0.05)


def test_windows_of_stretch_stay_in_order():
    assert timing.HOP / 1.25 > 2 * timing.SEARCH


def test_retime_follows_the_map_and_shifts_beyond_it():
    phonemes = (Phoneme("a", -1.0, 0.5), Phoneme("b", 0.5, 3.0, 2))
    moved = timing.retime(phonemes, np.array([0.0, 1.0, 2.0]), np.array([10.0, 12.0, 13.0]))
    assert moved == (Phoneme("a", 9.0, 11.0), Phoneme("b", 11.0, 14.0, 2))
    assert timing.retime((), np.array([0.0, 1.0]), np.array([0.0, 1.0])) == ()

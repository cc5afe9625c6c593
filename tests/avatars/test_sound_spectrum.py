"""Shaping in closed form: bands, equalisers, colours, breath, rooms."""

import numpy as np
import pytest
from scipy import signal

from data_pipelines.avatars.sound import RATE, breath, level, room, spectrum


def white(samples=10 * RATE, seed=0):
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def tone(frequency, samples=2 * RATE):
    return np.sin(2 * np.pi * frequency * np.arange(samples) / RATE).astype(np.float32)


def decibel(ratio):
    return 10 * np.log10(ratio)


def welch(waveform):
    return signal.welch(waveform, RATE, nperseg=2048)


@pytest.mark.parametrize(("low", "high"), [(0.0, 3400.0), (300.0, 3400.0), (200.0, 7000.0)])
def test_band_passes_the_inside_and_nothing_else(low, high):
    frequency, power = welch(spectrum.band(white(), low, high))
    _, before = welch(white())
    gain = decibel(power / before)
    assert np.abs(gain[(frequency > low + 20) & (frequency < high - 20)]).max() < 0.3
    assert gain[(frequency > 1.1 * high + 30)].max() < -45
    if low:
        assert gain[(frequency > 8) & (frequency < low - max(0.1 * low, 20) - 30)].max() < -40


def test_shaping_moves_nothing_in_time():
    impulse = np.zeros(RATE, np.float32)
    impulse[[0, 5000, RATE - 1]] = 1
    for shaped in (spectrum.band(impulse, 100, 4000), spectrum.equalise(impulse, np.array([3.0, -6, 6, 0]))):
        peaks = np.flatnonzero(shaped > 0.6 * shaped.max())
        assert {0, 5000, RATE - 1} <= set(peaks.tolist())
        assert np.abs(peaks[:, None] - [0, 5000, RATE - 1]).min(axis=1).max() <= 1


def test_the_end_does_not_leak_into_the_beginning():
    late = np.zeros(RATE, np.float32)
    late[-1] = 1
    assert np.abs(spectrum.band(late, 100, 3400)[:800]).max() < 0.01


def test_the_equaliser_has_its_gains():
    gains = np.array([6.0, -6.0, 0.0, 12.0])
    octaves = np.linspace(np.log2(60), np.log2(8000), 4)
    for frequency, gain in [(60.0, 6.0), (2 ** octaves[1], -6.0), (2 ** octaves[2], 0.0), (7900.0, 11.9), (30.0, 6.0)]:
        middle = spectrum.equalise(tone(frequency), gains)[RATE // 2 : -RATE // 2]
        assert abs(decibel(2 * np.mean(middle**2)) - gain) < 0.25


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_coloured_noise_falls_as_told(exponent):
    noise = spectrum.coloured(20 * RATE, exponent, np.random.default_rng(0))
    assert noise.dtype == np.float32
    assert abs(np.mean(noise**2) - 1) < 1e-4
    frequency, power = welch(noise)
    inside = (frequency > 60) & (frequency < 7000)
    slope = np.polyfit(np.log(frequency[inside]), np.log(power[inside]), 1)[0]
    assert abs(slope + exponent) < 0.06


@pytest.mark.parametrize("highest", [3.0, 80.0])
def test_smooth_noise_is_smooth(highest):
    values = spectrum.smooth_noise(60 * RATE, highest, np.random.default_rng(0))
    assert abs(values.std() - 1) < 0.12
    frequency, power = signal.welch(values, RATE, nperseg=RATE * 8)
    assert power[frequency < 1.5 * highest].sum() > 0.97 * power.sum()


def test_a_whisper_keeps_the_envelope_and_loses_the_harmonics():
    voice = signal.lfilter([1], [1, -0.9], (np.arange(4 * RATE) % 100 == 0).astype(float)).astype(np.float32)
    voice[: RATE // 2] = voice[-RATE:] = 0
    whisper = breath.breathe(voice, 1.0, np.random.default_rng(0))
    inside = slice(RATE, 2 * RATE)
    assert abs(decibel(np.mean(whisper[inside] ** 2) / np.mean(voice[inside] ** 2))) < 1
    assert np.abs(whisper[: RATE // 2 - 400]).max() < 1e-6
    assert np.abs(whisper[-RATE + 400 :]).max() < 1e-6
    smooth = [np.convolve(welch(x[inside])[1], np.ones(40) / 40, "valid") for x in (voice, whisper)]
    assert np.abs(decibel(smooth[1] / smooth[0])).mean() < 2
    periodic = [abs(np.dot(x[inside][:-100], x[inside][100:])) / np.dot(x[inside], x[inside]) for x in (voice, whisper)]
    assert periodic[0] > 0.95 and periodic[1] < 0.3


def test_breath_grows_with_its_share_and_with_frequency():
    voice = signal.lfilter([1], [1, -0.5], (np.arange(4 * RATE) % 100 == 0).astype(float)).astype(np.float32)
    np.testing.assert_allclose(breath.breathe(voice, 0.0, np.random.default_rng(0)), voice, atol=1e-5)
    changed = [breath.breathe(voice, share, np.random.default_rng(0)) - voice for share in (0.1, 0.3, 0.6)]
    assert np.all(np.diff([np.mean(x**2) for x in changed]) > 0)
    relative = welch(changed[1])[1] / np.convolve(welch(voice)[1], np.ones(26) / 26, "same")
    assert relative[600:900].mean() > 2 * relative[20:200].mean()


def test_shimmer_has_the_asked_depth():
    ones = np.ones(20 * RATE, np.float32)
    assert abs(np.log(breath.shimmer(ones, 0.1, np.random.default_rng(0))).std() / 0.1 - 1) < 0.1


@pytest.mark.parametrize("rt60", [0.1, 0.4, 0.8])
@pytest.mark.parametrize("direct_db", [-3.0, 10.0])
def test_rooms_decay_and_begin_with_the_direct_path(rt60, direct_db):
    responses = [room.response(rt60, direct_db, np.random.default_rng(seed)) for seed in range(12)]
    measured = []
    for impulse in responses:
        assert impulse[0] == 1 and np.abs(impulse[1:16]).max() < 0.2
        assert abs(decibel(1 / np.sum(impulse[1:].astype(float) ** 2)) - direct_db) < 0.01
        decay = decibel(np.cumsum(impulse[::-1].astype(float) ** 2)[::-1])
        decay -= decay[int(0.05 * RATE)]
        low, high = np.searchsorted(-decay[int(0.05 * RATE) :], (3, 18))
        measured.append((high - low) / RATE * 60 / 15)
    assert abs(np.median(measured) / rt60 - 1) < 0.2


def test_reverberation_is_a_convolution_that_keeps_onsets():
    impulse = room.response(0.3, 5.0, np.random.default_rng(0))
    sound = np.zeros(RATE, np.float32)
    sound[3000] = 1
    heard = room.reverberate(sound, impulse)
    np.testing.assert_allclose(heard[3000 : 3000 + len(impulse)], impulse, atol=1e-5)
    assert np.abs(heard[:3000]).max() < 1e-5


@pytest.mark.parametrize("snr", [5.0, 20.0, 45.0])
def test_noise_is_mixed_at_the_asked_ratio(snr):
    voice, noise = 0.3 * white(seed=1), 7 * white(seed=2)
    spoken = np.arange(len(voice)) % 3 == 0
    voice[~spoken] *= 20
    mixed = level.scaled_noise(voice, spoken, noise, snr)
    assert abs(decibel(np.mean(voice[spoken] ** 2) / np.mean(mixed**2)) - snr) < 0.01
    silent = level.scaled_noise(0 * voice, np.zeros(len(voice), bool), noise, snr)
    assert abs(decibel(1 / np.mean(silent**2)) - snr) < 0.01


def test_gain_and_clipping_are_exact():
    sound = white()
    for peak in (-36.0, -3.0, 0.0):
        assert abs(20 * np.log10(np.abs(level.to_peak(sound, peak)).max()) - peak) < 1e-4
    assert not level.to_peak(np.zeros(10, np.float32), -6.0).any()
    ramp = np.linspace(-1, 1, 2001, dtype=np.float32)
    clipped = level.clip(ramp, 20 * np.log10(2))
    np.testing.assert_allclose(clipped, np.clip(ramp, -0.5, 0.5), atol=1e-6)

"""The same speech, heard otherwise: louder, in noise, over music, from another throat. And where it pauses.

Sounds are mono, 16,000 samples/s, and may leave [-1, 1]: nothing is clipped. Decibels are of mean power over the whole
sound.
"""

import librosa
import numpy as np
from scipy import ndimage, signal

from vlogger_jax.audio.mel import RATE
from vlogger_jax.core.typing import Bool, Float, Float32

Sound = Float32[np.ndarray, "s"]

QUIET = 30.0
"""Decibels under the loud parts (95th percentile) of what counts as silence."""

SHORTEST = 0.3
"""Seconds of a pause."""

SHRUNK = 0.1
"""Seconds at both ends of a pause that are not looked at: lips lead the sound, and linger."""

_HOP = RATE // 100
_LOWEST = 20.0  # hertz of noise
_FFT, _STEP = 512, 128  # 32 ms, 8 ms
_LIFTER = 30  # samples of cepstrum: voices up to 500 Hz have their harmonics beyond
_ROUNDS = 20
_CHORDS = ((0, 4, 7), (7, 11, 14), (9, 12, 16), (5, 9, 12))  # I V vi IV, semitones
_BEAT = 0.5  # seconds; four to a chord


def louder(waveform: Sound, decibels: float | int) -> Sound:
    """Turned up, or down."""
    return (waveform * 10 ** (decibels / 20)).astype(np.float32)


def white(waveform: Sound, rng: np.random.Generator, ratio: float | int = 20) -> Sound:
    """In white noise `ratio` decibels under it."""
    return over(waveform, rng.standard_normal(len(waveform)), ratio)


def pink(waveform: Sound, rng: np.random.Generator, ratio: float | int = 20) -> Sound:
    """In noise whose power falls by 3 dB an octave, from 20 Hz on."""
    hertz = np.fft.rfftfreq(len(waveform), 1 / RATE)
    spectrum = np.fft.rfft(rng.standard_normal(len(waveform)))
    spectrum *= np.where(hertz < _LOWEST, 0.0, 1 / np.sqrt(np.maximum(hertz, _LOWEST)))
    return over(waveform, np.fft.irfft(spectrum, len(waveform)), ratio)


def music(waveform: Sound, rng: np.random.Generator, ratio: float | int = 15) -> Sound:
    """Over a bed of music: I-V-vi-IV in a key drawn, 120 beats a minute, tones with overtones struck at each beat, a
    bass an octave lower, and a burst of noise between the beats.
    """
    time = np.arange(len(waveform)) / RATE
    root, bed = 220 * 2 ** (rng.integers(12) / 12), np.zeros(len(waveform))
    beat, since = np.divmod(time, _BEAT)
    chord = (beat // 4).astype(int) % len(_CHORDS)
    for voice in range(4):
        tones = np.array([(*tones, tones[0] - 12)[voice] for tones in _CHORDS])[chord]
        hertz = root * 2.0 ** (tones / 12)
        for overtone in range(1, 7):
            bed += 0.6**overtone * np.exp(-3 * overtone * since) * np.sin(2 * np.pi * overtone * hertz * since)
    between = np.mod(time - _BEAT / 2, _BEAT)
    bed += 0.2 * np.exp(-40 * between) * rng.standard_normal(len(time))
    return over(waveform, bed, ratio)


def over(waveform: Sound, other: Float[np.ndarray, "s"], ratio: float | int) -> Sound:
    """Both at once, `other` `ratio` decibels under `waveform`."""
    power = np.mean(np.square(waveform, dtype=np.float64)) / np.mean(np.square(other))
    return (waveform + other * np.sqrt(power) * 10 ** (-ratio / 20)).astype(np.float32)


def voice(waveform: Sound, share: float) -> Sound:
    """All frequencies 1 + `share` times as high, formants and pitch, at the same times: a larger or smaller person.

    A phase vocoder makes it longer, resampling shorter again (librosa).
    """
    steps = 12 * np.log2(1 + share)
    moved = librosa.effects.pitch_shift(
        waveform, sr=RATE, n_steps=steps, n_fft=1024, hop_length=128, res_type="soxr_hq"
    )
    return moved.astype(np.float32)


def tract(waveform: Sound, share: float) -> Sound:
    """Formants 1 + `share` times as high, pitch and times as they were: another length of the vocal tract alone.

    The spectral envelope of each 32 ms is read at other frequencies; beyond 8 kHz it is what it is there.
    """
    spectrum = librosa.stft(waveform, n_fft=_FFT, hop_length=_STEP)
    envelope = _envelope(np.log(np.abs(spectrum) + 1e-6))
    bins = np.arange(len(envelope))
    place = np.minimum(bins / (1 + share), bins[-1])
    moved = ndimage.map_coordinates(
        envelope, np.stack(np.broadcast_arrays(place[:, None], np.arange(envelope.shape[1]))), order=1
    )
    warped = spectrum * np.exp(moved - envelope)
    return librosa.istft(warped, hop_length=_STEP, n_fft=_FFT, length=len(waveform)).astype(np.float32)


def pauses(waveform: Sound) -> Float[np.ndarray, "k 2"]:
    """Start and end, seconds, of what is silent for `SHORTEST` and more, begin and end of the sound included."""
    decibels = _decibels(waveform)
    silent = decibels < np.quantile(decibels, 0.95) - QUIET
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(int))).reshape(-1, 2)
    return edges[edges[:, 1] - edges[:, 0] >= SHORTEST * RATE / _HOP] * (_HOP / RATE)


def within(frames: int, fps: float, stretches: Float[np.ndarray, "k 2"]) -> Bool[np.ndarray, "{frames}"]:
    """Which frames lie in one of them, `SHRUNK` from its ends."""
    time = np.arange(frames)[:, None] / fps
    return ((time >= stretches[:, 0] + SHRUNK) & (time <= stretches[:, 1] - SHRUNK)).any(axis=1)


def _envelope(logarithm: np.ndarray) -> np.ndarray:
    """Of log magnitudes [f, t]: the smooth curve that harmonics touch from below.

    Imai and Abe 1979, the "true envelope": the low part of the cepstrum of what is above the last one, again and again.
    """
    envelope = np.full_like(logarithm, -np.inf)
    for _ in range(_ROUNDS):
        cepstrum = np.fft.irfft(np.maximum(logarithm, envelope), axis=0)
        cepstrum[_LIFTER + 1 : -_LIFTER] = 0
        envelope = np.fft.rfft(cepstrum, axis=0).real
    return envelope


def _decibels(waveform: np.ndarray) -> np.ndarray:
    """Power of each 10 ms, looking at 20, of what is above 50 Hz: rooms and desks rumble."""
    heard = signal.sosfilt(signal.butter(4, 50, "highpass", fs=RATE, output="sos"), waveform.astype(np.float64))
    power = ndimage.uniform_filter1d(np.square(heard), 2 * _HOP, mode="constant")[_HOP // 2 :: _HOP]
    return 10 * np.log10(np.maximum(power, 1e-10))

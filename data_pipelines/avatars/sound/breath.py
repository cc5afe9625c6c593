"""Voices with noise in them, from a little breathy to whispered."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft, ndimage

from data_pipelines.avatars.sound import RATE
from data_pipelines.avatars.sound.spectrum import smooth_noise
from vlogger_jax.core.typing import Float32

_WINDOW = 320
_HOP = 160
_LENGTH = 512
_FORMANT = 300.0  # Hz over which the spectrum is averaged: wider than the distance of harmonics, narrower than formants


def breathe(
    waveform: Float32[np.ndarray, "s"], share: float | int, rng: np.random.Generator
) -> Float32[np.ndarray, "s"]:
    """`waveform` with a share of its excitation replaced by noise under the same envelope in time and frequency.

    Args:
        share: 0 changes nothing, 1 is a whisper; between, more of the high frequencies than of the low are noise.
    """
    frames = (len(waveform) + _WINDOW) // _HOP + 1
    padded = np.pad(waveform, (_WINDOW, (frames + 2) * _HOP - len(waveform)))
    window = np.sqrt(np.hanning(_WINDOW + 1)[:-1]).astype(np.float32)
    voice = _spectra(padded, window, frames)
    noise = _spectra(rng.standard_normal(len(padded), np.float32), window, frames)
    width = round(_FORMANT * _LENGTH / RATE)
    envelope = np.sqrt(ndimage.uniform_filter1d(np.abs(voice) ** 2, width, axis=1) / (window**2).sum())
    part = 1 - (1 - share) ** (1 + fft.rfftfreq(_LENGTH, 1 / RATE) / 1000)
    mixed = np.sqrt(1 - part).astype(np.float32) * voice + np.sqrt(part).astype(np.float32) * envelope * noise
    pieces = fft.irfft(mixed, _LENGTH, axis=1)[:, :_WINDOW] * window
    result = np.zeros(len(padded), np.float32)
    for half in range(2):
        result[half * _HOP :][: frames * _HOP] += pieces[:, half * _HOP : (half + 1) * _HOP].ravel()
    return result[_WINDOW:][: len(waveform)]


def shimmer(
    waveform: Float32[np.ndarray, "s"], depth: float | int, rng: np.random.Generator
) -> Float32[np.ndarray, "s"]:
    """`waveform` whose loudness trembles by `depth`, relative, from one period of the voice to the next."""
    return waveform * np.exp(depth * smooth_noise(len(waveform), 80.0, rng)).astype(np.float32)


def _spectra(waveform: np.ndarray, window: np.ndarray, frames: int) -> np.ndarray:
    return fft.rfft(sliding_window_view(waveform, _WINDOW)[::_HOP][:frames] * window, _LENGTH, axis=1)

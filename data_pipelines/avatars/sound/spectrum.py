"""Sounds shaped by a gain at each frequency, without delay."""

from collections.abc import Callable

import numpy as np
from scipy import fft

from data_pipelines.avatars.sound import RATE
from vlogger_jax.core.typing import Float, Float32

PADDING = RATE // 10
"""Samples of silence that keep the end from leaking into the beginning."""


def shape(
    waveform: Float32[np.ndarray, "s"], gain: Callable[[Float[np.ndarray, "n"]], Float[np.ndarray, "n"]]
) -> Float32[np.ndarray, "s"]:
    """`waveform` with every frequency (Hz) scaled by `gain` of it; phases stay, so nothing moves in time."""
    length = fft.next_fast_len(len(waveform) + PADDING, real=True)
    spectrum = fft.rfft(waveform, length)
    spectrum *= gain(fft.rfftfreq(length, 1 / RATE)).astype(np.float32)
    return fft.irfft(spectrum, length)[: len(waveform)]


def band(waveform: Float32[np.ndarray, "s"], low: float | int, high: float | int) -> Float32[np.ndarray, "s"]:
    """`waveform` between `low` and `high` Hz: whole inside, nothing beyond a tenth of each (at least 20 Hz) outside."""
    return shape(waveform, lambda f: _edge(f, low - max(0.1 * low, 20.0), low) * (1 - _edge(f, high, 1.1 * high)))


def equalise(waveform: Float32[np.ndarray, "s"], gains_db: Float[np.ndarray, "n"]) -> Float32[np.ndarray, "s"]:
    """`waveform` through an equaliser: gains at frequencies spaced evenly in octaves from 60 Hz to 8 kHz."""
    octaves = np.linspace(np.log2(60.0), np.log2(8000.0), len(gains_db))
    return shape(waveform, lambda f: 10 ** (np.interp(np.log2(np.maximum(f, 1.0)), octaves, gains_db) / 20))


def coloured(samples: int, exponent: float | int, rng: np.random.Generator) -> Float32[np.ndarray, "s"]:
    """Noise whose power falls as 1 / f^exponent above 30 Hz: 0 white, 1 pink, 2 brown; its RMS is 1."""
    length = fft.next_fast_len(samples, real=True)
    frequency = fft.rfftfreq(length, 1 / RATE)
    spectrum = rng.standard_normal((2, len(frequency)), np.float32)
    spectrum *= (np.maximum(frequency, 30.0) ** (-exponent / 2)).astype(np.float32)
    noise = fft.irfft(spectrum[0] + 1j * spectrum[1], length)[:samples]
    return noise / np.sqrt(np.mean(noise**2))


def smooth_noise(samples: int, highest: float | int, rng: np.random.Generator) -> Float[np.ndarray, "s"]:
    """Gaussian numbers that change no faster than `highest` Hz, of standard deviation about 1."""
    points = int(samples / RATE * 2 * highest) + 4
    x = np.arange(samples) * ((points - 4) / max(samples, 1)) + 1
    at = x.astype(int)
    values = rng.standard_normal(points)
    # Catmull-Rom between the points; 0.78 is the mean power of its weights.
    u = x - at
    weights = (
        -0.5 * u + u**2 - 0.5 * u**3,
        1 - 2.5 * u**2 + 1.5 * u**3,
        0.5 * u + 2 * u**2 - 1.5 * u**3,
        0.5 * (u**3 - u**2),
    )
    return sum(weight * values[at + i - 1] for i, weight in enumerate(weights)) / np.sqrt(0.78)


def _edge(frequency: np.ndarray, low: float | int, high: float | int) -> np.ndarray:
    """0 below `low`, 1 above `high`, half a cosine between."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip((frequency - low) / max(high - low, 1e-6), 0, 1))

"""Rooms: synthetic impulse responses whose direct path comes at time 0."""

import numpy as np
from scipy import fft, signal

from data_pipelines.avatars.sound import RATE
from vlogger_jax.core.typing import Float32

_EARLY = 0.04  # s
_FIRST = 0.001


def response(rt60: float | int, direct_db: float | int, rng: np.random.Generator) -> Float32[np.ndarray, "s"]:
    """An impulse response: 1 at sample 0, early reflections, and a tail that decays exponentially, darker with time.

    Args:
        rt60: seconds in which the tail falls by 60 dB.
        direct_db: energy of the direct path over that of all else.
    """
    time = np.arange(round(1.1 * rt60 * RATE)) / RATE
    decay = 10 ** (-3 * time / rt60)
    tail = rng.standard_normal(len(time))
    dark = signal.lfilter([0.3], [1, -0.7], rng.standard_normal(len(time))) * 2.4
    fresh = np.exp(-time / (0.25 * rt60))
    tail = decay * (fresh * tail + (1 - fresh) * dark) * np.clip(time / _EARLY, 0, 1)
    delays = rng.uniform(_FIRST, min(_EARLY, time[-1]), rng.integers(6, 16))
    early = np.zeros(len(time))
    strength = rng.uniform(0.3, 1, len(delays)) * rng.choice((-1, 1), len(delays))
    np.add.at(early, (delays * RATE).astype(int), strength * 10 ** (-3 * delays / rt60) * np.exp(-delays / 0.02))
    early *= np.sqrt((tail**2).sum() / (early**2).sum()) * rng.uniform(0.4, 1.5)
    rest = tail + early
    rest *= np.sqrt(10 ** (-direct_db / 10) / (rest**2).sum())
    rest[0] = 1
    return rest.astype(np.float32)


def reverberate(waveform: Float32[np.ndarray, "s"], impulse: Float32[np.ndarray, "n"]) -> Float32[np.ndarray, "s"]:
    """`waveform` as heard in the room of `impulse`."""
    length = fft.next_fast_len(len(waveform) + len(impulse) - 1, real=True)
    return fft.irfft(fft.rfft(waveform, length) * fft.rfft(impulse, length), length)[: len(waveform)]

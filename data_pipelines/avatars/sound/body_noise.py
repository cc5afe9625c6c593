"""Sounds that people make without speaking: breaths, smacks of the lips, clicks of the tongue, coughs."""

from collections.abc import Callable

import numpy as np

from data_pipelines.avatars.sound import RATE
from data_pipelines.avatars.sound.spectrum import shape
from vlogger_jax.core.typing import Float32


def breath(rng: np.random.Generator) -> Float32[np.ndarray, "n"]:
    """Air drawn in: broad resonances, swelling, 0.25 to 0.7 s."""
    length = int(rng.uniform(0.25, 0.7) * RATE)
    rise = rng.uniform(0.5, 0.85)
    time = np.arange(length) / length
    swell = np.where(time < rise, time / rise, (1 - time) / (1 - rise)) ** 1.5
    return _resonant(length, rng.uniform((700, 1500, 3500), (1300, 2800, 6000)), 400.0, rng) * swell.astype(np.float32)


def smack(rng: np.random.Generator) -> Float32[np.ndarray, "n"]:
    """Lips or tongue coming apart: one or two short wet bursts."""
    length = int(rng.uniform(0.03, 0.09) * RATE)
    sound = np.zeros(length, np.float32)
    for at in rng.uniform(0, 0.6, rng.integers(1, 3)):
        part = np.arange(length - int(at * length)) / RATE
        sound[int(at * length) :] += np.exp(-part / rng.uniform(0.002, 0.008)).astype(np.float32)
    return _resonant(length, rng.uniform((900, 2200), (2000, 5000)), 300.0, rng) * sound


def click(rng: np.random.Generator) -> Float32[np.ndarray, "n"]:
    """The tongue off the palate: a ringing of a few milliseconds."""
    time = np.arange(int(0.03 * RATE)) / RATE
    ring = np.sin(2 * np.pi * rng.uniform(900, 3000) * time) * np.exp(-time / rng.uniform(0.002, 0.006))
    return ring.astype(np.float32)


def cough(rng: np.random.Generator) -> Float32[np.ndarray, "n"]:
    """A burst of air, then a rougher one."""
    parts = []
    for duration in rng.uniform(0.08, 0.25, rng.integers(1, 4)):
        length = int(duration * RATE)
        burst = _resonant(length, rng.uniform((400, 1100, 2500), (800, 1900, 4000)), 350.0, rng)
        time = np.arange(length) / length
        parts += [burst * (np.minimum(time / 0.08, 1) * np.exp(-3 * time)).astype(np.float32)]
        parts += [np.zeros(int(rng.uniform(0.02, 0.1) * RATE), np.float32)]
    return np.concatenate(parts)


_FLOOR = 0.1  # of the gain between resonances

KINDS: tuple[tuple[Callable[[np.random.Generator], np.ndarray], float, float, float], ...] = (
    (breath, 0.35, -32.0, -14.0),
    (smack, 0.12, -30.0, -12.0),
    (click, 0.08, -26.0, -8.0),
    (cough, 0.02, -12.0, 3.0),
)
"""What is heard in a pause: how, in which share of pauses, and between which levels, dB from speech."""


def in_pause(samples: int, rng: np.random.Generator) -> Float32[np.ndarray, "n"]:
    """A pause of speech of power 1: silent, or with some of `KINDS` that fit into it, a breath towards its end."""
    sound = np.zeros(samples, np.float32)
    for make, share, low, high in KINDS:
        if rng.random() >= share:
            continue
        part = make(rng)
        room = samples - len(part)
        if room > 0:
            first = int(room * (rng.uniform(0.5, 1) if make is breath else rng.uniform(0, 1)))
            loudest = np.sqrt(np.mean(part**2) + np.float32(1e-12))
            sound[first : first + len(part)] += part * np.float32(10 ** (rng.uniform(low, high) / 20) / loudest)
    return sound


def _resonant(length: int, formants: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """Noise with resonances at `formants`, Hz."""
    noise = rng.standard_normal(length).astype(np.float32)
    return shape(noise, lambda f: _FLOOR + sum(1 / (1 + ((f - formant) / width) ** 2) for formant in formants))

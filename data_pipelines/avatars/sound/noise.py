"""What a microphone hears beside the speaker; every noise lasts `samples`, its level is up to who mixes it."""

from collections.abc import Sequence

import numpy as np
from scipy import signal

from data_pipelines.avatars.sound import RATE
from data_pipelines.avatars.sound.spectrum import coloured, smooth_noise
from vlogger_jax.core.typing import Float32

_TABLE = 2048


def air(samples: int, rng: np.random.Generator) -> Float32[np.ndarray, "s"]:
    """Noise of some colour between white and brown, as of a room or a microphone."""
    return coloured(samples, float(rng.uniform(0, 2)), rng)


def hum(samples: int, rng: np.random.Generator) -> Float32[np.ndarray, "s"]:
    """Mains hum: 50 or 60 Hz and harmonics."""
    table = _harmonics(rng.uniform(0, 1, 12) / np.arange(1, 13) ** rng.uniform(0.3, 1.5), rng)
    return _tone(table, float(rng.choice((50.0, 60.0))), samples)


def fan(samples: int, rng: np.random.Generator) -> Float32[np.ndarray, "s"]:
    """A fan or an engine: a rumble, tones of its blades, both swelling slowly."""
    table = _harmonics(rng.uniform(0, 1, 6) / np.arange(1, 7), rng)
    tone = _tone(table, float(rng.uniform(40, 250)), samples)
    swell = 1 + 0.2 * smooth_noise(samples, 1.0, rng).astype(np.float32)
    return swell * (coloured(samples, float(rng.uniform(1, 2.5)), rng) + np.float32(rng.uniform(0.1, 0.7)) * tone)


def keyboard(samples: int, rng: np.random.Generator) -> Float32[np.ndarray, "s"]:
    """Somebody types: short knocks, in bursts."""
    kernels = []
    for _ in range(3):
        length = int(rng.uniform(0.006, 0.03) * RATE)
        ring = np.sin(2 * np.pi * rng.uniform(600, 5000) * np.arange(length) / RATE)
        burst = (rng.standard_normal(length) + ring) * np.exp(-5 * np.arange(length) / length)
        kernels.append(burst)
    sound = np.zeros(samples + RATE, np.float32)
    at = rng.uniform(0, 0.5)
    while at * RATE < samples:
        kernel = kernels[rng.integers(len(kernels))] * rng.uniform(0.3, 1)
        first = int(at * RATE)
        sound[first : first + len(kernel)] += kernel
        at += rng.uniform(0.08, 0.25) if rng.random() < 0.85 else rng.uniform(0.5, 2)
    return sound[:samples] + np.float32(1e-3) * coloured(samples, 1.0, rng)


def babble(
    samples: int, voices: Sequence[Float32[np.ndarray, "_"]], rng: np.random.Generator
) -> Float32[np.ndarray, "s"]:
    """Many people at once, none of whom can be understood: every one of `voices` three times, turned to other times."""
    sound = np.zeros(samples, np.float32)
    for voice in voices:
        voice = voice / np.sqrt(np.mean(voice**2) + np.float32(1e-12))
        for _ in range(3):
            turned = np.roll(voice, int(rng.integers(len(voice))))[:: rng.choice((1, -1))]
            sound += np.resize(turned, samples) * np.float32(rng.uniform(0.4, 1))
    return sound


def music(samples: int, rng: np.random.Generator) -> Float32[np.ndarray, "s"]:
    """A bed like music: plucked chords of a scale, a bass, and often drums, on a beat."""
    beat = 60 / rng.uniform(70, 150)
    sound = np.zeros(samples + 4 * RATE, np.float32)
    table = _harmonics(rng.uniform(0.2, 1, 8) / np.arange(1, 9) ** rng.uniform(0.7, 2), rng)
    root = 110 * 2 ** rng.uniform(0, 1)
    scale = np.array((0, 2, 3, 5, 7, 8, 10) if rng.random() < 0.5 else (0, 2, 4, 5, 7, 9, 11))
    drums = rng.random() < 0.6
    attack = rng.uniform(0.003, 0.15)
    for at in np.arange(0, samples / RATE, 2 * beat):
        degree = rng.integers(7)
        for third in range(-1, 3):
            step = degree + 2 * third if third >= 0 else degree
            pitch = root * 2 ** (scale[step % 7] / 12 + step // 7 - (third < 0))
            _add(
                sound,
                at + rng.uniform(0, 0.02) + (third > 0) * rng.choice((0, 0.5)) * beat,
                _note(table, pitch, 2 * beat, attack),
            )
    if drums:
        kick, snare = _kick(rng), 0.5 * _burst(0.12, rng)
        for i, at in enumerate(np.arange(0, samples / RATE, beat)):
            _add(sound, at, snare if i % 2 else kick)
            _add(sound, at + beat / 2, 0.4 * snare[: len(snare) // 3])
    return sound[:samples] + np.float32(1e-3) * coloured(samples, 1.0, rng)


def _harmonics(strengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One period of a sound with harmonics of these strengths, its RMS 1."""
    phase = np.arange(_TABLE) * (2 * np.pi / _TABLE)
    order = np.arange(1, len(strengths) + 1)[:, None]
    period = (strengths[:, None] * np.sin(order * phase + rng.uniform(0, 2 * np.pi, (len(strengths), 1)))).sum(axis=0)
    return (period / np.sqrt(np.mean(period**2) + 1e-12)).astype(np.float32)


def _tone(table: np.ndarray, frequency: float, samples: int) -> np.ndarray:
    step = frequency * _TABLE / RATE
    return table[(np.arange(samples) * step).astype(np.int64) % _TABLE]


def _note(table: np.ndarray, frequency: float, duration: float, attack: float) -> np.ndarray:
    time = np.arange(int(duration * RATE), dtype=np.float32) / RATE
    return _tone(table, frequency, len(time)) * np.minimum(time / attack, 1) * np.exp(-3 * time / duration)


def _kick(rng: np.random.Generator) -> np.ndarray:
    time = np.arange(int(0.2 * RATE), dtype=np.float32) / RATE
    return 3 * np.sin(2 * np.pi * (rng.uniform(45, 70) * time + 2 * np.exp(-40 * time))) * np.exp(-18 * time)


def _burst(duration: float, rng: np.random.Generator) -> np.ndarray:
    length = int(duration * RATE)
    noise = rng.standard_normal(length).astype(np.float32)
    return signal.lfilter([1, -0.7], [1], noise).astype(np.float32) * np.exp(
        -5 * np.arange(length, dtype=np.float32) / length
    )


def _add(sound: np.ndarray, time: float, part: np.ndarray) -> None:
    first = int(time * RATE)
    sound[first : first + len(part)] += part[: len(sound) - first]

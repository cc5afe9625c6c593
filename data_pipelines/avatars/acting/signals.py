"""Curves over time that movements are made of. All are smooth, so that nothing jerks."""

import numpy as np

from vlogger_jax.core.typing import Float


def smoothstep(x: Float[np.ndarray, "*b"]) -> Float[np.ndarray, "*b"]:
    """0 below 0, 1 above 1, without a kink (Hermite's cubic) between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def minimum_jerk(x: Float[np.ndarray, "*b"]) -> Float[np.ndarray, "*b"]:
    """0 below 0, 1 above 1; between them how a hand or a head moves (Flash and Hogan 1985)."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (10.0 + x * (6.0 * x - 15.0))


def wander(
    rng: np.random.Generator, frames: int, fps: float | int, low: float, high: float, *shape: int, slope: float = 1.0
) -> Float[np.ndarray, "t *s"]:
    """Noise of variance 1 whose amplitudes fall with frequency^slope from `low` to `high` Hz, and are 0 outside."""
    length = 1 << int(np.ceil(np.log2(max(2 * frames, 2 * fps / low))))  # it repeats only long after the clip
    frequency = np.fft.rfftfreq(length, 1.0 / fps)
    inside = (frequency >= low) & (frequency <= high)
    amplitude = np.where(inside, np.maximum(frequency, low) ** -slope, 0.0)
    amplitude *= length / np.sqrt(2.0 * (amplitude**2).sum())
    kept = int(inside.sum())
    first = int(np.argmax(inside))
    spectrum = np.zeros((len(frequency), *shape), np.complex128)
    drawn = rng.standard_normal((2, kept, *shape)) * np.sqrt(0.5)
    scale = amplitude[first : first + kept].reshape(-1, *[1] * len(shape))
    spectrum[first : first + kept] = scale * (drawn[0] + 1j * drawn[1])
    return np.fft.irfft(spectrum, n=length, axis=0)[:frames]


def steps(
    times: Float[np.ndarray, "t"],
    starts: Float[np.ndarray, "n"],
    lasting: Float[np.ndarray, "n"],
    values: Float[np.ndarray, "m d"],
) -> Float[np.ndarray, "t d"]:
    """From values[0] to values[k + 1] at starts[k], each change lasting `lasting[k]` s along a minimum-jerk curve."""
    if not len(starts):
        return np.repeat(values[:1], len(times), axis=0)
    share = minimum_jerk((times[:, None] - starts) / lasting)
    return values[0] + share @ np.diff(values, axis=0)


def bumps(
    times: Float[np.ndarray, "t"], middles: Float[np.ndarray, "n"], widths: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "t n"]:
    """A Gaussian of height 1 about each of `middles`, its standard deviation in `widths`, seconds."""
    return np.exp(-0.5 * ((times[:, None] - middles) / widths) ** 2)

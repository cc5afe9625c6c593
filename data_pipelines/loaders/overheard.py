"""What else is heard, and whose voice it is, drawn anew for every window and put straight into mel bands.

Adding to bands is a hundred times cheaper than to sound, and there a sound's own noise, room and codec lie already
(`avatars.sound`).
"""

import dataclasses

import numpy as np

from vlogger_jax.audio.mel import BANDS, COLUMNS, FLOOR
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float32

_QUIET, _LOUD = 35.0, 8.0
"""Decibels under the speech that noise and music lie, at most and at least."""

_RATE = 96.0
"""Columns a second, near enough."""


@dataclasses.dataclass(frozen=True)
class Overheard:
    """How much is changed.

    Attributes:
        warp: up to which part all frequencies are raised or lowered, as by another length of the vocal tract.
        noise: share of windows with steady noise of any colour.
        music: share with chords that come and go.
        gain: decibels by which all of it is louder or quieter, at most; what is too quiet for mel bands is lost.
    """

    warp: float = 0.0
    noise: float = 0.0
    music: float = 0.0
    gain: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.warp < 0.5 and 0 <= self.noise <= 1 and 0 <= self.music <= 1 and 0 <= self.gain < 100):
            raise UserError(f"{self} cannot be", "Give a warp below 0.5, shares from 0 to 1, and decibels of 0 or more")

    def __call__(self, mel: Float32[np.ndarray, "t 4 80"], rng: np.random.Generator) -> Float32[np.ndarray, "t 4 80"]:
        """The mel bands of `audio.mel` with all that."""
        bands = mel.reshape(-1, BANDS)
        if self.warp:
            bands = _warped(bands, rng.uniform(-self.warp, self.warp))
        noisy, musical = rng.random() < self.noise, rng.random() < self.music
        if noisy or musical:
            power = np.exp(bands)
            loud = float(np.quantile(power.sum(axis=1), 0.9))  # where somebody speaks
            power = power + (_noise(len(bands), loud, rng) if noisy else 0.0)
            power = power + (_music(len(bands), loud, rng) if musical else 0.0)
            bands = np.log(np.maximum(power, FLOOR))
        if self.gain:
            louder = rng.uniform(-self.gain, self.gain) * np.log(10) / 10
            bands = np.maximum(bands + louder, np.log(FLOOR))
        return bands.reshape(-1, COLUMNS, BANDS).astype(np.float32)


def _warped(bands: np.ndarray, share: float) -> np.ndarray:
    """The bands of a sound whose frequencies are all 1 + share times as high."""
    # Up to 1 kHz a mel is 200/3 Hz; above, 27 mels are a factor of 6.4 (`audio.mel`).
    mels = np.linspace(0, 15 + 27 * np.log(8) / np.log(6.4), BANDS + 2)[1:-1]
    hertz = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    source = hertz / (1 + share)
    place = np.clip(np.interp(source, hertz, np.arange(BANDS)), 0, BANDS - 1)
    low = np.minimum(place.astype(int), BANDS - 2)
    part = (place - low).astype(np.float32)
    return bands[:, low] * (1 - part) + bands[:, low + 1] * part


def _level(loud: float, rng: np.random.Generator) -> float:
    return float(loud * 10 ** (-rng.uniform(_LOUD, _QUIET) / 10))


def _noise(columns: int, loud: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise with a spectrum that is a line and some humps, in decibels."""
    place = np.linspace(0, 1, BANDS)
    colour = rng.uniform(-25, 10) * place
    for _ in range(rng.integers(3)):
        colour = colour + rng.uniform(-8, 8) * np.exp(-(((place - rng.random()) / rng.uniform(0.05, 0.3)) ** 2))
    spectrum = 10 ** (colour / 10)
    fluctuates = rng.gamma(2.0 + 6.0 * place, size=(columns, BANDS)) / (2.0 + 6.0 * place)
    return _level(loud, rng) * spectrum / spectrum.sum() * fluctuates


def _music(columns: int, loud: float, rng: np.random.Generator) -> np.ndarray:
    """Chords, each of a few tones with overtones that are struck and fade."""
    power, begin, level = np.zeros((columns, BANDS)), 0, _level(loud, rng)
    time = np.arange(columns)
    while begin < columns:
        length = max(int(rng.uniform(0.15, 1.2) * _RATE), 1)
        chord = np.zeros(BANDS)
        for tone in rng.uniform(2, 30, size=rng.integers(1, 5)):
            heights = tone + 12 * np.log2(np.arange(1, 9))  # an octave is about 12 bands, where it matters
            here = np.round(heights[heights < BANDS]).astype(int)
            chord[here] += 0.6 ** np.arange(len(here))
        fading = np.exp(-np.maximum(time - begin, 0) / (length * rng.uniform(0.3, 3))) * (time >= begin)
        power += np.where(time < begin + 2 * length, fading, 0)[:, None] * chord / max(chord.sum(), 1e-9)
        begin += length
    return level * power

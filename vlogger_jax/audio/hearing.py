"""What the network is given of a sound's mel bands: as they are, or normalised against level, channel and voice.

Both are causal and can be streamed: what has been heard so far is a state, and any cut gives the same up to rounding.
"""

import dataclasses
import math
from typing import Any, Protocol, runtime_checkable

import numpy as np

from vlogger_jax.audio.mel import BANDS, COLUMNS, FLOOR
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.rate import Rate, exact_rate
from vlogger_jax.core.typing import Array, Float32

_SILENCE = np.float32(np.log(FLOOR))
_DECIBELS = np.float32(10 / np.log(10))
"""In one of the natural log of a power."""

_FAINTEST = _DECIBELS * _SILENCE
_GATE = np.float32(10.0)
"""Decibels over the faintest power, within which a sound fades in."""


@runtime_checkable
class Hearing(Protocol):
    """Mel bands to what the network hears."""

    @property
    def width(self) -> int:
        """Numbers of each of the `mel.COLUMNS` columns of a frame."""

    def hear(
        self, mel: Float32[np.ndarray, "t 4 80"], fps: Rate, state: Array | None = None
    ) -> tuple[Float32[np.ndarray, "t 4 w"], Array | None]:
        """Features, about 0 to 1.

        Args:
            mel: of `mel.mel`, frames that follow those heard before.
            state: what the call before returned; None at the beginning.
        """


@dataclasses.dataclass(frozen=True)
class LogMel:
    """Log-mel as it is, as the paper has it (section 3.1), scaled to about 0 to 1."""

    width = BANDS

    def hear(
        self, mel: Float32[np.ndarray, "t 4 80"], fps: Rate, state: Array | None = None
    ) -> tuple[Float32[np.ndarray, "t 4 80"], None]:
        """As `Hearing`."""
        return (mel - _SILENCE) / np.float32(12.0), None


@dataclasses.dataclass(frozen=True)
class Normalised:
    """Wide bands, in decibels under the loudest that was heard of each lately.

    A microphone that is nearer, a room, a lens of a telephone multiply the power of a band by a constant. That is gone
    where the band was heard as loud as speech is there, or less fainter than `reach`. Of a fainter one the loudest is
    taken to be what speech would have, less `reach`: so hiss is not made loud, and of a first sound it is heard at once
    which bands it lacks. Wide bands hide whose vocal tract it is. Near the faintest power that mel bands hold, sounds
    fade into silence, so that digital silence is 0.

    Attributes:
        bands: how many there are, of twice the distance wide.
        decay: decibels/s by which the loudest is forgotten.
        tilt: decibels by which speech is fainter in the highest band than in the lowest.
        reach: decibels under that shape, through the loudest band, below which no band is raised.
        depth: decibels that are told; what is quieter is silence.
    """

    bands: int = 40
    decay: float = 4.0
    tilt: float = 36.0
    reach: float = 8.0
    depth: float = 40.0

    def __post_init__(self) -> None:
        amounts = all(0 <= each < math.inf for each in (self.decay, self.tilt, self.reach))
        if not (1 <= self.bands <= BANDS and amounts and 0 < self.depth < math.inf):
            raise UserError(f"{self} cannot be", f"Give 1 to {BANDS} bands, and decibels of 0 or more")

    @property
    def width(self) -> int:
        """As `Hearing`."""
        return self.bands

    def hear(
        self, mel: Float32[np.ndarray, "t 4 80"], fps: Rate, state: Array | None = None
    ) -> tuple[Float32[np.ndarray, "t 4 w"], Float32[np.ndarray, "w"]]:
        """As `Hearing`; the state is the loudest of each band, decibels."""
        power = np.exp(mel.reshape(-1, BANDS)) @ _triangles(self.bands)
        loud = _DECIBELS * np.log(power)
        forgotten = np.float32(self.decay / (COLUMNS * float(exact_rate(fps))))
        # The running maximum of what decays evenly is that of what is raised evenly, lowered again.
        time = np.arange(1, len(loud) + 1, dtype=np.float32)[:, None] * forgotten
        before = np.full((1, self.bands), _FAINTEST, np.float32) if state is None else state[None]
        peak = np.maximum.accumulate(np.concatenate([before, loud + time]))[1:] - time
        usual = peak.max(axis=1, keepdims=True) - self.reach - self.tilt * np.linspace(0, 1, self.bands)
        heard = 1 + (loud - np.maximum(peak, usual)) / self.depth
        # Near the floor of the mel bands all sounds are the same one.
        heard = np.clip(heard, 0, 1) * np.clip((loud - _FAINTEST) / _GATE, 0, 1)
        last = peak[-1] if len(peak) else before[0]
        return heard.reshape(len(mel), COLUMNS, self.bands).astype(np.float32), last.astype(np.float32)


_NAMED: dict[str, Any] = {"log_mel": LogMel, "normalised": Normalised}


def named(choice: Any, where: str = "config.data.hearing") -> Hearing:
    """What a config writes: a name, or a mapping of `name` and settings.

    Raises:
        UserError: if there is none of that name, or it has no such settings.
    """
    try:
        settings = {"name": choice} if isinstance(choice, str) else dict(choice)
        name = settings.pop("name", None)
    except (TypeError, ValueError):
        name = None
    if name not in _NAMED:
        raise UserError(f"{where} is {choice!r}", f"Name one of {', '.join(_NAMED)}")
    return from_mapping(_NAMED[name], settings, where)


def silence(frames: int) -> Float32[np.ndarray, "{frames} 4 80"]:
    """The mel bands of no sound."""
    return np.full((frames, COLUMNS, BANDS), _SILENCE, np.float32)


def _triangles(bands: int) -> Float32[np.ndarray, "80 b"]:
    """Weights that sum to 1 of wider bands, evenly over the mel scale."""
    centre = (np.arange(bands) + 0.5) * BANDS / bands - 0.5
    width = max(2.0 * BANDS / bands, 2.0) / 2
    weight = np.maximum(1 - np.abs(np.arange(BANDS)[:, None] - centre) / (width + 1e-6), 0)
    return (weight / weight.sum(axis=0)).astype(np.float32)

"""Text to speech behind one method: `Engine.speak`."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from vlogger_jax.core.typing import Float32


class Phoneme(NamedTuple):
    """One sound of speech and when it is heard.

    Attributes:
        ipa: in the International Phonetic Alphabet, without stress marks; empty for silence.
        start, end: seconds.
        stress: 0 none, 1 secondary, 2 primary; of a vowel's syllable, carried by the vowel.
    """

    ipa: str
    start: float
    end: float
    stress: int = 0


@dataclass(frozen=True)
class Voice:
    """Who speaks, and how.

    Attributes:
        name: the engine's name of a voice; of espeak-ng a language (`en-us`) or language and variant (`en-us+f3`).
        rate: words a minute.
        pitch: 0 to 99, 50 is the voice's own.
        pitch_range: 0 (monotone) to 99, 50 is the voice's own.
    """

    name: str = "en-us"
    rate: int = 175
    pitch: int = 50
    pitch_range: int = 50


class Speech(NamedTuple):
    """What an engine says.

    Attributes:
        waveform: mono, in [-1, 1].
        rate: samples/s.
        phonemes: in order, without gaps, silence included; empty if the engine does not know them.
    """

    waveform: Float32[np.ndarray, "s"]
    rate: int
    phonemes: tuple[Phoneme, ...]


@runtime_checkable
class Engine(Protocol):
    """Anything that speaks."""

    def speak(self, text: str, voice: Voice) -> Speech:
        """Say `text`.

        Raises:
            UserError: if the engine is not there, does not know the voice, or says nothing.
        """
        ...

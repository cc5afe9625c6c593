"""The sound of a clip: somebody talks, pauses, is cut off, in a room, into a microphone; and when each phoneme is.

Everything is a pure function of seed, index and split: the same give the same bytes.
"""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from data_pipelines.avatars import splits, voices
from data_pipelines.avatars.sound import RATE, augmentation
from data_pipelines.avatars.sound.augmentation import Augmentation
from vlogger_jax.audio.speech import Engine, Phoneme
from vlogger_jax.core.rate import exact_rate
from vlogger_jax.core.typing import Bool, Float32

_ROUNDING = 1e-6  # of an instant


@dataclass(frozen=True)
class Track:
    """A clip's sound.

    Attributes:
        waveform: 16 kHz, in [-1, 1]; None where only the phonemes have been kept.
        phonemes: from 0 to the clip's end without gaps, in seconds of the final sound; those that the clip's ends cut
            are cut. Breaths, coughs and noise count as silence.
        language: of espeak-ng.
        voice: of espeak-ng, with its variant.
        text: all sentences of which a part is heard.
        augmentation: what was done to the sound.
    """

    waveform: Float32[np.ndarray, "s"] | None
    phonemes: tuple[Phoneme, ...]
    language: str
    voice: str
    text: str
    augmentation: Augmentation

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.phonemes[-1].end

    def mute(self) -> "Track":
        """The same without its waveform."""
        return dataclasses.replace(self, waveform=None)


def spoken(phonemes: tuple[Phoneme, ...], count: int, rate: float | int) -> Bool[np.ndarray, "n"]:
    """Which of `count` instants i / rate (seconds) lie in a phoneme that is not silence."""
    mask = np.zeros(count, bool)
    for phoneme in phonemes:
        if phoneme.ipa:
            first, last = (max(0, math.ceil(time * rate - _ROUNDING)) for time in (phoneme.start, phoneme.end))
            mask[first:last] = True
    return mask


def busiest(phonemes: tuple[Phoneme, ...], frames: int, length: int, fps: float | int) -> int:
    """The first of the `length` frames in a row, among `frames`, in which the most sounds begin."""
    begun = np.array([fps * phoneme.start for phoneme in phonemes if phoneme.ipa])
    first = np.arange(frames - length + 1)
    return int(((begun >= first[:, None]) & (begun < first[:, None] + length)).sum(axis=1).argmax())


def make(
    seed: int, index: int, split: splits.Split, engine: Engine, frames: int = 240, fps: float | int = 24.0
) -> Track:
    """The sound of clip `index`, round(16000 frames / fps) samples long.

    Raises:
        UserError: if the engine cannot speak, or `fps` is no rate.
    """
    # Resampling and codecs are not needed, and may not be there, where tracks are only read.
    from data_pipelines.avatars import talk
    from data_pipelines.avatars.sound import recording

    def stream(name: str) -> np.random.Generator:
        return splits.generator(seed, index, split, name)

    samples = round(frames * RATE / exact_rate(fps))
    rng = stream("voice")
    language = voices.draw_language(split, rng)
    voice = voices.draw(language, split, rng)
    drawn = augmentation.draw(stream("augmentation"), recording.BIT_RATES)
    speaker = talk.Speaker(engine, language, voice, split, drawn)
    said = talk.draw(samples, speaker, stream("talk"))
    others = talk.others(recording.BABBLERS if "babble" in drawn.noises else 0, speaker, stream("babble"))
    sound = recording.background(samples, drawn, others, stream("background"))
    heard = spoken(said.phonemes, samples, RATE)
    waveform = recording.record(said.waveform, heard, sound, drawn, stream("recording"))
    return Track(waveform, said.phonemes, language, voice.name, " ".join(said.sentences), drawn)

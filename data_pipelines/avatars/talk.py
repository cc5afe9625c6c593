"""What somebody says in a clip, and how they pause: sentences laid out in time, without a room or a microphone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data_pipelines.avatars import splits, text, utterance, voices
from data_pipelines.avatars.sound import RATE, body_noise
from data_pipelines.avatars.sound.augmentation import Augmentation
from vlogger_jax.audio.speech import Engine, Phoneme, Speech, Voice
from vlogger_jax.core.typing import Float32

SILENT = 0.03
"""Share of clips in which nobody speaks."""

BEGUN = 0.3
"""Share of the others that begin within a sentence."""

PAUSE = 0.75
"""Median length of a pause between sentences, seconds; it is log-normal."""

_PAUSE_SPREAD = 0.7
_PAUSES = (0.12, 4.0)
_LOUDNESS = 2.0  # dB, standard deviation between sentences


@dataclass(frozen=True)
class Speaker:
    """Who speaks what: an engine with a voice, the split whose sentences may be said, how the voice is changed."""

    engine: Engine
    language: str
    voice: Voice
    split: splits.Split
    augmentation: Augmentation


class Talk(NamedTuple):
    """What a speaker is heard of.

    Attributes:
        waveform: dry, 16 kHz, of power about 1 where it is spoken.
        phonemes: from 0 to the end, without gaps.
        sentences: of which a part is heard.
    """

    waveform: Float32[np.ndarray, "s"]
    phonemes: tuple[Phoneme, ...]
    sentences: tuple[str, ...]


def draw(samples: int, speaker: Speaker, rng: np.random.Generator) -> Talk:
    """A clip of `samples` samples: sentences and pauses in turn, the first and the last of which its ends may cut."""
    sound = np.zeros(samples, np.float32)
    phonemes: list[Phoneme] = []
    sentences: list[str] = []
    silent, begun = rng.random() < SILENT, rng.random() < BEGUN
    if silent:
        _add(sound, 0, body_noise.in_pause(samples, rng))
        return Talk(sound, _filled(phonemes, samples), ())
    at = 0
    if not begun:
        at = _pause(rng)
        _add(sound, 0, body_noise.in_pause(at, rng))
    while at < samples:
        sentence = text.draw(speaker.language, speaker.split, rng)
        voice = _now(speaker.voice, rng)
        speech = utterance.speak(speaker.engine, sentence, voice, speaker.augmentation, rng)
        first, last = _ends(speech)
        if begun:
            at -= int(rng.uniform(0, 1) * (last - first))
            begun = False
        gain = np.float32(10 ** (_LOUDNESS * rng.standard_normal() / 20))
        _add(sound, at - first, gain * speech.waveform)
        placed = list(_placed(speech, (at - first) / RATE, samples / RATE))
        phonemes += placed
        sentences += [sentence] if placed else []
        at += last - first
        pause = _pause(rng)
        _add(sound, at, body_noise.in_pause(pause, rng))
        at += pause
    return Talk(sound, _filled(phonemes, samples), tuple(sentences))


def others(count: int, speaker: Speaker, rng: np.random.Generator) -> list[Float32[np.ndarray, "_"]]:
    """Other people of the same split, each saying a sentence at any rate: what babble is made of."""
    said = []
    for _ in range(count):
        language = voices.draw_language(speaker.split, rng)
        voice = voices.draw(language, speaker.split, rng)
        said.append(speaker.engine.speak(text.draw(language, speaker.split, rng), voice).waveform)
    return said


def _pause(rng: np.random.Generator) -> int:
    return int(np.clip(PAUSE * np.exp(_PAUSE_SPREAD * rng.standard_normal()), *_PAUSES) * RATE)


def _now(voice: Voice, rng: np.random.Generator) -> Voice:
    """`voice` as it says one sentence."""
    rate, pitch = voice.rate * np.exp(0.08 * rng.standard_normal()), voice.pitch + 4 * rng.standard_normal()
    return Voice(voice.name, round(float(rate)), round(float(np.clip(pitch, 0, 99))), voice.pitch_range)


def _ends(speech: Speech) -> tuple[int, int]:
    """Samples at which the first phoneme that is not silence begins and the last one ends."""
    heard = [phoneme for phoneme in speech.phonemes if phoneme.ipa]
    return round(heard[0].start * speech.rate), round(heard[-1].end * speech.rate)


def _placed(speech: Speech, shift: float, duration: float) -> Iterator[Phoneme]:
    """The phonemes of `speech`, `shift` seconds later, as far as they lie between 0 and `duration`."""
    for phoneme in speech.phonemes:
        start, end = max(phoneme.start + shift, 0.0), min(phoneme.end + shift, duration)
        if phoneme.ipa and end > start:
            yield phoneme._replace(start=start, end=end)


def _filled(phonemes: list[Phoneme], samples: int) -> tuple[Phoneme, ...]:
    """`phonemes` with silence in all gaps from 0 to the end."""
    filled: list[Phoneme] = []
    at = 0.0
    for phoneme in [*phonemes, Phoneme("", samples / RATE, samples / RATE)]:
        if phoneme.start > at:
            filled.append(Phoneme("", at, phoneme.start))
        if phoneme.ipa:
            filled.append(phoneme)
        at = phoneme.end
    return tuple(filled)


def _add(sound: np.ndarray, first: int, part: np.ndarray) -> None:
    """Add `part` from sample `first` on, as far as it lies inside."""
    low, high = max(first, 0), min(first + len(part), len(sound))
    if high > low:
        sound[low:high] += part[low - first : high - first]

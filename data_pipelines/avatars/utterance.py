"""One utterance: what an engine says, by a voice that the engine does not have."""

import numpy as np

from data_pipelines.avatars import track
from data_pipelines.avatars.sound import breath, level, timing
from data_pipelines.avatars.sound.augmentation import Augmentation
from vlogger_jax.audio.speech import Engine, Phoneme, Speech, Voice

OCTAVE = 62
"""Steps of `Voice.pitch` that double the pitch of espeak-ng, as measured around the middle."""

BREAK = 0.08
"""Seconds; what espeak-ng calls silent for less, between the vowels of two words, is voiced, and nobody's pause."""

_RATES = (80, 450)
_PITCHES = (0, 99)


def speak(engine: Engine, text: str, voice: Voice, augmentation: Augmentation, rng: np.random.Generator) -> Speech:
    """`text` by `voice`, with the tract, the stretch, the wandering and the breath of `augmentation`, at 16 kHz.

    Power is 1 where it is spoken, and phonemes have moved along with every change of time.
    """
    speech = engine.speak(text, asked(voice, augmentation.tract))
    speech = timing.tract(speech._replace(phonemes=joined(speech.phonemes)), augmentation.tract)
    if augmentation.drift or augmentation.jitter:
        speech = timing.wander(speech, augmentation.drift, augmentation.jitter, rng)
    if augmentation.stretch != 1:
        speech = timing.stretch(speech, augmentation.stretch)
    waveform = speech.waveform
    if augmentation.breath:
        waveform = breath.breathe(waveform, augmentation.breath, rng)
    if augmentation.shimmer:
        waveform = breath.shimmer(waveform, augmentation.shimmer, rng)
    power = level.power(waveform, track.spoken(speech.phonemes, len(waveform), speech.rate))
    return speech._replace(waveform=waveform / np.float32(np.sqrt(power + 1e-12)))


def joined(phonemes: tuple[Phoneme, ...]) -> tuple[Phoneme, ...]:
    """`phonemes` where silences shorter than `BREAK` belong to the phoneme before."""
    found: list[Phoneme] = []
    for i, phoneme in enumerate(phonemes):
        inside = 0 < i < len(phonemes) - 1
        if inside and not phoneme.ipa and phoneme.end - phoneme.start < BREAK:
            found[-1] = found[-1]._replace(end=phoneme.end)
        else:
            found.append(phoneme)
    return tuple(found)


def asked(voice: Voice, tract: float) -> Voice:
    """The voice to ask for, so that it talks like `voice` after `timing.tract`, as far as the engine goes."""
    return Voice(
        name=voice.name,
        rate=int(np.clip(round(voice.rate / tract), *_RATES)),
        pitch=int(np.clip(round(voice.pitch - OCTAVE * np.log2(tract)), *_PITCHES)),
        pitch_range=voice.pitch_range,
    )

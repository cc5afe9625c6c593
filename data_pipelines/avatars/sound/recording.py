"""From a dry voice to its recording: the second half of `Augmentation`, in a room, through a microphone and a codec."""

from collections.abc import Sequence

import numpy as np

from data_pipelines.avatars.sound import RATE, level, noise, room, spectrum
from data_pipelines.avatars.sound.augmentation import Augmentation
from vlogger_jax.core.typing import Bool, Float32
from vlogger_jax.media import codec

BIT_RATES = {name: kind.bit_rates for name, kind in codec.CODECS.items()}
"""Of each codec."""

BABBLERS = 3
"""Voices that babble is made of."""

_NOISES = {"hum": noise.hum, "fan": noise.fan, "keyboard": noise.keyboard, "music": noise.music}
_KNOTS = 9  # of the equaliser: one an octave or a little less


def background(
    samples: int, augmentation: Augmentation, others: Sequence[Float32[np.ndarray, "_"]], rng: np.random.Generator
) -> Float32[np.ndarray, "s"]:
    """The noise of a clip, of power 1: the air's, and the others at levels of their own.

    Args:
        others: voices for babble; needed only where that is among the noises.
    """
    sound = noise.air(samples, rng)
    for name in augmentation.noises:
        part = noise.babble(samples, others, rng) if name == "babble" else _NOISES[name](samples, rng)
        sound = sound + part * np.float32(10 ** (rng.uniform(-6, 20) / 20) / np.sqrt(np.mean(part**2)))
    return sound / np.sqrt(np.mean(sound**2))


def record(
    voice: Float32[np.ndarray, "s"],
    spoken: Bool[np.ndarray, "s"],
    sound: Float32[np.ndarray, "s"],
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Float32[np.ndarray, "s"]:
    """The recording of a dry voice; nothing in it moves in time.

    Args:
        voice: speech and what else the speaker is heard of.
        spoken: where the voice is speech.
        sound: the background.
    """
    if augmentation.rt60:
        voice = room.reverberate(voice, room.response(augmentation.rt60, augmentation.direct_db, rng))
    waveform = voice + level.scaled_noise(voice, spoken, sound, augmentation.snr_db)
    if augmentation.equaliser_db:
        waveform = spectrum.equalise(waveform, augmentation.equaliser_db * rng.standard_normal(_KNOTS))
    if augmentation.clip_db:
        waveform = level.clip(waveform, augmentation.clip_db)
    low, high = augmentation.band_hz
    if low or high < RATE / 2:
        waveform = spectrum.band(waveform, low, high)
    if augmentation.codec:
        # Codecs clip at 1, and some forget what is quiet.
        waveform = level.to_peak(waveform, -3.0)
        waveform = codec.round_trip(waveform, RATE, augmentation.codec, augmentation.bit_rate or None)
    return level.to_peak(waveform, augmentation.peak_db)

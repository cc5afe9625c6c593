"""Made-up speech and people for the tests of acting: no engine is needed."""

import numpy as np

from vlogger_jax.audio.speech import Phoneme

_SOUNDS = (
    "m",
    "ɑː",
    "t",
    "ɪ",
    "p",
    "oʊ",
    "s",
    "ə",
    "b",
    "uː",
    "n",
    "iː",
    "f",
    "æ",
    "k",
    "ɹ",
    "ʃ",
    "ɛ",
    "l",
    "v",
    "aɪ",
    "w",
)
_VOWELS = ("ɑː", "ɪ", "oʊ", "ə", "uː", "iː", "æ", "ɛ", "aɪ")


def said(*sounds: tuple[str, float] | tuple[str, float, int]) -> tuple[Phoneme, ...]:
    """Phonemes one after another, each (ipa, seconds) or (ipa, seconds, stress)."""
    found, time = [], 0.0
    for ipa, length, *stress in sounds:
        found.append(Phoneme(ipa, time, time + length, *stress))
        time += length
    return tuple(found)


def babble(seed: int, duration: float = 10.0) -> tuple[Phoneme, ...]:
    """Random sounds in stretches of one to three seconds, with pauses between."""
    rng = np.random.default_rng(seed)
    sounds: list[tuple[str, float, int]] = [("", float(rng.uniform(0.2, 0.9)), 0)]
    total = sounds[0][1]
    while total < duration:
        for _ in range(rng.integers(8, 24)):
            ipa = str(rng.choice(_SOUNDS))
            stress = int(rng.choice((0, 1, 2), p=(0.55, 0.1, 0.35))) if ipa in _VOWELS else 0
            sounds.append((ipa, float(rng.uniform(0.04, 0.16)), stress))
        sounds.append(("", float(rng.uniform(0.1, 1.2)), 0))
        total = sum(length for _, length, _ in sounds)
    return said(*sounds)


def betas(seed: int) -> np.ndarray:
    """Somebody's shape."""
    return np.clip(np.random.default_rng([seed, 1]).standard_normal(57), -2.2, 2.2).astype(np.float32)

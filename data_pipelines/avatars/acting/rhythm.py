"""When somebody speaks, and which syllables they stress: what head, brows and hands move to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_pipelines.avatars.acting import visemes
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.core.typing import Float

BREAK = 0.29
"""Seconds: a shorter silence belongs to the speech around it."""

_OPENING = 0.5


@dataclass(frozen=True)
class Rhythm:
    """The prosody that movements follow, seconds.

    Attributes:
        runs: start and end of each stretch of speech.
        stressed: middle of each vowel with primary stress.
        strength: of each of these, about 0.4 to 1.3; the last of a stretch is its strongest.
    """

    runs: Float[np.ndarray, "n 2"]
    stressed: Float[np.ndarray, "k"]
    strength: Float[np.ndarray, "k"]

    def speaking(self, times: Float[np.ndarray, "t"], lead: float, linger: float) -> Float[np.ndarray, "t"]:
        """1 in speech, 0 from `lead` seconds before it and `linger` seconds after it, smooth between.

        It rises in the first `_OPENING` of the lead, so that lips are on their way when the sound begins.
        """
        if not len(self.runs):
            return np.zeros(len(times))
        before = (times[:, None] - (self.runs[:, 0] - lead)) / (_OPENING * lead)
        after = (self.runs[:, 1] + linger - times[:, None]) / linger
        x = np.clip(np.minimum(before, after), 0.0, 1.0).max(axis=1)
        return x * x * (3.0 - 2.0 * x)


def of(phonemes: Sequence[Phoneme], rng: np.random.Generator) -> Rhythm:
    """The rhythm of what is said; `rng` decides how strongly each stress is meant."""
    heard = [phoneme for phoneme in phonemes if phoneme.ipa and phoneme.end > phoneme.start]
    if not heard:
        return Rhythm(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    starts, ends = np.array([[p.start, p.end] for p in heard], np.float64).T
    breaks = np.flatnonzero(starts[1:] - ends[:-1] >= BREAK)
    runs = np.stack([starts[np.r_[0, breaks + 1]], ends[np.r_[breaks, len(ends) - 1]]], axis=-1)
    vowels = np.array([any(viseme.vowel for viseme in visemes.of(p.ipa)) for p in heard])
    stress = np.array([p.stress for p in heard])
    chosen = vowels & (stress == 2)
    if not chosen.any():  # a language whose engine marks no stress: the longest vowels
        lengths = np.where(vowels, ends - starts, 0.0)
        chosen[np.argsort(-lengths, kind="stable")[: round(0.3 * vowels.sum())]] = True
    middles = 0.5 * (starts + ends)[chosen]
    strength = rng.uniform(0.4, 1.0, len(middles))
    run = np.searchsorted(runs[:, 0], middles, side="right") - 1
    if len(run):
        last = np.r_[run[1:] != run[:-1], True]
        strength = np.where(last, 0.9 + 0.4 * strength, strength)
    return Rhythm(runs, middles, strength)

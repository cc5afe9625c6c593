"""What the lips do for each sound: any symbol of the International Phonetic Alphabet to targets of a few articulators.

Vowels follow from their height, backness and rounding, consonants from their place, so that no language needs a table
of its own. What a sound does not care about it leaves to its neighbours, by its dominance (Cohen and Massaro 1993,
"Modeling Coarticulation in Synthetic Visual Speech"); what it cannot be made without is a hard constraint: closed lips,
the lip at the teeth, the teeth together (Edwards et al. 2016, "JALI", section 4.1).
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.core.typing import Float, UInt8

CHANNELS = ("jaw", "pucker", "funnel", "stretch", "smile", "upper", "lower", "shrug", "tongue")
"""The articulators: jaw opening, lips forward and narrow, lips forward and open, corners aside, corners up, upper lip
raised, lower lip lowered, upper lip pushed up, tongue forward. Values are ARKit coefficients of a lively speaker."""

FREE, CLOSED, BITTEN, TEETH = range(4)
"""Hard constraints: none, lips closed (p b m), lower lip at the upper teeth (f v), teeth almost together (s z)."""


class Viseme(NamedTuple):
    """What one sound asks of the articulators.

    Attributes:
        target: of each of `CHANNELS`.
        dominance: how much it insists, of each of `CHANNELS`; 0 leaves it to the neighbours.
        constraint: one of `FREE`, `CLOSED`, `BITTEN`, `TEETH`.
        vowel: whether it can carry stress.
    """

    target: tuple[float, ...]
    dominance: tuple[float, ...]
    constraint: int = FREE
    vowel: bool = False


def _viseme(constraint: int = FREE, vowel: bool = False, others: float = 0.1, **asked: tuple[float, float]) -> Viseme:
    """`asked` is (target, dominance) by channel; the other channels aim at 0 with the dominance `others`."""
    pairs = [asked.get(channel, (0.0, others)) for channel in CHANNELS]
    return Viseme(tuple(t for t, _ in pairs), tuple(d for _, d in pairs), constraint, vowel)


REST = _viseme(others=1.0)
"""Silence."""

_CONSONANTS = {
    "bilabial": _viseme(CLOSED, jaw=(0.06, 0.9), others=0.12),
    "bilabial fricative": _viseme(jaw=(0.06, 1.2), pucker=(0.25, 0.6), others=0.2),
    "labiodental": _viseme(BITTEN, jaw=(0.09, 1.3), upper=(0.45, 1.0), others=0.12),
    "dental": _viseme(jaw=(0.14, 1.0), tongue=(0.30, 2.0), upper=(0.28, 0.5), lower=(0.15, 0.5), others=0.12),
    "alveolar": _viseme(jaw=(0.13, 0.5), upper=(0.25, 0.2), lower=(0.12, 0.2), others=0.06),
    "lateral": _viseme(jaw=(0.17, 0.5), upper=(0.25, 0.2), lower=(0.12, 0.2), others=0.06),
    "sibilant": _viseme(
        TEETH, jaw=(0.05, 1.8), stretch=(0.38, 0.6), smile=(0.1, 0.4), upper=(0.42, 0.7), lower=(0.30, 0.7), others=0.2
    ),
    "hushing": _viseme(
        TEETH,
        jaw=(0.07, 1.6),
        funnel=(0.55, 1.6),
        pucker=(0.25, 1.4),
        shrug=(0.10, 1.0),
        upper=(0.2, 0.8),
        lower=(0.2, 0.8),
        others=0.5,
    ),
    "hushing spread": _viseme(
        TEETH, jaw=(0.06, 1.6), funnel=(0.25, 0.8), stretch=(0.2, 0.6), upper=(0.35, 0.6), lower=(0.25, 0.6), others=0.4
    ),
    "rhotic": _viseme(jaw=(0.13, 0.6), funnel=(0.30, 0.8), pucker=(0.25, 0.8), others=0.2),
    "palatal": _viseme(jaw=(0.11, 0.7), stretch=(0.38, 0.5), smile=(0.2, 0.4), upper=(0.25, 0.3), others=0.12),
    "velar": _viseme(jaw=(0.20, 0.25), others=0.05),
    "uvular": _viseme(jaw=(0.24, 0.3), others=0.05),
    "glottal": _viseme(jaw=(0.20, 0.08), others=0.03),
    "rounded glide": _viseme(jaw=(0.08, 1.0), pucker=(0.85, 1.7), funnel=(0.20, 1.2), others=0.6),
}

_PLACES = {
    "bilabial": "pbmɓʙʘ",
    "bilabial fricative": "ɸβ",
    "labiodental": "fvɱʋⱱ",
    "dental": "θðǀ",
    "alveolar": "tdnrɾɗʈɖɳɽᶑ𝼊ǃ‼",
    "lateral": "lɫɬɮɭɺǁ𝼆",
    "sibilant": "szƾƻ",
    "hushing": "ʃʒʂʐɧʆʓ",
    "hushing spread": "ɕʑ",
    "rhotic": "ɹɻ",
    "palatal": "jcɟɲʎçʝʄǂ𝼅",
    "velar": "kɡgŋxɣɰʟɠʞ",
    "uvular": "qɢɴʀʁχʛ",
    "glottal": "hɦʔħʕʜʢʡ",
    "rounded glide": "wʍɥ",
}

_VOWELS = {  # height (0 close, 1 open), backness (0 front, 1 back), rounding
    **{"i": (0, 0, 0), "y": (0, 0, 1), "ɨ": (0, 0.5, 0), "ʉ": (0, 0.5, 1), "ɯ": (0, 1, 0), "u": (0, 1, 1)},
    **{"ɪ": (0.17, 0.15, 0), "ʏ": (0.17, 0.15, 1), "ᵻ": (0.25, 0.4, 0), "ᵿ": (0.2, 0.6, 0.7), "ʊ": (0.17, 0.85, 1)},
    **{"e": (0.33, 0, 0), "ø": (0.33, 0, 1), "ɘ": (0.33, 0.5, 0), "ɵ": (0.33, 0.5, 1), "ɤ": (0.33, 1, 0)},
    **{"o": (0.33, 1, 1), "ə": (0.45, 0.5, 0), "ɚ": (0.4, 0.5, 0.5), "ɛ": (0.67, 0, 0), "œ": (0.67, 0, 1)},
    **{"ɜ": (0.55, 0.5, 0), "ɝ": (0.45, 0.5, 0.5), "ɞ": (0.6, 0.5, 1), "ʌ": (0.7, 0.9, 0), "ɔ": (0.67, 1, 1)},
    **{"æ": (0.85, 0, 0), "ɐ": (0.8, 0.5, 0), "a": (1, 0.2, 0), "ɶ": (1, 0, 1), "ɑ": (1, 1, 0), "ɒ": (0.95, 1, 1)},
    **{"ɿ": (0.1, 0.3, 0), "ʅ": (0.1, 0.5, 0), "ʮ": (0.1, 0.3, 1), "ʯ": (0.1, 0.5, 1), "ı": (0, 1, 0)},
}


def _vowel(height: float | int, back: float | int, rounded: float | int) -> Viseme:
    front, spread = 1.0 - back, 1.0 - rounded
    return _viseme(
        vowel=True,
        jaw=((0.10 + 0.33 * height) * (1.0 - 0.15 * rounded), 1.0),
        pucker=(rounded * (0.85 - 0.5 * height), 0.5 + 0.9 * rounded),
        funnel=(rounded * (0.25 + 0.35 * height), 0.5 + 0.7 * rounded),
        stretch=(0.45 * front * spread * (1.0 - 0.4 * height), 0.6),
        smile=(0.35 * front * spread * (1.0 - height), 0.6),
        upper=(spread * (0.24 + 0.16 * front), 0.5),
        lower=(spread * (0.10 + 0.18 * height), 0.6),
        others=0.3,
    )


_SPELLED = {  # ligatures, X-SAMPA's capitals and other letters that engines write
    **{"ʦ": "ts", "ʣ": "dz", "ʧ": "tʃ", "ʤ": "dʒ", "ʨ": "tɕ", "ʥ": "dʑ", "ε": "ɛ", "ß": "β", "ɩ": "ɪ", "ɷ": "ʊ"},
    **{"A": "ɑ", "B": "β", "C": "ç", "D": "ð", "E": "ɛ", "F": "ɱ", "G": "ɣ", "H": "ɥ", "I": "ɪ", "J": "ɲ", "K": "ɬ"},
    **{"L": "ʎ", "M": "ɯ", "N": "ŋ", "O": "ɔ", "P": "ʋ", "Q": "ɒ", "R": "ʁ", "S": "ʃ", "T": "θ", "U": "ʊ", "V": "ʌ"},
    **{"W": "ʍ", "X": "χ", "Y": "ʏ", "Z": "ʒ"},
}
_TABLE = {symbol: _CONSONANTS[place] for place, symbols in _PLACES.items() for symbol in symbols}
_TABLE |= {symbol: _vowel(*features) for symbol, features in _VOWELS.items()}
_ROUNDING = "ʷᶣ"
_NEUTRAL = _VOWELS["ə"]


NAMES = (
    *("silence", "bilabial", "labiodental", "dental", "alveolar", "sibilant", "hushing", "rhotic", "palatal", "back"),
    *("rounded glide", "open", "middle", "close", "rounded open", "rounded close"),
)
"""Classes of what is seen; `classes` and `track` give their numbers."""

_SEEN = {
    **{"bilabial fricative": "rounded glide", "lateral": "alveolar", "hushing spread": "hushing"},
    **dict.fromkeys(("velar", "uvular", "glottal"), "back"),
}
_CLASS = {symbol: _SEEN.get(place, place) for place, symbols in _PLACES.items() for symbol in symbols}


def _vowel_class(height: float | int, back: float | int, rounded: float | int) -> str:
    if rounded > 0.4:
        return "rounded open" if height > 0.5 else "rounded close"
    return "open" if height > 0.6 else "middle" if height > 0.3 else "close"


_CLASS |= {symbol: _vowel_class(*features) for symbol, features in _VOWELS.items()}


@cache
def of(ipa: str) -> tuple[Viseme, ...]:
    """The visemes of a phoneme in order: one, or one for each part of a diphthong or an affricate.

    Marks of length, tone, voice and the like change nothing visible; a labialised consonant is rounded. Letters are
    looked up through their decomposition; a phoneme of which nothing is known is a vowel of middle height, since it
    was heard. An empty `ipa` is silence.
    """
    if not ipa:
        return (REST,)
    found: list[Viseme] = []
    letters = (_SPELLED.get(letter, letter) for letter in unicodedata.normalize("NFD", ipa))
    for symbol in "".join(letters):
        if symbol in _ROUNDING and found:
            found[-1] = _rounded(found[-1])
        elif symbol in _TABLE:
            found.append(_TABLE[symbol])
    return tuple(found) or (_vowel(*_NEUTRAL),)


@cache
def classes(ipa: str) -> tuple[int, ...]:
    """The numbers in `NAMES` of a phoneme's parts, as `of` tells them apart."""
    if not ipa:
        return (0,)
    letters = "".join(_SPELLED.get(letter, letter) for letter in unicodedata.normalize("NFD", ipa))
    return tuple(NAMES.index(_CLASS[symbol]) for symbol in letters if symbol in _CLASS) or (NAMES.index("middle"),)


def track(phonemes: Sequence[Phoneme]) -> tuple[Float[np.ndarray, "n"], UInt8[np.ndarray, "n"]]:
    """When each class begins to be heard, seconds, and which; parts of a phoneme share its time evenly."""
    starts, shown = [], []
    for phoneme in phonemes:
        parts = classes(phoneme.ipa)
        for i, part in enumerate(parts):
            starts.append(phoneme.start + (phoneme.end - phoneme.start) * i / len(parts))
            shown.append(part)
    return np.array(starts, np.float64), np.array(shown, np.uint8)


def closes_lips(ipa: str) -> bool:
    """Whether a phoneme cannot be said with open lips: p, b, m and their variants in any language."""
    return any(viseme.constraint == CLOSED for viseme in of(ipa))


def _rounded(viseme: Viseme) -> Viseme:
    glide = _CONSONANTS["rounded glide"]
    lips = [CHANNELS.index(channel) for channel in ("pucker", "funnel")]
    target = tuple(glide.target[i] if i in lips else value for i, value in enumerate(viseme.target))
    dominance = tuple(glide.dominance[i] if i in lips else value for i, value in enumerate(viseme.dominance))
    return viseme._replace(target=target, dominance=dominance)

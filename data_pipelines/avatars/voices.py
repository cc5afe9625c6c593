"""Who speaks: the formant voices of espeak-ng that sound like people, and how fast and how high they talk."""

import numpy as np

from data_pipelines.avatars import splits, text
from vlogger_jax.audio.speech import Voice

VARIANTS = (
    *("Alex", "Alicia", "Andrea", "Andy", "Annie", "AnxiousAndy", "Denis", "Diogo", "Gene", "Gene2", "Henrique"),
    *("Hugo", "Jacky", "Lee", "Mario", "Michael", "Mike", "Nguyen", "Reed", "Tweaky", "adam", "anika", "announcer"),
    *("antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "croak", "david", "ed", "edward", "edward2"),
    *("f1", "f2", "f3", "f4", "f5", "grandma", "grandpa", "gustave", "ian", "iven", "iven2", "iven3", "iven4"),
    *("john", "kaukovalta", "klatt", "klatt2", "klatt3", "klatt4", "klatt5", "klatt6", "linda"),
    *("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "marcelo", "max", "michel", "miguel", "mike2", "norbert"),
    *("pablo", "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby", "steph", "steph2", "steph3"),
    *("travis", "victor", "whisper", "whisperf", "zac"),
)
"""Names that follow a language and a plus sign. Robots, and echoes that blur phonemes, are left out."""

PLAIN = 0.1
"""Share of clips outside of the test split that speak with the language's own voice."""


def variants(split: splits.Split) -> tuple[str, ...]:
    """The variants that clips of a split may speak with."""
    held_out = split == "test"
    return tuple(variant for variant in VARIANTS if (variant in splits.HELD_OUT_VARIANTS) == held_out)


def languages(split: splits.Split) -> tuple[str, ...]:
    """The languages that clips of a split may be in."""
    return text.LANGUAGES if split == "test" else _seen()


def draw_language(split: splits.Split, rng: np.random.Generator) -> str:
    """A clip's language."""
    held_out = split == "test" and rng.random() < splits.HELD_OUT_LANGUAGE_SHARE
    return str(rng.choice(splits.HELD_OUT_LANGUAGES if held_out else _seen()))


def draw(language: str, split: splits.Split, rng: np.random.Generator) -> Voice:
    """A clip's voice in `language`, and its usual rate, pitch and liveliness."""
    variant = str(rng.choice(variants(split)))
    plain = rng.random() < PLAIN and split != "test"
    return Voice(
        name=language if plain else f"{language}+{variant}",
        rate=round(float(np.clip(165 * np.exp(0.17 * rng.standard_normal()), 110, 260))),
        pitch=round(float(np.clip(50 + 16 * rng.standard_normal(), 10, 90))),
        pitch_range=round(float(np.clip(50 + 20 * rng.standard_normal(), 5, 95))),
    )


def _seen() -> tuple[str, ...]:
    return tuple(language for language in text.LANGUAGES if language not in splits.HELD_OUT_LANGUAGES)

"""Who is seen in training and who is not, and where every random number comes from. Frozen with `GENERATOR`.

The test split is people, sentences and voices that training never meets: a third of its clips speak a language that is
held out whole, the others the languages of training. Validation has the languages and voices of training, but other
sentences and other people.
"""

import zlib
from typing import Literal, get_args

import numpy as np

from vlogger_jax.core.errors import UserError

GENERATOR = 1
"""Version of the generator: the same version, seed and index give the same clip."""

Split = Literal["train", "validation", "test"]

SPLITS: tuple[Split, ...] = get_args(Split)

HELD_OUT_LANGUAGES = ("fi", "ro")
"""One far from all of training's, one near to several of them."""

HELD_OUT_LANGUAGE_SHARE = 1 / 3
"""Of the clips of the test split."""

HELD_OUT_VARIANTS = (
    *("Andrea", "Annie", "Gene", "Gene2", "Jacky", "Lee", "Nguyen", "belinda", "david", "f4", "grandpa"),
    *(
        "iven",
        "iven2",
        "iven3",
        "iven4",
        "klatt",
        "klatt2",
        "m3",
        "m7",
        "paul",
        "steph",
        "steph2",
        "steph3",
        "whisperf",
    ),
)
"""Whole formant voices of espeak-ng, together with those that are nearly the same."""


def generator(seed: int, index: int, split: Split, stream: str, take: int = 0) -> np.random.Generator:
    """The random numbers of one part of a clip.

    Args:
        seed, index: which data set, and which of its clips; 0 or more.
        split: its part.
        stream: what the numbers are for; every purpose has numbers of its own, so that a change of one leaves the
            others as they were.
        take: which performance of the same clip; 0 or more.

    Raises:
        UserError: if there is no such split, or a number is negative.
    """
    check(split)
    for name, number in (("seed", seed), ("index", index), ("take", take)):
        if number < 0:
            raise UserError(f"the {name} of a clip is {number}", "Give 0 or more")
    return np.random.default_rng([GENERATOR, zlib.crc32(f"{split}/{stream}".encode()), seed, index, take])


def check(split: str) -> None:
    """Refuse what is no split.

    Raises:
        UserError: if it is not one of `SPLITS`.
    """
    if split not in SPLITS:
        raise UserError(f"there is no split {split!r}", f"Give {', '.join(SPLITS[:-1])} or {SPLITS[-1]}")


def of_sentence(text: str) -> Split:
    """The split in which a sentence may be said: 1 in 10 is the test's, another the validation's."""
    tenth = zlib.crc32(text.encode()) % 10
    return "test" if tenth == 0 else "validation" if tenth == 1 else "train"

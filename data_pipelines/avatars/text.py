"""What is said: sentences from small grammars, one file a language in `languages/`.

A file has `templates` of each kind of sentence, whose {slots} are filled from its lists of `words`, or with numbers,
letters and nonsense words made here; the `syllables` that nonsense is made of; and, where the language needs it, the
`capitals` that differ from Unicode's. Lists are chosen so that every filling is grammatical.
"""

import functools
import math
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_pipelines.avatars import splits

FOLDER = Path(__file__).parent / "languages"

LANGUAGES = tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))
"""Names of espeak-ng's voices."""

SHARES = {
    "statement": 0.4,
    "question": 0.16,
    "exclamation": 0.1,
    "greeting": 0.1,
    "figures": 0.1,
    "spelling": 0.04,
    "nonsense": 0.1,
}
"""How often each kind of sentence is said."""

_SLOT = re.compile(r"{(\w+)}")
# Marks may precede the first letter, as in Spanish; a point after a figure makes it an ordinal number.
_BEGIN = re.compile(r"((?:^|(?<!\d)[.?!] )\W*)(\w)")
_ENDS = (".", ".", "?", "!")


@dataclass(frozen=True)
class Grammar:
    """A language's sentences.

    Attributes:
        templates: of every kind in `SHARES` but nonsense.
        words: what may fill a slot.
        syllables: onsets, nuclei and codas of nonsense.
        capitals: small letters whose capitals are not those of Unicode.
    """

    templates: dict[str, tuple[str, ...]]
    words: dict[str, tuple[str, ...]]
    syllables: dict[str, tuple[str, ...]]
    capitals: dict[str, str]

    def count(self) -> int:
        """How many different statements, questions and exclamations there can be."""
        plain = (template for kind in ("statement", "question", "exclamation") for template in self.templates[kind])
        return sum(math.prod(len(self.words[slot]) for slot in _SLOT.findall(template)) for template in plain)


@functools.cache
def load(language: str) -> Grammar:
    """The grammar of one of `LANGUAGES`.

    Raises:
        ValueError: if its file lacks a part, or a template has a slot that nothing can fill.
    """
    with (FOLDER / f"{language}.toml").open("rb") as file:
        content = tomllib.load(file)
    parts = {name: {key: tuple(values) for key, values in content[name].items()} for name in _PARTS}
    grammar = Grammar(**parts, capitals=content.get("capitals", {}))
    if unknown := set(content) - {*_PARTS, "capitals"}:
        raise ValueError(f"{language}: unknown {sorted(unknown)}")
    if set(grammar.templates) != set(SHARES) - {"nonsense"} or set(grammar.syllables) != {"onset", "nucleus", "coda"}:
        raise ValueError(f"{language}: templates or syllables are not complete")
    slots = {slot for templates in grammar.templates.values() for text in templates for slot in _SLOT.findall(text)}
    if unfilled := slots - set(grammar.words) - set(_MADE):
        raise ValueError(f"{language}: nothing fills {sorted(unfilled)}")
    return grammar


def draw(language: str, split: splits.Split, rng: np.random.Generator) -> str:
    """A sentence that `split` may say.

    Raises:
        UserError: if there is no such split.
    """
    splits.check(split)
    while splits.of_sentence(text := sentence(language, rng)) != split:
        continue
    return text


def sentence(language: str, rng: np.random.Generator) -> str:
    """Any sentence of a language."""
    grammar = load(language)
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    if kind == "nonsense":
        text = " ".join(_nonsense(grammar, rng) for _ in range(rng.integers(3, 9))) + str(rng.choice(_ENDS))
    else:
        text = _SLOT.sub(lambda slot: _fill(slot[1], grammar, rng), str(rng.choice(grammar.templates[kind])))
    return _BEGIN.sub(lambda begin: begin[1] + grammar.capitals.get(begin[2], begin[2].upper()), text)


def _fill(slot: str, grammar: Grammar, rng: np.random.Generator) -> str:
    return str(rng.choice(grammar.words[slot])) if slot in grammar.words else _MADE[slot](rng)


def _nonsense(grammar: Grammar, rng: np.random.Generator) -> str:
    parts = ("onset", "nucleus", "coda")
    return "".join(str(rng.choice(grammar.syllables[part])) for _ in range(rng.integers(1, 5)) for part in parts)


def _between(low: int, high: int) -> Callable[[np.random.Generator], str]:
    return lambda rng: str(rng.integers(low, high + 1))


def _digits(rng: np.random.Generator) -> str:
    return " ".join(map(str, rng.integers(0, 10, rng.integers(3, 8))))


def _letters(rng: np.random.Generator) -> str:
    return ", ".join(rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), rng.integers(3, 7)))


_PARTS = ("templates", "words", "syllables")

_MADE: dict[str, Callable[[np.random.Generator], str]] = {
    "hour": _between(1, 23),
    "minute": _between(2, 59),
    "day": _between(2, 28),
    "year": _between(1900, 2049),
    "number": _between(2, 999),
    "small": _between(2, 30),
    "digits": _digits,
    "letters": _letters,
}

"""Directions in which people differ: nine of the whole body by name, and principal directions of each part of the head.

A coefficient is in standard deviations of adults, as SMPL-X's betas are: drawn from N(0, 1) they give plausible people.
MakeHuman's targets multiply (an old heavy man is a target of his own); a body is linear, so each direction here is the
difference between two ends of one attribute with all others at their middle.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data_pipelines.default_body.source import MPFB, Source
from vlogger_jax.core.typing import Array, Float

_MACRO = MPFB + "targets/macrodetails/"
_SEXES = ("male", "female")
_ANCESTRIES = ("african", "asian", "caucasian")

_SLIDER_SD = 0.35
"""Standard deviation of one of MakeHuman's sliders; they run from -1 to 1, where people look odd."""
_ASYMMETRY_SD = 0.08
"""The same for the difference between left and right."""

_LIPS_TOGETHER = 0.045
"""How much of mouthClose brings together the lips of the mean, which are a millimetre apart."""

_PARTS = {  # part → (folder, pattern of its targets, principal directions kept)
    "head": ("head", r"head-(?!trans|angle|age).*", 6),
    "forehead": ("forehead", r"forehead-(?:temple|trans).*", 2),
    "brows": ("eyebrows", r".*", 3),
    "eyes": ("eyes", r"[lr]-eye-(?!push).*", 8),
    "nose": ("nose", r".*", 8),
    "cheeks": ("cheek", r".*", 4),
    "mouth": ("mouth", r"mouth-(?!dimples|laugh).*", 8),
    "chin": ("chin", r".*", 4),
    "ears": ("ears", r"[lr]-ear-(?!shape).*", 3),
    "neck": ("neck", r"neck-(?:scale|double).*", 2),
}
_OPPOSITES = (
    *(("incr", "decr"), ("up", "down"), ("forward", "backward"), ("out", "in"), ("convex", "concave")),
    *(("uncompress", "compress"),),
)


@dataclass(frozen=True)
class Shapes:
    """Named offsets over all vertices of the base mesh.

    Attributes:
        mean: [n, 3], the young adult between the sexes and ancestries, lips closed.
        directions: name → offsets [n, 3] of one standard deviation.
    """

    mean: np.ndarray
    directions: dict[str, np.ndarray]

    def people(self, count: int, seed: int = 0) -> Float[Array, "p n 3"]:
        """The mean person, then `count` drawn at random: [1 + count, n, 3]."""
        directions = np.stack(list(self.directions.values()))
        betas = np.random.default_rng(seed).standard_normal((count, len(directions)))
        drawn = self.mean + (betas @ directions.reshape(len(directions), -1)).reshape(count, -1, 3)
        return np.concatenate([self.mean[None], drawn])


def build(source: Source) -> Shapes:
    """The mean person and every direction."""
    directions = _macro_directions(source)
    for part, (folder, pattern, count) in _PARTS.items():
        sliders = _sliders(source, folder, pattern)
        for index, direction in enumerate(_principal(sliders, count)):
            directions[f"{part}{index + 1}"] = direction
    closed = _LIPS_TOGETHER * source.face_unit("mouthClose")
    return Shapes(mean=source.mesh.vertices + _adult(source) + closed, directions=directions)


def _adult(
    source: Source,
    sexes: tuple[str, ...] = _SEXES,
    ancestries: tuple[str, ...] = _ANCESTRIES,
    age: str = "young",
    build: str = "averagemuscle-averageweight",
) -> np.ndarray:
    """Offsets of the mean over the given sexes and ancestries."""
    total = np.zeros_like(source.mesh.vertices)
    for sex in sexes:
        total += source.target(f"{_MACRO}universal-{sex}-{age}-{build}.target.gz")
        for ancestry in ancestries:
            total += source.target(f"{_MACRO}{ancestry}-{sex}-{age}.target.gz") / len(ancestries)
    return total / len(sexes)


def _macro_directions(source: Source) -> dict[str, np.ndarray]:
    mean = _adult(source)

    def over_sexes(path: Callable[[str], str]) -> np.ndarray:
        return sum(source.target(_MACRO + path(sex)) for sex in _SEXES) / len(_SEXES)

    middle = "averagemuscle-averageweight"
    tall, short = (
        over_sexes(lambda sex, e=e: f"height/{sex}-young-{middle}-{e}height.target.gz") for e in ("max", "min")
    )
    ideal, uncommon = (
        over_sexes(lambda sex, e=e: f"proportions/{sex}-young-{middle}-{e}proportions.target.gz")
        for e in ("ideal", "uncommon")
    )
    height = (tall - short) / 2

    def of_ancestry(ancestry: str) -> np.ndarray:
        # MakeHuman's ancestries differ by up to 10 cm of height, which `height` is there for.
        offsets = _adult(source, ancestries=(ancestry,)) - mean
        return offsets - _gain(source, offsets) / _gain(source, height) * height

    return {
        "male": 0.7 * (_adult(source, sexes=("male",)) - mean),
        "age": 0.35 * (_adult(source, age="old") - mean),
        "weight": 1.0 * _contrast(source, "averagemuscle-maxweight", "averagemuscle-minweight"),
        "muscle": 0.8 * _contrast(source, "maxmuscle-averageweight", "minmuscle-averageweight"),
        "height": 0.11 * height,
        "proportions": 0.5 * (ideal - uncommon) / 2,
        "african": 0.6 * of_ancestry("african"),
        "asian": 0.6 * of_ancestry("asian"),
        "caucasian": 0.6 * of_ancestry("caucasian"),
    }


def _gain(source: Source, offsets: np.ndarray) -> float:
    """Metres by which `offsets` make the body taller."""
    skin = source.mesh.group_vertices("body")
    return float(np.ptp((source.mesh.vertices + offsets)[skin, 1]) - np.ptp(source.mesh.vertices[skin, 1]))


def _contrast(source: Source, high: str, low: str) -> np.ndarray:
    return (_adult(source, build=high) - _adult(source, build=low)) / 2


def _sliders(source: Source, folder: str, pattern: str) -> list[np.ndarray]:
    """One standard deviation of every slider of a part: opposites are one, left and right go together and apart."""
    targets = {name: source.target(path) for name, path in source.targets(folder, pattern).items()}
    sliders: dict[str, np.ndarray] = {}
    for name, offsets in targets.items():
        stem, sign = _stem(name)
        sliders[stem] = sliders.get(stem, 0.0) + sign * offsets / 2
    found = []
    for stem, offsets in sliders.items():
        if stem.startswith("l-"):
            other = sliders["r-" + stem[2:]]
            found += [_SLIDER_SD * (offsets + other), _ASYMMETRY_SD * (offsets - other)]
        elif not stem.startswith("r-"):
            sd = _ASYMMETRY_SD if _is_sideways(offsets) else _SLIDER_SD
            found.append(sd * offsets)
    return found


def _stem(name: str) -> tuple[str, float]:
    for high, low in _OPPOSITES:
        for ending, sign in ((high, 1.0), (low, -1.0)):
            if name.endswith("-" + ending):
                return f"{name[: -len(ending)]}{high}", sign
    return name, 1.0


def _is_sideways(offsets: np.ndarray) -> bool:
    """Whether a target of the middle of the face moves it as a whole to one side."""
    across, others = offsets[:, 0], np.abs(offsets[:, 1:]).sum()
    return bool(abs(across.sum()) > 0.5 * np.abs(across).sum() and np.abs(across).sum() > others)


def _principal(sliders: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Principal directions of independent sliders, scaled to one standard deviation each."""
    stacked = np.stack([slider.ravel() for slider in sliders])
    _, scale, rows = np.linalg.svd(stacked, full_matrices=False)
    # Signs are free in a decomposition; fixing them makes the build repeatable.
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])
    return [(s * g * row).reshape(-1, 3) for s, g, row in zip(scale, signs, rows, strict=True)][:count]

"""Samples beside what is known of them, as pictures: points in the plane over contours, sequences over their bands."""

from collections.abc import Callable, Mapping

import numpy as np

from vlogger_jax.core.typing import Bool, Float, UInt8
from vlogger_jax.toy.truth import Ar1, Mixture, Truth

PAPER, RULE = (255, 255, 255), (214, 218, 224)
BAND, INK = (198, 214, 235), (60, 66, 78)
COLOURS = ((32, 98, 190), (206, 92, 28), (40, 140, 90), (150, 70, 160))

REACH = 1.75
"""Of the plane that is shown, to each side of 0."""

CONTOURS = (0.02, 0.2, 0.7)
"""Of the highest density."""

TALL = 3.5
"""Standard deviations shown of a sequence, to each side of 0."""


SHOWN, COLUMNS = 12, 4
"""Sequences at most, and beside each other."""


def make(truth: Truth, given: int) -> Callable[[Mapping[str, np.ndarray], np.ndarray], np.ndarray]:
    """The `picture` of a stage whose samples go on from the first `given` frames of the batch's."""
    if isinstance(truth, Mixture):
        return lambda batch, samples: points(truth, samples, batch["label"])
    return lambda batch, samples: lines(truth, samples, batch["x"], np.arange(truth.frames) < given)


def points(
    truth: Mixture, samples: Float[np.ndarray, "b 1 2"], labels: UInt8[np.ndarray, "b"], size: int = 256
) -> UInt8[np.ndarray, "{size} w 3"]:
    """Samples as dots over the contours of their class's density, a panel a class."""
    return _beside([_plane(truth, samples[labels == label, 0], label, size) for label in range(truth.classes)])


def lines(
    truth: Ar1,
    samples: Float[np.ndarray, "b t 1"],
    given: Float[np.ndarray, "b t 1"],
    known: Bool[np.ndarray, "t"],
    size: int = 128,
) -> UInt8[np.ndarray, "h w 3"]:
    """Sequences over the band of two standard deviations that the `known` frames of `given` (dots) leave them."""
    mean, covariance = truth.posterior(given[..., 0], known)
    centre, spread = given[..., 0].copy(), np.zeros(truth.frames)
    centre[:, ~known], spread[~known] = mean, np.sqrt(np.diag(covariance))
    panels = [
        _sequence(samples[i, :, 0], centre[i], spread, known, COLOURS[i % len(COLOURS)], size)
        for i in range(min(len(samples), SHOWN))
    ]
    blank = np.full_like(panels[0], PAPER[0])
    rows = [panels[i : i + COLUMNS] for i in range(0, len(panels), COLUMNS)]
    return np.concatenate([_beside(row + [blank] * (COLUMNS - len(row))) for row in rows])


def _plane(truth: Mixture, dots: np.ndarray, label: int, size: int) -> np.ndarray:
    x = (np.arange(size) + 0.5) / size * 2 * REACH - REACH
    density = truth.density(np.stack(np.meshgrid(x, -x), axis=-1), label)
    step = (density[..., None] > np.array(CONTOURS) * density.max()).sum(axis=-1)
    edge = (step[:-1, :-1] != step[1:, :-1]) | (step[:-1, :-1] != step[:-1, 1:])
    panel = _empty(size, size)
    coverage = np.zeros((size, size))
    for across, up in dots.tolist():
        row, column = ((REACH + place) * size / 2 / REACH - 0.5 for place in (-up, across))
        _dot(coverage, row, column, radius=1.3)
    _paint(panel, coverage, COLOURS[label], 0.55)
    _paint(panel[:-1, :-1], edge, INK, 0.5)
    return panel


def _sequence(
    line: np.ndarray, centre: np.ndarray, spread: np.ndarray, known: np.ndarray, colour: tuple[int, ...], size: int
) -> np.ndarray:
    frames, wide = len(line), 3 * size // 2
    panel = _empty(size, wide)
    margin = 8
    column = np.linspace(margin, wide - 1 - margin, frames)
    row = np.arange(size)[:, None]

    def height(values: np.ndarray) -> np.ndarray:
        return (TALL - values) * size / 2 / TALL - 0.5

    def along(values: np.ndarray) -> np.ndarray:
        return np.interp(np.arange(wide), column, height(values), np.nan, np.nan)

    low, high = along(centre - 2 * spread), along(centre + 2 * spread)
    _paint(panel, np.nan_to_num(np.clip(np.minimum(low - row, row - high) + 1, 0, 1)), BAND)
    _paint(panel, np.abs(row - height(np.zeros(1))) < 0.5, RULE)
    path = along(line)
    apart = np.abs(row - path) / np.hypot(1, np.gradient(path))
    _paint(panel, np.nan_to_num(np.clip(1.4 - apart, 0, 1)), colour)
    dots = np.zeros((size, wide))
    for i in np.flatnonzero(known):
        _dot(dots, float(height(centre[i : i + 1])[0]), float(column[i]), radius=2.6)
    _paint(panel, dots, INK)
    return panel


def _dot(coverage: np.ndarray, row: float, column: float, radius: float) -> None:
    """Add a dot to the coverage of pixels; what lies outside is cut off."""
    reach = int(np.ceil(radius + 1))
    top, left = (max(round(at) - reach, 0) for at in (row, column))
    part = coverage[top : max(round(row) + reach + 1, 0), left : max(round(column) + reach + 1, 0)]
    rows, columns = np.indices(part.shape)
    np.maximum(part, np.clip(radius + 0.5 - np.hypot(rows + top - row, columns + left - column), 0, 1), out=part)


def _paint(panel: np.ndarray, coverage: np.ndarray, colour: tuple[int, ...], opacity: float = 1.0) -> None:
    share = opacity * coverage[..., None]
    panel[:] = np.rint(panel * (1 - share) + np.array(colour) * share)


def _empty(height: int, width: int) -> np.ndarray:
    panel = np.full((height, width, 3), PAPER, np.uint8)
    panel[[0, -1]] = panel[:, [0, -1]] = RULE
    return panel


def _beside(panels: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(panels, axis=1)

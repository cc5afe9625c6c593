"""How `controls.blob` predicts the pixels of a frame, level by level, from those known; encoder and decoder share it.

Everything here is integers or single float32 operations, which are the same on every machine: sums and differences of
complex numbers are, products are not.
"""

from dataclasses import dataclass

import numpy as np

from vlogger_jax.controls.blob_tables import TEXELS, Tables
from vlogger_jax.core.records import BACKGROUND

CLASSES = 10
"""Kinds of prediction: same face on both sides, seven by how far two averages are apart, one average, no average."""

_SAME_FACE, _ONE_AVERAGE, _ALONE = 0, 8, 9
_STRIDE = 16  # pixels between those of the coarse grid
_HALF, _FULL = np.float32(0.5), np.float32(255)


@dataclass(frozen=True, eq=False)
class Level:
    """Pixels that are predicted together.

    Attributes:
        index: the pixels, flat indices.
        around: what to add for the four known pixels around each; the last two are opposite to the first two.
        reach: how far away these are, rows or columns.
    """

    index: np.ndarray
    around: np.ndarray
    reach: int


class Frame:
    """What is known of a frame so far: flat arrays with a border as wide as the coarse grid is.

    Attributes:
        face: `BACKGROUND` where nothing is known.
        weights: the second in the low byte, the third in the high one.
        point: where in the chart (texels, complex x + iy) the pixel looks, NaN where nothing is known.
    """

    def __init__(self, height: int, width: int, tables: Tables):
        self.shape = (height, width)
        self.width = width + 2 * _STRIDE
        self.tables = tables
        size = (height + 2 * _STRIDE) * self.width
        self.face = np.full(size, BACKGROUND, np.uint16)
        self.weights = np.zeros(size, np.uint16)
        self.point = np.full(size, complex(np.nan, np.nan), np.complex64)

    def pixels(self) -> np.ndarray:
        """Flat indices of all pixels, [h, w]."""
        height, width = self.shape
        rows = np.arange(_STRIDE, _STRIDE + height) * self.width
        return rows[:, None] + np.arange(_STRIDE, _STRIDE + width)

    def plan(self, mask: np.ndarray) -> tuple[np.ndarray, list[Level]]:
        """The flat indices of the covered pixels of the coarse grid, and the levels of all other covered pixels."""
        index = self.pixels()

        def covered(row: int, column: int, step: int) -> np.ndarray:
            return index[row::step, column::step][mask[row::step, column::step]]

        levels, reach = [], _STRIDE // 2
        while reach:
            down, step = reach * self.width, 2 * reach
            centres = covered(reach, reach, step)
            levels.append(Level(centres, _opposites(down + reach, down - reach), reach))
            edges = np.concatenate([covered(reach, 0, step), covered(0, reach, step)])
            levels.append(Level(edges, _opposites(down, reach), reach))
            reach //= 2
        return covered(0, 0, _STRIDE), levels

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """`face_index` and `bary` of all that was placed, without the border."""
        height, width = self.shape
        inner = np.s_[_STRIDE : _STRIDE + height, _STRIDE : _STRIDE + width]
        face = np.ascontiguousarray(self.face.reshape(-1, self.width)[inner])
        weights = np.ascontiguousarray(self.weights.reshape(-1, self.width)[inner]).astype("<u2", copy=False)
        return face, weights.view(np.uint8).reshape(height, width, 2)

    def place(self, index: np.ndarray, face: np.ndarray, weights: np.ndarray, last: bool = False) -> None:
        """Make pixels known; after the last level nobody asks for their points."""
        self.face[index] = face
        self.weights[index] = weights
        if not last:
            rows = self.tables.points.take(face, axis=0)
            second, third = (weights & 255).astype(np.float32), (weights >> 8).astype(np.float32)
            point = np.empty(len(index), np.complex64)
            point.real = (rows[:, 0] + second * rows[:, 2]) + third * rows[:, 4]
            point.imag = (rows[:, 1] + second * rows[:, 3]) + third * rows[:, 5]
            self.point[index] = point

    def predict(self, level: Level) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Point, face and class of each pixel of a level."""
        limit = np.float32(8 * TEXELS / max(1, *self.shape) * max(1.0, level.reach / 2))
        around = level.index + level.around[:, None]
        seen, faces = self.point.take(around), self.face.take(around)
        apart = _length(seen[:2] - seen[2:])
        middle = _halve(seen[:2] + seen[2:])
        gap = _length(middle[0] - middle[1])
        point = _halve(middle[0] + middle[1])
        fine = apart < limit  # false where one side is unknown: NaN
        agree = fine[0] & fine[1] & (gap < np.float32(0.25) * limit)
        alone = ~(fine[0] | fine[1])

        odd = (~agree).nonzero()[0]
        second = fine[1, odd] & ~(fine[0, odd] & (apart[0, odd] <= apart[1, odd]))
        point[odd] = np.where(second, middle[1, odd], middle[0, odd])
        odd = alone.nonzero()[0]
        if len(odd):
            point[odd] = self._extrapolate(seen[:, odd], around[:, odd] + 2 * level.around[:, None], limit)

        same = (faces[:2] == faces[2:]) & fine
        exact = (same[0] | same[1]).nonzero()[0]
        one, other = same[0, exact], same[1, exact]
        point[exact] = np.where(one & other, point[exact], np.where(one, middle[0, exact], middle[1, exact]))
        texel = point.imag.astype(np.int32) * TEXELS + point.real.astype(np.int32)
        face = self.tables.face_at.take(texel, mode="clip")
        face[exact] = np.where(one, faces[0, exact], faces[1, exact])

        gap *= self.tables.scale.take(face)
        exponent = (gap.view(np.int32) >> 23) - 126
        kind = np.minimum(np.maximum(exponent, 1), 7).astype(np.uint8)
        np.putmask(kind, ~agree, _ONE_AVERAGE)
        np.putmask(kind, alone, _ALONE)
        kind[exact] = _SAME_FACE
        return point, face, kind

    def _extrapolate(self, seen: np.ndarray, behind: np.ndarray, limit: np.float32) -> np.ndarray:
        """Points from one side alone: what is `seen` there, and on by the slope from pixels `behind`, thrice as far."""
        slope = seen - self.point.take(behind, mode="clip")
        length = _length(slope)
        usable, known = length < limit, seen.real == seen.real
        # The side with the gentlest slope, else any that is known, else the origin.
        rank = np.where(usable, length, np.where(known, 2 * limit, 4 * limit))
        best = rank.argmin(axis=0), np.arange(seen.shape[1])
        point = np.where(usable[best], seen[best] + _halve(slope[best]), seen[best])
        return np.where(known[best], point, np.complex64(0))


class Weights:
    """Predicted weights (times 255, uint8) of faces at points of the chart: the second vertex's, then the third's."""

    def __init__(self, tables: Tables, face: np.ndarray, point: np.ndarray):
        rows = tables.weights.take(face, axis=0)
        x, y = point.real, point.imag
        self._second = (rows[:, 0] * x + rows[:, 1] * y) + rows[:, 2]
        self._third = (rows[:, 3] * x + rows[:, 4] * y) + rows[:, 5]
        self._slope = rows[:, 6]

    def second(self) -> np.ndarray:
        return _byte(self._second, _FULL)

    def third(self, second: np.ndarray) -> np.ndarray:
        """What to expect beside the true second weight: an error of the point moves both."""
        second = second.astype(np.float32)
        third = self._third + self._slope * (second - np.minimum(np.maximum(self._second, -_FULL), 2 * _FULL))
        return _byte(third, _FULL - second)


def _byte(values: np.ndarray, limit: np.ndarray | np.float32) -> np.ndarray:
    """Rounded, from 0 to `limit`."""
    values = np.minimum(np.maximum(values, 0), limit)  # what numpy.clip does in twice the time
    return np.rint(values, out=values).astype(np.uint8)


def _opposites(one: int, other: int) -> np.ndarray:
    return np.array([-one, -other, one, other])


def _halve(values: np.ndarray) -> np.ndarray:
    """Half of complex `values`, in place."""
    parts = values.view(np.float32)
    parts *= _HALF
    return values


def _length(values: np.ndarray) -> np.ndarray:
    """The greater of both parts of complex values."""
    parts = np.abs(values.view(np.float32))
    return np.maximum(parts[..., 0::2], parts[..., 1::2])

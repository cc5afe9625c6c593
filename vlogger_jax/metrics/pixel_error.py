"""How far colours are from what they should be: mean squared error, from which PSNR comes, and L1 (paper Table 3)."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from vlogger_jax.core.typing import Array, Bool, UInt8


class Errors(NamedTuple):
    """Sums over pixels, which pool over frames and clips where decibels do not.

    Attributes:
        squared, absolute: of the errors of all channels, of colours from 0 to 1.
        count: numbers that were compared.
    """

    squared: float
    absolute: float
    count: int

    @property
    def psnr(self) -> float:
        """Decibels; infinite where there is no error, NaN where nothing was compared."""
        if not self.count:
            return float("nan")
        with np.errstate(divide="ignore"):
            return float(-10 * np.log10(self.squared / self.count))

    @property
    def l1(self) -> float:
        """Mean absolute error; NaN where nothing was compared."""
        return self.absolute / self.count if self.count else float("nan")


def errors(
    predicted: UInt8[Array, "*b h w 3"], truth: UInt8[Array, "*b h w 3"], where: Bool[Array, "*b h w"]
) -> Errors:
    """Of the pixels in `where`."""
    off = (np.asarray(predicted, np.float64) - np.asarray(truth, np.float64))[np.asarray(where)] / 255
    return Errors(float((off**2).sum()), float(np.abs(off).sum()), off.size)


def pooled(found: Iterable[Errors]) -> Errors:
    """Of all of them together."""
    found = list(found)
    return Errors(sum(e.squared for e in found), sum(e.absolute for e in found), sum(e.count for e in found))

"""Hits among cases, which pool over clips where shares do not."""

import math
from collections.abc import Iterable
from typing import NamedTuple


class Count(NamedTuple):
    """Some of all cases.

    Attributes:
        hits: those that are counted.
        cases: all.
    """

    hits: int
    cases: int

    @property
    def share(self) -> float:
        """Hits among cases; NaN where there are none."""
        return self.hits / self.cases if self.cases else math.nan


def pooled(counts: Iterable[Count]) -> Count:
    """Of all clips together."""
    counts = list(counts)
    return Count(sum(count.hits for count in counts), sum(count.cases for count in counts))

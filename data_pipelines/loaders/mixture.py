"""Several streams as one, by weights."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import grain
import numpy as np

from data_pipelines.loaders.order import Stream
from data_pipelines.loaders.samples import Sample, Spec
from vlogger_jax.core.errors import UserError

BLOCK = 1000
"""Samples in which every stream has its exact share, to a whole sample."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Samples of several streams, as `order.Endless`; every stream goes through its own epochs in its own order.

    Which stream comes next is shuffled within each block of `BLOCK` samples. (grain's own `mix` has a period as short
    as the weights allow: of two data sets by halves, two hosts would read one each.)

    Attributes:
        streams: whose samples have the same shapes.
        weights: shares, finite and above 0; they need not sum to 1.
        seed: 0 or more.
    """

    streams: tuple[Stream, ...]
    weights: tuple[float | int, ...]
    seed: int

    def __post_init__(self) -> None:
        if not self.streams or len(self.streams) != len(self.weights) or self.seed < 0:
            raise UserError(
                f"{len(self.streams)} data sets are to be mixed by the weights {self.weights}, seed {self.seed}",
                "Give each a weight, and a seed of 0 or more",
            )
        if not (min(self.weights) > 0 and sum(self.weights) < math.inf):  # so written, neither is true of nan
            raise UserError(f"the weights {self.weights} are no shares", "Give finite numbers above 0")
        if 0 in (counts := self._counts):
            raise UserError(f"the weights {self.weights} give {counts} of {BLOCK} samples", "Leave out the least")
        for other in self.streams[1:]:
            _same(self.streams[0].spec, other.spec)

    @property
    def spec(self) -> Spec:
        """Of every stream."""
        return self.streams[0].spec

    def __getitem__(self, number: int) -> Sample:
        """Sample `number`.

        Raises:
            UserError: as the stream that it comes from.
        """
        which, nth = self.source(number)
        return self.streams[which][nth]

    def source(self, number: int) -> tuple[int, int]:
        """Of which stream sample `number` is, and its number there."""
        slot = self._shuffled[number]
        which = bisect_right(self._ends, slot)
        before = self._ends[which] - self._counts[which]
        return which, number // BLOCK * self._counts[which] + slot - before

    @cached_property
    def _counts(self) -> tuple[int, ...]:
        """Samples of each stream in a block: shares rounded so that they sum to it."""
        ends = np.rint(np.cumsum(self.weights) / np.sum(self.weights) * BLOCK).astype(int)
        return tuple(np.diff(ends, prepend=0).tolist())

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(self._counts))

    @cached_property
    def _shuffled(self) -> grain.MapDataset:
        seed = int(np.random.SeedSequence(self.seed).generate_state(1)[0])
        return grain.MapDataset.range(BLOCK).shuffle(seed=seed)


def _same(one: Spec, other: Spec) -> None:
    differ = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    if differ:
        name = differ[0]
        raise UserError(
            f"the data sets differ in {name!r}: {one.get(name)} and {other.get(name)}",
            "Mix loaders of one kind, size and body",
        )

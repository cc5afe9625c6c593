"""Samples that are their own numbers, for tests of order."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from data_pipelines.loaders.samples import Sample, Spec, shaped
from data_pipelines.schema import BadExample


@dataclass(frozen=True)
class Counted:
    """Of `count`, those that are `bad` cannot be had; `key` tells one data set from another."""

    count: int
    bad: Collection[int] = ()
    key: int = 0

    @property
    def spec(self) -> Spec:
        return {"number": shaped(np.int64), "drawn": shaped(np.int64), "key": shaped(np.int64)}

    def __len__(self) -> int:
        return self.count

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        if number in self.bad:
            raise BadExample(f"sample {number} is bad", "Mend it")
        drawn = rng.integers(2**62)
        return {"number": np.asarray(number), "drawn": np.asarray(drawn), "key": np.asarray(self.key)}

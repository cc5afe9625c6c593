"""Batches that cost nothing: what a training step takes without its input."""

from collections.abc import Iterator
from itertools import repeat

import numpy as np

from data_pipelines.loaders.samples import Sample, Spec


def batches(spec: Spec) -> Iterator[Sample]:
    """The same batch of ones again and again, e.g. of `order.batch_spec`.

    One is a value that every entry may have: a length, a label, a mask.
    """
    return repeat({name: np.ones(each.shape, each.dtype) for name, each in spec.items()})

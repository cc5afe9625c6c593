"""What loaders make: samples, each a dict of arrays of the same shapes, and the protocol of who makes them."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import jax
import numpy as np

Sample = dict[str, np.ndarray]

Spec = Mapping[str, jax.ShapeDtypeStruct]
"""Shapes and types of a sample, or of a batch; known without reading anything."""


@runtime_checkable
class Samples(Protocol):
    """Samples by number; `len` of them are an epoch. Picklable, and pure: nothing else decides a sample."""

    @property
    def spec(self) -> Spec:
        """Of every sample."""

    def __len__(self) -> int:
        """How many there are."""

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """Sample `number`; `rng` decides what is left open, such as where in a clip it lies.

        Raises:
            BadExample: if this one cannot be made; others can.
            UserError: if none can.
        """


def shaped(dtype: type, *shape: int) -> jax.ShapeDtypeStruct:
    """One entry of a `Spec`."""
    return jax.ShapeDtypeStruct(shape, dtype)

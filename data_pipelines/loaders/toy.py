"""Samples of the toy stage: drawn, not read."""

from dataclasses import dataclass

import numpy as np

from data_pipelines.loaders.samples import Sample, Spec, shaped
from vlogger_jax.toy.truth import Truth


@dataclass(frozen=True)
class ToySamples:
    """Draws from a distribution, as `samples.Samples`: no two are the same, in any epoch.

    Attributes:
        truth: what to draw from.
        count: what is to be called an epoch.
    """

    truth: Truth
    count: int = 2**20

    @property
    def spec(self) -> Spec:
        return {"x": shaped(np.float32, self.truth.frames, self.truth.width), "label": shaped(np.uint8)}

    def __len__(self) -> int:
        return self.count

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """x [t, d] and label []; all that decides them is `rng`."""
        x, label = self.truth.draw(rng)
        return {"x": x, "label": np.asarray(label, np.uint8)}

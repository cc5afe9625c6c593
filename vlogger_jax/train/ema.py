"""The moving average of parameters that samples are drawn with."""

import dataclasses

import jax
import jax.numpy as jnp

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.stage import Params
from vlogger_jax.core.typing import Array, Float, Int


@dataclasses.dataclass(frozen=True)
class Ema:
    """An exponential moving average that forgets its beginning faster.

    Attributes:
        decay: of each step, in the long run.
    """

    decay: float = 0.9999

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise UserError(f"the decay of the moving average is {self.decay}", "Give 0 or more, and less than 1")

    def decay_at(self, step: Int[Array, ""]) -> Float[Array, ""]:
        """min(decay, (1 + n) / (10 + n)) at step n."""
        return jnp.minimum(self.decay, (1.0 + step) / (10.0 + step))

    def update(self, average: Params, params: Params, step: Int[Array, ""]) -> Params:
        """The average after step `step` has led to `params`."""
        kept = self.decay_at(step)
        return jax.tree.map(lambda a, p: a + (1 - kept).astype(a.dtype) * (p - a), average, params)

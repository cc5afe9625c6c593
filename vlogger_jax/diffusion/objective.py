"""The training loss: corrupt, predict, compare, weigh. One number a sample; means over the batch are the caller's."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp

from vlogger_jax.core.constrain import CONTEXT, shards, total
from vlogger_jax.core.precision import wide
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion.prediction import Prediction
from vlogger_jax.diffusion.process import corrupt, from_left, level_at
from vlogger_jax.diffusion.schedule import Schedule
from vlogger_jax.diffusion.weighting import Weighting

Predict = Callable[[Array, Array], Array]
"""(x_t [b, ...], t [b] or [b, t]) -> prediction [b, ...]: the network with its conditions."""


@dataclasses.dataclass(frozen=True)
class Objective:
    """E || target - predict(x_t, t) ||^2, weighed by noise level."""

    schedule: Schedule
    prediction: Prediction
    weighting: Weighting

    def __call__(
        self,
        predict: Predict,
        x0: Float[Array, "b *d"],
        noise: Float[Array, "b *d"],
        t: Float[Array, "b *t"],
        weight: Float[Array, "b *w"] | None = None,
    ) -> Float[Array, "b"]:
        """The loss of each sample: the mean of `errors`, counted by `weight` (0: does not count), which see."""
        return mean(self.errors(predict, x0, noise, t), weight)

    def errors(
        self, predict: Predict, x0: Float[Array, "b *d"], noise: Float[Array, "b *d"], t: Float[Array, "b *t"]
    ) -> Float[Array, "b *d"]:
        """Weighted squared error of every number.

        Args:
            t: times in [0, 1], one a sample or one a frame.
        """
        target = self.prediction.target(wide(x0), wide(noise), level_at(self.schedule, t, x0))
        output = predict(corrupt(self.schedule, x0, noise, t), t)
        return from_left(self.weight(t), x0) * (wide(output) - target) ** 2

    def weight(self, t: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """What multiplies the squared error of the prediction at `t`."""
        logsnr = self.schedule.logsnr(wide(t))
        return jnp.exp(self.weighting.log_weight(logsnr) - self.prediction.log_gain(logsnr))


def mean(errors: Float[Array, "b *d"], weight: Float[Array, "b *w"] | None = None) -> Float[Array, "b"]:
    """The mean of each sample's errors, of all its frames where they are split over `context`.

    Args:
        weight: how much each counts, broadcast from the left ([b, t] weighs frames) and where its size is 1; where
            nothing in a sample counts, its mean is 0.
    """
    axes = tuple(range(1, errors.ndim))
    if weight is None:
        return total(errors.mean(axis=axes), CONTEXT) / shards(CONTEXT)
    weight = jnp.broadcast_to(from_left(wide(weight), errors), errors.shape)
    # A context frame's error may be anything, infinite too; 0 times it must stay 0.
    counted = total(jnp.where(weight == 0, 0.0, errors * weight).sum(axis=axes), CONTEXT)
    counts = total(weight.sum(axis=axes), CONTEXT)
    return counted / jnp.where(counts == 0, 1.0, counts)

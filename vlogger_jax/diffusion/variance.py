"""Learned variances: the network says where each DDPM step's variance lies between its bounds.

Nichol & Dhariwal 2021, "Improved denoising diffusion probabilistic models", eq. 15 and 16, as ADM is trained.
"""

import dataclasses

import jax
import jax.numpy as jnp

from vlogger_jax.core.precision import wide
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion.objective import Objective, Predict, mean
from vlogger_jax.diffusion.process import corrupt, from_left, level_at, posterior

_HALF_BIN = 1 / 255
"""Of 8-bit pixels in [-1, 1]."""


def interpolate(
    fraction: Float[Array, "*b"], variance: Float[Array, "*c"], beta: Float[Array, "*c"]
) -> Float[Array, "*b"]:
    """The log variance `fraction` of the way from `variance` (the posterior's) to `beta`; eq. 15."""
    return fraction * jnp.log(beta) + (1 - fraction) * jnp.log(variance)


@dataclasses.dataclass(frozen=True)
class Hybrid:
    """L_simple + 0.001 L_vlb (eq. 16) for networks whose output is [b, ..., 2c]: prediction and variance.

    The bound trains the variance alone; its mean is that of the prediction, held still.

    Attributes:
        objective: of the prediction.
        steps: T of the discrete process whose bound it is; step n is t = n / (T - 1).
    """

    objective: Objective
    steps: int = 1000

    def __call__(
        self,
        predict: Predict,
        x0: Float[Array, "b *d"],
        noise: Float[Array, "b *d"],
        t: Float[Array, "b *t"],
        weight: Float[Array, "b *w"] | None = None,
    ) -> Float[Array, "b"]:
        """The loss of each sample; arguments as `Objective`'s."""
        x = corrupt(self.objective.schedule, x0, noise, t)
        output, variance = jnp.split(wide(predict(x, t)), 2, axis=-1)
        simple = self.objective.errors(lambda *_: output, x0, noise, t)
        bound = self._bits(jax.lax.stop_gradient(output), (variance + 1) / 2, wide(x0), x, t)
        return mean(simple + self.steps / 1000 * bound, weight)

    def _bits(self, output: Array, fraction: Array, x0: Array, x: Array, t: Array) -> Array:
        """This step's term of the variational bound, bits a number."""
        schedule, step = self.objective.schedule, 1 / (self.steps - 1)
        t = from_left(wide(t), x)
        first = t < step / 2
        # The step to clean data has a posterior without variance: the least it may say is the second step's, as in ADM.
        start, stop = schedule.logsnr(jnp.maximum(t, step)), schedule.logsnr(jnp.maximum(t - step, 0.0))
        exact, here = posterior(start, stop), level_at(schedule, t, x)
        log_variance = interpolate(fraction, exact.variance, jnp.where(first, here.sigma**2, exact.beta))
        guess = self.objective.prediction.clean(output, x, here)
        divergence = _divergence(exact.clean * (x0 - guess), jnp.log(exact.variance), log_variance)
        return jnp.where(first, -_log_likelihood(x0, guess, log_variance), divergence) / jnp.log(2.0)


def _divergence(apart: Array, log_variance1: Array, log_variance2: Array) -> Array:
    """KL(N1 || N2) in nats of normal distributions whose means are `apart`."""
    ratio = log_variance1 - log_variance2
    return 0.5 * (jnp.exp(ratio) - ratio - 1 + apart**2 * jnp.exp(-log_variance2))


def _log_likelihood(x0: Array, mean: Array, log_variance: Array) -> Array:
    """Of 8-bit pixels in [-1, 1], whose outermost bins have no end; Ho et al. 2020, eq. 13."""
    inverse = jnp.exp(-log_variance / 2)
    upper = jnp.where(x0 > 0.999, jnp.inf, (x0 - mean + _HALF_BIN) * inverse)
    lower = jnp.where(x0 < -0.999, -jnp.inf, (x0 - mean - _HALF_BIN) * inverse)
    # In the upper tail the difference of two numbers near 1 has no digits; mirrored it has.
    lower, upper = jnp.where(lower > 0, -upper, lower), jnp.where(lower > 0, -lower, upper)
    inside = jax.scipy.stats.norm.cdf(upper) - jax.scipy.stats.norm.cdf(lower)
    return jnp.log(jnp.maximum(inside, 1e-12))

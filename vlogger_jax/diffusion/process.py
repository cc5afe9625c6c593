"""The noising process: from data to noise, and the exact step back when the data are known.

Arrays are [b, ...] of any rank. Times and levels broadcast from the left: [b] is one noise level a sample, [b, t] one a
frame.
"""

from typing import NamedTuple

import jax.numpy as jnp

from vlogger_jax.core.precision import wide
from vlogger_jax.core.typing import Array, Float, namespace
from vlogger_jax.diffusion.schedule import Level, Schedule, level, log_alpha_squared


class Posterior(NamedTuple):
    """q(x_s | x_t, x_0) = N(clean x_0 + noisy x_t, variance) for s < t, and beta = 1 - alpha_t^2 / alpha_s^2."""

    clean: Array
    noisy: Array
    variance: Array
    beta: Array


def posterior(start: Float[Array, "*b"], stop: Float[Array, "*b"]) -> Posterior:
    """The posterior of the step between two logsnr, `start` (t) below `stop` (s); Ho et al. 2020, eq. 6 and 7."""
    xp = namespace(start, stop)
    beta = -xp.expm1(log_alpha_squared(start) - log_alpha_squared(stop))
    shrink = xp.exp(log_alpha_squared(-stop) - log_alpha_squared(-start))
    clean = level(stop).alpha * beta * xp.exp(-log_alpha_squared(-start))
    return Posterior(clean, xp.sqrt(1 - beta) * shrink, beta * shrink, beta)


def from_left(values: Array, like: Float[Array, "*d"]) -> Array:
    """`values` with dimensions of size 1 appended, so that they broadcast against `like` from the left."""
    return jnp.reshape(values, values.shape + (1,) * (like.ndim - values.ndim))


def level_at(schedule: Schedule, t: Float[Array, "b *t"], like: Float[Array, "b *d"]) -> Level:
    """The schedule's level at `t`, shaped to broadcast against `like`."""
    return schedule.level(from_left(wide(t), like))


def corrupt(
    schedule: Schedule, x0: Float[Array, "b *d"], noise: Float[Array, "b *d"], t: Float[Array, "b *t"]
) -> Float[Array, "b *d"]:
    """x_t = alpha(t) x_0 + sigma(t) noise; Ho et al. 2020, eq. 4."""
    alpha, sigma = level_at(schedule, t, x0)
    return alpha * wide(x0) + sigma * wide(noise)


def renoise(
    x: Float[Array, "b *d"], start: Float[Array, ""], stop: Float[Array, ""], noise: Float[Array, "b *d"]
) -> Float[Array, "b *d"]:
    """What is at logsnr `start`, noised further to `stop`, the lower one; q(x_t | x_s)."""
    beta = -jnp.expm1(log_alpha_squared(stop) - log_alpha_squared(start))
    return jnp.sqrt(1 - beta) * x + jnp.sqrt(beta) * noise

"""Data whose denoisers and samples are known in closed form."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.typing import Array
from vlogger_jax.diffusion.denoise import Denoise, Denoised
from vlogger_jax.diffusion.grid import Grid
from vlogger_jax.diffusion.noise import Noise, per_sample
from vlogger_jax.diffusion.sampler import sample
from vlogger_jax.diffusion.schedule import Schedule
from vlogger_jax.diffusion.stepper import Stepper

MEAN, SPREAD = 0.7, 0.4


def gain(alpha: Array, sigma: Array, spread: float = SPREAD) -> Array:
    """How far x_t draws E[x_0 | x_t] from the mean, for data N(mean, spread^2)."""
    return alpha * spread**2 / (alpha**2 * spread**2 + sigma**2)


def exact(schedule: Schedule) -> Denoise:
    """E[x_0 | x_t] of data N(MEAN, SPREAD^2)."""

    def denoise(x: Array, t: Array) -> Denoised:
        alpha, sigma = schedule.level(t[0])
        return Denoised(MEAN + gain(alpha, sigma) * (x - alpha * MEAN))

    return denoise


def flow(logsnr: float, noise: Array) -> Array:
    """Where the probability flow ODE is at `logsnr` when it came from `noise`."""
    alpha2 = 1 / (1 + np.exp(-logsnr))
    return np.sqrt(alpha2) * MEAN + np.sqrt(alpha2 * SPREAD**2 + 1 - alpha2) * noise


def noise(samples: int, seed: int = 0) -> Noise:
    """For samplers of a batch of `samples`."""
    return per_sample(Draw.of(jax.random.key(seed), samples))


def sampled(denoise: Denoise, path: Grid, stepper: Stepper, x: Array, seed: int = 0) -> Array:
    """`sample`, compiled, with noise of its own."""
    return jax.jit(lambda x: sample(denoise, path, stepper, x, noise(len(x), seed)))(x)


def moments(function: Callable[[Array], Array], draws: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Exact mean and covariance of `function`, [d], an affine function of standard normal numbers [draws, d]."""

    @jax.jit
    def parts(numbers):
        mean, back = jax.vjp(function, numbers)
        return mean, jax.vmap(back)(jnp.eye(size))[0]

    mean, linear = parts(jnp.zeros((draws, size)))
    linear = np.asarray(linear, np.float64).reshape(size, -1)
    return np.asarray(mean), linear @ linear.T


def rows(numbers: Array) -> Noise:
    """A sampler's noise, of one sample, read from `numbers`."""
    return lambda i, like: jax.lax.dynamic_index_in_dim(numbers, i)


def count(jaxpr: Jaxpr, name: str) -> int:
    """How often a primitive occurs in a jaxpr and in those within it."""
    found = 0
    for equation in jaxpr.eqns:
        found += equation.primitive.name == name
        for part in jax.tree.leaves(equation.params, is_leaf=lambda part: hasattr(part, "jaxpr")):
            if hasattr(part, "jaxpr"):
                found += count(part.jaxpr, name)
    return found


RHO, FRAMES, KNOWN = 0.95, 16, 4
COVARIANCE = RHO ** np.abs(np.subtract.outer(np.arange(FRAMES), np.arange(FRAMES)))
"""Of the AR(1) toy: FRAMES numbers, of which the first KNOWN are known."""


def ar1_prior(schedule: Schedule) -> Denoise:
    """E[x_0 | x_t] of the AR(1) toy, for a network that knows nothing of context."""
    values, vectors = (jnp.asarray(part, jnp.float32) for part in np.linalg.eigh(COVARIANCE))

    def denoise(x: Array, t: Array) -> Denoised:
        alpha, sigma = schedule.level(t[0])
        return Denoised(((x @ vectors) * (alpha * values / (alpha**2 * values + sigma**2))) @ vectors.T)

    return denoise


def ar1_posterior(known: Array) -> tuple[Array, Array]:
    """Mean and covariance of the frames that follow `known` ones."""
    k = len(known)
    draw = COVARIANCE[k:, :k] @ np.linalg.inv(COVARIANCE[:k, :k])
    return draw @ known, COVARIANCE[k:, k:] - draw @ COVARIANCE[:k, k:]

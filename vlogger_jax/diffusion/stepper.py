"""One step of a sampler: from x at one noise level, and the x_0 it seems to be made of, to the next level.

A stepper is `init(x)`, what it remembers before the first step, and `step`. Formulas are in logsnr alone, so any two
levels may follow each other: respacing needs no tables.
"""

import dataclasses
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion.denoise import Denoised
from vlogger_jax.diffusion.prediction import noise_in
from vlogger_jax.diffusion.process import Posterior, posterior
from vlogger_jax.diffusion.schedule import level
from vlogger_jax.diffusion.variance import interpolate

Memory = Any
"""What a stepper hands on to its next step: a tree of arrays."""


class Step(NamedTuple):
    """Where a step leads: logsnr from `start` to `stop`, and whether it is the `last`; scalars."""

    start: Array
    stop: Array
    last: Array


@runtime_checkable
class Stepper(Protocol):
    """What samplers ask of a stepper. Numbers are float32 (float64 where x is)."""

    @property
    def deterministic(self) -> bool:
        """Whether it follows an ODE from the noise that it starts from, and leaves that of the steps."""
        ...

    def init(self, x: Float[Array, "b *d"]) -> Memory:
        """What is remembered before the first step."""
        ...

    def step(
        self, x: Float[Array, "b *d"], denoised: Denoised, step: Step, memory: Memory, noise: Float[Array, "b *d"]
    ) -> tuple[Float[Array, "b *d"], Memory]:
        """x at `step.stop`, from x at `step.start` and what it was denoised to, and what to remember.

        `noise` is standard normal, of this step alone; steppers that add none leave it. Each number of x is stepped by
        itself, without the others.
        """
        ...


@runtime_checkable
class Variance(Protocol):
    """The variance of a DDPM step."""

    def __call__(self, exact: Posterior, denoised: Denoised) -> Array:
        """Given the posterior of the step."""
        ...


@dataclasses.dataclass(frozen=True)
class Small:
    """The posterior's; right for data that are one point (Ho et al. 2020, section 3.2)."""

    def __call__(self, exact: Posterior, denoised: Denoised) -> Array:
        return exact.variance


@dataclasses.dataclass(frozen=True)
class Large:
    """beta; right for data that are noise themselves."""

    def __call__(self, exact: Posterior, denoised: Denoised) -> Array:
        return exact.beta


@dataclasses.dataclass(frozen=True)
class Learned:
    """Between the two, where the network says; see `variance`."""

    def __call__(self, exact: Posterior, denoised: Denoised) -> Array:
        if denoised.fraction is None:
            raise ValueError("the network predicts no variance; make its denoiser with `learned_variance_denoiser`")
        return jnp.exp(interpolate(denoised.fraction, exact.variance, exact.beta))


@dataclasses.dataclass(frozen=True)
class Ddpm:
    """Ancestral sampling; Ho et al. 2020, algorithm 2. No noise is added on the way to clean data."""

    variance: Variance = Small()

    deterministic = False

    def init(self, x: Float[Array, "b *d"]) -> Memory:
        return ()

    def step(
        self, x: Float[Array, "b *d"], denoised: Denoised, step: Step, memory: Memory, noise: Float[Array, "b *d"]
    ) -> tuple[Float[Array, "b *d"], Memory]:
        exact = posterior(step.start, step.stop)
        spread = jnp.where(step.stop == jnp.inf, 0.0, jnp.sqrt(self.variance(exact, denoised)))
        mean = exact.clean * denoised.x0 + exact.noisy * x
        return mean + spread * noise, memory


@dataclasses.dataclass(frozen=True)
class Ddim:
    """Song et al. 2021, "Denoising diffusion implicit models", eq. 12 and 16.

    Attributes:
        eta: share of DDPM's noise; 0 adds none and solves the probability flow ODE to first order.
    """

    eta: float | int = 0.0

    def __post_init__(self) -> None:
        if not self.eta >= 0:
            raise UserError(f"DDIM has eta {self.eta}", "Give a share of DDPM's noise, 0 or more")

    @property
    def deterministic(self) -> bool:
        """Where it adds no noise."""
        return self.eta == 0

    def init(self, x: Float[Array, "b *d"]) -> Memory:
        return ()

    def step(
        self, x: Float[Array, "b *d"], denoised: Denoised, step: Step, memory: Memory, noise: Float[Array, "b *d"]
    ) -> tuple[Float[Array, "b *d"], Memory]:
        alpha, sigma = level(step.stop)
        found = noise_in(x, denoised.x0, level(step.start))
        if self.deterministic:
            return alpha * denoised.x0 + sigma * found, memory
        variance = self.eta**2 * posterior(step.start, step.stop).variance
        kept = jnp.sqrt(jnp.maximum(sigma**2 - variance, 0.0))
        return alpha * denoised.x0 + kept * found + jnp.sqrt(variance) * noise, memory


class Previous(NamedTuple):
    """x_0 at the step before, and its logsnr (infinity: there was none)."""

    x0: Array
    logsnr: Array


@dataclasses.dataclass(frozen=True)
class DpmSolver2M:
    """DPM-Solver++(2M), midpoint; Lu et al. 2022, "DPM-Solver++", algorithm 2. Second order with one evaluation a step.

    The first step is of first order, and so is one to clean data, which lies infinitely far away in logsnr.

    Attributes:
        first_order_last: take the last step to first order in any case: steadier with less than 15 steps.
    """

    first_order_last: bool = True

    deterministic = True

    def init(self, x: Float[Array, "b *d"]) -> Memory:
        return Previous(x, jnp.asarray(jnp.inf, x.dtype))

    def step(
        self, x: Float[Array, "b *d"], denoised: Denoised, step: Step, memory: Memory, noise: Float[Array, "b *d"]
    ) -> tuple[Float[Array, "b *d"], Memory]:
        start, stop = level(step.start), level(step.stop)
        width, before = (step.stop - step.start) / 2, (step.start - memory.logsnr) / 2
        # Noise added between steps leaves `before` negative: what was known then says nothing of now.
        second = (before > 0) & (width < jnp.inf) & ~(step.last & self.first_order_last)
        ahead = jnp.where(second, width / jnp.where(second, 2 * before, 1.0), 0.0)
        x0 = denoised.x0 + ahead * (denoised.x0 - memory.x0)
        x = stop.sigma / start.sigma * x - stop.alpha * jnp.expm1(-width) * x0
        return x, Previous(denoised.x0, step.start)

"""Classifier-free guidance with several conditions, each with a scale of its own, over a part of the steps.

A guided network takes, after x and t, which of its `n` conditions are dropped (Bool [n]), and is what `jax.vmap` over
that mask makes of it: one trace, one batch, and whatever does not depend on the conditions (a frozen encoder that sees
x alone) is computed once for all. Asking in turn would trace the network again and read its weights again.
"""

import dataclasses
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.typing import Array, Bool, Float
from vlogger_jax.diffusion.denoise import Denoise, Denoised
from vlogger_jax.diffusion.grid import Grid
from vlogger_jax.diffusion.sampler import Span

_ROUNDING = 1e-9
"""What times of a grid may be off by: tenths of `np.linspace` are not those of a config."""

DenoiseWithout = Callable[[Array, Array, Array], Denoised]
"""(x [b, ...], t [b], dropped Bool [n]) -> Denoised."""


@runtime_checkable
class Guidance(Protocol):
    """A weighted sum of answers to sets of conditions."""

    def terms(self) -> tuple[Bool[np.ndarray, "k n"], Float[np.ndarray, "k"]]:
        """What each answer is not told, and its weight; weights sum to 1, the last answer is told most."""
        ...


@dataclasses.dataclass(frozen=True)
class Nested:
    """D() + s_1 (D(1) - D()) + s_2 (D(1, 2) - D(1)) + ...: each condition on top of those before it.

    Brooks et al. 2023, "InstructPix2Pix", eq. 3; with one condition Ho & Salimans 2022, eq. 6, with w = s_1 - 1.
    A scale of 1 is no guidance.
    """

    scales: tuple[float | int, ...]

    def terms(self) -> tuple[Bool[np.ndarray, "k n"], Float[np.ndarray, "k"]]:
        n = len(self.scales)
        scales = np.asarray([1.0, *self.scales, 0.0])
        return _needed(np.arange(n) >= np.arange(n + 1)[:, None], scales[:-1] - scales[1:])


@dataclasses.dataclass(frozen=True)
class Composed:
    """D() + s_1 (D(1) - D()) + s_2 (D(2) - D()) + ...: each condition by itself.

    Liu et al. 2022, "Compositional visual generation", its conjunction.
    """

    scales: tuple[float | int, ...]

    def terms(self) -> tuple[Bool[np.ndarray, "k n"], Float[np.ndarray, "k"]]:
        n = len(self.scales)
        dropped = np.concatenate([np.ones((1, n), bool), ~np.eye(n, dtype=bool)])
        return _needed(dropped, np.asarray([1.0 - sum(self.scales), *self.scales]))


def guided(denoise: DenoiseWithout, guidance: Guidance) -> Denoise:
    """The `Denoise` that follows `guidance`.

    It extrapolates x_0, which is the same as doing so with the noise or v, since these are affine in x_0. The variance,
    where there is one, is that of the answer told most.
    """
    dropped, weights = guidance.terms()

    def guided_denoise(x: Array, t: Array) -> Denoised:
        if len(weights) == 1:
            return denoise(x, t, jnp.asarray(dropped[0]))
        answers = jax.vmap(denoise, in_axes=(None, None, 0))(x, t, jnp.asarray(dropped))
        x0 = jnp.tensordot(jnp.asarray(weights, x.dtype), answers.x0, axes=1, precision="highest")
        return Denoised(x0, None if answers.fraction is None else answers.fraction[-1])

    return guided_denoise


def conditional(denoise: DenoiseWithout, conditions: int) -> Denoise:
    """The `Denoise` that is told all `conditions` and follows none further."""
    return lambda x, t: denoise(x, t, jnp.zeros(conditions, bool))


def spans(grid: Grid, interval: tuple[float | int, float | int], inside: Denoise, outside: Denoise) -> list[Span]:
    """`inside` for the steps whose time is in `interval` (ends included), `outside` before and after.

    At most three, for `sampler.sample_spans`. Guidance does harm where noise is highest and nothing where it is lowest
    (Kynkäänniemi et al. 2024, "Applying guidance in a limited interval"); there, its second answer costs nothing.
    """
    low, high = interval
    within = (grid.time >= low - _ROUNDING) & (grid.time <= high + _ROUNDING)
    ends = np.flatnonzero(np.diff(within)) + 1
    parts = np.split(within, ends)
    return [Span(inside if part[0] else outside, len(part)) for part in parts]


def _needed(dropped: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without the answers that count nothing: a scale of 1 costs none."""
    return dropped[weights != 0], weights[weights != 0]

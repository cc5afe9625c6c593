"""Keeping x_0 within the range of pixels, [-1, 1], where guidance drives it out."""

import dataclasses
from typing import Protocol, runtime_checkable

import jax.numpy as jnp

from vlogger_jax.core.constrain import CONTEXT, whole
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion.denoise import Denoise, Denoised
from vlogger_jax.diffusion.process import from_left


@runtime_checkable
class Threshold(Protocol):
    """A function of x_0."""

    def __call__(self, x0: Float[Array, "b *d"]) -> Float[Array, "b *d"]:
        """x_0 in range; a clip of the batch does not depend on the others."""
        ...


@dataclasses.dataclass(frozen=True)
class Clip:
    """Cut off at `limit`."""

    limit: float | int = 1.0

    def __post_init__(self) -> None:
        if not self.limit > 0:
            raise UserError(f"a clip has the limit {self.limit}", "Give more than 0, such as 1")

    def __call__(self, x0: Float[Array, "b *d"]) -> Float[Array, "b *d"]:
        return jnp.clip(x0, -self.limit, self.limit)


@dataclasses.dataclass(frozen=True)
class Dynamic:
    """Cut off at the `quantile` of |x_0| and divide by it, where that is above 1.

    Saharia et al. 2022, "Photorealistic text-to-image diffusion models", section 2.3. One number for all frames of a
    clip, since one a frame makes the brightness flicker; x_0 is [b, t, ...], an image a clip of one frame.

    Attributes:
        quantile: share of the numbers of a clip that are left alone.
        largest: of what is divided by; infinity for no bound.
    """

    quantile: float | int = 0.995
    largest: float | int = float("inf")

    def __post_init__(self) -> None:
        if not (0 < self.quantile <= 1 and self.largest >= 1):
            raise UserError(
                f"a dynamic threshold has quantile {self.quantile} and largest {self.largest}",
                "Give a quantile from 0 to 1, and a largest of 1 or more",
            )

    def __call__(self, x0: Float[Array, "b t *d"]) -> Float[Array, "b t *d"]:
        size = whole(jnp.abs(x0), CONTEXT, 1).reshape(len(x0), -1)
        reach = jnp.quantile(size, self.quantile, axis=1)
        reach = from_left(jnp.clip(reach, 1.0, self.largest), x0)
        return jnp.clip(x0, -reach, reach) / reach


def thresholded(denoise: Denoise, threshold: Threshold) -> Denoise:
    """`denoise` with its x_0 kept in range; the noise that steppers see is then what is left of x."""

    def within(x: Array, t: Array, *rest: Array) -> Denoised:
        denoised = denoise(x, t, *rest)
        return denoised._replace(x0=threshold(denoised.x0))

    return within

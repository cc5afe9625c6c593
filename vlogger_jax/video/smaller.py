"""What a level of a cascade has of the one before: frames of fewer pixels, made larger."""

import dataclasses

import jax
import jax.numpy as jnp

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion.outpaint import prepare
from vlogger_jax.video import conditions
from vlogger_jax.video.conditions import Scene

REACH = 4
"""Pixels that `blurred` looks at in each direction."""


@dataclasses.dataclass(frozen=True)
class Lifting:
    """How a level is shown the frames of the one before.

    Attributes:
        low, size: of those and of its own, pixels.
        level: standard deviation of the noise on them: little errors are not to be believed.
    """

    low: int
    size: int
    level: float

    def __call__(self, smaller: Float[Array, "b t l l 3"], draw: Draw) -> Float[Array, "b t s s 4"]:
        """`Scene.low`."""
        noise = draw.normal_frames(smaller)
        return enlarged(smaller, jnp.full(len(smaller), self.level), noise, self.size)

    def guess(self, scene: Scene) -> Float[Array, "b t s s 3"]:
        """The smaller frames, with what the composite has that they are too small for."""
        composite = conditions.scaled(scene.controls.composite)
        coarse = means(composite, self.low)
        return scene.low[..., :3] + composite - jax.image.resize(coarse, composite.shape, "cubic")


def enlarged(
    low: Float[Array, "b t l l 3"], level: Float[Array, "b"], noise: Float[Array, "b t l l 3"], size: int
) -> Float[Array, "b t s s 4"]:
    """`Scene.low`: frames of a smaller network, noised, at `size` pixels, and the level of that as a channel."""
    b, t = low.shape[:2]
    noisy = prepare(low, jnp.ones((b, t), bool), level, noise).known
    large = jax.image.resize(noisy, (b, t, size, size, 3), "cubic")
    told = jnp.broadcast_to(level[:, None, None, None, None], (b, t, size, size, 1))
    return jnp.concatenate([large, told], axis=-1)


def blurred(x: Float[Array, "b t h w c"], spread: Float[Array, "b"]) -> Float[Array, "b t h w c"]:
    """With a Gaussian of standard deviation `spread`, pixels, cut off at `REACH`; 0 leaves all as it is, to the bit."""
    away = jnp.arange(-REACH, REACH + 1)
    share = jnp.exp(-0.5 * jnp.square(away / jnp.maximum(spread, 1e-3)[:, None]))
    share = (share / share.sum(axis=-1, keepdims=True))[..., None, None, None, None]
    for axis in (2, 3):
        around = [(0, 0)] * x.ndim
        around[axis] = (REACH, REACH)
        wide, size = jnp.pad(x, around, mode="edge"), x.shape[axis]
        x = sum(share[:, i] * jax.lax.slice_in_dim(wide, i, i + size, axis=axis) for i in range(2 * REACH + 1))
    return x


def means(x: Float[Array, "*b h w c"], size: int) -> Float[Array, "*b s s c"]:
    """Squares of so many pixels to a side; boxes of pixels become their mean."""
    *lead, h, w, c = x.shape
    return x.reshape(*lead, size, h // size, size, w // size, c).mean(axis=(-4, -2))

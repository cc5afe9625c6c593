"""From generated frames to those that are shown: in the portrait's own pixels, joined to what of it stays.

A generated frame knows what is where; the portrait knows how it looks from near. Where both agree, the composite's
detail is laid over what was generated; inside the mouth, where there is none of the portrait, it never is.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from vlogger_jax.core.records import Controls
from vlogger_jax.core.typing import Array, Bool, Float, UInt8
from vlogger_jax.video.conditions import scaled
from vlogger_jax.video.smaller import means

AGREEING = 0.12
"""Difference, of colours in [-1, 1], at which detail has lost 1 - 1/e of its weight."""


def detailed(frames: Float[Array, "b t s s 3"], controls: Controls, never: Sequence[int]) -> Float[Array, "b t l l 3"]:
    """Frames with the detail of the composite.

    Args:
        frames: in [-1, 1].
        controls: of them, at a whole number of times their size, which is that of what comes out.
        never: labels that are left as they were generated: what is inside the mouth.
    """
    size, composite = frames.shape[-2], scaled(controls.composite)
    coarse = means(composite, size)
    apart = jnp.square(frames - coarse).mean(axis=-1, keepdims=True)
    seen = controls.warp_mask | (controls.label == 0)
    seen &= ~jnp.isin(controls.label, jnp.asarray(never, controls.label.dtype))
    agreed = means(seen[..., None].astype(jnp.float32), size) * jnp.exp(-apart / AGREEING**2)
    weight = _larger(agreed, composite.shape, "linear") * seen[..., None]
    return _larger(frames, composite.shape, "cubic") + weight * (composite - _larger(coarse, composite.shape, "cubic"))


def share(old: UInt8[Array, "b h w"], new: UInt8[Array, "b t h w"], grown: int) -> Float[Array, "b t h w"]:
    """How much is to be seen of frames in front of a portrait: 1 where somebody is or was, 0 where nobody is near.

    Args:
        old, new: mattes of the portrait and of the frames.
        grown: pixels around both that are the frames' as well, the outer half of which fade into the portrait.
    """
    somebody = jnp.maximum(old[:, None], new) > 0.02 * 255
    fading = grown // 2
    inner = _most(somebody, grown - fading)
    mean = _mean(_most(inner, fading).astype(jnp.float32), fading)
    # Where nobody is within reach the mean is of zeros but for rounding; nothing may be left of the frames there.
    return jnp.where(_most(somebody, grown), mean, 0.0)


def _larger(x: Array, shape: tuple[int, ...], method: str) -> Array:
    return jax.image.resize(x, (*shape[:-1], x.shape[-1]), method)


def _most(where: Bool[Array, "b t h w"], by: int) -> Bool[Array, "b t h w"]:
    """Grown by so many pixels in all directions."""
    side = 2 * by + 1
    grown = jax.lax.reduce_window(where.astype(jnp.float32), 0.0, jax.lax.max, (1, 1, side, side), (1,) * 4, "SAME")
    return grown > 0


def _mean(x: Float[Array, "b t h w"], by: int) -> Float[Array, "b t h w"]:
    """Means over squares, of what of them lies in the picture."""
    side = 2 * by + 1

    def total(values: Array) -> Array:
        return jax.lax.reduce_window(values, 0.0, jax.lax.add, (1, 1, side, side), (1,) * 4, "SAME")

    return total(x) / total(jnp.ones_like(x))

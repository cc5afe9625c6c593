"""From generated frames to those that are shown: in the portrait's own pixels, joined to what of it stays.

A generated frame knows what is where; the portrait knows how it looks from near. Where both agree, the composite's
detail is laid over what was generated; inside the mouth, where there is none of the portrait, it never is.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from vlogger_jax.core.records import Controls
from vlogger_jax.core.typing import Array, Bool, Float, Int, UInt8
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
    near = _sums(somebody, grown) > 0
    mean = _sums(near, fading) / _sums(jnp.ones((1, 1, *near.shape[2:]), bool), fading)
    return jnp.where(near, mean, 0.0)


def _sums(where: Bool[Array, "b t h w"], by: int) -> Int[Array, "b t h w"]:
    """How many pixels hold in squares that reach `by` pixels in all directions, as far as they lie in the picture."""
    found = where.astype(jnp.int32)
    for axis in (2, 3):
        around = [(0, 0)] * 4
        around[axis] = (by + 1, by)
        upto = jnp.cumsum(jnp.pad(found, around), axis=axis)
        side, last = 2 * by + 1, upto.shape[axis]
        before = jax.lax.slice_in_dim(upto, 0, last - side, axis=axis)
        found = jax.lax.slice_in_dim(upto, side, last, axis=axis) - before
    return found


def _larger(x: Array, shape: tuple[int, ...], method: str) -> Array:
    return jax.image.resize(x, (*shape[:-1], x.shape[-1]), method)

"""Normalisation, and scale and shift from an embedding. Statistics are float32 or wider, results of the given dtype."""

import math

import jax
import jax.numpy as jnp
from flax import nnx

from vlogger_jax.core.precision import wide
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.nn.dense import Linear

_EPSILON = 1e-5  # ADM's; Flax has 1e-6.


class GroupNorm(nnx.Module):
    """Mean 0 and variance 1 of each group of channels in each picture: of a clip, in each frame.

    Statistics over frames would make a clip of one frame another network, and would have to cross chips. Moments are
    taken of channels and then of groups: with pictures split into groups, as Flax has them, a residual block compiled
    for a TPU took 1.5 to 3.6 times the memory.

    Args:
        groups: how many; the largest number that divides both this and `channels` is taken.
    """

    def __init__(self, channels: int, *, groups: int = 32, rngs: nnx.Rngs):
        self.groups = math.gcd(channels, groups)
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))

    def __call__(self, x: Float[Array, "*b h w c"]) -> Float[Array, "*b h w c"]:
        centred = wide(x) - self._of_groups(wide(x))
        factor = jax.lax.rsqrt(self._of_groups(centred**2) + _EPSILON) * wide(self.scale[...])
        return (centred * factor + wide(self.bias[...])).astype(x.dtype)

    def _of_groups(self, x: Float[Array, "*b h w c"]) -> Float[Array, "*b 1 1 c"]:
        """Means over pixels and groups, one a channel."""
        channels = x.mean(axis=(-3, -2), keepdims=True)
        groups = channels.reshape(*channels.shape[:-1], self.groups, -1)
        return jnp.broadcast_to(groups.mean(axis=-1, keepdims=True), groups.shape).reshape(channels.shape)


class LayerNorm(nnx.LayerNorm):
    """Mean 0 and variance 1 along the last axis."""

    def __init__(self, d: int, *, rngs: nnx.Rngs):
        super().__init__(d, epsilon=_EPSILON, use_fast_variance=False, rngs=rngs)

    def __call__(self, x: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
        return super().__call__(x).astype(x.dtype)


class Film(nnx.Module):
    """x (1 + scale) + shift, both linear in an embedding: ADM's "scale-shift norm", when x has just been normalised."""

    def __init__(self, d_embedding: int, channels: int, *, rngs: nnx.Rngs):
        self.scale_shift = Linear(d_embedding, 2 * channels, rngs=rngs)

    def __call__(self, x: Float[Array, "b *s c"], embedding: Float[Array, "b *t d"]) -> Float[Array, "b *s c"]:
        """`embedding` is one a sample, [b, d], or one a frame, [b, t, d]."""
        both = self.scale_shift(jax.nn.silu(embedding))
        between = (1,) * (x.ndim - embedding.ndim)
        scale, shift = jnp.split(wide(both).reshape(*both.shape[:-1], *between, -1), 2, axis=-1)
        return (wide(x) * (1 + scale) + shift).astype(x.dtype)

"""Numbers as vectors of sines and cosines."""

import math

import jax
import jax.numpy as jnp
from flax import nnx

from vlogger_jax.core.constrain import CONTEXT, position
from vlogger_jax.core.precision import wide
from vlogger_jax.core.typing import Array, Float, Int
from vlogger_jax.nn.dense import Linear


def sinusoidal(x: Float[Array, "*b"] | Int[Array, "*b"], d: int) -> Float[Array, "*b {d}"]:
    """Cosines, then sines, of `x` times d/2 frequencies from 1 down to nearly 1 / 10000, evenly in their logarithm.

    Vaswani et al. 2017, in the order of ADM. At least float32.

    Raises:
        ValueError: if `d` is odd.
    """
    if d % 2:
        raise ValueError(f"an embedding of sines and cosines has an even width, not {d}")
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    frequency = jnp.exp(-math.log(10000) * jnp.arange(d // 2, dtype=x.dtype) / (d // 2))
    angle = x[..., None] * frequency
    return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1)


def frame_numbers(frames: int) -> Int[Array, "{frames}"]:
    """Numbers, in the whole clip, of the `frames` that lie on this shard."""
    return position(CONTEXT) * frames + jnp.arange(frames)


def frame_positions(frames: int, d: int) -> Float[Array, "{frames} {d}"]:
    """`sinusoidal` of `frame_numbers`."""
    return sinusoidal(frame_numbers(frames), d)


def fourier(x: Float[Array, "*b c"], octaves: int = 3) -> Float[Array, "*b e"]:
    """Sines, then cosines, of π x, 2 π x, 4 π x, ...: small differences of numbers in [-1, 1]; e = 2 octaves c."""
    angle = wide(x)[..., None, :] * (math.pi * 2.0 ** jnp.arange(octaves))[:, None].astype(wide(x).dtype)
    angle = angle.reshape(*x.shape[:-1], -1)
    return jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)


_STEPS = 1000
"""Of the tables that ADM's networks were trained with."""


class TimeEmbedding(nnx.Module):
    """A number in [0, 1], such as diffusion time or the noise level of a context, as a vector; ADM's `time_embed`.

    ADM counts the steps of its table from 0 to 999, and step n is t = n / 999 (`diffusion.table`): 999 t is what the
    sines and cosines are of, so that ADM's weights are told the numbers that they were trained with.

    Networks hold it under a name that begins with `time`, so that precisions leave it in float32.

    Args:
        width: of the sines and cosines.
        d: of the result.
        zero: begin with vectors of zeros.
    """

    def __init__(self, width: int, d: int, *, zero: bool = False, rngs: nnx.Rngs):
        self.width = width
        self.first = Linear(width, d, rngs=rngs)
        self.second = Linear(d, d, zero=zero, rngs=rngs)

    def __call__(self, t: Float[Array, "*b"]) -> Float[Array, "*b d"]:
        return self.second(jax.nn.silu(self.first(sinusoidal((_STEPS - 1) * wide(t), self.width))))

"""Convolution along frames, which may be split over chips: each shard asks its neighbours for the frames it lacks.

Written as a 2-D convolution of kernel (frames, 1) over [b, t, h w, c]: no transposition, and the fast path on every
backend, which 3-D ones and 1-D ones in half precision miss.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from vlogger_jax.core.constrain import CONTEXT, halo, position, shards
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.nn.dense import Conv, residual
from vlogger_jax.nn.norm import GroupNorm


def with_neighbours(x: Float[Array, "b t *d"], before: int, after: int) -> Float[Array, "b u *d"]:
    """`x` with `before` frames more in front and `after` behind; those beyond the ends of the clip repeat its ends.

    Zeros would tell a network where the clip ends, and so the windows of a long video.

    Raises:
        ValueError: if more is asked for than a neighbouring shard has.
    """
    frames = x.shape[1]
    padded = halo(x, before, after)
    first, last = position(CONTEXT) == 0, position(CONTEXT) == shards(CONTEXT) - 1
    return jnp.concatenate(
        [
            jnp.where(first, x[:, :1], padded[:, :before]),
            x,
            jnp.where(last, x[:, -1:], padded[:, before + frames :]),
        ],
        axis=1,
    )


class TemporalConv(nnx.Module):
    """Convolution of frames of anything, [b, t, d] or [b, t, h, w, c], each place for itself.

    Args:
        before: how many earlier frames a frame sees.
        after: how many later ones; 0 is causal.
        zero: begin with a kernel of zeros.
    """

    def __init__(self, c_in: int, c_out: int, before: int = 1, after: int = 1, *, zero: bool = False, rngs: nnx.Rngs):
        self.before, self.after = before, after
        self.conv = Conv(c_in, c_out, (before + 1 + after, 1), padding="VALID", zero=zero, rngs=rngs)

    def __call__(self, x: Float[Array, "b t *s c"]) -> Float[Array, "b t *s e"]:
        padded = with_neighbours(x, self.before, self.after)
        rows = padded.reshape(*padded.shape[:2], -1, x.shape[-1])
        return self.conv(rows).reshape(*x.shape[:-1], -1)


class TemporalResidual(nnx.Module):
    """x + conv(silu(norm(x))) along frames. Begins as identity: a network of pictures stays what it was.

    Args:
        before: how many earlier frames a frame sees.
        after: how many later ones.
        groups: as in `GroupNorm`, whose statistics are each frame's own.
    """

    def __init__(self, channels: int, before: int = 1, after: int = 1, *, groups: int = 32, rngs: nnx.Rngs):
        self.norm = GroupNorm(channels, groups=groups, rngs=rngs)
        self.conv = TemporalConv(channels, channels, before, after, zero=True, rngs=rngs)

    def __call__(self, x: Float[Array, "b t *s c"]) -> Float[Array, "b t *s c"]:
        # On TPUs spatial convolutions want b and t to stay one dimension.
        pictures = x.reshape(-1, *x.shape[2:-1], *(1,) * (5 - x.ndim), x.shape[-1])
        return residual(x, self.conv(jax.nn.silu(self.norm(pictures)).reshape(x.shape)))

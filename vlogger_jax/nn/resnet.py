"""ADM's residual block of pictures (Dhariwal & Nichol 2021), with room for frames to meet in the middle of it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

from vlogger_jax.core.typing import Array, Float
from vlogger_jax.nn.dense import Conv, residual
from vlogger_jax.nn.norm import Film, GroupNorm


def down(x: Float[Array, "*b h w c"]) -> Float[Array, "*b h//2 w//2 c"]:
    """Half as high and wide: means of 2 x 2 pixels.

    Raises:
        ValueError: if height or width is odd.
    """
    *b, h, w, c = x.shape
    if h % 2 or w % 2:
        raise ValueError(f"a picture of {h} x {w} pixels cannot be halved")
    return x.reshape(*b, h // 2, 2, w // 2, 2, c).mean(axis=(-4, -2))


def up(x: Float[Array, "*b h w c"]) -> Float[Array, "*b 2*h 2*w c"]:
    """Twice as high and wide: each pixel four times."""
    *b, h, w, c = x.shape
    return jnp.broadcast_to(x[..., :, None, :, None, :], (*b, h, 2, w, 2, c)).reshape(*b, 2 * h, 2 * w, c)


def same(x: Float[Array, "*b h w c"]) -> Float[Array, "*b h w c"]:
    """As it is."""
    return x


def dropout(x: Float[Array, "*b h w c"], rate: float | int, keys: Array) -> Float[Array, "*b h w c"]:
    """Numbers of `x` set to 0 at `rate`, the others divided by 1 - rate.

    Args:
        keys: one a picture, [*b] (`Draw.frame_keys`), so that what is dropped does not depend on the mesh.
    """
    kept = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - rate, x.shape[-3:]))(keys.reshape(-1)).reshape(x.shape)
    return jnp.where(kept, x / (1 - rate), 0)


class ResBlock(nnx.Module):
    """x plus two convolutions of it, the second scaled and shifted by an embedding. Begins as identity, or as `skip`.

    Attributes:
        resample: `up`, `down` or `same`; within the branch before its first convolution, and beside it.
        between: what happens between first convolution and second norm: in VLOGGER (section 3.2) a
            `temporal.TemporalResidual` of `c_out` channels, which asks for pictures [b, t, h, w, c].
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        d_embedding: int,
        *,
        resample: Callable[[Array], Array] = same,
        between: nnx.Module | None = None,
        dropout: float | int = 0.0,
        groups: int = 32,
        rngs: nnx.Rngs,
    ):
        self.resample = resample
        self.rate = dropout
        self.norm_1 = GroupNorm(c_in, groups=groups, rngs=rngs)
        self.conv_1 = Conv(c_in, c_out, rngs=rngs)
        self.between = between
        self.norm_2 = GroupNorm(c_out, groups=groups, rngs=rngs)
        self.film = Film(d_embedding, c_out, rngs=rngs)
        self.conv_2 = Conv(c_out, c_out, zero=True, rngs=rngs)
        self.skip = None if c_in == c_out else Conv(c_in, c_out, (1, 1), rngs=rngs)

    def __call__(
        self, x: Float[Array, "b *t h w c"], embedding: Float[Array, "b *s d"], keys: Array | None = None
    ) -> Float[Array, "b *t i j e"]:
        """Pictures [b, h, w, c], which have no frames that `between` could make meet, or [b, t, h, w, c].

        Args:
            embedding: one a sample, [b, d], or one a frame, [b, t, d].
            keys: of the dropout, one a picture, [b] or [b, t]; None drops nothing.
        """
        # On TPUs convolutions put pictures innermost but for channels: between them, b and t stay one dimension.
        lead = x.shape[:-3]
        x = x.reshape(-1, *x.shape[-3:])
        embedding = embedding.reshape(*embedding.shape[:-1], *(1,) * (len(lead) + 1 - embedding.ndim), -1)
        embedding = jnp.broadcast_to(embedding, (*lead, embedding.shape[-1])).reshape(x.shape[0], -1)
        branch = self.conv_1(self.resample(jax.nn.silu(self.norm_1(x))))
        if self.between is not None and len(lead) > 1:
            branch = self.between(branch.reshape(*lead, *branch.shape[1:])).reshape(branch.shape)
        branch = jax.nn.silu(self.film(self.norm_2(branch), embedding))
        if keys is not None and self.rate > 0:
            branch = dropout(branch, self.rate, keys.reshape(-1))
        x = self.resample(x)
        x = residual(x if self.skip is None else self.skip(x), self.conv_2(branch))
        x = x.reshape(*lead, *x.shape[1:])
        return checkpoint_name(x, "block_out")

"""Attention between tokens, along frames and within pictures; the transformer block.

`jax.nn.dot_product_attention` takes its softmax in float32 even of float64 (jax 0.10), which hides small errors from
tests in float64, and picks no faster kernel by itself; so it is written out here.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

from vlogger_jax.core.constrain import CONTEXT, whole
from vlogger_jax.core.typing import Array, Bool, Float, Int
from vlogger_jax.nn.dense import MLP, Linear, residual
from vlogger_jax.nn.embed import frame_numbers
from vlogger_jax.nn.norm import Film, GroupNorm, LayerNorm

Visible = Callable[[Array, Array], Array]
"""(number of the looking frame, number of a frame) -> whether it sees it; broadcasts."""


def causal(looking: Int[Array, "*a"], at: Int[Array, "*b"]) -> Bool[Array, "*c"]:
    """The `Visible` of frames that see themselves and those before."""
    return at <= looking


def attend(
    query: Float[Array, "*b q n d"],
    key: Float[Array, "*b k n d"],
    value: Float[Array, "*b k n d"],
    mask: Bool[Array, "*m q k"] | None = None,
) -> Float[Array, "*b q n d"]:
    """softmax(query key^T / sqrt(d)) value of each of n heads, the softmax in float32 or wider.

    Args:
        mask: True where a query sees a key; its leading dimensions are b, or 1 where they do not matter. A query that
            sees nothing gets the mean of all values.
    """
    digits = jnp.promote_types(query.dtype, jnp.float32)
    logits = jnp.einsum("...qnd,...knd->...nqk", query, key, preferred_element_type=digits) * query.shape[-1] ** -0.5
    if mask is not None:
        logits = jnp.where(mask[..., None, :, :], logits, jnp.finfo(digits).min)
    weights = jax.nn.softmax(logits, axis=-1).astype(value.dtype)
    return jnp.einsum("...nqk,...knd->...qnd", weights, value)


Memory = tuple[Float[Array, "b _ _"], Float[Array, "b _ _"]]
"""Keys and values [b, n, c] of the n pixels of a picture (`SpaceAttention.remember`)."""


class Attention(nnx.Module):
    """Multi-head attention of tokens to tokens, for a residual branch: begins as 0.

    Args:
        d: width of the tokens that look, and of the result.
        heads: how many; d / heads wide each.
        d_seen: width of the tokens that are looked at, where it is another.

    Raises:
        ValueError: if `heads` does not divide `d`.
    """

    def __init__(self, d: int, heads: int, *, d_seen: int | None = None, rngs: nnx.Rngs):
        if d % heads:
            raise ValueError(f"{heads} heads do not divide a width of {d}")
        seen = d if d_seen is None else d_seen
        self.heads = heads
        self.query = Linear(d, d, rngs=rngs)
        self.key = Linear(seen, d, rngs=rngs)
        self.value = Linear(seen, d, rngs=rngs)
        self.project = Linear(d, d, zero=True, rngs=rngs)

    def __call__(
        self, x: Float[Array, "*b q d"], seen: Float[Array, "*b k e"], mask: Bool[Array, "*m q k"] | None = None
    ) -> Float[Array, "*b q d"]:
        """What the tokens `x` take from the tokens `seen`; `mask` as in `attend`."""
        return self.look(x, self.key(seen), self.value(seen), mask)

    def look(
        self,
        x: Float[Array, "*b q d"],
        key: Float[Array, "*b k d"],
        value: Float[Array, "*b k d"],
        mask: Bool[Array, "*m q k"] | None,
    ) -> Float[Array, "*b q d"]:
        """The same for keys and values that are there already."""
        query, key, value = (part.reshape(*part.shape[:-1], self.heads, -1) for part in (self.query(x), key, value))
        return self.project(attend(query, key, value, mask).reshape(x.shape))


class FrameAttention(Attention):
    """Attention of the frames of a clip to each other, wherever they lie: keys and values of all are gathered."""

    def __init__(self, d: int, heads: int, *, rngs: nnx.Rngs):
        super().__init__(d, heads, rngs=rngs)

    def __call__(
        self, x: Float[Array, "b t d"], visible: Visible | None = None, valid: Bool[Array, "b t"] | None = None
    ) -> Float[Array, "b t d"]:
        """What each frame takes from the others and itself.

        Args:
            visible: which frames see which, such as `causal`; None: all see all.
            valid: False for frames that only fill up the clip, which nobody sees; None: there are none.
        """
        key, value = (whole(part, CONTEXT, dim=1) for part in (self.key(x), self.value(x)))
        mask = None
        if visible is not None:
            mask = visible(frame_numbers(x.shape[1])[:, None], jnp.arange(key.shape[1]))[None]
        if valid is not None:
            filled = whole(valid, CONTEXT, dim=1)[:, None, :]
            mask = jnp.broadcast_to(filled, (*x.shape[:2], key.shape[1])) if mask is None else mask & filled
        return self.look(x, key, value, mask)


class SpaceAttention(nnx.Module):
    """x plus what its pixels take from each other, each picture for itself: ADM's attention block. Begins as identity.

    Args:
        heads: how many; ADM's 64 px wide heads are `channels // 64`.
    """

    def __init__(self, channels: int, heads: int, *, groups: int = 32, rngs: nnx.Rngs):
        self.norm = GroupNorm(channels, groups=groups, rngs=rngs)
        self.attention = Attention(channels, heads, rngs=rngs)

    def __call__(self, x: Float[Array, "*b h w c"], memory: Memory | None = None) -> Float[Array, "*b h w c"]:
        """Of pictures, or of the frames of clips.

        Args:
            memory: of another picture of each sample (`remember`), whose pixels are looked at, too; the first
                dimension of `x` is then the samples'.
        """
        tokens, key, value = self._parts(x)
        if memory is not None:
            key, value = (_beside(own, other) for own, other in zip((key, value), memory, strict=True))
        return residual(x, self.attention.look(tokens, key, value, None).reshape(x.shape))

    def remember(self, x: Float[Array, "b h w c"]) -> Memory:
        """Keys and values of pictures, for other pictures to look at."""
        return self._parts(x)[1:]

    def _parts(self, x: Array) -> tuple[Array, Array, Array]:
        tokens = self.norm(x).reshape(*x.shape[:-3], -1, x.shape[-1])
        return tokens, self.attention.key(tokens), self.attention.value(tokens)


def _beside(own: Float[Array, "b *t n c"], other: Float[Array, "b m c"]) -> Float[Array, "b *t k c"]:
    """Tokens and then those of one more picture, which is the same for all frames of a sample."""
    other = other.reshape(len(other), *(1,) * (own.ndim - other.ndim), *other.shape[1:])
    other = jnp.broadcast_to(other, (*own.shape[:-2], *other.shape[-2:]))
    return jnp.concatenate([own, other.astype(own.dtype)], axis=-2)


class TransformerBlock(nnx.Module):
    """Attention of frames to each other and an MLP, each behind a norm scaled and shifted by an embedding.

    Begins as identity.

    Args:
        heads: of the attention.
        d_embedding: width of the embedding, say of diffusion time.
        wider: how many times wider the MLP is inside.
    """

    def __init__(self, d: int, heads: int, d_embedding: int, *, wider: int = 4, rngs: nnx.Rngs):
        self.norm_1 = LayerNorm(d, rngs=rngs)
        self.film_1 = Film(d_embedding, d, rngs=rngs)
        self.attention = FrameAttention(d, heads, rngs=rngs)
        self.norm_2 = LayerNorm(d, rngs=rngs)
        self.film_2 = Film(d_embedding, d, rngs=rngs)
        self.mlp = MLP(d, wider=wider, rngs=rngs)

    def __call__(
        self,
        x: Float[Array, "b t d"],
        embedding: Float[Array, "b *t e"],
        visible: Visible | None = None,
        valid: Bool[Array, "b t"] | None = None,
    ) -> Float[Array, "b t d"]:
        """`embedding` as in `Film`, `visible` and `valid` as in `FrameAttention`."""
        x = residual(x, self.attention(self.film_1(self.norm_1(x), embedding), visible, valid))
        x = residual(x, self.mlp(self.film_2(self.norm_2(x), embedding)))
        return checkpoint_name(x, "block_out")

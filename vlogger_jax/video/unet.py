"""ADM's UNet (Dhariwal & Nichol 2021), as an encoder and a decoder, for pictures and for the frames of clips.

VLOGGER's control network is a second encoder, in whose blocks frames meet; what it answers is added to what the first
one answers (paper section 3.2).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from vlogger_jax.core.functional import remat
from vlogger_jax.core.typing import Array, Float, Int
from vlogger_jax.nn.attention import Memory, SpaceAttention
from vlogger_jax.nn.dense import Conv
from vlogger_jax.nn.embed import TimeEmbedding
from vlogger_jax.nn.norm import GroupNorm
from vlogger_jax.nn.resnet import ResBlock, up
from vlogger_jax.video import layout
from vlogger_jax.video.layout import Model, Row

Between = Callable[[int, nnx.Rngs], nnx.Module]
"""(channels, rngs) -> what stands in the middle of a residual block (`ResBlock.between`)."""

Features = tuple[Array, ...]
"""As `layout.features` lists them, each [*b, h, w, c]."""

Memories = tuple[Memory | None, ...]
"""Of each block of an encoder, None of those without attention; () where nothing is remembered."""


def space_to_depth(x: Float[Array, "*b h w c"], patch: int) -> Float[Array, "*b h//{patch} w//{patch} d"]:
    """Pixels of patches as channels: `patch`^2 times as many, rows first.

    Raises:
        ValueError: if patches do not divide the picture.
    """
    *b, h, w, c = x.shape
    if h % patch or w % patch:
        raise ValueError(f"a picture of {h} x {w} pixels does not divide into patches of {patch}")
    x = x.reshape(*b, h // patch, patch, w // patch, patch, c)
    return jnp.swapaxes(x, -4, -3).reshape(*b, h // patch, w // patch, patch * patch * c)


def depth_to_space(x: Float[Array, "*b h w d"], patch: int) -> Float[Array, "*b h*{patch} w*{patch} c"]:
    """The inverse of `space_to_depth`."""
    *b, h, w, d = x.shape
    x = x.reshape(*b, h, w, patch, patch, d // patch**2)
    return jnp.swapaxes(x, -4, -3).reshape(*b, h * patch, w * patch, d // patch**2)


class Embedding(nnx.Module):
    """Diffusion time, and the class where there are any, as a vector: ADM's `time_embed` and `label_emb`."""

    def __init__(self, model: Model, rngs: nnx.Rngs):
        self.time = TimeEmbedding(model.channels, model.d_embedding, rngs=rngs)
        self.label = None if model.classes is None else nnx.Embed(model.classes, model.d_embedding, rngs=rngs)

    def __call__(self, t: Float[Array, "b *t"], label: Int[Array, "b"] | None = None) -> Float[Array, "b *t d"]:
        """`t` in [0, 1], one a sample or one a frame, and the class of each sample.

        Raises:
            ValueError: if a class is given to a network without classes, or none to one with.
        """
        if (label is None) != (self.label is None):
            raise ValueError(f"this network is {'not' if self.label is None else 'to be'} told a class")
        embedding = self.time(t)
        if label is None:
            return embedding
        of_class = self.label(label).astype(embedding.dtype)
        return embedding + of_class.reshape(len(label), *(1,) * (t.ndim - 1), -1)


class Block(nnx.Module):
    """A row of the table: a residual block, then attention or none."""

    def __init__(self, model: Model, row: Row, rngs: nnx.Rngs, between: Between | None = None):
        self.remat = model.remat
        self.res = ResBlock(
            row.c_in,
            row.c_out,
            model.d_embedding,
            resample=row.resample,
            between=None if between is None else between(row.c_out, rngs),
            dropout=model.dropout,
            groups=model.groups,
            rngs=rngs,
        )
        heads = model.heads.of(row.c_out)
        self.attention = SpaceAttention(row.c_out, heads, groups=model.groups, rngs=rngs) if row.attention else None

    def __call__(
        self,
        x: Float[Array, "b *t h w c"],
        embedding: Float[Array, "b *s d"],
        keys: Array | None,
        memory: Memory | None = None,
    ) -> Float[Array, "b *t i j e"]:
        def both(x: Array, embedding: Array, keys: Array | None, memory: Memory | None) -> Array:
            x = self.res(x, embedding, keys)
            return x if self.attention is None else self.attention(x, memory)

        return remat(self.remat)(both)(x, embedding, keys, memory)

    def remember(
        self, x: Float[Array, "b h w c"], embedding: Float[Array, "b d"]
    ) -> tuple[Float[Array, "b i j e"], Memory | None]:
        """What it answers, and what its attention remembers of that, if it has one."""
        x = self.res(x, embedding)
        return (x, None) if self.attention is None else (self.attention(x), self.attention.remember(x))


class Encoder(nnx.Module):
    """ADM's `input_blocks` and `middle_block`.

    Args:
        between: what stands in the middle of each residual block; None: nothing does.
    """

    def __init__(self, model: Model, rngs: nnx.Rngs, between: Between | None = None):
        self.patch = model.patch
        self.stem = Conv(model.c_in * model.patch**2, model.widths[0], rngs=rngs)
        self.blocks = nnx.List([Block(model, row, rngs, between) for row in layout.encoder(model)])
        self.middle = nnx.List([Block(model, row, rngs, between) for row in layout.middle(model)])

    def __call__(
        self,
        x: Float[Array, "b *t h w c"],
        embedding: Float[Array, "b *s d"],
        *,
        added: Float[Array, "b *t i j e"] | None = None,
        keys: Array | None = None,
        memory: Memories = (),
    ) -> Features:
        """What the decoder is to have: skips, and what came out of the middle (`layout.features`).

        Args:
            embedding: one a sample or one a frame.
            added: to what comes out of the first convolution, in its shape.
            keys: of the dropout, one a picture, [b] or [b, t]; None drops nothing.
            memory: of another picture of each sample, which its attention then looks at, too (`remember`).
        """
        x = self.stem(space_to_depth(x, self.patch))
        if added is not None:
            x = x + added.astype(x.dtype)
        features, blocks = [x], (*self.blocks, *self.middle)
        for number, (block, seen) in enumerate(zip(blocks, memory or (None,) * len(blocks), strict=True)):
            x = block(x, embedding, _of_block(keys, number), seen)
            features.append(x)
        # Within the middle there is no skip.
        return (*features[: len(self.blocks) + 1], x)

    def remember(self, x: Float[Array, "b h w c"], embedding: Float[Array, "b d"]) -> Memories:
        """Keys and values of pictures, for the attention of each block; computed once, they serve all steps."""
        x, found = self.stem(space_to_depth(x, self.patch)), []
        for block in (*self.blocks, *self.middle):
            x, memory = block.remember(x, embedding)
            found.append(memory)
        return tuple(found)


class Decoder(nnx.Module):
    """ADM's `output_blocks` and `out`. Begins as 0."""

    def __init__(self, model: Model, rngs: nnx.Rngs):
        self.patch = model.patch
        rows = layout.decoder(model)
        self.skips = model.skips
        self.goes_up = tuple(row.resample is up for row in rows)
        self.blocks = nnx.List([Block(model, row, rngs) for row in rows])
        self.norm = GroupNorm(model.widths[0], groups=model.groups, rngs=rngs)
        self.out = Conv(model.widths[0], model.c_out * model.patch**2, zero=True, rngs=rngs)

    def __call__(
        self, features: Features, embedding: Float[Array, "b *s d"], *, keys: Array | None = None
    ) -> Float[Array, "b *t h w c"]:
        """What is predicted; `embedding` and `keys` as in `Encoder`."""
        *skips, x = features
        for number, (block, goes_up) in enumerate(zip(self.blocks, self.goes_up, strict=True)):
            if not goes_up:
                x = jnp.concatenate([x, self.skips * skips.pop().astype(x.dtype)], axis=-1)
            x = block(x, embedding, _of_block(keys, number))
        return depth_to_space(self.out(jax.nn.silu(self.norm(x))), self.patch)


class UNet(nnx.Module):
    """What is predicted of x_t. Begins as 0."""

    def __init__(self, model: Model, rngs: nnx.Rngs):
        self.embedding = Embedding(model, rngs)
        self.encoder = Encoder(model, rngs)
        self.decoder = Decoder(model, rngs)

    def __call__(
        self,
        x: Float[Array, "b *t h w c"],
        t: Float[Array, "b *s"],
        label: Int[Array, "b"] | None = None,
        *,
        control: Features | None = None,
        keys: Array | None = None,
    ) -> Float[Array, "b *t h w e"]:
        """Of pictures [b, h, w, c], or of frames [b, t, h, w, c], each for itself.

        Args:
            t: in [0, 1], one a sample or one a frame.
            label: the class of each sample, where there are classes.
            control: added to what the encoder answers; None adds nothing.
            keys: of the dropout, one a picture, [b] or [b, t]; None drops nothing.

        Raises:
            ValueError: if `label` is given where there are no classes, or not given where there are, if pictures do
                not divide into patches and halves, or if `control` is of another network.
        """
        embedding = self.embedding(t, label)
        features = self.encoder(x, embedding, keys=_of_block(keys, 0))
        if control is not None:
            features = tuple(one + two.astype(one.dtype) for one, two in zip(features, control, strict=True))
        return self.decoder(features, embedding, keys=_of_block(keys, 1))


def _of_block(keys: Array | None, number: int) -> Array | None:
    """Other keys for each block, and each half."""
    if keys is None:
        return None
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys.reshape(-1)).reshape(keys.shape)

"""The network M: a causal transformer over frames that hears a little ahead (paper section 3.1).

Two modules, since sound is listened to once a window and motion denoised many times: `Listener` makes a token of each
frame's sound, `Denoiser` what was clean of x_t.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import remat
from vlogger_jax.core.typing import Array, Bool, Float
from vlogger_jax.nn.attention import TransformerBlock, causal
from vlogger_jax.nn.dense import MLP, Conv, Linear, residual
from vlogger_jax.nn.embed import TimeEmbedding, frame_positions
from vlogger_jax.nn.norm import LayerNorm
from vlogger_jax.nn.temporal import TemporalResidual, with_neighbours

VISEMES = 16
"""Classes that the listener is asked for in training, where they are known."""

LAYERS = 3
"""Of the listener, after its columns have become frames."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """How large M is.

    Attributes:
        width: of the tokens, one a frame.
        blocks: of attention; the paper has four.
        heads: of each.
        listener: width of the tokens of sound.
        lookahead: frames of sound after its own that a frame hears: lips lead the sound. 0 is strictly causal.
        lookback: frames before its own that each layer of the listener hears.
        remat: what blocks keep for the gradient, as `core.functional.remat` names it.
    """

    width: int
    blocks: int = 4
    heads: int
    listener: int
    lookahead: int = 4
    lookback: int = 3
    remat: str = "none"

    def __post_init__(self) -> None:
        remat(self.remat)
        if min(self.width, self.blocks, self.heads, self.listener) < 1 or self.width % 2 or self.width % self.heads:
            raise UserError(
                f"{self.blocks} blocks of {self.heads} heads, {self.width} wide, listening {self.listener} wide, "
                "cannot be",
                "Give an even width that is a multiple of the heads",
            )
        if min(self.lookahead, self.lookback) < 0:
            raise UserError(
                f"the network hears {self.lookahead} frames ahead and {self.lookback} back", "Give 0 or more"
            )


class Listener(nnx.Module):
    """Sound to one token a frame, of what it heard before and up to `lookahead` frames after.

    Column by column first, for a burst of sound is one wherever in its frame it falls, then frame by frame.

    Args:
        columns: a frame has, each `heard` wide.
    """

    def __init__(self, size: Size, columns: int, heard: int, rngs: nnx.Rngs):
        width, first = size.listener, min(size.lookahead, 1)
        self.around = (2 - first, first)
        self.columns = nnx.List(
            [Conv(c, width // 2, (columns + 1, 1), padding="VALID", rngs=rngs) for c in (heard, width // 2)]
        )
        self.norms = nnx.List([LayerNorm(width // 2, rngs=rngs) for _ in self.columns])
        self.stem = Linear(columns * (width // 2), width, rngs=rngs)
        self.norm_stem = LayerNorm(width, rngs=rngs)
        spans = [(size.lookback, ahead) for ahead in _dealt(size.lookahead - first, LAYERS)]
        self.layers = nnx.List([TemporalResidual(width, *span, groups=1, rngs=rngs) for span in spans])
        self.norm_layers = nnx.List([LayerNorm(width, rngs=rngs) for _ in spans])
        self.mlps = nnx.List([MLP(width, wider=2, rngs=rngs) for _ in spans])
        self.norm = LayerNorm(width, rngs=rngs)
        self.viseme = Linear(width, VISEMES, rngs=rngs)

    def __call__(self, heard: Float[Array, "b t k w"]) -> tuple[Float[Array, "b t e"], Float[Array, "b t n"]]:
        """Tokens, and the logits of the visemes seen with them."""
        b, t, _, w = heard.shape
        x = with_neighbours(heard, *self.around).reshape(b, -1, 1, w)
        for conv, norm in zip(self.columns, self.norms, strict=True):
            x = jax.nn.silu(norm(conv(x)))
        x = jax.nn.silu(self.norm_stem(self.stem(x.reshape(b, t, -1))))
        for layer, norm, mlp in zip(self.layers, self.norm_layers, self.mlps, strict=True):
            x = layer(x)
            x = residual(x, mlp(norm(x)))
        tokens = self.norm(x)
        return tokens, self.viseme(tokens)


def _dealt(total: int, layers: int) -> list[int]:
    """As many to each, the first ones getting what is left."""
    return [total // layers + (i < total % layers) for i in range(layers)]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Told:
    """What the denoiser is told besides x_t and t; every flag is 1 where its neighbour is told and 0 where it is not.

    Attributes:
        sound: tokens of the listener.
        has_sound: whether they are heard.
        known: packed motion that is given, noised, 0 elsewhere.
        shown: whether the face is given, and the body.
        level: standard deviation of the noise in `known`.
        reference: expression and pose of the reference, and how much of torso and hands it shows; each 0 if not told.
        has_reference: whether each of the three is told.
        valid: False for frames that only fill up the clip.
    """

    sound: Float[Array, "b t e"]
    has_sound: Float[Array, "b"]
    known: Float[Array, "b t d"]
    shown: Float[Array, "b t 2"]
    level: Float[Array, "b"]
    reference: Float[Array, "b r"]
    has_reference: Float[Array, "b 3"]
    valid: Bool[Array, "b t"]


class Denoiser(nnx.Module):
    """What is predicted of x_t.

    Args:
        d: width of x.
        d_reference: of `Told.reference`.
    """

    def __init__(self, size: Size, d: int, d_reference: int, rngs: nnx.Rngs):
        width = size.width
        self.remat = size.remat
        self.stem = Linear(2 * d + 2, width, rngs=rngs)
        self.sound = Linear(size.listener + 1, width, rngs=rngs)
        self.time = TimeEmbedding(width, width, rngs=rngs)
        self.time_of_context = TimeEmbedding(width, width, rngs=rngs)
        self.reference = Linear(d_reference + 3, width, rngs=rngs)
        self.mlp = MLP(width, wider=1, rngs=rngs)
        self.temporal = nnx.List([TemporalResidual(width, 2, 0, groups=1, rngs=rngs) for _ in range(size.blocks)])
        self.blocks = nnx.List([TransformerBlock(width, size.heads, width, rngs=rngs) for _ in range(size.blocks)])
        self.norm = LayerNorm(width, rngs=rngs)
        self.out = Linear(width, d, zero=True, rngs=rngs)

    def __call__(self, x: Float[Array, "b t d"], t: Float[Array, "b"], told: Told) -> Float[Array, "b t d"]:
        whose = self.reference(jnp.concatenate([told.reference, told.has_reference], axis=-1))
        whose = residual(whose, self.mlp(jax.nn.silu(whose)))
        embedding = self.time(t) + self.time_of_context(told.level) + whose
        heard = told.has_sound[:, None, None].astype(told.sound.dtype)
        sound = jnp.concatenate([told.sound * heard, jnp.broadcast_to(heard, (*x.shape[:2], 1))], axis=-1)
        tokens = self.stem(jnp.concatenate([x, told.known, told.shown], axis=-1)) + self.sound(sound)
        tokens += frame_positions(*tokens.shape[1:]).astype(tokens.dtype)
        for temporal, block in zip(self.temporal, self.blocks, strict=True):

            def both(x, e, valid, temporal=temporal, block=block):
                return block(temporal(x), e, causal, valid)

            tokens = remat(self.remat)(both)(tokens, embedding, told.valid)
        return self.out(self.norm(tokens))

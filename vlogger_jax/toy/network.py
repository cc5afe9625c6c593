"""The network of the toy stage: a small transformer over frames, with convolutions along them."""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import remat
from vlogger_jax.core.typing import Array, Float, Int
from vlogger_jax.diffusion.outpaint import Context
from vlogger_jax.nn.attention import TransformerBlock
from vlogger_jax.nn.dense import Linear
from vlogger_jax.nn.embed import TimeEmbedding, frame_positions
from vlogger_jax.nn.norm import LayerNorm
from vlogger_jax.nn.temporal import TemporalResidual


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """The section `model` of a config.

    Attributes:
        width: of the tokens, one a frame.
        blocks: each a convolution along frames and a transformer block.
        heads: of the attention.
        remat: what blocks keep for the gradient, as `core.functional.remat` names it.
    """

    width: int
    blocks: int
    heads: int
    remat: str = "none"

    def __post_init__(self) -> None:
        remat(self.remat)
        if min(self.width, self.blocks, self.heads) < 1 or self.width % 2 or self.width % self.heads:
            raise UserError(
                f"{self.blocks} blocks of {self.heads} heads, {self.width} wide, cannot be",
                "Give an even width that is a multiple of the heads",
            )


class ToyNetwork(nnx.Module):
    """What was predicted of x_t, told the time, what is known of x_0, and the class.

    Args:
        model: sizes.
        d: width of x.
        classes: how many there are; the label after the last says that the class is not known.
    """

    def __init__(self, model: Model, d: int, classes: int, rngs: nnx.Rngs):
        width = model.width
        self.classes, self.remat = classes, model.remat
        self.stem = Linear(2 * d + 1, width, rngs=rngs)
        self.time = TimeEmbedding(width, width, rngs=rngs)
        self.time_of_context = TimeEmbedding(width, width, rngs=rngs)
        self.label = Linear(classes + 1, width, rngs=rngs)
        self.temporal = nnx.List([TemporalResidual(width, groups=1, rngs=rngs) for _ in range(model.blocks)])
        self.blocks = nnx.List([TransformerBlock(width, model.heads, width, rngs=rngs) for _ in range(model.blocks)])
        self.norm = LayerNorm(width, rngs=rngs)
        self.out = Linear(width, d, zero=True, rngs=rngs)

    def __call__(
        self, x: Float[Array, "b t d"], t: Float[Array, "b"], context: Context, label: Int[Array, "b"]
    ) -> Float[Array, "b t d"]:
        told = self.label(jax.nn.one_hot(label, self.classes + 1, dtype=x.dtype))
        embedding = self.time(t) + self.time_of_context(context.level) + told
        tokens = self.stem(jnp.concatenate([x, context.channels()], axis=-1))
        tokens += frame_positions(*tokens.shape[1:]).astype(tokens.dtype)
        for temporal, block in zip(self.temporal, self.blocks, strict=True):
            both = remat(self.remat)(lambda x, e, temporal=temporal, block=block: block(temporal(x), e))
            tokens = both(tokens, embedding)
        return self.out(self.norm(tokens))

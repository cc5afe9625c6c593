"""Encoder and decoder: a window is cut into pieces of four frames, and convolutions go along the pieces.

As both begin they are linear, so that training goes on from what principal components can do.
"""

import dataclasses
import math

import jax
from flax import nnx

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.metrics.gesture_windows import FRAMES, NUMBERS
from vlogger_jax.nn.dense import Conv, Linear, residual
from vlogger_jax.nn.norm import LayerNorm

PIECE = 4
"""Frames."""

_PIECES = FRAMES // PIECE

_KEPT = math.sqrt(3)
"""`Linear` begins by leaving a third of the variance; four of them in a row would leave little to learn from."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """The section `model` of a config.

    Attributes:
        width: of a piece.
        blocks: of encoder and decoder each.
        latent: numbers that a window is reduced to.
    """

    width: int
    blocks: int
    latent: int

    def __post_init__(self) -> None:
        if min(self.width, self.blocks, self.latent) < 1:
            raise UserError(f"{self} cannot be", "Give 1 or more of each")


class Block(nnx.Module):
    """x + conv(silu(norm(x))) along the pieces; begins as identity. A window lies whole on one chip."""

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        self.norm = LayerNorm(width, rngs=rngs)
        self.conv = Conv(width, width, (3, 1), zero=True, rngs=rngs)

    def __call__(self, x: Float[Array, "b n d"]) -> Float[Array, "b n d"]:
        return residual(x, self.conv(jax.nn.silu(self.norm(x))[:, :, None])[:, :, 0])


class Encoder(nnx.Module):
    """From a window to its latent."""

    def __init__(self, model: Model, rngs: nnx.Rngs):
        self.stem = Linear(PIECE * NUMBERS, model.width, rngs=rngs)
        self.blocks = nnx.List([Block(model.width, rngs=rngs) for _ in range(model.blocks)])
        self.out = Linear(_PIECES * model.width, model.latent, rngs=rngs)

    def __call__(self, x: Float[Array, "b 32 258"]) -> Float[Array, "b d"]:
        x = _KEPT * self.stem(x.reshape(len(x), _PIECES, -1))
        for block in self.blocks:
            x = block(x)
        return _KEPT * self.out(x.reshape(len(x), -1))


class Decoder(nnx.Module):
    """From a latent to a window."""

    def __init__(self, model: Model, rngs: nnx.Rngs):
        self.stem = Linear(model.latent, _PIECES * model.width, rngs=rngs)
        self.blocks = nnx.List([Block(model.width, rngs=rngs) for _ in range(model.blocks)])
        self.out = Linear(model.width, PIECE * NUMBERS, zero=True, rngs=rngs)

    def __call__(self, latent: Float[Array, "b d"]) -> Float[Array, "b 32 258"]:
        x = _KEPT * self.stem(latent).reshape(len(latent), _PIECES, -1)
        for block in self.blocks:
            x = block(x)
        return self.out(x).reshape(len(x), FRAMES, NUMBERS)

"""What a network predicts of x_t = alpha x_0 + sigma noise: the noise, the data, or the velocity between them.

The three are affine in each other given x_t and its level; all else in diffusion computes with x_0.
"""

import dataclasses
from typing import Protocol, runtime_checkable

import jax.numpy as jnp

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion.schedule import Level


@runtime_checkable
class Prediction(Protocol):
    """A kind of output. `level` broadcasts against the arrays."""

    def target(self, x0: Float[Array, "b *d"], noise: Float[Array, "b *d"], level: Level) -> Float[Array, "b *d"]:
        """What the network should say."""
        ...

    def clean(self, output: Float[Array, "b *d"], x: Float[Array, "b *d"], level: Level) -> Float[Array, "b *d"]:
        """x_0, from what the network said of `x`."""
        ...

    def log_gain(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """Log of the squared error of the output over that of the x_0 it stands for."""
        ...


@dataclasses.dataclass(frozen=True)
class Eps:
    """The noise; Ho et al. 2020."""

    def target(self, x0: Float[Array, "b *d"], noise: Float[Array, "b *d"], level: Level) -> Float[Array, "b *d"]:
        return noise

    def clean(self, output: Float[Array, "b *d"], x: Float[Array, "b *d"], level: Level) -> Float[Array, "b *d"]:
        return (x - level.sigma * output) / level.alpha

    def log_gain(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return logsnr


@dataclasses.dataclass(frozen=True)
class X0:
    """The data."""

    def target(self, x0: Float[Array, "b *d"], noise: Float[Array, "b *d"], level: Level) -> Float[Array, "b *d"]:
        return x0

    def clean(self, output: Float[Array, "b *d"], x: Float[Array, "b *d"], level: Level) -> Float[Array, "b *d"]:
        return output

    def log_gain(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return jnp.zeros_like(logsnr)


@dataclasses.dataclass(frozen=True)
class V:
    """v = alpha noise - sigma x_0; Salimans & Ho 2022, "Progressive distillation", appendix D."""

    def target(self, x0: Float[Array, "b *d"], noise: Float[Array, "b *d"], level: Level) -> Float[Array, "b *d"]:
        return level.alpha * noise - level.sigma * x0

    def clean(self, output: Float[Array, "b *d"], x: Float[Array, "b *d"], level: Level) -> Float[Array, "b *d"]:
        return level.alpha * x - level.sigma * output

    def log_gain(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return jnp.logaddexp(0.0, logsnr)


def noise_in(x: Float[Array, "b *d"], x0: Float[Array, "b *d"], level: Level) -> Float[Array, "b *d"]:
    """The noise that is in `x` if `x0` is what it was made of."""
    return (x - level.alpha * x0) / level.sigma


_NAMED = {"eps": Eps(), "x0": X0(), "v": V()}


def named(name: str) -> Prediction:
    """ "eps", "x0" or "v", as configs write it.

    Raises:
        UserError: if it is none of them.
    """
    if name not in _NAMED:
        raise UserError(f"there is no prediction named {name!r}", f"Name one of {', '.join(_NAMED)}")
    return _NAMED[name]

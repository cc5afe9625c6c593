"""Going on from what is known: frames before, pixels around.

The network is trained for it. It sees the known part, slightly noised (how much, it is told), and where that is; its
loss counts elsewhere only (Harvey et al. 2022; Cui et al. 2024). In x itself the known part is as noisy as the rest,
in training as in sampling (`Replacement`), so that a frozen network finds what it was trained on.
`Replacement` alone, with a network that knows nothing of context, is biased: it is there to compare with, as is
`Grid.resampled`.
"""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.precision import wide
from vlogger_jax.core.typing import Array, Bool, Float
from vlogger_jax.diffusion.denoise import Denoised
from vlogger_jax.diffusion.process import from_left
from vlogger_jax.diffusion.schedule import level
from vlogger_jax.diffusion.stepper import Memory, Step, Stepper


class Context(NamedTuple):
    """What a network is shown of what is known.

    Attributes:
        known: the known part with noise on it, 0 elsewhere, [b, ..., c].
        shown: 1 where it is, [b, ..., 1], or [b, ..., c] where that differs from channel to channel.
        level: standard deviation of the noise, [b]; to be embedded like t.
    """

    known: Array
    shown: Array
    level: Array

    def channels(self) -> Array:
        """[b, ..., c + 1] to concatenate to a network's input."""
        return jnp.concatenate([self.known, self.shown], axis=-1)


def prepare(
    x0: Float[Array, "b *d"], mask: Bool[Array, "b *m"], noise_level: Float[Array, "b"], noise: Float[Array, "b *d"]
) -> Context:
    """The network's view of the context, in training and in sampling.

    Args:
        mask: True where `x0` is known; broadcast from the left ([b, t] for frames) and where its size is 1. What `x0`
            holds elsewhere is never seen.
        noise_level: sigma in sqrt(1 - sigma^2) x_0 + sigma noise; one for all frames of a clip, or they flicker. 0 is
            none.
        noise: standard normal, and not that which x_t is made of.
    """
    mask = from_left(mask, x0)
    sigma = from_left(wide(noise_level), x0)
    noisy = jnp.sqrt(1 - sigma**2) * wide(x0) + sigma * wide(noise)
    shown = jnp.broadcast_to(mask, (*x0.shape[:-1], mask.shape[-1])).astype(noisy.dtype)
    return Context(jnp.where(mask, noisy, 0.0), shown, wide(noise_level))


def draw_levels(draw: Draw, largest: float | int = 0.3) -> Float[Array, "b"]:
    """Noise levels of contexts in training, evenly from 0 to `largest`; small ones (0.05 to 0.1) serve in sampling."""
    return largest * draw.uniform()


def loss_weight(mask: Bool[Array, "b *m"]) -> Float[Array, "b *m"]:
    """1 where something is to be generated, for `objective.Objective`."""
    return 1.0 - mask


@dataclasses.dataclass(frozen=True, eq=False)
class Replacement:
    """`stepper`, after each of whose steps the known part is what the noising process makes of the truth.

    Lugmayr et al. 2022, "RePaint", eq. 8. A grid that ends with clean data ends with exactly `known`, where it is.

    Attributes:
        known: x_0; only read where `mask`.
        mask: True where it is known; broadcast from the left, and where its size is 1.
        noise: the noise to use at every step, for steppers that are `deterministic` (that which sampling starts from);
            None takes that of each step.
        exact: whether the known part is put in place after the last step, too; if not, it comes back as the network
            would have it, so that a join can be made smooth.
    """

    stepper: Stepper
    known: Float[Array, "b *d"]
    mask: Bool[Array, "b *m"]
    noise: Float[Array, "b *d"] | None = None
    exact: bool = True

    @property
    def deterministic(self) -> bool:
        """As its stepper is."""
        return self.stepper.deterministic

    def init(self, x: Float[Array, "b *d"]) -> Memory:
        return self.stepper.init(x)

    def step(
        self, x: Float[Array, "b *d"], denoised: Denoised, step: Step, memory: Memory, noise: Float[Array, "b *d"]
    ) -> tuple[Float[Array, "b *d"], Memory]:
        x, memory = self.stepper.step(x, denoised, step, memory, noise)
        alpha, sigma = level(step.stop)
        # A number of x is either the stepper's or known, so that the same noise serves both.
        known = alpha * self.known + sigma * (noise if self.noise is None else self.noise)
        replaced = from_left(self.mask, x) if self.exact else from_left(self.mask, x) & ~step.last
        return jnp.where(replaced, known, x), memory

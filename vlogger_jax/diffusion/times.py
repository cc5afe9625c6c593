"""Drawing the time t in [0, 1) at which each sample of a batch is trained."""

import dataclasses

import jax
import jax.numpy as jnp

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array, Float


def uniform(key: Array, shape: tuple[int, ...]) -> Float[Array, "*b"]:
    """Independent times of `shape` [b] or [b, t]."""
    return jax.random.uniform(key, shape)


def stratified(key: Array, shape: tuple[int, ...]) -> Float[Array, "*b"]:
    """Uniform times, one in each of b equal parts of [0, 1), in random order: the loss of the batch varies less.

    Kingma et al. 2021, "Variational diffusion models", appendix I.1, with a draw of its own in each part. With `shape`
    [b, t] every frame has its own order, so that the frames of a sample are independent.
    """
    orders, offsets = jax.random.split(key)
    parts = jnp.argsort(jax.random.uniform(orders, shape), axis=0)
    # Rounding may carry the largest offset into the next part.
    return jnp.minimum((parts + jax.random.uniform(offsets, shape)) / shape[0], 1 - 2.0**-24)


@dataclasses.dataclass(frozen=True)
class TowardsNoise:
    """Takes uniform times to a mixture: `share` of them uniform in [`start`, 1), the others in [0, 1).

    Layout is decided only where next to nothing is left of the picture; control networks need more of such steps.
    """

    share: float | int = 0.5
    start: float | int = 0.65

    def __post_init__(self) -> None:
        if not (0 <= self.share <= 1 and 0 < self.start < 1):
            raise UserError(
                f"times have the share {self.share} and the start {self.start}",
                "Give a share from 0 to 1, and a start between 0 and 1",
            )

    def __call__(self, t: Float[Array, "*b"]) -> Float[Array, "*b"]:
        below = (1 - self.share) * self.start
        return jnp.interp(t, jnp.asarray([0.0, below, 1.0]), jnp.asarray([0.0, self.start, 1.0]))

    def stratified(self, key: Array, shape: tuple[int, ...]) -> Float[Array, "*b"]:
        """Times of `shape`, drawn as `stratified` draws them."""
        return self(stratified(key, shape))

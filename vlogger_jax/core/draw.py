"""Randomness that does not know how a batch is laid out.

What is drawn for a sample is a function of the seed, the step and the sample's number; of a frame, of its number too.
So one device and a pod draw the same, and so do a batch and the parts that its gradients are accumulated from.
"""

import dataclasses
import zlib
from collections.abc import Callable

import jax
import jax.numpy as jnp

from vlogger_jax.core.constrain import CONTEXT, position
from vlogger_jax.core.typing import Array, Float, Int


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Draw:
    """Where a step's randomness comes from.

    Attributes:
        key: of the step, the same for all samples.
        number: of each sample, within the batch of all devices.
        batch: how many samples there are in that.
    """

    key: Array
    number: Int[Array, "b"]
    batch: int = dataclasses.field(metadata={"static": True})

    @classmethod
    def of(cls, key: Array, batch: int) -> "Draw":
        """For all samples of a batch, in order."""
        return cls(key, jnp.arange(batch), batch)

    def named(self, name: str) -> "Draw":
        """Another stream of randomness, independent of those of other names."""
        return self.at(zlib.crc32(name.encode()))

    def at(self, i: int | Int[Array, ""]) -> "Draw":
        """Another stream, that of step `i` of something."""
        return dataclasses.replace(self, key=jax.random.fold_in(self.key, i))

    def keys(self) -> Array:
        """One key a sample, [b]."""
        return jax.vmap(jax.random.fold_in, (None, 0))(self.key, self.number)

    def frame_keys(self, frames: int) -> Array:
        """One key a frame, [b, t], of the `frames` that each sample has on this shard."""
        numbers = position(CONTEXT) * frames + jnp.arange(frames)
        return jax.vmap(lambda key: jax.vmap(lambda i: jax.random.fold_in(key, i))(numbers))(self.keys())

    def uniform(self) -> Float[Array, "b"]:
        """One number in [0, 1) a sample."""
        return jax.vmap(jax.random.uniform)(self.keys())

    def normal(self, like: Float[Array, "b *d"]) -> Float[Array, "b *d"]:
        """Standard normal noise in the shape of `like`, whose samples lie whole on this shard; at least float32."""
        return _normal(self.keys(), like.shape[1:], like)

    def normal_frames(self, like: Float[Array, "b t *d"]) -> Float[Array, "b t *d"]:
        """The same where frames may be split over `context`: each frame has its own noise."""
        return jax.vmap(lambda keys: _normal(keys, like.shape[2:], like))(self.frame_keys(like.shape[1]))

    def of_batch(self, draw: Callable[[Array, tuple[int, ...]], Array]) -> Array:
        """What `draw(key, shape)` gives this shard's samples when it draws for the whole batch, [b].

        For draws in which samples depend on each other, such as `diffusion.times.stratified`.
        """
        return draw(self.key, (self.batch,))[self.number]


def _normal(keys: Array, shape: tuple[int, ...], like: Array) -> Array:
    dtype = jnp.promote_types(like.dtype, jnp.float32)
    return jax.vmap(lambda key: jax.random.normal(key, shape, dtype))(keys)

"""Where on the mesh a piece of code runs, and what it needs of its neighbours.

The mesh has three axes: the batch is split over `data` and `fsdp`, frames over `context`. Loss and sample functions run
inside one `jax.shard_map` over all three (`parallel.split`), where every array is this shard's part. Networks name no
mesh: they call these functions, each of which does nothing where its axis is not split.

Under automatic sharding, merging batch and frames was measured to gather all frames on every chip and to repeat the
work there (docs/results/aot_context.json); hence the manual one.
"""

import jax
import jax.numpy as jnp

from vlogger_jax.core.typing import Array, Float, Int

DATA = "data"
FSDP = "fsdp"
CONTEXT = "context"

AXES = (DATA, FSDP, CONTEXT)
"""Of every mesh, outermost first: neighbouring frames lie on neighbouring chips."""

BATCH = (DATA, FSDP)
"""What the samples of a batch are split over."""

NAMES = {"batch": BATCH, "time": CONTEXT}
"""Logical dimension -> the axes it is split over."""


def bound(axis: str) -> bool:
    """Whether this is being traced inside a `jax.shard_map` over `axis`."""
    return axis in jax.sharding.get_abstract_mesh().manual_axes


def shards(axis: str) -> int:
    """In how many parts arrays are split over `axis`, here; 1 outside."""
    return jax.sharding.get_abstract_mesh().shape[axis] if bound(axis) else 1


def position(axis: str) -> Int[Array, ""]:
    """Which of the parts this is; 0 outside."""
    return jax.lax.axis_index(axis) if bound(axis) else jnp.int32(0)


def total(x: Array, axis: str) -> Array:
    """The sum over the parts."""
    return jax.lax.psum(x, axis) if bound(axis) else x


def whole(x: Array, axis: str, dim: int) -> Array:
    """The parts one after another along dimension `dim`, on every shard."""
    return jax.lax.all_gather(x, axis, axis=dim, tiled=True) if bound(axis) else x


def halo(x: Float[Array, "b t *d"], before: int, after: int) -> Float[Array, "b u *d"]:
    """`x` with the `before` frames that precede it and the `after` that follow, from the neighbours; u = their sum.

    Zeros lie beyond the first frame and the last.

    Raises:
        ValueError: if more is asked for than a neighbour has.
    """
    parts, frames = shards(CONTEXT), x.shape[1]
    if parts == 1:
        return jnp.pad(x, [(0, 0), (before, after), *[(0, 0)] * (x.ndim - 2)])
    if max(before, after) > frames:
        raise ValueError(f"{max(before, after)} frames of a neighbour that has {frames}; split frames over fewer chips")
    # A shard that nobody sends to receives zeros.
    right = [(i, i + 1) for i in range(parts - 1)]
    left = [(i + 1, i) for i in range(parts - 1)]
    received = [x]
    if before:
        received.insert(0, jax.lax.ppermute(x[:, frames - before :], CONTEXT, right))
    if after:
        received.append(jax.lax.ppermute(x[:, :after], CONTEXT, left))
    return jnp.concatenate(received, axis=1)


def constrain(x: Array, *names: str | None) -> Array:
    """Tell the compiler how `x` is split, outside of `jax.shard_map`.

    Args:
        names: of each dimension, from the first: "batch", "time", or None for one that is not split. How the rest are
            is for the compiler to choose.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or mesh.manual_axes:
        return x
    rest = [jax.P.UNCONSTRAINED] * (x.ndim - len(names))
    return jax.lax.with_sharding_constraint(x, jax.P(*(name and NAMES[name] for name in names), *rest))

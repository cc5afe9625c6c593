"""One `jax.shard_map` around all that a stage computes."""

from collections.abc import Callable
from typing import Any

import jax

from vlogger_jax.core.constrain import BATCH, CONTEXT
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.stage import Batch, Params
from vlogger_jax.core.typing import Array

Function = Callable[[Params, Params, Batch, Draw], Any]
"""(trainable, frozen, batch, draw) -> a tree of arrays [b, ...]."""

SAMPLES = jax.P(BATCH)
FRAMES = jax.P(BATCH, CONTEXT)


def split(function: Function, framed: frozenset[str], framed_result: bool = False) -> Function:
    """`function` of whole arrays, each shard of the mesh seeing its samples and its frames.

    The mesh is that of `jax.set_mesh`; where none is set, `function` is called as it is. Parameters come to every shard
    whole. Gradients may be taken of the result: what shards have in common is summed over them.

    Args:
        framed: names of the batch's arrays that are [b, t, ...].
        framed_result: whether the results are; else they are [b, ...], the same on all shards of a sample.
    """

    def whole(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Any:
        if jax.sharding.get_abstract_mesh().empty:
            return function(trainable, frozen, batch, draw)
        arrays = {name: FRAMES if name in framed else SAMPLES for name in batch}

        def part(trainable: Params, frozen: Params, batch: Batch, key: Array, number: Array) -> Any:
            return function(trainable, frozen, batch, Draw(key, number, draw.batch))

        specs = (jax.P(), jax.P(), arrays, jax.P(), SAMPLES)
        return jax.shard_map(part, in_specs=specs, out_specs=FRAMES if framed_result else SAMPLES)(
            trainable, frozen, batch, draw.key, draw.number
        )

    return whole

"""Sampling: a grid of noise levels, a stepper and a network, in one `lax.scan` that traces the network once."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion.denoise import Denoise
from vlogger_jax.diffusion.grid import Grid
from vlogger_jax.diffusion.process import renoise, wide
from vlogger_jax.diffusion.stepper import Step, Stepper


class Span(NamedTuple):
    """Consecutive steps that ask the same function."""

    denoise: Denoise
    steps: int


def sample(
    denoise: Denoise, grid: Grid, stepper: Stepper, noise: Float[Array, "b *d"], key: Array
) -> Float[Array, "b *d"]:
    """Data from noise.

    Args:
        denoise: (x [b, ...], t [b]) -> `Denoised`.
        noise: standard normal; where the grid starts.
        key: for the noise of stochastic steps; step i draws from `fold_in(key, i)`. Inside `jax.shard_map` it must
            differ from shard to shard, or all shards draw the same.

    Returns:
        x at the level where the grid ends, float32 (float64 where the noise is).
    """
    return sample_spans([Span(denoise, grid.steps)], grid, stepper, noise, key)


def sample_spans(
    spans: Sequence[Span], grid: Grid, stepper: Stepper, noise: Float[Array, "b *d"], key: Array
) -> Float[Array, "b *d"]:
    """The same with one scan for each of `spans` (see `guidance.spans`), whose steps together are the grid's."""
    if sum(span.steps for span in spans) != grid.steps:
        raise ValueError(f"spans of {[span.steps for span in spans]} steps for a grid of {grid.steps}")
    x = wide(noise)
    follow = np.append(grid.start[1:], grid.stop[-1])
    numbers = (jnp.asarray(values, x.dtype) for values in (grid.time, grid.start, grid.stop, follow))
    rows = (jnp.arange(grid.steps), *numbers)
    jumps = bool((follow != grid.stop).any())

    def advance(denoise: Denoise, carry: tuple, row: tuple) -> tuple[tuple, None]:
        x, memory = carry
        i, time, start, stop, then = row
        step_key, jump_key = jax.random.split(jax.random.fold_in(key, i))
        step = Step(start, stop, i == grid.steps - 1)
        x, memory = stepper.step(x, denoise(x, jnp.broadcast_to(time, x.shape[:1])), step, memory, step_key)
        if jumps:
            x = renoise(x, stop, then, jax.random.normal(jump_key, x.shape, x.dtype))
        return (x, memory), None

    carry, first = (x, stepper.init(x)), 0
    for span in spans:
        part = jax.tree.map(lambda row: row[first : first + span.steps], rows)  # noqa: B023
        carry, _ = jax.lax.scan(lambda *args: advance(span.denoise, *args), carry, part)  # noqa: B023
        first += span.steps
    return carry[0]

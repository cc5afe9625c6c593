"""Sampling: a grid of noise levels, a stepper and a network, in one `lax.scan` that traces the network once."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.precision import wide
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion.denoise import Denoise
from vlogger_jax.diffusion.grid import Grid
from vlogger_jax.diffusion.noise import Noise
from vlogger_jax.diffusion.process import renoise
from vlogger_jax.diffusion.stepper import Step, Stepper


class Span(NamedTuple):
    """Consecutive steps that ask the same function."""

    denoise: Denoise
    steps: int


def sample(
    denoise: Denoise, grid: Grid, stepper: Stepper, x: Float[Array, "b *d"], noise: Noise
) -> Float[Array, "b *d"]:
    """Data from noise.

    Args:
        denoise: (x [b, ...], t [b]) -> `Denoised`.
        x: standard normal noise; where the grid starts.
        noise: that of stochastic steps (see `noise.per_frame`): number i of n steps has noise(i), and what is added
            between it and the next, where the grid goes back, is noise(n + i).

    Returns:
        x at the level where the grid ends, float32 (float64 where it was).
    """
    return sample_spans([Span(denoise, grid.steps)], grid, stepper, x, noise)


def sample_spans(
    spans: Sequence[Span], grid: Grid, stepper: Stepper, x: Float[Array, "b *d"], noise: Noise
) -> Float[Array, "b *d"]:
    """The same with one scan for each of `spans` (see `guidance.spans`), whose steps together are the grid's."""
    if sum(span.steps for span in spans) != grid.steps:
        raise ValueError(f"spans of {[span.steps for span in spans]} steps for a grid of {grid.steps}")
    x = wide(x)
    follow = np.append(grid.start[1:], grid.stop[-1])
    numbers = (jnp.asarray(values, x.dtype) for values in (grid.time, grid.start, grid.stop, follow))
    rows = (jnp.arange(grid.steps), *numbers)
    jumps = bool((follow != grid.stop).any())

    def advance(denoise: Denoise, carry: tuple, row: tuple) -> tuple[tuple, None]:
        x, memory = carry
        i, time, start, stop, then = row
        step = Step(start, stop, i == grid.steps - 1)
        x, memory = stepper.step(x, denoise(x, jnp.broadcast_to(time, x.shape[:1])), step, memory, noise(i, x))
        if jumps:
            x = renoise(x, stop, then, noise(grid.steps + i, x))
        return (x, memory), None

    carry, first = (x, stepper.init(x)), 0
    for span in spans:
        part = jax.tree.map(lambda row: row[first : first + span.steps], rows)  # noqa: B023
        carry, _ = jax.lax.scan(lambda *args: advance(span.denoise, *args), carry, part)  # noqa: B023
        first += span.steps
    return carry[0]

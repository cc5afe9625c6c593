"""One step of training; of every stage, on a laptop and on a pod."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from vlogger_jax.core.constrain import constrain
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.precision import Precision
from vlogger_jax.core.stage import Batch, Losses, Params
from vlogger_jax.core.typing import Array, Int
from vlogger_jax.train.ema import Ema
from vlogger_jax.train.optim import Optim
from vlogger_jax.train.state import GOING, State

LossFn = Callable[[Params, Params, Batch, Draw], Losses]
Metrics = dict[str, Array]
Step = Callable[[State, Params, Batch], tuple[State, Metrics]]


def make_step(
    loss_fn: LossFn, optim: Optim, ema: Ema, precision: Precision, numbers: Int[np.ndarray, "b"], accumulate: int = 1
) -> Step:
    """What takes a state one batch further, and tells how it went.

    Args:
        loss_fn: a stage's, e.g. `toy.loss`: corrupts, predicts and compares; inside `parallel.split`.
        numbers: which sample of the batch each row is.
        accumulate: parts that the batch is taken in, one after another, to save memory; the result is the same.
    """
    transform, rate = optim.transform(), optim.schedule()

    def loss(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> tuple[Array, Metrics]:
        losses, metrics = loss_fn(precision.cast(trainable), frozen, batch, draw)
        return losses.mean(), {"loss": losses.mean(), **{name: value.mean() for name, value in metrics.items()}}

    def step(state: State, frozen: Params, batch: Batch) -> tuple[State, Metrics]:
        draw = Draw(jax.random.fold_in(state.key, state.step), jnp.asarray(numbers), len(numbers))

        def part(batch: Batch, number: Array) -> tuple[Params, Metrics]:
            one = dataclasses.replace(draw, number=number)
            return jax.grad(loss, has_aux=True)(state.trainable, frozen, batch, one)

        gradients, metrics = mean_of_parts(part, (batch, draw.number), accumulate)
        updates, opt_state = transform.update(gradients, state.opt_state, state.trainable)  # clips, too
        trainable = optax.apply_updates(state.trainable, updates)
        average = ema.update(state.ema, trainable, state.step)
        metrics |= {"gradient_norm": optax.tree.norm(gradients), "learning_rate": rate(state.step)}

        finite = [jnp.isfinite(metrics[name]) for name in ("loss", "gradient_norm")]
        # Of the parameters one number: their norm.
        good = jnp.all(jnp.stack([*finite, jnp.isfinite(optax.tree.norm(trainable))])) & (state.stopped == GOING)
        taken = State(state.step + 1, state.key, trainable, opt_state, average, state.stopped)
        stopped = dataclasses.replace(state, stopped=jnp.where(state.stopped == GOING, state.step, state.stopped))
        return jax.tree.map(lambda new, old: jnp.where(good, new, old), taken, stopped), metrics

    return step


def mean_of_parts(function: Callable[..., Any], arrays: tuple[Any, ...], count: int) -> Any:
    """The mean of what `function` gives for each of `count` parts of `arrays`; part i has rows i, i + count, ..."""
    if count == 1:
        return function(*arrays)

    def apart(x: Array) -> Array:
        rows = x.reshape(x.shape[0] // count, count, *x.shape[1:])
        return constrain(jnp.moveaxis(rows, 1, 0), None, "batch")

    parts = jax.tree.map(apart, arrays)
    sums = jax.eval_shape(function, *jax.tree.map(lambda x: x[0], parts))
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), sums)
    sums, _ = jax.lax.scan(lambda sums, part: (jax.tree.map(jnp.add, sums, function(*part)), None), zeros, parts)
    return jax.tree.map(lambda x: x / count, sums)

"""All that a step of training changes, and all that resuming needs."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from vlogger_jax.core.stage import Params
from vlogger_jax.core.typing import Array

GOING = -1
"""`State.stopped` of a training that goes on."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    """Of a training.

    Attributes:
        step: how many steps were taken, and the number of the next batch; int32 [].
        key: all randomness is a function of it and of the step.
        trainable: parameters, float32 masters.
        opt_state: the optimizer's.
        ema: moving average of `trainable`.
        stopped: `GOING`, or the step whose loss or gradient was not finite; int32 []. Neither that step nor any after
            it changed anything.
    """

    # Arrays, or in their places shapes, shardings, whatever a tree of them may hold.
    step: Any
    key: Any
    trainable: Any
    opt_state: Any
    ema: Any
    stopped: Any


def create(trainable: Params, transform: optax.GradientTransformation, key: Array) -> State:
    """The state before the first step."""
    # A copy: a donated buffer may be given only once.
    ema = jax.tree.map(jnp.copy, trainable)
    return State(jnp.int32(0), key, trainable, transform.init(trainable), ema, jnp.int32(GOING))

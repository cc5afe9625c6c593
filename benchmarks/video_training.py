"""Short trainings that begin from a base, all in memory: what benchmarks of the video network have in common."""

import time
from collections.abc import Callable

import jax

from launch import program
from launch.data import Inputs
from launch.program import Program
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.stage import Variables
from vlogger_jax.train.state import GOING

Watch = Callable[[int, float, Callable[[], Variables]], bool]
"""(steps that were taken, seconds that they took but for the first one, gives the parameters) -> whether to go on."""


def trained(made: Program, inputs: Inputs, ancestor: str, learned: Variables, watch: Watch) -> Variables:
    """The averaged parameters after all steps of `made`, or after those that `watch` wanted; on the host.

    Args:
        ancestor: the stage that it begins from.
        learned: the parameters of that.
        watch: asked before every step, and after the last.

    Raises:
        UserError: if a loss or a gradient was not finite.
    """
    with jax.set_mesh(made.mesh):
        state, frozen = made.init()
        state, frozen = program.begin_with(made.stage.ancestors[ancestor], learned, state, frozen)

        def average() -> Variables:
            return jax.device_get(Variables(state.ema, frozen))

        spent = 0.0
        for step, batch in zip(range(made.train.steps), inputs(0), strict=False):
            if not watch(step, spent, average):
                break
            begun = time.perf_counter()
            state, _ = jax.block_until_ready(made.step(state, frozen, inputs.put(batch)))
            spent += (time.perf_counter() - begun) if step else 0.0  # the first one compiles
        else:
            watch(made.train.steps, spent, average)
        if int(state.stopped) != GOING:
            what = f"{made.stage.name} had a loss or a gradient at step {int(state.stopped)} that is not finite"
            raise UserError(what, "Lower config.optim.learning_rate")
        return average()

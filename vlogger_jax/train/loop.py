"""The loop around the step: batches, metrics, evaluations, checkpoints, and how it ends.

A run is told by its step alone. Batch n is a function of n, and so is everything else a step uses besides the state; so
a run that goes on from a checkpoint computes what it would have computed had it never stopped, to the bit.
"""

import dataclasses
import logging
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.stage import Batch, Params
from vlogger_jax.train import watch
from vlogger_jax.train.checkpoint import Checkpoints
from vlogger_jax.train.profile import Profile
from vlogger_jax.train.state import GOING, State
from vlogger_jax.train.step import Step
from vlogger_jax.train.window import Window, means
from vlogger_jax.train.writer import Writer

log = logging.getLogger(__name__)

Evaluation = Callable[[State, Callable[[], bool]], Mapping[str, Any]]
"""A state -> numbers and pictures (uint8 [h, w, 3]) by name; it takes none of the state's memory.

One that takes long asks the function in between whether to end, and if so, returns at once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loop:
    """When things happen.

    Attributes:
        steps: when to end.
        log_every: steps between lines of the log, which are means over them.
        save_every: steps between checkpoints, a multiple of `log_every`: only what was looked at is saved.
        evaluate_every: steps between evaluations, likewise a multiple; 0: only after the last.
        hang_after: seconds without a step after which stacks are dumped; 0: never.
        profile: first step and number of steps to trace; None: on demand only (`train.profile`).
    """

    steps: int
    log_every: int = 100
    save_every: int = 1000
    evaluate_every: int = 1000
    hang_after: float | int = 600.0
    profile: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if min(self.steps, self.log_every, self.save_every) < 1 or min(self.evaluate_every, self.hang_after) < 0:
            raise UserError(f"{self} cannot be", "Give 1 or more steps, and 1 or more between two lines")
        if self.save_every % self.log_every or self.evaluate_every % self.log_every:
            raise UserError(
                f"save_every {self.save_every} or evaluate_every {self.evaluate_every} is no multiple of log_every "
                f"{self.log_every}",
                "Let both be",
            )
        if self.profile is not None and (self.profile[0] < 0 or self.profile[1] < 1):
            raise UserError(
                f"profile {self.profile} cannot be", "Give a first step of 0 or later, and 1 or more of them"
            )


class TrainingStopped(Exception):
    """A loss or gradient was not finite. The state before it is the last checkpoint."""


class Preempted(Exception):
    """The process was asked to end. The state is saved, and the same command goes on from it."""


def run(
    loop: Loop,
    step: Step,
    state: State,
    frozen: Params,
    batches_from: Callable[[int], Iterator[Mapping[str, np.ndarray]]],
    *,
    put: Callable[[Mapping[str, np.ndarray]], Batch],
    checkpoints: Checkpoints,
    writer: Writer,
    evaluations: Sequence[Evaluation] = (),
    name_batch: Callable[[int], str] = str,
    report: Callable[[float], None] = lambda done: None,
    say: Callable[[str], None] = log.info,
) -> State:
    """Take `state` to its last step.

    What an evaluation that was broken off would have found is not made up for.

    Args:
        step: jitted; takes the memory of the state it is given.
        batches_from: the batches of this process from a step on.
        put: from a batch of this process to arrays on the mesh, by explicit transfers.
        name_batch: what batch n consists of, for messages.
        report: is told which part is done; `console.progress` has one.
        say: is told a line at every line of the log.

    Raises:
        TrainingStopped: where something was not finite. The state before that step was saved.
        Preempted: after SIGTERM, when the running step, or batch of an evaluation, was done and the state saved.
        KeyboardInterrupt: likewise after SIGINT; after a second one, at once.
        UserError: from batches, checkpoints and the writer.
    """
    done = int(jax.device_get(state.step))
    if done >= loop.steps:
        say(f"step {done} of {loop.steps}: nothing left to do")
        return state
    batches, window = batches_from(done), Window()
    say(f"step {done} of {loop.steps}; the first one compiles, which may take minutes")
    with (
        watch.ending() as asked,
        watch.hangs(writer.folder, loop.hang_after) as alive,
        Profile(writer.folder, loop.profile) as profile,
        jax.transfer_guard("disallow"),
    ):

        def ended() -> bool:
            alive()
            return asked() != 0

        # The order matters: what is saved has been looked at and logged, and the next batch comes after it.
        while done < loop.steps:
            with window.waiting():
                batch = put(next(batches))
            with profile.step(done):
                state, metrics = step(state, frozen, batch)
            window.add(metrics)
            done += 1
            profile.stepped(done, metrics)

            ending, last = ended(), done == loop.steps
            if ending or last or _due(done, loop.log_every):
                stopped, each, values = window.close(state.stopped)
                if stopped != GOING:
                    _stop(state, stopped, each, done, name_batch(stopped), checkpoints, writer)
                profile.look(done)
                say(_line(done, loop.steps, values))
                report(done / loop.steps)
                writer.write(done, values)
            if ending or last or _due(done, loop.save_every):
                checkpoints.save(done, state)
            if not ending and (last or _due(done, loop.evaluate_every)):
                ending = _evaluate(evaluations, state, done, writer, ended)
                if ending:
                    checkpoints.save(done, state)
            if ending:
                _end(asked(), done, checkpoints)
        checkpoints.wait()
    return state


def _due(done: int, every: int) -> bool:
    return every > 0 and done % every == 0


def _line(done: int, steps: int, values: Mapping[str, float]) -> str:
    said = f"step {done} of {steps}: loss {values['loss']:.4g}"
    if "seconds" in values:  # not of the first step alone
        said += f", {1 / values['seconds']:.3g} steps/s, {values['data_wait']:.0%} of the time waiting for data"
    return said


def _evaluate(
    evaluations: Sequence[Evaluation], state: State, done: int, writer: Writer, ended: Callable[[], bool]
) -> bool:
    """Write what they find. True if asked to end: then the rest of them is left out."""
    for evaluation in evaluations:
        found = evaluation(state, ended)
        pictures = {name: value for name, value in found.items() if np.ndim(value) == 3}
        if numbers := {name: float(value) for name, value in found.items() if name not in pictures}:
            writer.write(done, numbers)
        for name, picture in pictures.items():
            writer.picture(done, name, picture)
        if ended():
            return True
    return False


def _stop(
    state: State,
    stopped: int,
    each: Sequence[Mapping[str, float]],
    done: int,
    batch: str,
    checkpoints: Checkpoints,
    writer: Writer,
) -> None:
    """Save the last good state as one that goes on: with another config the same batch may do no harm.

    Args:
        each: the metrics of the steps up to `done`, since the last line.
    """
    good, bad = each[: stopped - done], each[stopped - done]
    if good:
        writer.write(stopped, means(good))
    going = jax.device_put(np.int32(GOING), state.stopped.sharding)
    checkpoints.save(stopped, dataclasses.replace(state, stopped=going))
    checkpoints.wait()
    said = ", ".join(f"{name} {value:.4g}" for name, value in bad.items())
    raise TrainingStopped(
        f"step {stopped} was not finite: {said}. Its batch was {batch}. The state before it is saved as step {stopped}."
    )


def _end(number: int, done: int, checkpoints: Checkpoints) -> None:
    checkpoints.wait()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Preempted(f"asked to end by {signal.Signals(number).name}; step {done} is saved")

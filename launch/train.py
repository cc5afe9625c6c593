"""`python -m launch.train`: train a stage, on a laptop, on a GPU and on a pod.

Run the same command again and it goes on from the last checkpoint, to the bit as if it had never stopped. Exit codes: 0
done, 2 something to mend, 3 a number was not finite, 75 asked to end by SIGTERM and saved, 130 Ctrl-C, saved as well
where there is one process.
"""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlogger_jax import console
from vlogger_jax.core.errors import EXIT_PREEMPTED, EXIT_TRAINING_STOPPED, UserError

if TYPE_CHECKING:  # at run time the command imports what it needs, so that --help and Ctrl-C are answered at once
    from launch.program import Program
    from vlogger_jax.bundle import Bundle
    from vlogger_jax.core.stage import Params
    from vlogger_jax.train.checkpoint import Checkpoints
    from vlogger_jax.train.state import State

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Config = Annotated[str, typer.Option(help="A file of configs, and what it takes: configs/toy_ar1.py:size=tiny.")]
BeginFrom = Annotated[
    Path | None,
    typer.Option(help="A bundle with this stage, or the one before it: begin with its parameters, not fresh ones."),
]
Workdir = Annotated[Path, typer.Option(help="Where checkpoints, metrics and pictures go. Given again, it goes on.")]


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train(context: typer.Context, config: Config, workdir: Workdir, begin_from: BeginFrom = None) -> int:
    """Train a stage. --config.train.steps=100 and the like change a value of its config."""
    import jax

    from launch import evaluations, program, record, settings
    from launch.data import Inputs
    from vlogger_jax import bundle, stages
    from vlogger_jax.parallel import distributed
    from vlogger_jax.train import loop
    from vlogger_jax.train.checkpoint import Checkpoints
    from vlogger_jax.train.watch import alone
    from vlogger_jax.train.writer import writer

    distributed.start()
    console.keep_compiled()
    given = settings.load(config, context.args)
    distributed.agree("config", settings.as_json(given))
    distributed.agree("code", record.code())
    stage = stages.build(given)  # whose loss is in toy/loss.py, say
    made = program.build(given, stage=stage)
    inputs = Inputs.of(given, stage, made.mesh, "train", made.train.batch)
    asked = evaluations.read(given, made)
    base = None if begin_from is None else bundle.load(begin_from)
    base_of = base and base.stored(program.ancestor(base, stage)[0]).sha256
    changed = record.changes(workdir, given, base_of)
    first = jax.process_index() == 0  # of several processes one speaks

    checkpoints = Checkpoints(workdir / "checkpoints", made.train.keep)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(alone(workdir))
            stack.enter_context(jax.set_mesh(made.mesh))
            if base is None and checkpoints.latest() is None and record.base_of(workdir):
                raise UserError(f"{workdir} was begun from a bundle, and has no checkpoint yet", "Give --begin-from")
            begin = stack.enter_context(console.progress())
            state, frozen = start(made, checkpoints, base)
            step = int(state.step)
            distributed.agree("step to go on from", str(step))
            for name, value in changed.items() if first else ():
                _say(f"from step {step} on {name} is {value}")
            if first:
                record.write(workdir, given, step, base_of)
            written = stack.enter_context(contextlib.closing(writer(workdir, step)))
            loop.run(
                made.train.loop,
                made.step,
                state,
                frozen,
                inputs,
                put=inputs.put,
                checkpoints=checkpoints,
                writer=written,
                evaluations=evaluations.of(asked, given, made, frozen),
                name_batch=inputs.name,
                report=begin("training") if first else lambda done: None,
                say=_say if first else lambda line: None,
            )
    except loop.TrainingStopped as error:
        fix = "Go on from there with another config.optim, such as a lower learning_rate."
        return _end(f"{error} {fix}", EXIT_TRAINING_STOPPED)
    except loop.Preempted as error:
        return _end(str(error), EXIT_PREEMPTED)
    finally:
        checkpoints.close()
    return 0


def start(made: "Program", checkpoints: "Checkpoints", base: "Bundle | None" = None) -> "tuple[State, Params]":
    """Where to go on from: the last checkpoint, or the beginning, with the parameters of `base` if there is one."""
    if checkpoints.latest() is not None:
        return checkpoints.restore(made.state), checkpoints.frozen(made.frozen)
    state, frozen = made.init()
    if base is not None:
        from launch import program

        state, frozen = program.begun_from(base, made.stage, state, frozen)
    checkpoints.keep_frozen(frozen)
    return state, frozen


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _end(why: str, code: int) -> int:
    _say(f"stopped: {why}")
    return code


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m launch.train"))

"""`python -m launch.train`: train a stage, on a laptop, on a GPU and on a pod.

Run the same command again and it goes on from the last checkpoint, to the bit as if it had never stopped. Exit codes: 0
done, 2 something to mend, 3 a number was not finite, 75 asked to end and saved, 130 Ctrl-C and saved.
"""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlogger_jax import console
from vlogger_jax.core.errors import EXIT_PREEMPTED, EXIT_TRAINING_STOPPED

if TYPE_CHECKING:  # at run time the command imports what it needs, so that --help and Ctrl-C are answered at once
    from launch.program import Program
    from vlogger_jax.core.stage import Params
    from vlogger_jax.train.checkpoint import Checkpoints
    from vlogger_jax.train.state import State

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Config = Annotated[str, typer.Option(help="A file of configs, and what it takes: configs/toy_ar1.py:size=tiny.")]
Workdir = Annotated[Path, typer.Option(help="Where checkpoints, metrics and pictures go. Given again, it goes on.")]


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train(context: typer.Context, config: Config, workdir: Workdir) -> int:
    """Train a stage. --config.train.steps=100 and the like change a value of its config."""
    import jax

    from launch import evaluations, program, record, settings
    from launch.data import Inputs
    from vlogger_jax.parallel import distributed
    from vlogger_jax.train import loop
    from vlogger_jax.train.checkpoint import Checkpoints
    from vlogger_jax.train.writer import writer

    distributed.start()
    console.keep_compiled()
    given = settings.load(config, context.args)
    distributed.agree("config", settings.as_json(given))
    distributed.agree("code", record.code())
    made = program.build(given)
    inputs = Inputs.of(given, made.stage, made.mesh, "train", made.train.batch)
    asked = evaluations.read(given, made)
    record.begin(workdir, given)

    first = jax.process_index() == 0  # of several processes one speaks
    checkpoints = Checkpoints(workdir / "checkpoints", made.train.keep)
    try:
        with jax.set_mesh(made.mesh), console.progress() as begin, contextlib.ExitStack() as stack:
            state, frozen = start(made, checkpoints)
            written = stack.enter_context(contextlib.closing(writer(workdir, int(state.step))))
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
        return _end(error, EXIT_TRAINING_STOPPED)
    except loop.Preempted as error:
        return _end(error, EXIT_PREEMPTED)
    finally:
        checkpoints.close()
    return 0


def start(made: "Program", checkpoints: "Checkpoints") -> "tuple[State, Params]":
    """Where to go on from: the last checkpoint, or the beginning."""
    if checkpoints.latest() is not None:
        return checkpoints.restore(made.state), checkpoints.frozen(made.frozen)
    state, frozen = made.init()
    checkpoints.keep_frozen(frozen)
    return state, frozen


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _end(error: Exception, code: int) -> int:
    _say(f"stopped: {error}")
    return code


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m launch.train"))

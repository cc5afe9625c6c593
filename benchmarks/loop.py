"""What the loop around the step costs: `python -m benchmarks.loop`.

The toy's step, in the loop of `launch.train` with all that is in it (checkpoints, metrics, watchdog, guards), beside
the shortest loop that one could write by hand around the same step, and beside one that looks at the loss at every
step. And the loop with a step that computes nothing: its own Python, which is to be done while the device computes.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import jax

from benchmarks import report
from launch import program, settings
from launch.data import Inputs
from vlogger_jax.train import loop
from vlogger_jax.train.checkpoint import Checkpoints
from vlogger_jax.train.state import State
from vlogger_jax.train.writer import writer

CONFIG = "configs/toy_ar1.py:size=tiny"
STEPS, TURNS = 400, 3


def by_hand(made: program.Program, inputs: Inputs, batches: Iterator, look: bool) -> float:
    """Seconds of `STEPS` steps, looking at the loss of each or of the last."""
    state, frozen = made.init()
    jax.block_until_ready(state)
    begun = time.perf_counter()
    for _ in range(STEPS):
        state, metrics = made.step(state, frozen, inputs.put(next(batches)))
        if look:
            float(metrics["loss"])
    jax.block_until_ready(state)
    return time.perf_counter() - begun


def ours(made: program.Program, inputs: Inputs, batches: Iterator, state: State, step, put) -> float:
    """Seconds of `STEPS` steps in the loop."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder) / "checkpoints")
        with contextlib.closing(writer(folder, 0)) as written, contextlib.closing(checkpoints):
            begun = time.perf_counter()
            loop.run(
                loop.Loop(steps=STEPS, log_every=100, save_every=STEPS, evaluate_every=0),
                step,
                state,
                {},
                lambda start: batches,
                put=put,
                checkpoints=checkpoints,
                writer=written,
                say=lambda line: None,
            )
            return time.perf_counter() - begun


def main() -> None:
    """Measure, print and save."""
    config = settings.load(CONFIG)
    made = program.build(config, jax.devices()[:1])
    inputs = Inputs.of(config, made.stage, made.mesh, "train", made.train.batch)
    with jax.set_mesh(made.mesh):
        batches = repeat(inputs.batch(0))
        by_hand(made, inputs, batches, look=False)  # compiles
        state, _ = made.init()
        _, metrics = made.step(made.init()[0], {}, inputs.put(inputs.batch(0)))
        placed = inputs.put(inputs.batch(0))

        def nothing(state: State, frozen: dict, batch: dict) -> tuple[State, dict]:
            return state, metrics

        fresh = [made.init()[0] for _ in range(TURNS)]
        looped = min(ours(made, inputs, batches, each, made.step, inputs.put) for each in fresh)
        hand = min(by_hand(made, inputs, batches, look=False) for _ in range(TURNS))
        looking = min(by_hand(made, inputs, batches, look=True) for _ in range(TURNS))
        alone = min(ours(made, inputs, batches, state, nothing, lambda batch: placed) for _ in range(TURNS))
        putting = min(ours(made, inputs, batches, state, nothing, inputs.put) for _ in range(TURNS))
    each = 1e3 / STEPS
    rows = [
        report.row("a step of toy_ar1 tiny, loop by hand", looped * each, hand * each, "ms"),
        report.row("a step of toy_ar1 tiny, by hand with a look at each loss", looped * each, looking * each, "ms"),
    ]
    details = {
        "python_ms_a_step": round(putting * each, 3),
        "python_ms_a_step_without_placing_the_batch": round(alone * each, 3),
        "of": f"{STEPS} steps, one checkpoint, four lines of the log, batch {made.train.batch}, least of {TURNS} runs",
    }
    print(details)
    report.write("loop", rows, ("jax", "orbax-checkpoint"), details)


if __name__ == "__main__":
    main()

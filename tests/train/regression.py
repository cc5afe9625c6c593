"""A tiny training, of a linear map: what the tests of the loop run, in the process and as one that can be killed.

python -m tests.train.regression FOLDER --steps 60 --save-every 4 --pace 0.01
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from vlogger_jax.core.constrain import AXES, BATCH
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import EXIT_INTERRUPTED, EXIT_PREEMPTED, EXIT_TRAINING_STOPPED
from vlogger_jax.core.precision import named
from vlogger_jax.train import loop
from vlogger_jax.train.checkpoint import Checkpoints
from vlogger_jax.train.ema import Ema
from vlogger_jax.train.loop import Loop
from vlogger_jax.train.optim import Optim
from vlogger_jax.train.state import State, create
from vlogger_jax.train.step import make_step
from vlogger_jax.train.writer import writer

BATCH_SIZE = 8
TRUTH = np.asarray([1.0, -2.0, 0.5, 3.0], np.float32)

HostBatch = Mapping[str, np.ndarray]


def batch(number: int) -> dict[str, np.ndarray]:
    """Batch `number`, which is a function of it."""
    rng = np.random.default_rng([7, number])
    x = rng.normal(size=(BATCH_SIZE, 4)).astype(np.float32)
    return {"x": x, "y": x @ TRUTH}


def batches_from(start: int, of: Callable[[int], dict[str, np.ndarray]] = batch) -> Iterator[dict[str, np.ndarray]]:
    """All from `start` on."""
    number = start
    while True:
        yield of(number)
        number += 1


def loss_fn(trainable: Any, frozen: Any, batch: Any, draw: Draw) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Squared error under a little noise, which makes the loss depend on the step's randomness."""
    guess = batch["x"] @ (trainable["w"] + trainable["wide"].sum(0)) + 0.01 * draw.uniform()
    return (guess - batch["y"]) ** 2, {"error": jnp.abs(guess - batch["y"])}


def first(wide: int = 8) -> State:
    """The state before the first step."""
    key = jax.random.key(5)
    trainable = {"w": jnp.zeros(4), "wide": 1e-3 * jax.random.normal(key, (wide, 4))}
    return create(trainable, OPTIM.transform(), key)


OPTIM = Optim(learning_rate=0.03)


class Problem:
    """It on a mesh: what `loop.run` takes."""

    def __init__(self, mesh: Mesh | None = None, loss: Callable[..., Any] = loss_fn, wide: int = 8):
        self.mesh = mesh or on(1)
        everywhere = NamedSharding(self.mesh, jax.P())
        split = NamedSharding(self.mesh, jax.P(BATCH))

        def place(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
            sharding = split if leaf.ndim == 2 else everywhere
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

        self.abstract = jax.tree.map(place, jax.eval_shape(lambda: first(wide)))
        places = jax.tree.map(lambda leaf: leaf.sharding, self.abstract)
        self.init = jax.jit(lambda: first(wide), out_shardings=places)
        step = make_step(loss, OPTIM, Ema(0.9), named("float32"), np.arange(BATCH_SIZE))
        self.step = jax.jit(step, donate_argnums=0, out_shardings=(places, None))
        self.split = split

    def put(self, batch: HostBatch) -> dict[str, jax.Array]:
        """A batch on the mesh."""
        return {name: jax.device_put(array, self.split) for name, array in batch.items()}

    def train(self, folder: Path, config: Loop, of: Callable[[int], Any] = batch, **more: Any) -> State:
        """As `launch.train` does: from the last checkpoint on, if there is one."""
        checkpoints = Checkpoints(folder / "checkpoints")
        latest = checkpoints.latest()
        with jax.set_mesh(self.mesh):
            state = self.init() if latest is None else checkpoints.restore(self.abstract)
            written = writer(folder, latest or 0)
            try:
                given = dict(step=self.step, batches_from=lambda start: batches_from(start, of), put=self.put) | more
                return loop.run(config, state=state, frozen={}, checkpoints=checkpoints, writer=written, **given)
            finally:
                written.close()
                checkpoints.close()


def on(devices: int) -> Mesh:
    """A mesh of that many."""
    return jax.make_mesh(
        (devices, 1, 1), AXES, axis_types=(jax.sharding.AxisType.Auto,) * 3, devices=jax.devices()[:devices]
    )


def lines(folder: Path) -> list[dict[str, Any]]:
    """Those of the log, without what a clock says."""
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in ("seconds", "data_wait")} for line in found]


def main() -> int:
    """A training as a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--save-every", type=int, default=4)
    parser.add_argument("--pace", type=float, default=0.0, help="seconds that each batch takes")
    parser.add_argument("--wide", type=int, default=8)
    arguments = parser.parse_args()

    def of(number: int) -> dict[str, np.ndarray]:
        time.sleep(arguments.pace)
        return batch(number)

    def say(text: str) -> None:
        print(text, flush=True)

    config = Loop(steps=arguments.steps, log_every=2, save_every=arguments.save_every, evaluate_every=0)
    try:
        state = Problem(wide=arguments.wide).train(arguments.folder, config, of, say=say)
    except loop.Preempted as error:
        say(str(error))
        return EXIT_PREEMPTED
    except loop.TrainingStopped as error:
        say(str(error))
        return EXIT_TRAINING_STOPPED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    leaves = jax.tree.leaves((state.trainable, state.opt_state, state.ema))
    np.savez(arguments.folder / "end.npz", *jax.device_get(leaves))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What is looked at every few thousand steps: the loss on data not trained on, and samples.

Both use the moving average of the parameters, the same batches and the same randomness each time, so that what changes
from one time to the next is the training's doing. They take a state, and a function to ask whether to end early.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.precision import Precision
from vlogger_jax.core.stage import Batch, Params
from vlogger_jax.core.typing import Array, Float, Int, UInt8
from vlogger_jax.parallel import distributed
from vlogger_jax.train.state import State
from vlogger_jax.train.step import LossFn
from vlogger_jax.train.window import means

HostBatch = Mapping[str, np.ndarray]
Put = Callable[[HostBatch], Batch]


def never() -> bool:
    """Evaluations go on to their end."""
    return False


def validation(
    loss_fn: LossFn,
    frozen: Params,
    batches: Sequence[HostBatch],
    *,
    put: Put,
    precision: Precision,
    numbers: Int[np.ndarray, "b"],
    seed: int = 0,
) -> Callable[..., dict[str, float]]:
    """The mean loss, and whatever else `loss_fn` tells, over `batches` of this process.

    Args:
        loss_fn, precision, numbers: as `train.step.make_step` takes them.
        put: onto the mesh, one batch at a time.

    Returns:
        a state -> `validation/loss` and others. Call it with the mesh set that training has. What it is given second is
        asked after every batch; nothing is told if that says to end.
    """

    @jax.jit
    def measure(ema: Params, frozen: Params, batch: Batch, number: Array) -> dict[str, Array]:
        draw = _draw(seed, numbers, number)
        losses, metrics = loss_fn(precision.cast(ema), frozen, batch, draw)
        return {f"validation/{name}": value.mean() for name, value in {"loss": losses, **metrics}.items()}

    def evaluate(state: State, ended: Callable[[], bool] = never) -> dict[str, float]:
        found = []
        for i, batch in enumerate(batches):
            # Fetched one by one: else all batches would lie on the device at once.
            each = jax.device_get(measure(state.ema, frozen, put(batch), _beside(state, i)))
            found.append({name: float(value) for name, value in each.items()})
            if ended():
                return {}
        return means(found)

    return evaluate


def pictures(
    sample: Callable[[Params, Params, Batch, Draw], Float[Array, "b *d"]],
    frozen: Params,
    batch: HostBatch,
    picture: Callable[[Float[np.ndarray, "b *d"]], UInt8[np.ndarray, "h w 3"]],
    *,
    put: Put,
    precision: Precision,
    numbers: Int[np.ndarray, "b"],
    seed: int = 0,
    name: str = "samples",
) -> Callable[..., dict[str, Any]]:
    """One picture of samples for the conditions in `batch`.

    Args:
        sample: a stage's, on whole arrays.
        picture: makes it of the samples of all processes; others as `validation` takes them.
    """

    @jax.jit
    def drawn(ema: Params, frozen: Params, batch: Batch, number: Array) -> Array:
        return sample(precision.cast(ema), frozen, batch, _draw(seed, numbers, number))

    def evaluate(state: State, ended: Callable[[], bool] = never) -> dict[str, Any]:
        samples = drawn(state.ema, frozen, put(batch), _beside(state, 0))
        return {name: picture(distributed.fetch(samples))}

    return evaluate


def _draw(seed: int, numbers: Int[np.ndarray, "b"], number: Array) -> Draw:
    return Draw(jax.random.fold_in(jax.random.key(seed), number), jnp.asarray(numbers), len(numbers))


def _beside(state: State, number: int) -> Array:
    return jax.device_put(np.int32(number), state.step.sharding)

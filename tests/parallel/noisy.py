"""A small loss with noise of its own, frames that need their neighbours, and draws that need the whole batch."""

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.core import constrain
from vlogger_jax.core.constrain import CONTEXT
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.typing import Array, Float, Int
from vlogger_jax.diffusion import times
from vlogger_jax.parallel.split import split

BATCH, FRAMES, WIDTH = 16, 8, 3
FRAMED = frozenset({"x"})


def local(process: int = 0, processes: int = 1) -> dict[str, np.ndarray]:
    """What process number `process` reads of the batch: every `processes`-th sample."""
    rng = np.random.default_rng(0)
    whole = {
        "x": rng.standard_normal((BATCH, FRAMES, WIDTH)).astype(np.float32),
        "scale": rng.uniform(1, 2, BATCH).astype(np.float32),
    }
    return {name: array[process::processes] for name, array in whole.items()}


def loss(trainable: dict, frozen: dict, batch: dict, draw: Draw) -> tuple[Float[Array, "b"], dict]:
    """[b] of samples; `trainable` holds `w` [4, d, d], a kernel over four frames."""
    x, t = batch["x"], draw.named("time").of_batch(times.stratified)
    noise = draw.named("noise").normal_frames(x)
    frames = x.shape[1]
    noisy = constrain.halo(x + t[:, None, None] * noise, 1, 2)
    predicted = sum(noisy[:, i : i + frames] @ trainable["w"][i] for i in range(4))
    errors = constrain.total(((predicted - noise) ** 2).mean(axis=-1).sum(axis=1), CONTEXT)
    count = frames * constrain.shards(CONTEXT)
    return batch["scale"] * errors / count, {"time": t, "offset": draw.named("offset").uniform()}


def weights(dtype: np.dtype | type = np.float32) -> dict[str, np.ndarray]:
    return {"w": (0.3 * np.random.default_rng(1).standard_normal((4, WIDTH, WIDTH))).astype(dtype)}


def losses(batch: dict, order: Int[np.ndarray, "b"]) -> tuple[Float[Array, ""], Float[Array, "b"]]:
    """Their mean, and those of each row; compiled for the mesh that is set."""

    def whole(batch: dict) -> tuple[Float[Array, ""], Float[Array, "b"]]:
        draw = Draw(jax.random.key(7), jnp.asarray(order), len(order))
        found, _ = split(loss, FRAMED)(weights(), {}, batch, draw)
        return found.mean(), found

    return jax.jit(whole)(batch)

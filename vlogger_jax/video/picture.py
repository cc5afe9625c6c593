"""Samples beside what they are to be, as pictures, for people to look at."""

from collections.abc import Mapping

import jax
import numpy as np

from vlogger_jax.core.typing import Float, UInt8
from vlogger_jax.video.conditions import to_bytes

SHOWN, COLUMNS = 8, 8
"""Samples at most, and frames of each; of a base, pictures to a row."""


def gallery(
    batch: Mapping[str, np.ndarray], samples: Float[np.ndarray, "b t h w 3"]
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Samples of a base, side by side."""
    pictures = _bytes(samples)[:, 0]
    rows = [_row(pictures[i : i + COLUMNS]) for i in range(0, len(pictures) // COLUMNS * COLUMNS, COLUMNS)]
    return np.concatenate(rows or [_row(pictures)])


def strips(
    batch: Mapping[str, np.ndarray], samples: Float[np.ndarray, "b t h w 3"]
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Two rows a sample: the reference and the true frames; a blank and the sampled ones."""
    rows = []
    for reference, truth, sampled in zip(batch["reference"], batch["frames"], _bytes(samples), strict=True):
        rows += [_row([reference, *truth[:COLUMNS]]), _row([np.full_like(reference, 255), *sampled[:COLUMNS]])]
    return np.concatenate(rows[: 2 * SHOWN])


def _bytes(samples: Float[np.ndarray, "b t h w 3"]) -> UInt8[np.ndarray, "b t h w 3"]:
    """On the host; a training forbids transfers that are not asked for."""
    return jax.device_get(_compiled(jax.device_put(samples)))


_compiled = jax.jit(to_bytes)


def _row(pictures: list[np.ndarray] | np.ndarray) -> np.ndarray:
    return np.concatenate(list(pictures), axis=1)

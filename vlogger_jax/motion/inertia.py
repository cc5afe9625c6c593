"""Bodies have mass: what is predicted of them is averaged over the frames around, as a layer without parameters.

A network that has learned for an hour still trembles, and third derivatives are made of that. Trained with the average
behind it, it learns to move as fast as before, and cannot tremble.
"""

import math

import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.typing import Array, Float
from vlogger_jax.motion.packing import Packing, PerPart
from vlogger_jax.nn.temporal import with_neighbours

Window = dict[int, float]
"""How much the frames around one count, by how much later they are."""


def window(deviation: float | int, ahead: int) -> Window:
    """A Gaussian of `deviation` frames, 0 for none, that reaches back three of them, and ahead at most `ahead`."""
    reach = round(3 * deviation)
    if not reach:
        return {0: 1.0}
    weights = {i: math.exp(-((i / deviation) ** 2) / 2) for i in range(-reach, min(reach, ahead) + 1)}
    return {i: weight / sum(weights.values()) for i, weight in weights.items()}


def averaged(x: Float[Array, "b t d"], packing: Packing, deviations: PerPart, ahead: int) -> Float[Array, "b t d"]:
    """Packed motion, each part averaged over its own window; the clip's ends repeat."""
    parts, frames = [], x.shape[1]
    for name, columns in packing.columns.items():
        weights, part = window(getattr(deviations, name), ahead), x[..., columns]
        if len(weights) > 1:
            first, last = min(weights), max(weights)
            # One product with a band instead of a pass over memory for each of a dozen frames.
            band = sum(weight * np.eye(frames, frames + last - first, i - first) for i, weight in weights.items())
            part = jnp.einsum(
                "tu,bud->btd", band.astype(part.dtype), with_neighbours(part, -first, last), precision="highest"
            )
        parts.append(part)
    return jnp.concatenate(parts, axis=-1)

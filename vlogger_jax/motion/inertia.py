"""Bodies have mass: of a sample they are averaged over the frames around, once, after the last step.

A network that has learned for an hour trembles, and third derivatives are made of that. Within the steps there would be
no end to it: each would hear as far ahead as the window reaches.
"""

import math

import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.constrain import CONTEXT, total
from vlogger_jax.core.typing import Array, Float, Int
from vlogger_jax.motion.packing import Packing, PerPart
from vlogger_jax.nn.embed import frame_numbers
from vlogger_jax.nn.temporal import with_neighbours

Window = dict[int, float]
"""How much the frames around one count, by how much later they are."""


def window(reach: float | int, ahead: int) -> Window:
    """A raised cosine that falls to nothing behind `reach` frames back, 0 for none, and at most `ahead` frames ahead.

    Both sides end softly, however short the one ahead is: an edge would let trembling through.
    """
    back = round(reach)
    front = min(back, ahead)
    weights = {i: 0.5 + 0.5 * math.cos(math.pi * i / (1 + (back if i < 0 else front))) for i in range(-back, front + 1)}
    return {i: weight / sum(weights.values()) for i, weight in weights.items()}


def averaged(x: Float[Array, "b t d"], packing: Packing, reaches: PerPart, ahead: int) -> Float[Array, "b t d"]:
    """Packed motion, each part averaged over its own window; the clip's ends repeat."""
    parts, frames = [], x.shape[1]
    for name, columns in packing.columns.items():
        weights, part = window(getattr(reaches, name), ahead), x[..., columns]
        if len(weights) > 1:
            first, last = min(weights), max(weights)
            # One product with a band instead of a pass over memory for each of a dozen frames.
            band = sum(weight * np.eye(frames, frames + last - first, i - first) for i, weight in weights.items())
            part = jnp.einsum(
                "tu,bud->btd", band.astype(part.dtype), with_neighbours(part, -first, last), precision="highest"
            )
        parts.append(part)
    return jnp.concatenate(parts, axis=-1)


def held(x: Float[Array, "b t d"], length: Int[Array, "b"]) -> Float[Array, "b t d"]:
    """The last frame of each clip for whatever lies behind it: padding is not to be averaged with."""
    frame, end = frame_numbers(x.shape[1]), length[:, None]
    last = total((x * (frame == end - 1)[..., None]).sum(axis=1, keepdims=True), CONTEXT)
    return jnp.where((frame < end)[..., None], x, last)

"""The noise of a sampler's steps, and the one place that is told whether arrays have frames.

All else in this folder treats a sample's numbers alike, whatever its dimensions. What is of whole clips
(`mask.FrameMasks`, `objective.mean`, `threshold.Dynamic`) is that of the whole clip on each device that has some of it.
"""

from collections.abc import Callable

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.typing import Array

Noise = Callable[[Array, Array], Array]
"""(i, like [b, ...]) -> standard normal noise in the shape and dtype of `like`, another for every i."""


def per_sample(draw: Draw) -> Noise:
    """Of arrays [b, ...] whose samples lie whole on a device: images, vectors."""
    return lambda i, like: draw.at(i).normal(like)


def per_frame(draw: Draw) -> Noise:
    """Of arrays [b, t, ...]: that of a frame goes by its number in the whole clip, wherever the frame lies."""
    return lambda i, like: draw.at(i).normal_frames(like)

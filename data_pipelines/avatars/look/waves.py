"""Noise without a grid: sums of plane waves with random directions, band-limited by construction.

A wave is attenuated by what a sample of some width averages it to, so that the noise never aliases at any resolution.
"""

import numpy as np

from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float, namespace


@record
class Waves:
    """Plane waves in space.

    Attributes:
        vector: direction times angular frequency, radians/m.
        phase: radians.
    """

    vector: Float[Array, "*b k 3"]
    phase: Float[Array, "*b k"]


def draw(rng: np.random.Generator, count: int, shortest: float, longest: float) -> Waves:
    """`count` waves, their wavelengths log-uniform between two lengths in metres, one in each of `count` strata."""
    strata = (np.arange(count) + rng.random(count)) / count
    length = longest * (shortest / longest) ** strata
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    return Waves(
        vector=(2 * np.pi / length[:, None] * direction).astype(np.float32),
        phase=rng.uniform(0, 2 * np.pi, count).astype(np.float32),
    )


def angles(waves: Waves, points: Float[Array, "n 3"]) -> Float[Array, "n k"]:
    """The phase of every wave at every point, radians."""
    xp = namespace(points, waves.vector)
    return xp.matmul(points, xp.swapaxes(waves.vector, -1, -2)) + waves.phase


def seen(waves: Waves, footprint: Float[Array, "n"]) -> Float[Array, "n k"]:
    """What is left of each wave's amplitude in a sample `footprint` metres wide; half at three samples a wave."""
    xp = namespace(footprint, waves.vector)
    frequency = (waves.vector**2).sum(axis=-1)
    return xp.exp(-0.16 * footprint[:, None] ** 2 * frequency)


def field(
    waves: Waves, points: Float[Array, "n 3"], footprint: Float[Array, "n"], mix: Float[Array, "k c"]
) -> Float[Array, "n c"]:
    """Noise in c channels of unit variance where the columns of `mix` are of unit length."""
    xp = namespace(points, waves.vector)
    return xp.matmul(xp.cos(angles(waves, points)) * seen(waves, footprint), mix) * np.sqrt(2.0).astype(np.float32)


def slope(
    waves: Waves, points: Float[Array, "n 3"], footprint: Float[Array, "n"], height: Float[Array, "k"]
) -> Float[Array, "n 3"]:
    """The gradient of the relief sum(height cos), metres a metre."""
    xp = namespace(points, waves.vector)
    weight = -xp.sin(angles(waves, points)) * seen(waves, footprint) * height
    return xp.matmul(weight, waves.vector)

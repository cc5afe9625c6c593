"""Shadows of the key light: what it sees, and what that hides from it."""

import jax.numpy as jnp
import numpy as np

from vlogger_jax.body import raster
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Bool, Float, Int

SIDE = 192
BIAS = 0.0035
"""Metres along the light and along the normal that a point is moved before it is asked for."""

_FAR = 8.0  # metres from the middle of what is seen to the light: its rays are as good as parallel


@record
class Caster:
    """A picture of the person from the key light.

    Attributes:
        depth: metres from the light's plane, infinite where it sees nothing.
        axes: rows are the directions of columns and rows and of the light's rays.
        middle: of what it sees, world; `scale` pixels a metre.
    """

    depth: Float[Array, "h w"]
    axes: Float[Array, "3 3"]
    middle: Float[Array, "3"]
    scale: Float[Array, ""]


def cast(
    vertices: Float[Array, "n 3"], faces: Int[Array, "f 3"], seen: Bool[Array, "n"], direction: Float[Array, "3"]
) -> Caster:
    """What the light from `direction` sees of the mesh around those vertices that the camera has `seen`."""
    across = jnp.cross(jnp.array([0.0, 1.0, 0.0]), direction)
    across /= jnp.maximum(jnp.linalg.norm(across), 1e-6)
    axes = jnp.stack([across, -jnp.cross(direction, across), -direction])
    local = vertices @ axes.T
    low = jnp.where(seen[:, None], local, jnp.inf).min(axis=0)
    high = jnp.where(seen[:, None], local, -jnp.inf).max(axis=0)
    some = seen.any()
    low, high = jnp.where(some, low, -1.0), jnp.where(some, high, 1.0)
    centre, scale = 0.5 * (low + high), (SIDE - 8) / jnp.maximum((high - low)[:2].max(), 1e-3)
    # In steps, and by whole pixels: else shadows would crawl whenever the person moves.
    scale = 2.0 ** (jnp.floor(6.0 * jnp.log2(scale)) / 6.0)
    centre = jnp.round(centre * scale) / scale
    pixels = (local[:, :2] - centre[:2]) * scale + SIDE / 2
    found = raster.rasterize(pixels[None], (local[:, 2] - centre[2] + _FAR)[None], faces, size=(SIDE, SIDE))
    return Caster(depth=found.depth[0], axes=axes, middle=centre @ axes, scale=scale)


def lit(caster: Caster, points: Float[Array, "n 3"], normals: Float[Array, "n 3"]) -> Float[Array, "n"]:
    """Part of the light that reaches each point: the mean over 3 x 3 of the light's pixels, softly interpolated."""
    moved = points + BIAS * normals
    local = (moved - caster.middle) @ caster.axes.T
    at = local[:, :2] * caster.scale + SIDE / 2 - 0.5
    low = jnp.floor(at)
    part = at - low
    column, row = (low[:, i].astype(jnp.int32) for i in range(2))
    # Over the pixels that are asked a slanted surface comes nearer to the light by itself.
    cosine = jnp.clip(normals @ -caster.axes[2], 0.25, 1.0)
    slant = jnp.sqrt(1.0 - cosine**2) / cosine
    depth = local[:, 2] + _FAR - BIAS - 1.5 * slant / caster.scale
    table, total = caster.depth.reshape(-1), 0.0
    for i in range(-1, 3):
        down = jnp.clip(row + i, 0, SIDE - 1) * SIDE
        weight = {-1: 1 - part[:, 1], 2: part[:, 1]}.get(i, 1.0)
        for j in range(-1, 3):
            free = depth < table[down + jnp.clip(column + j, 0, SIDE - 1)]
            total += weight * {-1: 1 - part[:, 0], 2: part[:, 0]}.get(j, 1.0) * free
    return total / np.float32(9.0)

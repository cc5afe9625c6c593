"""Paint and prints on skin and cloth, placed without regard to the mesh, so that no model can know them by heart."""

import jax.numpy as jnp
import numpy as np

from data_pipelines.avatars.look import textures, waves
from data_pipelines.avatars.look.waves import Waves
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float, Int

PATCHES = 4


@record
class Paint:
    """One texture in blots all over, and `PATCHES` prints.

    Attributes:
        waves: noise whose sum above `threshold` is painted.
        threshold: in standard deviations.
        layer, tile, opacity: texture of the blots, metres a repeat, how opaque.
        centre, across, up: of each print: middle on the canonical body, unit vectors along its sides.
        half: half its side, metres; 0 for none.
        prints: their layers in the atlas.
    """

    waves: Waves
    threshold: Float[Array, ""]
    layer: Int[Array, ""]
    tile: Float[Array, ""]
    opacity: Float[Array, ""]
    centre: Float[Array, "p 3"]
    across: Float[Array, "p 3"]
    up: Float[Array, "p 3"]
    half: Float[Array, "p"]
    prints: Int[Array, "p"]


def sample(
    rng: np.random.Generator,
    points: Float[np.ndarray, "n 3"],
    normals: Float[np.ndarray, "n 3"],
    *,
    blots: float,
    patches: float,
    size: tuple[float, float],
    layer: int,
    prints: tuple[int, ...],
) -> Paint:
    """Blots with the chance `blots`; each print with the chance `patches`, at some of `points`, `size` metres wide."""
    chosen = rng.integers(len(points), size=PATCHES)
    normal = normals[chosen]
    turn = rng.normal(0, 0.35, PATCHES)[:, None]
    level = np.cross([0.0, 1.0, 0.0], normal) + 1e-3 * rng.standard_normal((PATCHES, 3))
    level /= np.linalg.norm(level, axis=-1, keepdims=True)
    upright = np.cross(normal, level)
    half = 0.5 * np.exp(rng.uniform(*np.log(size), PATCHES)) * (rng.random(PATCHES) < patches)
    painted = rng.random() < blots
    return Paint(
        waves=waves.draw(rng, 10, 0.012, 0.11),
        threshold=np.asarray(rng.normal(0.75, 0.6) if painted else 9.0, np.float32),
        layer=np.asarray(layer, np.int32),
        tile=np.asarray(np.exp(rng.uniform(np.log(0.04), np.log(0.25))), np.float32),
        opacity=np.asarray(rng.uniform(0.45, 1.0), np.float32),
        centre=points[chosen].astype(np.float32),
        across=(np.cos(turn) * level + np.sin(turn) * upright).astype(np.float32),
        up=(np.cos(turn) * upright - np.sin(turn) * level).astype(np.float32),
        half=half.astype(np.float32),
        prints=rng.choice(prints, PATCHES).astype(np.int32),
    )


def over(painted: Paint, atlas: Array, base: Array, here: Array, rest: Array, footprint: Array) -> Float[Array, "n 3"]:
    """`base` with the paint on it, linear colours."""
    many = jnp.full(len(here), painted.layer), jnp.full(len(here), painted.tile)
    noise = waves.field(painted.waves, here, footprint, jnp.full((painted.waves.phase.shape[0], 1), 10**-0.5))[:, 0]
    blot = jnp.clip((noise - painted.threshold) / (0.06 + 25.0 * footprint) + 0.5, 0.0, 1.0) * painted.opacity
    colour = textures.triplanar(atlas, many[0], here, rest, many[1], footprint)[:, :3]
    base = base + blot[:, None] * (colour - base)
    best, where = jnp.zeros(len(here)), jnp.zeros((len(here), 2))
    layer, half = jnp.zeros(len(here), jnp.int32), jnp.ones(len(here))
    for index in range(PATCHES):
        gap, size = here - painted.centre[index], painted.half[index]
        u, v = gap @ painted.across[index], gap @ painted.up[index]
        ahead = rest @ jnp.cross(painted.across[index], painted.up[index])
        inside = (jnp.maximum(jnp.abs(u), jnp.abs(v)) < size) & (ahead > 0.2)
        inside &= (gap**2).sum(axis=-1) < 4.0 * size**2
        best = jnp.where(inside, 1.0, best)
        where = jnp.where(inside[:, None], jnp.stack([u, -v], axis=-1), where)
        layer, half = jnp.where(inside, painted.prints[index], layer), jnp.where(inside, size, half)
    found = textures.lookup(atlas, layer, 0.5 + 0.5 * where / half[:, None], footprint / (2 * half) * textures.SIDE)
    return base + (best * found[:, 3])[:, None] * (found[:, :3] - base)

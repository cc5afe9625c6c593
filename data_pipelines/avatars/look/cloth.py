"""Clothes and things: a colour or texture, folds, and a surface from wool to metal."""

import jax.numpy as jnp
import numpy as np

from data_pipelines.avatars.look import light, paint, skin, textures, waves
from data_pipelines.avatars.look.colour import any_colour
from data_pipelines.avatars.look.samples import Samples
from data_pipelines.avatars.look.waves import Waves
from data_pipelines.avatars.outfit import MATERIALS
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float, Int


@record
class Cloth:
    """One entry for each of `outfit.MATERIALS`.

    Attributes:
        colour: linear; what the texture is mixed into.
        layer, tile, pattern: texture, metres a repeat, how much of it is seen.
        shine, power: strength and sharpness of highlights.
        metal: how far highlights have the colour of the surface.
        velvet: light along the edges, as of wool and velvet.
        relief: depth of folds, as a slope.
        waves: of the folds, all materials' alike.
    """

    colour: Float[Array, "m 3"]
    layer: Int[Array, "m"]
    tile: Float[Array, "m"]
    pattern: Float[Array, "m"]
    shine: Float[Array, "m"]
    power: Float[Array, "m"]
    metal: Float[Array, "m"]
    velvet: Float[Array, "m"]
    relief: Float[Array, "m"]
    waves: Waves


LAYERS = {"garment": 0, "jacket": 1, "trousers": 2, "hat": 2, "collar": 0, "held": 3, "frame": 3, "jewel": 3,
          "scarf": 3}  # fmt: skip
"""Which of the cloth textures each material is made of."""

_HARD = ("frame", "jewel", "held")


def sample(rng: np.random.Generator, layers: tuple[int, ...]) -> Cloth:
    """Any clothes; `layers` are the atlas's textures for `LAYERS`."""
    count = len(MATERIALS)
    hard = np.isin(MATERIALS, _HARD)
    metal = hard & (rng.random(count) < (np.array(MATERIALS) == "jewel") * 0.6 + 0.25)
    colour = np.stack([any_colour(rng) for _ in MATERIALS])
    metals = np.array([(0.83, 0.66, 0.30), (0.80, 0.80, 0.78), (0.80, 0.52, 0.40)])
    colour[metal] = metals[rng.integers(3, size=metal.sum())]
    frame = MATERIALS.index("frame")
    if not metal[frame] and rng.random() < 0.6:
        colour[frame] = np.full(3, rng.uniform(0.01, 0.06))
    if rng.random() < 0.6:
        colour[MATERIALS.index("collar")] = colour[MATERIALS.index("garment")]
    folds = waves.draw(rng, 18, 0.025, 0.2)
    return Cloth(
        colour=colour.astype(np.float32),
        layer=np.array([layers[LAYERS.get(name, 0)] for name in MATERIALS], np.int32),
        tile=np.exp(rng.uniform(np.log(0.05), np.log(0.5), count)).astype(np.float32),
        pattern=np.where(hard, (rng.random(count) < 0.3) * 0.8, (rng.random(count) < 0.75) * 1.0).astype(np.float32),
        shine=np.where(hard, rng.uniform(0.5, 1.5, count), 0.35 * rng.random(count) ** 2).astype(np.float32),
        power=np.where(hard, rng.uniform(20, 140, count), rng.uniform(4, 18, count)).astype(np.float32),
        metal=metal.astype(np.float32),
        velvet=(rng.random(count) ** 2 * 0.5 * ~hard).astype(np.float32),
        relief=np.where(hard, 0.0, rng.uniform(0.04, 0.36, count)).astype(np.float32),
        waves=folds,
    )


def shade(
    cloth: Cloth, printed: paint.Paint, atlas: Array, lights: light.Light, samples: Samples
) -> Float[Array, "n 3"]:
    """Linear light from clothes, hats, frames, jewels and held things."""
    kind, footprint = samples.material, samples.footprint
    tile = cloth.tile[kind]
    found = textures.triplanar(atlas, cloth.layer[kind], samples.place, samples.rest, tile, footprint)[:, :3]
    base = cloth.colour[kind] + cloth.pattern[kind][:, None] * (found - cloth.colour[kind])
    base = paint.over(printed, atlas, base, samples.place, samples.rest, footprint)
    count = len(cloth.waves.phase)
    length = jnp.sqrt((cloth.waves.vector**2).sum(axis=-1))
    relief = cloth.relief[kind]
    height = jnp.full(count, (2.0 / count) ** 0.5) / length
    slope = waves.slope(cloth.waves, samples.place, footprint, height) * relief[:, None]
    level = waves.field(cloth.waves, samples.place, footprint, (height * length)[:, None])[:, 0]
    normal = skin.tilt(samples.normal, samples.rest, slope)
    opened = samples.open * jnp.clip(1.0 + 0.22 * relief * level - 0.1 * relief, 0.3, 1.15)
    metal = cloth.metal[kind][:, None]
    received = light.diffuse(lights, normal, samples.lit, opened, 0.05)
    shine = light.gloss(lights, normal, samples.view, samples.lit, opened, cloth.power[kind])
    mirrored = light.ambient(lights, 2.0 * (normal * samples.view).sum(axis=-1, keepdims=True) * normal - samples.view)
    edge = (1.0 - jnp.clip((normal * samples.view).sum(axis=-1), 0, 1)) ** 3 * cloth.velvet[kind]
    polish = cloth.shine[kind][:, None]
    return (
        base * (1.0 - 0.75 * metal) * received
        + (base + 0.25) * edge[:, None] * light.ambient(lights, normal) * 1.5
        + polish * shine * (1.0 + metal * (9.0 * base - 1.0))
        + metal * base * mirrored * opened[:, None]
    )

"""Hair, beard and lashes: strands that shine along their length (Kajiya and Kay 1989), each of its own shade."""

import jax.numpy as jnp
import numpy as np

from data_pipelines.avatars.look import light
from data_pipelines.avatars.look.colour import hsv, lab
from data_pipelines.avatars.look.samples import Samples
from data_pipelines.avatars.look.skin import hashed, tilt
from data_pipelines.avatars.outfit import MATERIALS
from data_pipelines.avatars.wear.scalp import CROWN
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float

_NATURAL = np.array(
    [(9, 1, 1), (13, 3, 4), (20, 6, 9), (28, 9, 15), (36, 12, 20), (46, 10, 22), (60, 7, 23), (72, 3, 18), (30, 17, 23)]
)
"""CIE Lab from black through brown to blond; red last."""

_COMMON = np.array([0.24, 0.2, 0.16, 0.12, 0.08, 0.07, 0.05, 0.03, 0.05])


@record
class Hair:
    """Colours linear.

    Attributes:
        root, tip: colours; `turn` is how many metres from the root the tip's colour is reached.
        grey: part of the strands that is grey.
        varied: how much lightness differs from strand to strand.
        beard: factor on the colour of the beard.
        shine: strengths of the two highlights.
        power: their sharpness.
    """

    root: Float[Array, "3"]
    tip: Float[Array, "3"]
    turn: Float[Array, ""]
    grey: Float[Array, ""]
    varied: Float[Array, ""]
    beard: Float[Array, "3"]
    shine: Float[Array, "2"]
    power: Float[Array, "2"]


def sample(rng: np.random.Generator, dark: float) -> Hair:
    """Any hair: mostly natural, some grey, some dyed; `dark`, 0 to 1, is how dark the skin is."""
    common = _COMMON * np.append(np.ones(3), np.full(6, (1 - dark) ** 2))
    natural = lab(_NATURAL[rng.choice(len(_NATURAL), p=common / common.sum())] + rng.normal(0, (2.0, 1.0, 1.5)))
    root, tip = natural, natural * rng.uniform(0.9, 1.6, 1)
    dyed = rng.random()
    if dyed < 0.06:
        root = tip = hsv(rng.random(), rng.uniform(0.4, 1.0), rng.uniform(0.3, 0.9))
    elif dyed < 0.11:
        tip = hsv(rng.random(), rng.uniform(0.3, 1.0), rng.uniform(0.4, 0.95))
    return Hair(
        root=root.astype(np.float32),
        tip=np.clip(tip, 0, 1).astype(np.float32),
        turn=np.asarray(rng.uniform(0.05, 0.35), np.float32),
        grey=np.asarray(rng.random() ** 0.5 if rng.random() < 0.2 else 0.0, np.float32),
        varied=np.asarray(rng.uniform(0.1, 0.5), np.float32),
        beard=np.clip(rng.uniform(0.6, 1.5) * rng.uniform((0.95, 0.85, 0.75), (1.25, 1.0, 1.0)), 0, 2).astype(
            np.float32
        ),
        shine=rng.uniform((0.02, 0.05), (0.12, 0.35)).astype(np.float32),
        power=rng.uniform((40, 8), (120, 25)).astype(np.float32),
    )


def shade(hair: Hair, lights: light.Light, samples: Samples) -> Float[Array, "n 3"]:
    """Linear light from strands."""
    ribbon = (samples.tangent**2).sum(axis=-1) > 0.25
    strand, along, across, tangent = _on_cap(samples)
    strand = jnp.where(ribbon, jnp.round(samples.place[:, 0]).astype(jnp.int32), strand)[:, None]
    along, across = (jnp.where(ribbon, samples.place[:, i], each) for i, each in ((1, along), (2, across)))
    tangent = jnp.where(ribbon[:, None], samples.tangent, tangent)
    part = jnp.clip(along / hair.turn, 0.0, 1.0)[:, None]
    base = hair.root + (hair.tip - hair.root) * part
    # Within a ribbon, single hairs: lighter and darker lines along it.
    lines = jnp.exp(-((samples.footprint / 0.003) ** 2))
    fine = hashed(jnp.concatenate([strand, jnp.floor(9.0 * across).astype(jnp.int32)[:, None]], axis=-1), 5) - 0.5
    single = jnp.concatenate([strand, jnp.floor(5.0 * across).astype(jnp.int32)[:, None]], axis=-1)
    grey = 0.35 * hair.grey + lines * ((hashed(single, 3) < hair.grey) - 0.35 * hair.grey) * 0.5
    base += jnp.where(hair.grey > 0.8, hair.grey, grey)[:, None] * (jnp.array([0.46, 0.45, 0.43]) - base)
    lightness = (hashed(strand, 4) - 0.5) * (0.4 + 1.2 * jnp.exp(-((samples.footprint / 0.006) ** 2))) + fine * lines
    base *= jnp.exp(hair.varied * lightness)[:, None]
    base = jnp.where((samples.material == MATERIALS.index("beard"))[:, None], base * hair.beard, base)
    base = jnp.where((samples.material == MATERIALS.index("lash"))[:, None], 0.02 + 0.2 * hair.root, base)
    total = 0.85 * base * light.ambient(lights, samples.normal) * samples.open[:, None]
    for index in range(3):
        direction = lights.direction[index]
        arrives = (samples.lit if index == light.KEY else samples.open)[:, None] * lights.colour[index]
        facing = jnp.clip(0.25 + 0.75 * samples.normal @ direction, 0.0, 1.0)
        cosine = tangent @ direction
        sine = jnp.sqrt(jnp.clip(1.0 - cosine**2, 0.0, 1.0))
        thread = (0.35 + 0.65 * sine) * facing
        total += base * (0.8 * thread)[:, None] * arrives
        half = direction + samples.view
        half /= jnp.maximum(jnp.linalg.norm(half, axis=-1, keepdims=True), 1e-6)
        for lobe, colour, shift in ((0, jnp.ones(3), -0.08), (1, 1.5 * base + 0.1, 0.12)):
            moved = tangent + (shift + 0.15 * fine)[:, None] * samples.normal
            moved /= jnp.maximum(jnp.linalg.norm(moved, axis=-1, keepdims=True), 1e-6)
            bright = jnp.sqrt(jnp.clip(1.0 - (moved * half).sum(axis=-1) ** 2, 1e-6, 1.0)) ** hair.power[lobe]
            bright *= hair.shine[lobe] * facing
            total += bright[:, None] * colour * arrives
    return total


def _on_cap(samples: Samples) -> tuple[Array, Array, Array, Array]:
    """Strand, metres along it, 0..1 across it and its direction, for the closed surface beneath ribbons.

    It has none of its own: they are taken to run from the crown outwards, and down the cheeks in beards.
    """
    here = samples.place - CROWN.astype(np.float32)
    gap = jnp.linalg.norm(here, axis=-1)
    turn = (
        jnp.arctan2(here[:, 0], here[:, 2]) + 0.05 * jnp.sin(95.0 * gap) + 0.03 * jnp.sin(41.0 * here[:, 1] * gap / 0.1)
    )
    number = turn * (330.0 / (2 * np.pi)) + 0.6 * jnp.sin(70.0 * gap + 9.0 * turn)
    strand = jnp.floor(number).astype(jnp.int32)
    flow = here / jnp.maximum(gap, 1e-3)[:, None]
    flow -= (flow * samples.rest).sum(axis=-1, keepdims=True) * samples.rest
    flow /= jnp.maximum(jnp.linalg.norm(flow, axis=-1, keepdims=True), 1e-3)
    # `tilt` turns slopes as the body has turned the surface; of the result only that turn is wanted.
    moved = samples.normal - tilt(samples.normal, samples.rest, flow) * jnp.sqrt(2.0)
    return strand, 0.02 + 0.3 * jnp.clip(gap - 0.06, 0.0, 0.1), number - strand, moved

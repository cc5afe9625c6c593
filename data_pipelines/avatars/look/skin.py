"""Skin: a base tone darkened by melanin and reddened by blood, unevenly; marks; paint; and how it takes light."""

import jax.numpy as jnp
import numpy as np

from data_pipelines.avatars.look import face_marks, light, paint, waves
from data_pipelines.avatars.look.chart import MASKS, Chart
from data_pipelines.avatars.look.colour import lab
from data_pipelines.avatars.look.face_marks import Marks
from data_pipelines.avatars.look.samples import Samples
from data_pipelines.avatars.look.waves import Waves
from vlogger_jax.body import names
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float

TONES = np.array(
    [(78, 6, 13), (71, 9.5, 16), (64, 12, 19), (55, 14, 21.5), (45, 15, 20.5), (35, 12.5, 15), (26, 8, 9)], np.float64
)
"""CIE Lab of skin from palest to darkest, after spectrophotometer readings of foreheads and cheeks (Xiao et al. 2017,
"Characterising the variations in ethnic skin colours"), continued at both ends."""

MELANIN = np.array([0.55, 0.95, 1.45], np.float32)
BLOOD = np.array([0.12, 0.95, 0.75], np.float32)
"""How much a unit of each takes from red, green and blue (absorbance)."""

WRAP = np.array([0.34, 0.15, 0.09], np.float32)
"""How far red, green and blue light creeps under the skin around the edge of a shadow."""

CELLS = (0.0052, 0.0034)
"""Metres between the freckles of two layers."""

TINTS, PORES, MOLES = 56, 28, 14
_COLUMN = {name: index for index, name in enumerate(MASKS)}


@record
class Skin:
    """Strengths are absorbances (`MELANIN`, `BLOOD`), lengths metres, colours linear.

    Attributes:
        tone: base colour.
        waves, mix: noise of the skin and how much each wave adds to melanin and blood.
        pores, height: relief of the skin, and how high each wave of it is, metres.
        freckles: how many cells hold one, how dark they are, of both layers.
        moles: positions; `mole_size` and `mole_dark` of each.
        flush: how much redder cheeks, nose, ears and knuckles are.
        stubble: of the shaven beard, and of the shaven scalp.
        shine: of the highlights, and their sharpness.
        lip: melanin and blood that lips have more.
        nail: colour and how much of it covers the nails.
        hair: colour of brows, lashes and stubble.
    """

    tone: Float[Array, "3"]
    waves: Waves
    mix: Float[Array, "k 2"]
    pores: Waves
    height: Float[Array, "p"]
    freckles: Float[Array, "2 2"]
    moles: Float[Array, "n 3"]
    mole_size: Float[Array, "n"]
    mole_dark: Float[Array, "n"]
    flush: Float[Array, ""]
    stubble: Float[Array, "2"]
    shine: Float[Array, "2"]
    lip: Float[Array, "2"]
    nail: Float[Array, "4"]
    hair: Float[Array, "3"]


def sample_tone(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """The base colour of any skin, all depths alike common; linear."""
    depth = rng.random() * (len(TONES) - 1)
    tone = np.array([np.interp(depth, np.arange(len(TONES)), TONES[:, i]) for i in range(3)])
    return lab(tone + rng.normal(0, (1.0, 1.3, 2.0)))


def sample(
    rng: np.random.Generator,
    points: Float[np.ndarray, "v 3"],
    tone: Float[np.ndarray, "3"],
    hair: Float[np.ndarray, "3"],
) -> Skin:
    """Any skin of a base `tone`, and with hair of the linear colour `hair`; moles stand on some of `points`."""
    noise = waves.draw(rng, TINTS, 0.003, 0.09)
    length = 2 * np.pi / np.linalg.norm(noise.vector, axis=-1)
    uneven = rng.uniform(0.3, 1.0, 2) * (0.09, 0.16) * np.clip(length / 0.03, 0.3, 1.0)[:, None]
    mix = rng.choice([-1.0, 1.0], (TINTS, 2)) * uneven / np.sqrt(TINTS)
    pores = waves.draw(rng, PORES, 0.0009, 0.006)
    # Of the same slope at every scale.
    height = rng.uniform(0.3, 1.0) * 0.10 / np.sqrt(PORES) / np.linalg.norm(pores.vector, axis=-1)
    freckled = rng.random() < 0.16
    freckles = np.array([[rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.5)] for _ in range(2)]) * freckled
    count = int(rng.integers(0, MOLES))
    return Skin(
        tone=tone,
        waves=noise,
        mix=mix.astype(np.float32),
        pores=pores,
        height=height.astype(np.float32),
        freckles=freckles.astype(np.float32),
        moles=points[rng.integers(len(points), size=MOLES)].astype(np.float32),
        mole_size=rng.uniform(0.0007, 0.0024, MOLES).astype(np.float32),
        mole_dark=(rng.uniform(0.5, 1.8, MOLES) * (np.arange(MOLES) < count)).astype(np.float32),
        flush=np.asarray(rng.uniform(0.08, 0.45), np.float32),
        stubble=(rng.random(2) * (rng.random(2) < (0.4, 0.9))).astype(np.float32),
        shine=np.array([rng.uniform(0.25, 1.0), rng.uniform(9, 34)], np.float32),
        lip=rng.uniform((-0.1, 0.25), (0.45, 0.85)).astype(np.float32),
        nail=np.append(lab(np.array([rng.uniform(20, 80), 30 * rng.normal(), 30 * rng.normal()])), rng.random() < 0.2)
        .astype(np.float32),
        hair=hair,
    )  # fmt: skip


def shade(
    skin: Skin,
    marks: Marks,
    painted: paint.Paint,
    atlas: Array,
    chart: Chart,
    lights: light.Light,
    samples: Samples,
) -> Float[Array, "n 3"]:
    """Linear light from skin, lips, lids, nails and the shaven scalp."""
    mask = {name: samples.masks[:, index] for name, index in _COLUMN.items()}
    here, footprint = samples.place, samples.footprint
    points = jnp.stack([jnp.abs(here[:, 0]), here[:, 1]], axis=-1)
    front = jnp.clip((here[:, 2] - chart.eye[2] + 0.062) / 0.02, 0.0, 1.0)
    face = front * (samples.label <= names.LABELS.index("lips")) * (1.0 - jnp.clip(mask["scalp"] * 2 - 1, 0, 1))
    noise = waves.field(skin.waves, here, footprint, skin.mix)
    dots, fine = _freckles(skin, here, footprint), jnp.clip(0.5 + 5.0 * noise[:, 0], 0, 1)
    lips = _step(mask["lips"], 0.25, 0.75)

    melanin = noise[:, 0] + (dots * (face + 0.35)) - 0.35 * mask["palm"] + _moles(skin, here, footprint)
    melanin += marks.circles * 0.5 * face * _under_eyes(chart, points)
    blood = (
        noise[:, 1]
        + skin.flush * mask["blood"]
        + 0.25 * mask["palm"]
        + 0.3 * marks.circles * _under_eyes(chart, points)
    )
    slope, depth = face_marks.grooves(marks, chart, points, footprint)
    slope, depth = slope * face[:, None], depth * face
    blood += 0.35 * depth
    melanin, blood = melanin + lips * skin.lip[0], blood + lips * skin.lip[1]
    base = skin.tone * jnp.exp(-melanin[:, None] * MELANIN - blood[:, None] * BLOOD)

    def over(base: Array, colour: Array, opacity: Array) -> Array:
        return base + jnp.clip(opacity, 0.0, 1.0)[:, None] * (colour - base)

    grain = _stubble_grain(here, footprint)
    shaven = skin.stubble[0] * mask["beard"] * 0.62 + skin.stubble[1] * mask["scalp"] * 0.8
    base = over(base, 0.6 * skin.hair + 0.12 * base, shaven * grain * (1.0 - lips))
    base = over(base, marks.blush[:3], marks.blush[3] * face * face_marks.spot(chart, points, _cheek(chart), 0.017))
    base = over(base, marks.shadow[:3], face_marks.eye_shadow(marks, chart, points) * face)
    base = over(base, marks.lipstick[:3], marks.lipstick[3] * lips)
    base = over(base, skin.nail[:3], skin.nail[3] * _step(mask["nail"], 0.3, 0.6))
    base = over(base, jnp.array([0.75, 0.5, 0.43]), 0.3 * (1 - skin.nail[3]) * _step(mask["nail"], 0.3, 0.6))
    base = paint.over(painted, atlas, base, here, samples.rest, footprint)
    base = over(base, 0.02 + 0.25 * skin.hair, face_marks.lash_line(marks, chart, points, footprint) * front)
    base = over(
        base,
        0.75 * skin.hair / (1.0 + 2.0 * skin.hair),
        face_marks.brows(marks, chart, points, footprint, 2 * fine - 1) * face,
    )

    relief = waves.slope(skin.pores, here, footprint, skin.height)
    relief += jnp.stack([slope[:, 0] * jnp.sign(here[:, 0]), slope[:, 1], jnp.zeros_like(depth)], axis=-1)
    relief += _lip_lines(here, footprint, lips)
    normal = tilt(samples.normal, samples.rest, relief)
    opened = samples.open * (1.0 - 0.35 * depth)
    received = light.diffuse(lights, normal, samples.lit, opened, WRAP)
    oily = skin.shine[0] * (0.45 + 0.9 * mask["oil"] + 1.4 * marks.gloss * lips + 1.5 * _step(mask["nail"], 0.3, 0.6))
    power = skin.shine[1] * (1.0 + 1.5 * lips + 0.5 * mask["oil"])
    shine = light.gloss(lights, normal, samples.view, samples.lit, opened, power) * oily[:, None]
    # Bounces between skin and skin: where little of the sky is seen it is not grey but red.
    return base ** (1.0 + 0.3 * (1.0 - opened[:, None])) * received + 0.85 * shine


def tilt(normal: Array, rest: Array, slope: Array) -> Float[Array, "n 3"]:
    """The normal of a relief whose gradient on the canonical body is `slope`."""
    flat = slope - (slope * rest).sum(axis=-1, keepdims=True) * rest
    # The shortest turn that takes the canonical normal to the posed one.
    total = rest + normal
    cosine = (rest * normal).sum(axis=-1, keepdims=True)
    turned = flat - total * ((total * flat).sum(axis=-1, keepdims=True) / jnp.maximum(1.0 + cosine, 0.05))
    found = normal - turned
    return found / jnp.maximum(jnp.linalg.norm(found, axis=-1, keepdims=True), 1e-6)


def _step(value: Array, low: float, high: float) -> Array:
    part = jnp.clip((value - low) / (high - low), 0.0, 1.0)
    return part * part * (3.0 - 2.0 * part)


def hashed(cell: Array, salt: int) -> Float[Array, "n"]:
    """A number in [0, 1) for every row of whole numbers [n d]."""
    value = jnp.full(cell.shape[:1], 2166136261 ^ salt, jnp.uint32)
    for column in range(cell.shape[1]):
        value = (value ^ cell[:, column].astype(jnp.uint32)) * jnp.uint32(0x85EBCA6B)
        value = value ^ (value >> 13)
    value = value * jnp.uint32(0xC2B2AE35)
    return ((value ^ (value >> 16)) >> 8).astype(jnp.float32) / 2**24


def _freckles(skin: Skin, here: Array, footprint: Array) -> Array:
    """Absorbance of freckles: at most one in each cell of two turned grids."""
    total = jnp.zeros(len(here))
    for layer, size in enumerate(CELLS):
        turn = np.linalg.qr(np.random.default_rng(layer).standard_normal((3, 3)))[0].astype(np.float32)
        local = here @ turn / size
        cell = jnp.floor(local).astype(jnp.int32)
        jitter = jnp.stack([hashed(cell, 8 * layer + axis) for axis in range(3)], axis=-1)
        gap = jnp.linalg.norm(local - cell - 0.5 - 0.3 * (jitter - 0.5), axis=-1)
        radius = 0.12 + 0.24 * hashed(cell, 8 * layer + 3)
        soft = 0.10 + 0.7 * footprint / size
        spot = jnp.clip((radius - gap) / soft + 0.5, 0, 1) * radius / (radius + soft)
        some = hashed(cell, 8 * layer + 4) < skin.freckles[layer, 0]
        total += spot * some * skin.freckles[layer, 1] * 1.6
    return total


def _moles(skin: Skin, here: Array, footprint: Array) -> Array:
    square = (here**2).sum(axis=-1)[:, None] + (skin.moles**2).sum(axis=-1) - 2.0 * here @ skin.moles.T
    gap = jnp.sqrt(jnp.maximum(square, 0.0))
    soft = 0.0004 + 0.5 * footprint[:, None]
    cover = jnp.clip((skin.mole_size - gap) / soft + 0.5, 0, 1) * skin.mole_size / (skin.mole_size + 0.5 * soft)
    return (cover * skin.mole_dark).sum(axis=-1)


def _under_eyes(chart: Chart, points: Array) -> Array:
    below = chart.lower_lid[1:3].mean(axis=0) + chart.scale * jnp.array([-0.004, -0.0075])
    return jnp.exp(-(((points - below) / (chart.scale * jnp.array([0.013, 0.006]))) ** 2).sum(axis=-1))


def _cheek(chart: Chart) -> Array:
    return chart.nose[0] + chart.scale * jnp.array([0.031, 0.014])


def _stubble_grain(here: Array, footprint: Array) -> Array:
    cell = jnp.floor(here / 0.0011).astype(jnp.int32)
    return 0.62 + (hashed(cell, 77) - 0.5) * 0.9 * jnp.exp(-((footprint / 0.0012) ** 2))


def _lip_lines(here: Array, footprint: Array, lips: Array) -> Array:
    wander = 2.0 * jnp.sin(here[:, 1] * 700.0) + 2.4 * jnp.sin(here[:, 0] * 1130.0)
    phase = here[:, 0] * (2 * np.pi / 0.0023) + wander
    seen = 0.13 * lips * jnp.exp(-((footprint / 0.0009) ** 2))
    return jnp.stack([seen * jnp.cos(phase), jnp.zeros_like(phase), jnp.zeros_like(phase)], axis=-1)

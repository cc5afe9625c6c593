"""Eyes and the inside of the mouth: sclera, iris, cornea; teeth, gums, tongue, and the dark behind them."""

import jax.numpy as jnp
import numpy as np

from data_pipelines.avatars.look import light
from data_pipelines.avatars.look.chart import Chart
from data_pipelines.avatars.look.colour import lab
from data_pipelines.avatars.look.samples import Samples
from vlogger_jax.body import names
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float

FIBRES = 10
_IRIS = np.array(
    [  # Lab at the collarette and towards the rim; how common
        [(20, 10, 12), (11, 7, 7), 0.40],
        [(30, 14, 22), (18, 9, 13), 0.18],
        [(36, 10, 26), (28, -3, 13), 0.13],
        [(42, 2, 17), (33, -7, 10), 0.09],
        [(45, -3, 4), (34, -3, -13), 0.13],
        [(46, 0, 4), (38, -1, -4), 0.07],
    ],
    dtype=object,
)


@record
class Eyes:
    """Colours linear, angles as parts of the iris's.

    Attributes:
        inner, outer: colours of the iris next to the pupil and at its rim.
        pupil, ring: radius of the pupil, and the width of the dark ring at the rim.
        fibres: strengths, numbers around and phases of the iris's radial pattern.
        white: of the sclera; `veins` how red it is towards the corners.
        tooth: colour of teeth; `gaps` darkness between them; `missing` which one is not there (beyond 6: none).
        gum, tongue: colours.
    """

    inner: Float[Array, "3"]
    outer: Float[Array, "3"]
    pupil: Float[Array, ""]
    ring: Float[Array, ""]
    fibres: Float[Array, "3 k"]
    white: Float[Array, "3"]
    veins: Float[Array, ""]
    tooth: Float[Array, "3"]
    tooth_width: Float[Array, ""]
    gaps: Float[Array, ""]
    missing: Float[Array, "2"]
    gum: Float[Array, "3"]
    tongue: Float[Array, "3"]


def sample(rng: np.random.Generator, dark: float) -> Eyes:
    """Any eyes and teeth; `dark`, 0 to 1, is how dark the skin is."""
    share = np.array([row[2] for row in _IRIS], np.float64)
    share[1:] *= (1 - 0.5 * dark) * (1 - dark) ** (np.arange(5) > 0)  # light eyes in a dark face are rare
    inner, outer, _ = _IRIS[rng.choice(len(_IRIS), p=share / share.sum())]
    shift = rng.normal(0, (3.0, 1.5, 3.0))
    yellow = rng.random() ** 1.5
    fibres = np.stack([rng.uniform(0.1, 0.5, FIBRES), rng.integers(5, 34, FIBRES), rng.uniform(0, 6.28, FIBRES)])
    missing = np.where(rng.random(2) < 0.06, rng.integers(-3, 4, 2) + 0.5, 99.0)
    return Eyes(
        inner=lab(np.array(inner) + shift),
        outer=lab(np.array(outer) + shift),
        pupil=np.asarray(rng.uniform(0.27, 0.55), np.float32),
        ring=np.asarray(rng.uniform(0.08, 0.28), np.float32),
        fibres=fibres.astype(np.float32),
        white=lab(np.array([rng.uniform(64, 77) - 10 * dark, rng.normal(2.0, 1.2), rng.normal(3.5, 2.5) + 2 * dark])),
        veins=np.asarray(rng.random() ** 2, np.float32),
        tooth=lab(np.array([rng.uniform(89, 94) - 12 * yellow, rng.normal(0.5, 1), 3 + 18 * yellow])),
        tooth_width=np.asarray(rng.uniform(0.0066, 0.0086), np.float32),
        gaps=np.asarray(0.15 + 0.6 * rng.random() ** 2, np.float32),
        missing=missing.astype(np.float32),
        gum=lab(np.array([48 - 16 * dark + rng.normal(0, 3), 28 - 8 * dark, 14.0])),
        tongue=lab(np.array([50 + rng.normal(0, 4), 28 + rng.normal(0, 4), 14.0])),
    )


def shade(eyes: Eyes, chart: Chart, lights: light.Light, samples: Samples) -> Float[Array, "n 3"]:
    """Linear light from eyeballs, teeth, tongue and the mouth's inside."""
    ball = (samples.label == names.LABELS.index("sclera")) | (samples.label == names.LABELS.index("iris"))
    return jnp.where(ball[:, None], _eyeball(eyes, chart, lights, samples), _mouth(eyes, chart, lights, samples))


def _eyeball(eyes: Eyes, chart: Chart, lights: light.Light, samples: Samples) -> Array:
    centre = chart.eye * jnp.stack([jnp.sign(samples.place[:, 0]), *2 * [jnp.ones(len(samples.place))]], axis=-1)
    local = (samples.place - centre) / chart.eye_radius
    across = jnp.hypot(local[:, 0], local[:, 1])
    radius = jnp.arctan2(across, local[:, 2]) / chart.iris
    turn = jnp.arctan2(local[:, 1], local[:, 0])
    soft = 0.05 + 0.6 * samples.footprint / (chart.eye_radius * chart.iris)

    def inside(limit: Array | float) -> Array:
        return jnp.clip((limit - radius) / soft + 0.5, 0.0, 1.0)[:, None]

    strength, around, phase = eyes.fibres
    seen = jnp.exp(-((samples.footprint / 0.0009) ** 2))
    fibre = (
        (strength * jnp.cos(turn[:, None] * around + phase + 3.0 * radius[:, None])).sum(axis=-1) / FIBRES * 3 * seen
    )
    part = jnp.clip((radius - eyes.pupil) / (1.0 - eyes.pupil), 0.0, 1.0) ** 0.7
    iris = 0.7 * (eyes.inner + (eyes.outer - eyes.inner) * part[:, None])
    # The cornea gathers light on the side away from its source.
    gathered = 1.0 - 0.7 * (local[:, :2] @ lights.direction[0, :2])
    iris = (
        iris
        * jnp.clip(1.15 + 0.8 * fibre * jnp.sin(jnp.pi * jnp.clip(part, 0, 1)), 0.3, 2.0)[:, None]
        * gathered[:, None]
    )
    iris *= 1.0 - 0.75 * jnp.clip((radius - 1.0 + eyes.ring) / eyes.ring, 0.0, 1.0)[:, None] ** 2
    iris = iris * (1.0 - inside(eyes.pupil)) + 0.004 * inside(eyes.pupil)
    corner = jnp.clip(radius - 1.1, 0.0, 1.2)
    vein = 0.5 + 0.5 * jnp.cos(40.0 * local[:, 1] + 6.0 * jnp.sin(23.0 * local[:, 0])) * seen
    white = eyes.white * jnp.exp(
        -corner[:, None] * (0.3 + 0.6 * eyes.veins * vein[:, None]) * jnp.array([0.3, 1.0, 0.9])
    )
    base = white + inside(1.0) * (iris - white)
    opened = jnp.clip(samples.open * 1.35, 0.0, 1.0) * samples.lid
    lit = samples.lit * samples.lid
    received = light.diffuse(lights, samples.normal, lit, opened, np.array([0.25, 0.2, 0.18], np.float32))
    wet = light.gloss(lights, samples.normal, samples.view, lit, opened, jnp.full(len(radius), 90.0))
    return base * received + 0.5 * wet + _reflection(lights, samples, local, radius)


def _reflection(lights: light.Light, samples: Samples, local: Array, radius: Array) -> Array:
    """The lights themselves, mirrored in the cornea: what makes an eye look alive."""
    # The cornea is rounder than the eyeball: its normals leave the line of sight about twice as fast.
    sight = _turned(local, samples.normal, jnp.array([0.0, 0.0, 1.0]))
    bulge = jnp.clip(1.25 - radius, 0.0, 0.25)[:, None] * 4.0
    normal = samples.normal + bulge * (samples.normal - sight)
    normal /= jnp.maximum(jnp.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    mirrored = 2.0 * (normal * samples.view).sum(axis=-1, keepdims=True) * normal - samples.view
    total = jnp.zeros_like(mirrored)
    blur = jnp.clip(samples.footprint / 0.004, 0.02, 0.5)
    for index, strength in ((0, 2.4), (1, 1.0)):
        cosine = mirrored @ lights.direction[index]
        shape = jnp.clip((cosine - lights.box[index]) / (0.02 + 0.10 * blur) + 0.5, 0.0, 1.0)
        total += strength * (shape * (0.4 + 0.6 * samples.lid))[:, None] * lights.colour[index]
    around = light.ambient(lights, mirrored) * 0.035
    return (total * 0.55 + around * samples.lid[:, None]) * jnp.clip(1.5 - 0.5 * radius, 0.35, 1.0)[:, None]


def _turned(before: Array, after: Array, vector: Array) -> Array:
    """`vector` after the shortest turn that takes the unit vectors `before` to `after`."""
    total = before + after
    share = (total @ vector) / jnp.maximum(1.0 + (before * after).sum(axis=-1), 0.05)
    return vector - total * share[:, None] + 2.0 * after * (before @ vector)[:, None]


def _mouth(eyes: Eyes, chart: Chart, lights: light.Light, samples: Samples) -> Array:
    here, scale = samples.place, chart.scale
    label = {name: (samples.label == names.LABELS.index(name))[:, None] for name in names.LABELS[8:12]}
    lips = chart.upper_lip[3]
    front = chart.eye[2] + 0.020 * scale
    # The arch of the teeth, unrolled: metres from the middle along it.
    arch = jnp.arctan2(here[:, 0], here[:, 2] - front + 0.035 * scale) * 0.036 * scale
    upper = label["upper teeth"][:, 0]
    edge = jnp.where(upper, here[:, 1] - lips[1], lips[1] - here[:, 1]) / scale
    width = eyes.tooth_width * scale * jnp.where(upper, 1.0, 0.74)
    number = arch / width
    between = jnp.abs(number - jnp.round(number))
    soft = 0.5 * samples.footprint / width
    line = jnp.clip((0.055 - between) / (0.04 + soft) + 0.5, 0.0, 1.0) * eyes.gaps * 0.09 / (0.06 + soft)
    crown = jnp.where(upper, 0.0105, -0.0015) + 0.0015 * jnp.cos(2 * jnp.pi * number)
    gum = jnp.clip((edge - crown) / (0.0006 + 0.5 * samples.footprint) + 0.5, 0.0, 1.0)[:, None]
    gone = (jnp.abs(jnp.floor(number) + 0.5 - eyes.missing[jnp.where(upper, 0, 1)]) < 0.25)[:, None]
    tooth = (
        eyes.tooth * (1.0 - 0.75 * jnp.clip(line, 0, 1))[:, None] * (0.92 + 0.3 * jnp.clip(between, 0, 0.3))[:, None]
    )
    tooth = jnp.where(gone, 0.05 * eyes.gum, tooth)
    tooth = tooth + gum * (eyes.gum - tooth)
    wet = jnp.clip(0.5 + 0.5 * jnp.cos(here[:, 0] * 2500.0) * jnp.cos(here[:, 2] * 2500.0), 0, 1)[:, None]
    tongue = eyes.tongue * (0.9 + 0.1 * wet)
    base = jnp.where(label["tongue"], tongue, jnp.where(label["mouth cavity"], 0.55 * eyes.gum, tooth))
    back = jnp.clip((front - here[:, 2]) / scale, 0.0, 0.1)
    depth = jnp.exp(-back / 0.014) * jnp.where(label["mouth cavity"][:, 0], 0.55, 1.0)
    opened = (0.10 + 0.90 * depth) * 0.75
    lit = samples.lit * (0.15 + 0.85 * depth)
    received = light.diffuse(lights, samples.normal, lit, opened, np.array([0.3, 0.15, 0.1], np.float32))
    shine = light.gloss(lights, samples.normal, samples.view, lit, opened, jnp.full(len(here), 60.0))
    return base * received + 0.7 * shine * depth[:, None]

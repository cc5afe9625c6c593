"""What is drawn on a face: brows, lash lines, wrinkles, make-up. Lines run through the face's landmarks."""

import jax.numpy as jnp
import numpy as np

from data_pipelines.avatars.look.chart import Chart
from data_pipelines.avatars.look.colour import any_colour, hsv
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float

WRINKLES = 11


@record
class Marks:
    """Lengths in metres on the default face, colours linear, strengths from 0.

    Attributes:
        brow: half thickness inside, how much of it is left outside (0..1), lift of the whole, strength, and how much of
            single hairs is seen.
        brow_hairs: spacing of hairs, and how far they lean outwards.
        wrinkle: depth of each of `_wrinkles`' grooves, as a slope.
        shadow, shadow_size: eye shadow's colour with its opacity, and how far up it goes.
        liner: width of the line along the lid, opacity.
        blush: colour with its opacity.
        lipstick: colour with its opacity.
        gloss: of the lips.
        circles: darkness under the eyes.
    """

    brow: Float[Array, "5"]
    brow_hairs: Float[Array, "2"]
    wrinkle: Float[Array, "w"]
    shadow: Float[Array, "4"]
    shadow_size: Float[Array, ""]
    liner: Float[Array, "2"]
    blush: Float[Array, "4"]
    lipstick: Float[Array, "4"]
    gloss: Float[Array, ""]
    circles: Float[Array, ""]


def sample(rng: np.random.Generator) -> Marks:
    """Any face: a third wears make-up, from a touch to a lot."""
    made_up = rng.random() < 0.36

    def paint(chance: float, colour: np.ndarray, most: float) -> np.ndarray:
        strength = rng.uniform(0.15, most) if made_up and rng.random() < chance else 0.0
        return np.append(colour, strength).astype(np.float32)

    red = hsv(rng.normal(0.97, 0.035) % 1.0, rng.uniform(0.45, 0.95), rng.uniform(0.3, 0.85))
    pink = hsv(rng.normal(0.97, 0.03) % 1.0, rng.uniform(0.4, 0.7), 0.85)
    age = rng.random() ** 1.4
    return Marks(
        brow=np.array(
            [
                rng.uniform(0.0022, 0.0052),
                rng.uniform(0.15, 0.7),
                rng.normal(0.001, 0.0016),
                rng.uniform(0.3, 1.0) ** 0.7,
                rng.uniform(0.3, 1.0),
            ],
            np.float32,
        ),
        brow_hairs=rng.uniform((0.0009, 0.4), (0.0018, 1.8)).astype(np.float32),
        wrinkle=(age * rng.uniform(0.1, 0.75, WRINKLES)).astype(np.float32),
        shadow=paint(0.8, any_colour(rng) ** 1.3, 0.65),
        shadow_size=np.asarray(rng.uniform(0.004, 0.011), np.float32),
        liner=np.array([rng.uniform(0.0006, 0.0020), 0.9 * made_up * rng.random() ** 0.5 + 0.25], np.float32),
        blush=paint(0.5, pink, 0.22),
        lipstick=paint(0.85, red if rng.random() < 0.85 else any_colour(rng), 1.0),
        gloss=np.asarray(rng.uniform(0.1, 0.6) + made_up * rng.random(), np.float32),
        circles=np.asarray(rng.random() * 0.5, np.float32),
    )


def nearest(
    line: Float[Array, "*k m 2"], points: Float[Array, "n 2"]
) -> tuple[Float[Array, "*k n 2"], Float[Array, "*k n"]]:
    """From the nearest point of a polyline to each point, and how far along the line that is, 0 to 1."""
    best = jnp.full((*line.shape[:-2], len(points)), jnp.inf)
    offset, along = jnp.zeros((*best.shape, 2)), jnp.zeros_like(best)
    count = line.shape[-2] - 1
    for index in range(count):
        start = line[..., index, None, :]
        step = line[..., index + 1, None, :] - start
        part = ((points - start) * step).sum(axis=-1) / jnp.maximum((step * step).sum(axis=-1), 1e-12)
        part = jnp.clip(part, 0.0, 1.0)
        gap = points - start - part[..., None] * step
        square = (gap**2).sum(axis=-1)
        closer = square < best
        best = jnp.where(closer, square, best)
        offset = jnp.where(closer[..., None], gap, offset)
        along = jnp.where(closer, (index + part) / count, along)
    return offset, along


def wrinkle_lines(chart: Chart) -> Float[Array, "k 4 2"]:
    """`WRINKLES` lines of an ageing face: forehead, between the brows, beside and under the eyes, around the mouth."""
    s = chart.scale
    wing, corner, outer = chart.nose[0], chart.upper_lip[3], chart.upper_lid[3]
    inner, below, brow = chart.lower_lid[0], chart.lower_lid[1:3].mean(axis=0), chart.brow[1:4].mean(axis=0)

    def path(start: Array, *steps: tuple[float, float]) -> Array:
        return jnp.stack([start + s * jnp.array(step) for step in ((0.0, 0.0), *steps)])

    middle = jnp.array([0.0, 1.0]) * brow
    forehead = [path(middle + s * jnp.array([0.0, up]), (0.012, 0.0015), (0.028, 0.003), (0.042, -0.001)) for up in
                (0.020, 0.031, 0.043)]  # fmt: skip
    crows = [path(outer, (0.004, 0.25 * dy), (0.009, 0.7 * dy), (0.014, dy)) for dy in (0.008, 0.001, -0.007)]
    lines = [
        *forehead,
        path(chart.brow[0] + s * jnp.array([-0.007, -0.004]), (-0.0005, 0.005), (-0.001, 0.010), (0.0, 0.015)),
        *crows,
        path(inner + s * jnp.array([0.003, -0.004]), (0.009, -0.0065), (0.018, -0.006), (0.025, -0.002)),
        path(below + s * jnp.array([-0.008, -0.011]), (0.008, -0.003), (0.017, 0.0), (0.022, 0.004)),
        path(wing + s * jnp.array([0.005, 0.006]), (0.008, -0.006), (0.014, -0.019), (0.016, -0.030)),
        path(corner + s * jnp.array([0.004, -0.004]), (0.002, -0.006), (0.003, -0.012), (0.001, -0.018)),
    ]
    return jnp.stack(lines)


def grooves(marks: Marks, chart: Chart, points: Array, footprint: Array) -> tuple[Float[Array, "n 2"], Array]:
    """The slope (x, y) of the wrinkles at points of the folded face, and how deep in them each point is, 0 to 1."""
    offset, along = nearest(wrinkle_lines(chart), points)
    width = 0.0016 * chart.scale
    groove = jnp.exp(-(offset**2).sum(axis=-1) / width**2) * jnp.sin(jnp.pi * jnp.clip(0.1 + 0.85 * along, 0, 1))
    groove *= marks.wrinkle[:, None] * width / (width + footprint)
    return ((1.6 / width * groove)[..., None] * offset).sum(axis=0), groove.sum(axis=0)


def brows(marks: Marks, chart: Chart, points: Array, footprint: Array, noise: Array) -> Float[Array, "n"]:
    """How much of a brow's hair covers each point of the folded face."""
    s = chart.scale
    inner, outer, lift, strength, hairs = (marks.brow[i] for i in range(5))
    offset, along = nearest(chart.brow + jnp.stack([jnp.zeros(()), lift * s]), points)
    half = inner * s * (1.0 - (1.0 - outer) * along**1.3) * (0.55 + 0.45 * jnp.clip(along / 0.12, 0, 1))
    half *= 1.0 + 0.35 * noise
    seen = jnp.exp(-0.16 * (2 * jnp.pi * footprint / (marks.brow_hairs[0] * s)) ** 2)
    gap = jnp.sqrt((offset**2).sum(axis=-1))
    soft = 0.35 * half + 0.5 * footprint
    inside = jnp.clip((half - gap) / soft + 0.5, 0.0, 1.0)
    spacing, lean = marks.brow_hairs[0] * s, marks.brow_hairs[1]
    phase = 2 * jnp.pi * (points[:, 0] - lean * (1.0 - 1.6 * along) * offset[:, 1] + 0.0011 * noise) / spacing
    other = 1.73 * phase + 2.0 * jnp.pi * (0.5 * lean * offset[:, 1] / spacing + 2.0 * noise)
    single = 0.70 + 0.30 * seen * hairs * (0.55 * jnp.cos(phase) + 0.45 * jnp.cos(other))
    return inside * inside * (3 - 2 * inside) * single * strength


def lash_line(marks: Marks, chart: Chart, points: Array, footprint: Array) -> Float[Array, "n"]:
    """Darkness of the lids' edges: roots of the lashes, and liner over them."""
    upper, along = nearest(chart.upper_lid, points)
    lower, _ = nearest(chart.lower_lid, points)
    width = marks.liner[0] * chart.scale * (0.6 + 0.8 * along)

    def line(offset: Array, wide: Array) -> Array:
        gap = jnp.sqrt((offset**2).sum(axis=-1))
        return jnp.clip((wide - gap) / (0.5 * wide + 0.5 * footprint) + 0.5, 0.0, 1.0) * wide / (wide + 0.4 * footprint)

    return jnp.maximum(line(upper, width), 0.4 * line(lower, 0.6 * width)) * marks.liner[1]


def eye_shadow(marks: Marks, chart: Chart, points: Array) -> Float[Array, "n"]:
    """Opacity of eye shadow."""
    offset, along = nearest(chart.upper_lid, points)
    size = marks.shadow_size * chart.scale
    gap = jnp.sqrt((offset**2).sum(axis=-1))
    above = jnp.clip(0.6 + offset[:, 1] / (0.004 * chart.scale), 0.0, 1.0)
    return marks.shadow[3] * above * jnp.exp(-((gap / size) ** 2)) * (0.7 + 0.3 * along)


def spot(chart: Chart, points: Array, centre: Array, radius: float) -> Float[Array, "n"]:
    """A soft round spot."""
    return jnp.exp(-((points - centre) ** 2).sum(axis=-1) / (radius * chart.scale) ** 2)

"""Textures drawn by chance, and how shaders look them up: dead leaves, 1/f noise, weaves, prints.

Images of randomly overlapping shapes of power-law sizes ("dead leaves") and of 1/f noise have the statistics of
photographs; what is trained on them carries over (Baradad et al. 2021, "Learning to See by Looking at Noise").
Every texture repeats without a seam. A texture is sRGB with an opacity, which only prints have.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from data_pipelines.avatars.look import colour
from vlogger_jax.core.typing import Array, Float, Int, UInt8

SIDE = 128
LEVELS = 4
"""Sizes that a texture is kept in: each has half the last one's sides, so that none is ever looked up too finely."""

_OFFSET = np.cumsum([0] + [(SIDE >> level) ** 2 for level in range(LEVELS)])
TEXELS = int(_OFFSET[-1])


def palette(rng: np.random.Generator, count: int) -> Float[np.ndarray, "n 3"]:
    """Some sRGB colours that go together as little or as much as people's clothes do."""
    first = colour.any_colour(rng)
    near = rng.random() < 0.5
    colours = [first]
    while len(colours) < count:
        other = colour.any_colour(rng)
        colours.append(first * rng.uniform(0.35, 1.7) if near and rng.random() < 0.6 else other)
    return colour.srgb(np.clip(np.stack(colours), 0, 1)).astype(np.float32)


def noise(rng: np.random.Generator, slope: float, side: int = SIDE, channels: int = 1) -> Float[np.ndarray, "s s c"]:
    """Gaussian noise whose amplitude falls as frequency to the power -slope; zero mean, unit variance."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1.0
    gain = frequency**-slope
    gain[0, 0] = 0.0
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((channels, side, side))) * gain, (side, side))
    field /= field.std(axis=(1, 2), keepdims=True) + 1e-9
    return np.moveaxis(field, 0, -1).astype(np.float32)


def clouds(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    """Coloured 1/f noise."""
    field = noise(rng, rng.uniform(0.7, 1.7), channels=3)
    mix = np.linalg.qr(rng.standard_normal((3, 3)))[0] * rng.uniform(0.05, 0.28, 3)
    return rng.uniform(0.25, 0.7, 3) + field @ mix


def leaves(rng: np.random.Generator, side: int = SIDE) -> Float[np.ndarray, "s s 3"]:
    """Dead leaves: discs, boxes and polygons of sizes r with density r^-3, each with its own colour and grain."""
    image = np.broadcast_to(palette(rng, 1)[0], (side, side, 3)).copy()
    colours = palette(rng, int(rng.integers(3, 12)))
    kinds = rng.integers(0, 3, 150)
    low, high = side * rng.uniform(0.015, 0.05), side * rng.uniform(0.15, 0.4)
    part = rng.random(len(kinds))
    radii = 1.0 / np.sqrt((1 - part) / low**2 + part / high**2)
    grain = 0.08 * rng.random() * noise(rng, 1.0, side)
    for kind, radius in zip(kinds, radii, strict=True):
        reach = int(radius * 1.5) + 1
        reach = min(reach, side // 2 - 1)
        row, column = rng.integers(0, side, 2)
        step = np.arange(-reach, reach + 1)
        turn = rng.uniform(0, np.pi)
        x = step * np.cos(turn) + step[:, None] * np.sin(turn)
        y = (step[:, None] * np.cos(turn) - step * np.sin(turn)) * rng.uniform(0.6, 1.6)
        if kind == 0:
            inside = x * x + y * y < radius * radius
        elif kind == 1:
            inside = (np.abs(x) < radius) & (np.abs(y) < radius)
        else:
            inside = (np.abs(x) + 0.58 * y < radius) & (y > -0.6 * radius)
        rows, columns = (row + step) % side, (column + step) % side
        block = np.ix_(rows, columns)
        image[block] = np.where(inside[..., None], colours[rng.integers(len(colours))], image[block])
    return image + grain


def _axes() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE
    return x, y


def stripes(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    x, y = _axes()
    colours = palette(rng, int(rng.integers(2, 5)))
    edges = np.sort(rng.random(len(colours) - 1)) if rng.random() < 0.6 else np.arange(1, len(colours)) / len(colours)
    across, along = int(rng.integers(1, 9)), int(rng.choice([0, 0, 0, 1, 2, 8]))
    turned = (across * x + along * y) if rng.random() < 0.5 else (across * y + along * x)
    return colours[np.searchsorted(edges, turned % 1.0)]


def checks(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    x, y = _axes()
    number, colours = int(rng.integers(2, 9)), palette(rng, 2)
    odd = ((np.floor(2 * number * x) + np.floor(2 * number * y)) % 2).astype(int)
    return colours[odd]


def plaid(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    """Tartan: the same bands both ways, woven half and half."""
    x, y = _axes()
    colours = palette(rng, 4)
    edges = np.sort(rng.random(7))
    order = rng.integers(0, 4, 8)
    number = int(rng.integers(1, 4))
    across, along = (colours[order[np.searchsorted(edges, number * axis % 1.0)]] for axis in (x, y))
    woven = 0.5 + 0.2 * np.sign(np.sin(2 * np.pi * 32 * (x + y)))[..., None]
    return woven * across + (1 - woven) * along


def dots(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    x, y = _axes()
    number, colours = int(rng.integers(3, 13)), palette(rng, 2)
    row = np.floor(number * y)
    u, v = (number * x + 0.5 * (row % 2) * (number % 2 == 0)) % 1 - 0.5, (number * y) % 1 - 0.5
    inside = np.hypot(u, v) < rng.uniform(0.12, 0.42)
    return np.where(inside[..., None], colours[0], colours[1])


def marl(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    """Almost one colour: yarn of two shades, brushed one way, or leather."""
    first = palette(rng, 1)[0]
    grain = noise(rng, rng.uniform(0.0, 0.5))
    if rng.random() < 0.5:
        grain = (grain + np.roll(grain, 1, 0) + np.roll(grain, 2, 0) + np.roll(grain, 3, 0)) / 2
    return first + rng.uniform(0.005, 0.06) * grain


def flowers(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    """Rosettes strewn over a ground."""
    colours = palette(rng, 5)
    image = np.broadcast_to(colours[0], (SIDE, SIDE, 3)).copy()
    for _ in range(int(rng.integers(8, 26))):
        radius = rng.uniform(5, 17)
        step = np.arange(-int(radius) - 1, int(radius) + 2)
        angle, gap = np.arctan2(step[:, None], step), np.hypot(step[:, None], step)
        petal = radius * (0.62 + 0.38 * np.cos(rng.integers(3, 8) * angle + rng.uniform(0, 6)))
        block = np.ix_((rng.integers(SIDE) + step) % SIDE, (rng.integers(SIDE) + step) % SIDE)
        image[block] = np.where((gap < petal)[..., None], colours[rng.integers(1, 5)], image[block])
        image[block] = np.where((gap < 0.2 * radius)[..., None], colours[rng.integers(1, 5)], image[block])
    return image


PATTERNS: tuple[Callable[[np.random.Generator], np.ndarray], ...] = (
    *(marl, marl, marl, marl, marl, stripes, stripes, checks, plaid, dots, flowers, leaves, clouds),
)
"""Of cloth; what is listed more often is commoner."""


def pattern(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    """Any texture of cloth, sRGB (not clipped)."""
    return PATTERNS[rng.integers(len(PATTERNS))](rng)


def print_of(rng: np.random.Generator) -> tuple[Float[np.ndarray, "s s 3"], Float[np.ndarray, "s s"]]:
    """Something printed, tattooed or glued on: letters that no alphabet has, a badge, a blot. Colours and opacity."""
    x, y = _axes()
    x, y = 2 * x - 1, 2 * y - 1
    ink = palette(rng, 3)
    kind = rng.integers(4)
    image = np.broadcast_to(ink[0], (SIDE, SIDE, 3)).copy()
    if kind == 0:  # letters: strokes and arcs in boxes
        cover = np.zeros((SIDE, SIDE))
        number, height = int(rng.integers(2, 7)), rng.uniform(0.25, 0.6)
        for letter in range(number):
            u, v = (x + 0.9) / 1.8 * number - letter - 0.5, y / height
            for _ in range(int(rng.integers(2, 4))):
                a, b = rng.choice([-0.32, 0.0, 0.32], 2), rng.choice([-0.8, 0.0, 0.8], 2)
                p, step = np.array([a[0], b[0]]), np.array([a[1] - a[0], (b[1] - b[0]) or 0.8])
                t = np.clip(((u - p[0]) * step[0] + (v - p[1]) * step[1]) / (step @ step + 1e-9), 0, 1)
                cover = np.maximum(cover, np.hypot(u - p[0] - t * step[0], (v - p[1] - t * step[1]) * 0.6) < 0.11)
    elif kind == 1:  # a badge
        sides, turn = int(rng.integers(3, 8)), rng.uniform(0, 6.28)
        angle, gap = np.arctan2(y, x) + turn, np.hypot(x, y)
        edge = gap * (1.0 + rng.uniform(-0.35, 0.35) * np.cos(sides * angle))
        cover = (edge < 0.72).astype(float)
        image = np.where((edge < rng.uniform(0.3, 0.62))[..., None], ink[1], image)
        image = np.where((edge < rng.uniform(0.05, 0.3))[..., None], ink[2], image)
    elif kind == 2:  # a picture in a frame
        cover = ((np.abs(x) < 0.82) & (np.abs(y) < 0.82)).astype(float)
        image = np.clip(leaves(rng) if rng.random() < 0.6 else clouds(rng), 0, 1)
    else:  # a blot
        field = noise(rng, 2.0)[..., 0] + 1.6 - 2.6 * np.hypot(x, y)
        cover = np.clip(4 * field, 0, 1)
        image = image + 0.05 * noise(rng, 1.0)
    return image, np.clip(cover, 0, 1)


def stack(layers: list[Float[np.ndarray, "_ _ _"]]) -> UInt8[np.ndarray, "k m 4"]:
    """Textures of three or four channels in [0, 1] as one table: all sizes of each, one after another."""
    tables = []
    for layer in layers:
        full = np.ones((SIDE, SIDE, 4), np.float32)
        full[..., : layer.shape[-1]] = np.clip(layer, 0, 1)
        full[..., :3] = colour.linear(full[..., :3])
        sizes = [full]
        for _ in range(LEVELS - 1):
            side = len(sizes[-1]) // 2
            sizes.append(sizes[-1].reshape(side, 2, side, 2, 4).mean(axis=(1, 3)))
        flat = np.concatenate([size.reshape(-1, 4) for size in sizes])
        flat[:, :3] = colour.srgb(flat[:, :3])
        tables.append((255 * flat).round().astype(np.uint8))
    return np.stack(tables)


def lookup(
    atlas: Float[Array, "k m 4"], layer: Int[Array, "n"], where: Float[Array, "n 2"], texels: Float[Array, "n"]
) -> Float[Array, "n 4"]:
    """Bilinear samples of repeating textures at `where` (1 = one repeat), in the size that suits samples `texels` wide.

    Args:
        atlas: linear colours and opacity.
        texels: of the largest size that a sample spans.
    """
    level = jnp.clip(jnp.round(jnp.log2(jnp.maximum(texels, 1e-6))), 0, LEVELS - 1).astype(jnp.int32)
    side = SIDE >> level
    at = where * side[:, None] - 0.5
    low = jnp.floor(at)
    part = at - low
    column, row = (low[:, i].astype(jnp.int32) for i in range(2))
    start = layer * atlas.shape[1] + jnp.asarray(_OFFSET)[level]
    table, total = atlas.reshape(-1, 4), 0.0
    for i in range(2):
        for j in range(2):
            weight = (part[:, 0] if j else 1 - part[:, 0]) * (part[:, 1] if i else 1 - part[:, 1])
            index = start + ((row + i) & (side - 1)) * side + ((column + j) & (side - 1))
            total += weight[:, None] * table[index]
    return total


def triplanar(
    atlas: Float[Array, "k m 4"],
    layer: Int[Array, "n"],
    place: Float[Array, "n 3"],
    normal: Float[Array, "n 3"],
    tile: Float[Array, "n"],
    footprint: Float[Array, "n"],
) -> Float[Array, "n 4"]:
    """A texture `tile` metres wide, projected along the three axes, each as far as `normal` points along it."""
    weight = jnp.abs(normal) ** 6
    weight /= jnp.maximum(weight.sum(axis=-1, keepdims=True), 1e-9)
    local, texels = place / tile[:, None], footprint / tile * SIDE
    total = 0.0
    for axis, (across, down) in enumerate(((2, 1), (0, 2), (0, 1))):
        where = jnp.stack([local[:, across], -local[:, down]], axis=-1)
        total += weight[:, axis, None] * lookup(atlas, layer, where, texels)
    return total

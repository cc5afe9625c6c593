"""What is behind a person: rooms, walls, streets and gardens out of focus, and pictures of nothing."""

import itertools
from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from data_pipelines.avatars.look import colour, textures
from vlogger_jax.core.typing import Float

SIDE = 256


def draw(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    """Linear light [SIDE, SIDE, 3] in [0, 1]: any background, out of focus more or less."""
    picture = colour.linear(np.clip(_SCENES[rng.integers(len(_SCENES))](rng), 0, 1))
    picture = picture * np.exp(rng.normal(0, 0.3))
    # Most cameras that see a face focus on it.
    sigma = SIDE * rng.choice([0.0, 0.003, 0.008, 0.02, 0.045], p=[0.12, 0.23, 0.3, 0.22, 0.13])
    if sigma:
        picture = gaussian_filter(picture, (sigma, sigma, 0), mode="nearest", truncate=3)
    if sigma > 4 and rng.random() < 0.3:
        picture = picture + _bokeh(rng)
    if rng.random() < 0.8:  # most of the world is not colourful
        grey = (picture @ colour.LUMA)[..., None]
        picture = grey + rng.uniform(0.15, 0.9) * (picture - grey)
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    return np.clip(picture, 0, 1).astype(np.float32)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE
    return x, y


def _wall_colour(rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.65:
        return colour.srgb(colour.hsv(rng.random(), 0.25 * rng.random(), rng.uniform(0.35, 0.97)))
    return colour.srgb(colour.any_colour(rng))


def wall(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    """A wall that light falls across, plain, plastered, panelled, tiled or papered."""
    x, y = _grid()
    base = _wall_colour(rng)
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.35) * ((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle))
    glow = np.exp(-((x - rng.random()) ** 2 + (y - rng.random()) ** 2) / rng.uniform(0.05, 0.6))
    image = base * (light * (0.85 + rng.uniform(0, 0.4) * glow))[..., None]
    kind = rng.random()
    if kind < 0.25:
        image = image * (1 + rng.uniform(0.01, 0.06) * textures.noise(rng, rng.uniform(0.3, 1.3), SIDE))
    elif kind < 0.4:
        number = rng.integers(3, 14)
        groove = np.abs((x * number) % 1 - 0.5) > 0.5 - 0.03
        image = np.where(groove[..., None], 0.75 * image, image)
    elif kind < 0.55:
        rows, columns = rng.integers(5, 18), rng.integers(3, 10)
        row = np.floor(y * rows)
        column = x * columns + 0.5 * (row % 2)
        shade = rng.random((64, 64))[row.astype(int) % 64, np.floor(column).astype(int) % 64]
        joint = (np.abs((y * rows) % 1 - 0.5) > 0.44) | (np.abs(column % 1 - 0.5) > 0.47)
        image = np.where(joint[..., None], 0.9 * image + 0.06, image * (0.85 + 0.3 * shade)[..., None])
    elif kind < 0.65:
        paper = textures.pattern(rng)
        times = int(rng.integers(2, 5))
        found = np.tile(paper, (times, times, 1))[:: max(times // 2, 1), :: max(times // 2, 1)][:SIDE, :SIDE]
        if found.shape[:2] == (SIDE, SIDE):
            image = image * (0.6 + 0.8 * found.mean(-1, keepdims=True)) if rng.random() < 0.6 else found
    return image


def room(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    """A wall with what stands and hangs there: windows, pictures, shelves of books, doors, lamps, plants."""
    image = wall(rng)
    pieces = [_window, _picture, _shelf, _door, _lamp, _plant, _curtain, _cupboard]
    for _ in range(int(rng.integers(1, 7))):
        pieces[rng.integers(len(pieces))](rng, image)
    if rng.random() < 0.3:  # the floor, or a table
        level = int(SIDE * rng.uniform(0.7, 0.95))
        image[level:] = _wall_colour(rng) * (1 + 0.05 * textures.noise(rng, 1.0, SIDE)[level:])
    return image


def outdoors(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    """Sky, a skyline of trees or houses, and ground."""
    x, y = _grid()
    sky = colour.srgb(colour.hsv(rng.normal(0.58, 0.04) % 1, rng.uniform(0.0, 0.6), rng.uniform(0.55, 1.0)))
    haze = colour.srgb(colour.hsv(rng.normal(0.09, 0.05) % 1, rng.uniform(0.0, 0.4), rng.uniform(0.7, 1.0)))
    horizon = rng.uniform(0.25, 0.8)
    image = sky + (haze - sky) * np.clip(y / horizon, 0, 1)[..., None] ** 2
    image = image + 0.04 * textures.noise(rng, 1.6, SIDE)
    line = textures.noise(rng, 1.3, SIDE)[0, :, 0]
    for depth in range(int(rng.integers(1, 4))):
        top = horizon - rng.uniform(0.02, 0.3) - 0.05 * np.roll(line, 60 * depth)
        green = colour.srgb(colour.hsv(rng.normal(0.27, 0.06) % 1, rng.uniform(0.2, 0.7), rng.uniform(0.15, 0.6)))
        shade = textures.noise(rng, rng.uniform(0.5, 1.1), SIDE)
        image = np.where((y > top[None])[..., None], green * (1 + 0.25 * shade), image)
    for _ in range(int(rng.integers(0, 6)) * (rng.random() < 0.5)):
        left, width, top = rng.random(), rng.uniform(0.08, 0.35), horizon - rng.uniform(0.05, 0.5)
        inside = (np.abs(x - left) < width / 2) & (y > top)
        panes = (np.abs((x * 40) % 1 - 0.5) < 0.25) & (np.abs((y * 30) % 1 - 0.5) < 0.3)
        front = _wall_colour(rng)
        house = np.where(panes[..., None], front * rng.uniform(0.3, 1.3), front)
        image = np.where(inside[..., None], house, image)
    ground = colour.srgb(colour.hsv(rng.choice([0.1, 0.25, 0.6]), rng.uniform(0.05, 0.5), rng.uniform(0.25, 0.7)))
    return np.where((y > horizon)[..., None], ground * (1 + 0.12 * textures.noise(rng, 0.9, SIDE)), image)


def studio(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    """Paper in a studio: one colour, white, or green, with a spot of light on it."""
    x, y = _grid()
    base = [np.full(3, rng.uniform(0.02, 1.0)), np.array([0.1, 0.75, 0.25]), _wall_colour(rng), np.ones(3)]
    chosen = base[rng.choice(4, p=[0.4, 0.1, 0.35, 0.15])]
    spot = np.exp(-(((x - rng.normal(0.5, 0.15)) ** 2 + (y - rng.normal(0.5, 0.15)) ** 2) / rng.uniform(0.1, 1.0)))
    return chosen * (1 - rng.uniform(0, 0.7) * (1 - spot))[..., None]


def gradient(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    """Colours that run into each other."""
    low = rng.random((int(rng.integers(2, 5)), int(rng.integers(2, 5)), 3))
    axes = [np.linspace(0, size - 1, SIDE) for size in low.shape[:2]]
    image = np.stack([[np.interp(axes[1], np.arange(low.shape[1]), row) for row in low[..., c]] for c in range(3)], -1)
    found = np.moveaxis(image, 0, 0)
    return np.stack(
        [[np.interp(axes[0], np.arange(low.shape[0]), found[:, j, c]) for j in range(SIDE)] for c in range(3)], -1
    ).transpose(1, 0, 2)


def dead_leaves(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    return textures.leaves(rng, SIDE)


def noise(rng: np.random.Generator) -> Float[np.ndarray, "s s 3"]:
    field = textures.noise(rng, rng.uniform(0.7, 1.8), SIDE, 3)
    return rng.uniform(0.2, 0.75, 3) + field @ (np.linalg.qr(rng.standard_normal((3, 3)))[0] * rng.uniform(0.05, 0.28))


_SCENES: tuple[Callable[[np.random.Generator], np.ndarray], ...] = (
    *(wall, wall, wall, room, room, room, room, room, outdoors, outdoors, studio, studio, gradient, dead_leaves, noise),
    *(wall, room, room, outdoors, studio),
)


def _box(rng: np.random.Generator, width: tuple[float, float], height: tuple[float, float]) -> tuple[slice, slice]:
    w, h = (max(int(SIDE * rng.uniform(*size)), 4) for size in (width, height))
    top, left = rng.integers(-h // 3, SIDE - h // 2), rng.integers(-w // 3, SIDE - w // 2)
    return slice(max(top, 0), max(top + h, 1)), slice(max(left, 0), max(left + w, 1))


def _window(rng: np.random.Generator, image: np.ndarray) -> None:
    rows, columns = _box(rng, (0.15, 0.5), (0.3, 0.8))
    view = outdoors(rng) if rng.random() < 0.5 else np.broadcast_to(rng.uniform(0.75, 1.0, 3) ** 0.5, image.shape)
    frame = _wall_colour(rng)
    image[rows, columns] = frame
    edge = int(rng.integers(3, 9))
    across = int(rng.integers(1, 4))
    bounds = np.linspace(columns.start, min(columns.stop, SIDE), across + 1).astype(int)
    for left, right in itertools.pairwise(bounds):
        inner = (
            slice(rows.start + edge, max(rows.stop - edge, rows.start + edge)),
            slice(left + edge, max(right - edge // 2, left + edge)),
        )
        image[inner] = view[inner]


def _picture(rng: np.random.Generator, image: np.ndarray) -> None:
    rows, columns = _box(rng, (0.08, 0.35), (0.08, 0.35))
    image[rows, columns] = _wall_colour(rng) * rng.uniform(0.1, 1.0)
    edge = int(rng.integers(2, 7))
    inner = (
        slice(rows.start + edge, max(rows.stop - edge, rows.start)),
        slice(columns.start + edge, max(columns.stop - edge, columns.start)),
    )
    view = [textures.leaves, textures.clouds, textures.flowers][rng.integers(3)](rng)
    image[inner] = np.tile(view, (2, 2, 1))[inner]


def _shelf(rng: np.random.Generator, image: np.ndarray) -> None:
    rows, columns = _box(rng, (0.25, 0.8), (0.3, 1.0))
    image[rows, columns] = _wall_colour(rng) * 0.4
    number = int(rng.integers(2, 6))
    bounds = np.linspace(rows.start, min(rows.stop, SIDE), number + 1).astype(int)
    for top, bottom in itertools.pairwise(bounds):
        left = columns.start
        while left < min(columns.stop, SIDE):
            width = int(rng.integers(3, 12))
            high = int((bottom - top) * rng.uniform(0.55, 0.92))
            if rng.random() < 0.85:
                book = colour.srgb(colour.any_colour(rng))
                image[bottom - high : bottom - 2, left : min(left + width - 1, columns.stop)] = book
            left += width
        image[bottom - 2 : bottom, columns] = _wall_colour(rng) * 0.6


def _door(rng: np.random.Generator, image: np.ndarray) -> None:
    left, width, top = rng.integers(0, SIDE - 60), int(SIDE * rng.uniform(0.15, 0.35)), rng.integers(0, SIDE // 3)
    base = _wall_colour(rng)
    image[top:, left : left + width] = base
    image[top : top + 3, left : left + width] = image[top:, left : left + 3] = 0.7 * base
    for row in (0.1, 0.5):
        image[top + int(row * SIDE * 0.7) :, left + width // 6 : left + width - width // 6][: SIDE // 4] *= 0.88


def _lamp(rng: np.random.Generator, image: np.ndarray) -> None:
    x, y = _grid()
    u, v, size = rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.04, 0.12)
    glow = np.exp(-((x - u) ** 2 + (y - v) ** 2) / (3 * size) ** 2)
    image += 0.35 * glow[..., None] * np.array([1.0, 0.85, 0.6])
    shade = (np.abs(x - u) < size * (0.6 + 0.6 * (y - v) / size)) & (np.abs(y - v) < size * 0.7)
    image[shade] = [1.0, 0.93, 0.8]
    image[(np.abs(x - u) < 0.008) & (y > v + 0.7 * size)] *= 0.4


def _plant(rng: np.random.Generator, image: np.ndarray) -> None:
    x, y = _grid()
    u, v = rng.random(), rng.uniform(0.3, 0.9)
    green = colour.srgb(colour.hsv(rng.normal(0.3, 0.05) % 1, rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.6)))
    for _ in range(int(rng.integers(8, 26))):
        angle, length = rng.uniform(-2.6, -0.5), rng.uniform(0.06, 0.28)
        a, b = x - u - 0.5 * length * np.cos(angle), y - v - 0.5 * length * np.sin(angle)
        along, across = a * np.cos(angle) + b * np.sin(angle), b * np.cos(angle) - a * np.sin(angle)
        leaf = (2 * along / length) ** 2 + (across / (0.14 * length)) ** 2 < 1
        image[leaf] = green * rng.uniform(0.5, 1.4)
    pot = (np.abs(x - u) < 0.05) & (y > v) & (y < v + 0.1)
    image[pot] = _wall_colour(rng)


def _curtain(rng: np.random.Generator, image: np.ndarray) -> None:
    x, _ = _grid()
    left, width = rng.uniform(-0.2, 0.9), rng.uniform(0.1, 0.45)
    fold = 0.8 + 0.2 * np.sin(x * rng.uniform(60, 200) + 2 * np.sin(9 * x))
    inside = (x > left) & (x < left + width)
    image[inside] = (_wall_colour(rng) * fold[..., None])[inside]


def _cupboard(rng: np.random.Generator, image: np.ndarray) -> None:
    rows, columns = _box(rng, (0.3, 0.9), (0.2, 0.7))
    base = _wall_colour(rng)
    image[rows, columns] = base
    step = int(rng.integers(30, 90))
    image[rows, columns][:, ::step] = 0.7 * base
    image[rows, columns][:2] = image[rows, columns][-2:] = 0.75 * base


def _bokeh(rng: np.random.Generator) -> np.ndarray:
    """Discs of light, linear."""
    x, y = _grid()
    image = np.zeros((SIDE, SIDE, 3))
    radius = rng.uniform(0.015, 0.06)
    for _ in range(int(rng.integers(5, 40))):
        gap = np.hypot(x - rng.random(), y - rng.random() * 0.8)
        disc = np.clip((radius * rng.uniform(0.6, 1.1) - gap) / 0.006 + 0.5, 0, 1)
        image += (
            rng.uniform(0.03, 0.35) * disc[..., None] * colour.hsv(rng.normal(0.1, 0.12) % 1, rng.random() * 0.6, 1.0)
        )
    return image

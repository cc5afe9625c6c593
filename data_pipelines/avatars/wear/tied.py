"""Hair tied behind the head: strands over the scalp to a knot, and from there a tail or a bun."""

import numpy as np

from data_pipelines.avatars.wear.figure import Figure
from data_pipelines.avatars.wear.styles import Hair

TO_THE_KNOT = 7  # of a strand's steps


def paths(
    figure: Figure, hair: Hair, start: np.ndarray, steps: int, cover: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Strands [n, steps + 1, 3] from their roots `start`, on the body with lowered arms."""
    count = len(start)
    head = figure.joint("head")
    middle = np.array([0.0, figure.points[0:10, 1].mean() + 0.01, start[:, 2].mean() * 0.5 + head[2] * 0.5])
    knot = _knot(figure, hair)
    outward = (knot - middle) / np.linalg.norm(knot - middle)
    from_middle, to = start - middle, knot - middle
    radius, far = np.linalg.norm(from_middle, axis=1), np.linalg.norm(to)
    first = from_middle / radius[:, None]
    angle = np.arccos(np.clip(first @ outward, -0.98, 1.0))
    rows = [start]
    for k in range(1, TO_THE_KNOT + 1):
        share = k / TO_THE_KNOT
        turned = np.sin((1 - share) * angle)[:, None] * first + np.sin(share * angle)[:, None] * outward
        turned /= np.maximum(np.sin(angle), 1e-3)[:, None]
        turned /= np.linalg.norm(turned, axis=1, keepdims=True)
        point = middle + turned * ((1 - share) * radius + share * far)[:, None]
        depth = 0.006 + 0.004 * rng.random(count)
        point = figure.push_out(point, depth, hug=1.0 - share**4)
        rows.append(point if k < TO_THE_KNOT else knot + 0.007 * rng.normal(size=(count, 3)))
    left = steps - TO_THE_KNOT
    rows += (
        _bun(hair, knot, outward, count, left, rng)
        if hair.bun
        else _tail(figure, hair, rows[-1], outward, left, cover, rng)
    )
    return np.stack(rows, axis=1)


def _knot(figure: Figure, hair: Hair) -> np.ndarray:
    """Behind the head at the knot's height, off the scalp."""
    template = figure.anatomy.template
    scalp = figure.anatomy.vertices_of("scalp", "neck")
    apart = np.abs(template[scalp, 0]) * 3 + np.abs(template[scalp, 1] - hair.knot) + (template[scalp, 2] > 0.03)
    nearest = scalp[np.argmin(apart)]
    return (figure.lowered[nearest] + 0.018 * figure.lowered_normals[nearest]) * (0.0, 1.0, 1.0)


def _tail(
    figure: Figure,
    hair: Hair,
    start: np.ndarray,
    outward: np.ndarray,
    steps: int,
    cover: np.ndarray,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    count = len(start)
    length = np.maximum(hair.top - 0.14, 0.08) * rng.uniform(0.7, 1.1, count)
    spread = 0.16 * rng.normal(size=(count, 3)) * (1.0, 0.3, 0.6)
    direction = 0.8 * outward + spread
    rows, here = [], start
    for k in range(steps):
        direction = direction + np.array([0.0, -0.8 - 0.6 * k, 0.0])
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        here = figure.push_out(here + (length / steps)[:, None] * direction, 0.006 + 0.012 * rng.random(count), cover)
        rows.append(here)
    return rows


def _bun(
    hair: Hair, knot: np.ndarray, outward: np.ndarray, count: int, steps: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Strands wound about a ball behind the knot, each on a circle of its own that leans little."""
    size = 0.020 + 0.06 * hair.top
    middle = knot + 0.55 * size * outward
    axis = outward + 0.5 * rng.normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    one = np.cross(axis, (0.3, 1.0, 0.2))
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    other = np.cross(axis, one)
    level = rng.uniform(-0.6, 0.95, count)[:, None]
    begin = rng.uniform(0, 2 * np.pi, count)
    rows = []
    for k in range(steps):
        turn = (begin + 0.9 * k)[:, None]
        ring = np.sqrt(1 - level**2) * (np.cos(turn) * one + np.sin(turn) * other)
        rows.append(middle + size * (ring + level * axis))
    return rows

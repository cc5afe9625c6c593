"""Hair of the head, from shaved to hanging over the chest: a cap that closes the scalp, and strands over it."""

import numpy as np

from data_pipelines.avatars.wear import scalp, strands, tied
from data_pipelines.avatars.wear.figure import Figure
from data_pipelines.avatars.wear.pieces import Pieces
from data_pipelines.avatars.wear.styles import Hair

STRANDS, STEPS = 380, 12


def grown(
    figure: Figure, hair: Hair, flat: np.ndarray, outermost: np.ndarray, rng: np.random.Generator
) -> tuple[Pieces, np.ndarray]:
    """The hair of a head, and how far it stands off every vertex of the body.

    Args:
        flat: 0..1 of every vertex of the body, how far a hat presses the hair down there.
        outermost: how far clothes are off every vertex.
    """
    pieces = Pieces()
    if max(hair.top, hair.side) <= 0:
        return pieces, np.zeros(len(figure.rest))
    grows = scalp.inside(figure, hair)
    shell, thick = scalp.cap(figure, hair, grows, flat)
    pieces.add(shell)
    if max(hair.top, hair.side) < 0.008:
        return pieces, thick
    roots = _roots(figure, hair, grows, flat, rng)
    if not len(roots):
        return pieces, thick
    path = _paths(figure, hair, roots, thick, flat, outermost, rng)
    outward = _outward(figure, path, roots, hair, rng)
    width = hair.width * rng.uniform(0.6, 1.35, len(roots))
    joints = strands.hanging(figure, path.reshape(-1, 3))
    pieces.add(strands.ribbons(path, outward, width, joints, "hair"))
    return pieces, thick


def _roots(figure: Figure, hair: Hair, grows: np.ndarray, flat: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vertices that strands grow from, `STRANDS` of them, evenly over the scalp; more along the hairline."""
    shared = figure.anatomy
    area = np.zeros(len(shared.template))
    faces = np.concatenate([shared.label_faces[name] for name in ("scalp", "face skin", "neck")])
    a, b, c = (shared.template[faces[:, corner]] for corner in range(3))
    np.add.at(area, faces.ravel(), np.repeat(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6, 3))
    long = scalp.length(figure, hair, np.arange(len(area)))
    density = (
        area * (grows > 0.001) * (shared.template[:, 1] > 0.23) * (long > 0.006) * (1 + 1.5 * np.exp(-grows / 0.012))
    )
    density *= (1 - flat) if hair.side < 0.1 else 1.0
    if not (density > 0).any():
        return np.zeros(0, int)
    total = density.cumsum() / density.sum()
    return np.searchsorted(total, (np.arange(STRANDS) + rng.uniform(0, 1, STRANDS)) / STRANDS)


def _paths(
    figure: Figure,
    hair: Hair,
    roots: np.ndarray,
    thick: np.ndarray,
    flat: np.ndarray,
    outermost: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Where the strands run, [n, STEPS + 1, 3], in the rest pose."""
    count = len(roots)
    template = figure.anatomy.template[roots]
    normal = figure.lowered_normals[roots]
    under = rng.uniform(0.35, 1.05, count)  # how deep in the hair a strand lies
    start = figure.lowered[roots] + normal * (thick[roots] * (0.4 + 0.5 * under))[:, None]
    lengths = scalp.length(figure, hair, roots) * rng.uniform(0.75, 1.12, count)
    fringe = (template[:, 2] > 0.055) & (template[:, 1] > 0.385) & (hair.fringe > 0)
    lengths = np.where(fringe, hair.fringe * rng.uniform(0.8, 1.05, count), lengths)
    lengths = lengths * (1 - 0.65 * hair.lift**2)  # what stands begins on the cap
    combed = _combed(template, normal, hair, fringe)
    combed += hair.mess * rng.normal(size=combed.shape)
    free = 1 - flat[roots]
    combed += (hair.lift * 2.0 * free)[:, None] * normal
    combed /= np.linalg.norm(combed, axis=1, keepdims=True)
    heavy = np.clip(lengths / 0.12, 0.15, 1.0) * (1 - 0.85 * hair.lift)
    stray = hair.mess * rng.normal(size=(count, 3))
    down = np.array([0.0, -1.0, 0.0])

    def steer(step: int, position: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Hair keeps its direction, falls, and keeps to where it is combed near the root."""
        comb = np.exp(-step / 2.5)
        fall = (heavy * np.minimum(1.4, 0.3 + 0.2 * step))[:, None]
        return direction + 0.6 * comb * combed + fall * down + 0.12 * stray

    margin = thick[roots] * under + 0.0015
    hug = 0.85 * (1 - np.minimum(1.6 * hair.lift * free, 1.0))
    path = strands.grow(figure, start, lengths, combed, margin, STEPS, steer, cover=outermost, hug=hug)
    if hair.gather > 0:
        bound = tied.paths(figure, hair, start, STEPS, outermost, rng)
        path = np.where(fringe[:, None, None], path, bound)
    path = _off_the_face(figure, path)
    if hair.curl > 0:
        turns = lengths / hair.wave
        most = STEPS / 4.5  # what so few points can show
        turns = np.minimum(turns, most) * rng.uniform(0.8, 1.2, count)
        path = strands.curl(path, hair.curl * free * rng.uniform(0.6, 1.2, count), turns, rng.uniform(0, 6.28, count))
    return path


def _combed(template: np.ndarray, normal: np.ndarray, hair: Hair, fringe: np.ndarray) -> np.ndarray:
    """Unit directions along the scalp in which hair lies at its roots."""
    part = np.stack(
        [np.full(len(template), hair.parting), template[:, 1], np.clip(template[:, 2], scalp.CROWN[2], 0.2)], axis=1
    )
    away = template - part
    away[:, 2] += np.minimum(template[:, 2] - scalp.CROWN[2], 0.0)
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 0.02)
    back = np.array([0.0, 0.1, -1.0])
    wish = (1 - abs(hair.sweep)) * (away + np.array([0.0, -0.35, 0.0])) + hair.sweep * back
    forward = np.array([0.0, -0.4, 1.0]) + 0.35 * away
    wish = np.where(fringe[:, None], forward, wish)
    wish = wish - (wish * normal).sum(axis=1, keepdims=True) * normal
    return wish / np.maximum(np.linalg.norm(wish, axis=1, keepdims=True), 1e-6)


def _off_the_face(figure: Figure, path: np.ndarray) -> np.ndarray:
    """Strands kept beside the face, and cut above the eyes."""
    points = figure.points
    brow = points[0:10, 1].mean() + 0.004
    chin = figure.joint("jaw")[1] - 0.09
    front = points[19:31, 2].min() - 0.035
    half = np.abs(points[[0, 9], 0]).mean() + 0.006
    x, y, z = path[..., 0], path[..., 1], path[..., 2]
    covers = (y < brow) & (y > chin) & (z > front) & (np.abs(x) < half)
    # A strand that falls over the brow ends there; one at the side of the face is moved aside.
    over = covers & (np.abs(path[:, :1, 0]) < 0.6 * half)
    over[:, 1:] |= covers[:, 1:] & (y[:, :-1] >= brow) & (np.abs(x[:, :-1]) < half)
    stopped = np.where(over.any(axis=1), np.argmax(over, axis=1) - 1, path.shape[1] - 1)
    path = strands.resample(path, np.maximum(stopped, 0.5) / (path.shape[1] - 1))
    x, y, z = path[..., 0], path[..., 1], path[..., 2]
    covers = (y < brow) & (y > chin) & (z > front) & (np.abs(x) < half)
    aside = np.where(path[:, :1, 0] >= 0, half, -half)
    path = path.copy()
    path[..., 0] = np.where(covers, aside, x)
    return path


def _outward(figure: Figure, path: np.ndarray, roots: np.ndarray, hair: Hair, rng: np.random.Generator) -> np.ndarray:
    """Which way the flat side of the strands looks."""
    middle = (figure.joint("head") + np.array([0.0, 0.07, 0.0]))[None, None] + np.zeros_like(path)
    middle[..., 1] = np.minimum(path[..., 1], middle[..., 1])
    middle[..., 2] -= 0.015
    outward = path - middle
    outward /= np.maximum(np.linalg.norm(outward, axis=-1, keepdims=True), 1e-6)
    return outward + 0.6 * rng.normal(size=(len(path), 1, 3)) * (1.0 + hair.lift)

"""A rasteriser to compare with: float64, numpy, face after face, pixel centre after pixel centre of its box."""

from typing import NamedTuple

import numpy as np

EDGE = 1e-6
"""Pixels, or a part of the edge's length where that is more than a pixel.

The edges of a float32 mesh lie no more exactly than that: x = 200 pixels is known to 8e-6 pixels, 3e-8 of a face that
reaches from there to the other side. So a face as large as the image cannot be asked for 1e-6 pixels; small ones can.
"""


class Seen(NamedTuple):
    """What every pixel sees; face -1, bary 0 and depth inf where there is nothing."""

    face: np.ndarray  # h w
    bary: np.ndarray  # h w 3, perspective-correct
    depth: np.ndarray  # h w


def at(pixels: np.ndarray, depth: np.ndarray, face: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights [n, 3] linear in the image, and depth [n], of a face's plane at points [n, 2]."""
    a, b, c = pixels[face].astype(np.float64)
    inner = np.linalg.solve(np.stack([b - a, c - a], axis=1), (points - a).T).T
    weights = np.concatenate([1 - inner.sum(axis=1, keepdims=True), inner], axis=1)
    with np.errstate(divide="ignore"):
        return weights, 1 / (weights / depth[face].astype(np.float64)).sum(axis=1)


def rasterize(pixels: np.ndarray, depth: np.ndarray, faces: np.ndarray, size: tuple[int, int], near: float) -> Seen:
    """`vlogger_jax.body.raster` for one frame; nearest depth, then lowest index."""
    height, width = size
    seen = Seen(np.full(size, -1), np.zeros((*size, 3)), np.full(size, np.inf))
    xy = pixels.astype(np.float64)[faces]
    (ax, ay), (bx, by), (cx, cy) = np.moveaxis(xy, 0, -1)
    front = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) < 0
    low, high = xy.min(axis=1) - 1, xy.max(axis=1) + 1
    shown = (low < (width, height)).all(axis=-1) & (high > 0).all(axis=-1)
    low, high = np.clip(low, 0, (width, height)), np.clip(high, 0, (width, height))
    for index in np.flatnonzero(front & shown & (depth[faces] > near).all(axis=1)):
        (left, top), (right, bottom) = low[index].astype(int), np.ceil(high[index]).astype(int)
        y, x = (grid.ravel() for grid in np.mgrid[top:bottom, left:right])
        weights, z = at(pixels, depth, faces[index], np.stack([x, y], axis=1) + 0.5)
        better = (weights >= 0).all(axis=1) & (z < seen.depth[y, x])
        y, x, weights, z = y[better], x[better], weights[better], z[better]
        seen.face[y, x], seen.depth[y, x] = index, z
        seen.bary[y, x] = weights / depth[faces[index]] * z[:, None]
    return seen


def unexplained(
    pixels: np.ndarray, depth: np.ndarray, faces: np.ndarray, ours: np.ndarray, seen: Seen
) -> list[tuple[int, int]]:
    """(row, column) of the pixels where the face index `ours` [h, w] differs for no good reason.

    Good reasons: the pixel's centre lies on an edge (see `EDGE`) of one of the two faces, or their depths there are
    equal in float32.
    """
    found = []
    for row, column in np.argwhere(ours != seen.face):
        pair = [face for face in (ours[row, column], seen.face[row, column]) if face >= 0]
        centre = np.array([column, row]) + 0.5
        if any(_edge_distance(pixels[faces[face]].astype(np.float64), centre) <= EDGE for face in pair):
            continue
        if len(pair) == 2:
            one, other = (at(pixels, depth, faces[face], centre[None])[1][0] for face in pair)
            if np.float32(one) == np.float32(other):
                continue
        found.append((int(row), int(column)))
    return found


def _edge_distance(corners: np.ndarray, point: np.ndarray) -> float:
    """From a point to the nearest edge, in pixels or lengths of that edge, whichever is less."""
    start, along = corners, np.roll(corners, -1, axis=0) - corners
    length = np.linalg.norm(along, axis=1)
    part = np.clip(((point - start) * along).sum(axis=1) / length**2, 0, 1)
    distance = np.linalg.norm(start + part[:, None] * along - point, axis=1)
    return float((distance / np.maximum(length, 1)).min())

"""Simple bodies: tubes, bodies of revolution, boxes, sheets; vertices and faces seen from outside."""

from collections.abc import Sequence

import numpy as np

from data_pipelines.avatars.wear.pieces import grid_faces

Mesh = tuple[np.ndarray, np.ndarray]
"""Vertices [n, 3] in metres and faces [f, 3]."""


def tube(path: np.ndarray, radius: np.ndarray | float, sides: int = 5, closed: bool = False, flat: float = 1.0) -> Mesh:
    """A tube along `path` [k, 3]; one end joins the other where `closed`, else both end in a point.

    Args:
        flat: height over width of its section; the width is horizontal where the path is not upright.
    """
    radius = np.broadcast_to(radius, len(path)).astype(np.float64)
    ahead = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    ahead = ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    up = np.where(np.abs(ahead[:, 1:2]) > 0.9, (0.0, 0.0, 1.0), (0.0, 1.0, 0.0))
    across = np.cross(up, ahead)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    up = np.cross(ahead, across)
    angle = 2 * np.pi * np.arange(sides) / sides
    ring = across[:, None] * np.cos(angle)[:, None] - flat * up[:, None] * np.sin(angle)[:, None]
    vertices = path[:, None] + radius[:, None, None] * ring
    if closed:
        rows = np.concatenate([vertices, vertices[:1]])
        return rows.reshape(-1, 3), grid_faces(len(rows), sides, closed=True)
    ends = [np.repeat(path[at][None, None], sides, axis=1) for at in (0, -1)]
    rows = np.concatenate([ends[0], vertices, ends[1]])
    return rows.reshape(-1, 3), grid_faces(len(rows), sides, closed=True)


def revolved(profile: Sequence[tuple[float, float]], sides: int = 16) -> Mesh:
    """A body of revolution about y through (radius, y) rings given from the top down."""
    angle = 2 * np.pi * np.arange(sides) / sides
    radius, height = np.array(profile, np.float64).T
    x, z = radius[:, None] * np.sin(angle), radius[:, None] * np.cos(angle)
    vertices = np.stack([x, np.broadcast_to(height[:, None], x.shape), z], axis=-1)
    return vertices.reshape(-1, 3), grid_faces(len(profile), sides, closed=True)


def ball(radius: float, sides: int = 8) -> Mesh:
    """A sphere."""
    angle = np.linspace(0.0, np.pi, max(sides // 2 + 1, 4))
    return revolved([(radius * np.sin(a), radius * np.cos(a)) for a in angle], sides)


def box(half: tuple[float, float, float]) -> Mesh:
    """A box with sharp edges about the origin."""
    square = np.array([(-1, 1), (1, 1), (-1, -1), (1, -1)], np.float64)
    vertices, faces = [], []
    for axis in range(3):
        for sign in (1.0, -1.0):
            right, up = (axis + 1) % 3, (axis + 2) % 3
            side = np.zeros((4, 3))
            side[:, axis], side[:, right], side[:, up] = sign, square[:, 0] * sign, square[:, 1]
            faces.append(grid_faces(2, 2) + 4 * len(faces))
            vertices.append(side * half)
    return np.concatenate(vertices), np.concatenate(faces)


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as one."""
    start = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    faces = [faces + first for (_, faces), first in zip(meshes, start[:-1], strict=True)]
    return np.concatenate([vertices for vertices, _ in meshes]), np.concatenate(faces)


def moved(mesh: Mesh, turn: np.ndarray, to: np.ndarray) -> Mesh:
    """A mesh turned by the matrix `turn` and then moved."""
    return mesh[0] @ turn.T + to, mesh[1]

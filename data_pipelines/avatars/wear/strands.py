"""Strands of hair, grown one step after another from the scalp over head and shoulders, and the ribbons they become."""

from collections.abc import Callable

import numpy as np

from data_pipelines.avatars.wear.figure import Figure
from data_pipelines.avatars.wear.pieces import Free, blended

Steer = Callable[[int, np.ndarray, np.ndarray], np.ndarray]
"""(step, positions [n, 3], directions so far [n, 3]) -> directions [n, 3] that strands wish to take."""


def grow(
    figure: Figure,
    roots: np.ndarray,
    lengths: np.ndarray,
    first: np.ndarray,
    margin: np.ndarray,
    steps: int,
    steer: Steer,
    cover: np.ndarray | None = None,
    hug: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Paths [n, steps + 1, 3] of strands from `roots`, on the body with lowered arms.

    Args:
        lengths: metres, of each strand; steps are half as long at the root as at the tip.
        first: unit directions at the roots.
        margin: metres that strands keep off the body, [n] or [n, steps].
        cover, hug: as `Figure.push_out` takes them; hair hugs the head only, not what is below the jaw.
    """
    share = np.linspace(2.0, 4.0, steps)
    share /= share.sum()
    margin = np.broadcast_to(margin if np.ndim(margin) == 2 else np.reshape(margin, (-1, 1)), (len(roots), steps))
    jaw = figure.joint("jaw")[1] - 0.015
    path, direction = [roots], first
    for k in range(steps):
        wish = steer(k, path[-1], direction)
        step = (lengths * share[k])[:, None]
        wish = wish / np.maximum(np.linalg.norm(wish, axis=-1, keepdims=True), 1e-9)
        there = path[-1] + step * wish
        there = figure.push_out(there, margin[:, k], cover, hug * np.clip((there[:, 1] - jaw) / 0.03, 0.0, 1.0))
        moved = there - path[-1]
        size = np.linalg.norm(moved, axis=-1, keepdims=True)
        direction = np.where(size > 1e-6, moved / np.maximum(size, 1e-9), wish)
        path.append(path[-1] + step * direction)
    return np.stack(path, axis=1)


def resample(path: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The paths shortened to the part `end` (0..1) of their length, with as many points as before."""
    count = path.shape[1]
    at = np.linspace(0.0, 1.0, count) * end[:, None] * (count - 1)
    low = np.minimum(at.astype(int), count - 2)
    share = (at - low)[..., None]
    rows = np.arange(len(path))[:, None]
    return (1 - share) * path[rows, low] + share * path[rows, low + 1]


def curl(path: np.ndarray, radius: np.ndarray, turns: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """The paths wound around themselves: `radius` [n] metres at the tips, growing from the root, `turns` [n] in all."""
    along = np.linspace(0.0, 1.0, path.shape[1])
    tangent = directions(path)
    up = np.array([0.0, 1.0, 0.3]) / np.hypot(1.0, 0.3)
    one = np.cross(tangent, up)
    one /= np.maximum(np.linalg.norm(one, axis=-1, keepdims=True), 1e-6)
    other = np.cross(tangent, one)
    angle = 2 * np.pi * turns[:, None] * along + phase[:, None]
    swing = radius[:, None] * np.minimum(1.0, 2.5 * along)
    return path + (swing * np.cos(angle))[..., None] * one + (swing * np.sin(angle))[..., None] * other


def directions(path: np.ndarray) -> np.ndarray:
    """Unit tangents [n, k, 3]."""
    found = np.gradient(path, axis=1)
    return found / np.maximum(np.linalg.norm(found, axis=-1, keepdims=True), 1e-9)


def ribbons(
    path: np.ndarray,
    outward: np.ndarray,
    width: np.ndarray,
    joints: tuple[np.ndarray, np.ndarray],
    material: str,
    first: int = 0,
) -> Free:
    """Ribbons along the paths, flat side `outward`, narrow at both ends.

    Args:
        path: [n, k, 3] in the rest pose.
        outward: [n, k, 3].
        width: [n] metres at the widest.
        joints: joints and weights of the paths' points, [n * k, 4] each.
        first: number of the first strand.
    """
    count, points, _ = path.shape
    tangent = directions(path)
    side = np.cross(outward, tangent)
    side /= np.maximum(np.linalg.norm(side, axis=-1, keepdims=True), 1e-9)
    along = np.linspace(0.0, 1.0, points)
    taper = np.minimum(1.0, 0.55 + 2.0 * along) * np.minimum(1.0, 3.5 * (1.0 - along) + 0.08)
    half = 0.5 * width[:, None] * taper
    edges = np.stack([path - half[..., None] * side, path + half[..., None] * side], axis=2)  # n k 2 3
    metres = np.concatenate(
        [np.zeros((count, 1)), np.linalg.norm(np.diff(path, axis=1), axis=-1).cumsum(axis=1)], axis=1
    )
    place = np.empty((count, points, 2, 3))
    place[..., 0] = (first + np.arange(count))[:, None, None]
    place[..., 1] = metres[..., None]
    place[..., 2] = (0.0, 1.0)
    corner = 2 * np.arange(points - 1)
    strip = np.concatenate(
        [np.stack([corner, corner + 2, corner + 1], 1), np.stack([corner + 1, corner + 2, corner + 3], 1)]
    )
    faces = (2 * points * np.arange(count)[:, None, None] + strip).reshape(-1, 3)
    return Free(
        material=material,
        position=edges.reshape(-1, 3),
        joints=np.repeat(joints[0], 2, axis=0),
        weights=np.repeat(joints[1], 2, axis=0),
        faces=faces,
        back=True,
        place=place.reshape(-1, 3),
        tangent=np.repeat(tangent.reshape(-1, 3), 2, axis=0),
    )


def hanging(figure: Figure, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints and weights of hair at `points` [n, 3]: of the head above the jaw, of the chest where it lies on it."""
    top = figure.joint("head")[1] - 0.005
    bottom = figure.joint("neck")[1] - 0.045
    down = np.clip((top - points[:, 1]) / (top - bottom), 0.0, 1.0)
    down = down * down * (3 - 2 * down)
    return blended({"head": (1 - down) ** 2, "neck": 2 * down * (1 - down), "spine3": down**2})

"""Round eyeballs in place of MakeHuman's coarse ones, as linear combinations of their vertices.

Being linear, they follow every target: where a target moves or scales the eye, the sphere moves and scales with it.
"""

import numpy as np

from vlogger_jax.core.typing import Array, Float, Int

RINGS = (10.0, 17.0, 24.0, 32.0, 42.0, 55.0, 70.0, 90.0, 115.0, 145.0)
"""Degrees from the line of sight; 10 is the rim of the pupil, 24 that of the iris."""
SEGMENTS = 20
IRIS_QUADS = 3 * SEGMENTS
"""The iris is the first of `quads`: around the pole, to 17 and to 24 degrees."""


def directions() -> Float[Array, "n 3"]:
    """Unit vectors from the eyeball's centre to its vertices, line of sight +z: the two poles, then ring after ring."""
    angle, turn = np.deg2rad(RINGS)[:, None], 2 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    ring = [np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle) * np.ones(SEGMENTS)]
    return np.concatenate([[[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]], np.stack(ring, axis=-1).reshape(-1, 3)])


def quads() -> Int[Array, "q 4"]:
    """Faces over `directions`, counter-clockwise from outside; around the poles two corners coincide."""
    segment = np.arange(SEGMENTS)
    after = (segment + 1) % SEGMENTS
    ring = [2 + SEGMENTS * r + segment for r in range(len(RINGS))]
    ring_after = [2 + SEGMENTS * r + after for r in range(len(RINGS))]
    front, behind = np.zeros_like(segment), np.ones_like(segment)
    found = [np.stack([front, ring[0], ring_after[0], front], axis=1)]
    for r in range(len(RINGS) - 1):
        found.append(np.stack([ring[r], ring[r + 1], ring_after[r + 1], ring_after[r]], axis=1))
    found.append(np.stack([ring[-1], behind, behind, ring_after[-1]], axis=1))
    return np.concatenate(found)


def combination(vertices: Float[Array, "k 3"]) -> Float[Array, "n k"]:
    """Weights [n, k] over the coarse eyeball's vertices [k, 3] that make the round one: same centre, same radius."""
    centre = vertices.mean(axis=0)
    radius = np.linalg.norm(vertices - centre, axis=1).mean()
    wanted = np.concatenate([centre + radius * directions(), np.ones((len(directions()), 1))], axis=1)
    basis = np.concatenate([vertices, np.ones((len(vertices), 1))], axis=1)
    return np.linalg.lstsq(basis.T, wanted.T, rcond=None)[0].T

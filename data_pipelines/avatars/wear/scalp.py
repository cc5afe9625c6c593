"""Where hair grows: the hairline, how long and thick hair is on the scalp, and the closed cap beneath strands."""

from functools import lru_cache
from itertools import pairwise

import numpy as np

from data_pipelines.avatars.wear import cut
from data_pipelines.avatars.wear.figure import Anatomy, Figure
from data_pipelines.avatars.wear.pieces import Shell
from data_pipelines.avatars.wear.styles import Hair

HAIRLINE = np.array(  # (z, y) in the template: forehead, temple, sideburn, ear, nape
    [
        *((0.140, 0.3935), (0.110, 0.3900), (0.088, 0.3780), (0.074, 0.3560), (0.066, 0.3300), (0.060, 0.3080)),
        *((0.046, 0.3060), (0.022, 0.2850), (0.002, 0.2560), (-0.060, 0.2440)),
    ]
)
CROWN = np.array([0.0, 0.425, -0.005])
"""Where hair turns round itself, in the template."""


def inside(figure: Figure, hair: Hair) -> np.ndarray:
    """Metres from the hairline of every vertex of the body; positive where hair grows."""
    shared = figure.anatomy
    where = _hairy(shared)
    template = shared.template[where]
    line = HAIRLINE.copy()
    line[:3, 1] += (hair.hairline, hair.hairline + 0.6 * hair.receding, hair.receding)
    line[1:4, 0] -= (0.3 * hair.receding, 0.9 * hair.receding, 0.4 * hair.receding)
    above = _height_over(template[:, 2], template[:, 1], line)
    found = np.minimum(above, np.where(template[:, 1] > 0.24, shared.near_ear[where] - 0.003, -1.0))
    # Receding hair leaves a peak in the middle.
    peak = np.abs(template[:, 0]) - 0.026
    corner = hair.receding * np.clip(peak / 0.02, 0.0, 1.0) * np.clip((template[:, 2] - 0.06) / 0.04, 0.0, 1.0)
    result = np.full(len(shared.template), -1.0)
    result[where] = found - 0.8 * corner
    return result


@lru_cache(maxsize=2)
def _hairy(shared: Anatomy) -> np.ndarray:
    """Vertices of the head that hair may grow from."""
    vertices = shared.vertices_of("scalp", "face skin", "neck")
    return vertices[shared.template[vertices, 1] > 0.22]


def length(figure: Figure, hair: Hair, which: np.ndarray) -> np.ndarray:
    """Metres that hair is long at the body's vertices `which`: `top` above, `side` below, with a blend between."""
    template = figure.anatomy.template[which]
    across, height = np.abs(template[:, 0]), template[:, 1]
    above = np.clip((height - 0.372 - 0.25 * np.maximum(0.03 - across, 0.0)) / 0.022, 0.0, 1.0)
    above = above * above * (3 - 2 * above)
    return hair.side + (hair.top - hair.side) * above


def cap(figure: Figure, hair: Hair, grows: np.ndarray, flat: np.ndarray) -> tuple[Shell, np.ndarray]:
    """The closed surface beneath the strands, and its offset at every vertex of the body.

    Args:
        grows: as `inside` gives it.
        flat: 0..1 of every vertex, how far something presses the hair down there.
    """
    shared = figure.anatomy
    faces = np.concatenate([shared.label_faces[name] for name in ("scalp", "face skin", "neck")])
    faces = faces[shared.template[faces][..., 1].min(axis=1) > 0.23]
    every = np.arange(len(shared.template))
    long = length(figure, hair, every)
    bumps = np.zeros(len(every))
    bumps[_hairy(shared)] = _bumps(shared.template[_hairy(shared)], hair.seed)
    lying = np.minimum(0.0018 + 0.22 * long, 0.011 - 0.006 * hair.gather)
    standing = 0.8 * long
    thick = lying + hair.lift * (np.minimum(standing, 0.075) - lying) * (standing > lying)
    thick = thick * (1 + 0.16 * np.clip(hair.curl / 0.006, 0.2, 1.0) * bumps)
    thick = np.minimum(thick, 0.0015 + np.maximum(grows, 0.0) * (0.45 + 1.2 * hair.lift))
    thick = np.maximum(thick * (1 - flat) + 0.002 * flat, 0.0012)
    return cut.shell(figure, faces, grows, thick, "hair", rim=0.004), np.where(grows > 0, thick, 0.0)


def _height_over(z: np.ndarray, y: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Signed metres of points (z, y) from an open line that runs from front to back, positive above it."""
    best = np.full(z.shape, np.inf)
    for (z0, y0), (z1, y1) in pairwise(line):
        along = np.clip(((z - z0) * (z1 - z0) + (y - y0) * (y1 - y0)) / ((z1 - z0) ** 2 + (y1 - y0) ** 2), 0.0, 1.0)
        best = np.minimum(best, np.hypot(z - z0 - along * (z1 - z0), y - y0 - along * (y1 - y0)))
    above = y > np.interp(-z, -line[:, 0], line[:, 1])
    return np.where(above, best, -best)


def _bumps(points: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wave = rng.normal(size=(9, 3))
    wave *= 2 * np.pi / rng.uniform(0.018, 0.07, (9, 1)) / np.linalg.norm(wave, axis=1, keepdims=True)
    return np.sin(points @ wave.T + rng.uniform(0, 2 * np.pi, 9)).sum(axis=1) / 3.0

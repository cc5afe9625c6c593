"""Ambient occlusion: how much of the sky every vertex of the bare body sees, once for a body."""

import numpy as np

from data_pipelines.default_body.shading import vertex_normals
from vlogger_jax.body import names, raster, smplx
from vlogger_jax.core.typing import Float

DIRECTIONS = 48
SIDE = 256
BIAS = 0.003
"""Metres that a surface may lie behind what is seen before it counts as hidden."""

_FAR = 20.0  # metres to the plane that depth is counted from: rays are as good as parallel
_LOWERED = {"left_shoulder": (0.0, 0.0, -1.0), "right_shoulder": (0.0, 0.0, 1.0)}


def occlusion(model: smplx.BodyModel) -> Float[np.ndarray, "v"]:
    """The part of the sky, weighted by the cosine, that each vertex sees; with lowered arms, 1 = all of it."""
    motion = smplx.rest_motion(model)
    for joint, turn in _LOWERED.items():
        motion.body_pose[0, names.JOINTS.index(joint) - 1] = turn
    points = np.asarray(smplx.pose(model, motion).vertices[0], np.float32)
    faces = np.asarray(model.faces)
    normal = vertex_normals(points, faces)
    head = points[:, 1] > points[np.unique(faces[np.asarray(model.labels) == names.LABELS.index("neck")]), 1].min()
    seen, total = np.zeros(len(points)), np.full(len(points), 1e-6)
    for direction in _sphere(DIRECTIONS):
        cosine = np.clip(normal @ direction, 0, None)
        visible = np.where(head, _visible(points, faces, direction, head), _visible(points, faces, direction, ~head))
        seen += cosine * visible
        total += cosine
    return (seen / total).astype(np.float32)


def _sphere(count: int) -> np.ndarray:
    """Directions spread evenly over the sphere: a golden spiral."""
    index = np.arange(count) + 0.5
    height, turn = 1 - 2 * index / count, np.pi * (1 + 5**0.5) * index
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(turn), height, ring * np.sin(turn)], axis=-1)


def _visible(points: np.ndarray, faces: np.ndarray, direction: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Whether each vertex is seen from `direction`, in a picture that holds the vertices of `part`."""
    across = np.cross(direction, [0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    down = np.cross(across, direction)
    plane = np.stack([points @ across, -points @ down], axis=-1) * [-1.0, 1.0]
    low, high = plane[part].min(axis=0), plane[part].max(axis=0)
    pixels = (plane - low) * ((SIDE - 4) / (high - low).max()) + 2
    depth = _FAR - points @ direction
    found = raster.rasterize(pixels[None].astype(np.float32), depth[None].astype(np.float32), faces, size=(SIDE, SIDE))
    nearest = np.pad(np.asarray(found.depth[0]), 1, mode="edge")
    column, row = np.clip(pixels, 0, SIDE - 1).astype(int).T
    # The farthest of the pixels around: a slope must not hide itself.
    around = np.max([nearest[row + i, column + j] for i in range(3) for j in range(3)], axis=0)
    return depth <= around + BIAS

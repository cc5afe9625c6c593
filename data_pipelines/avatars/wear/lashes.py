"""Lashes: fans of thin triangles on the edges of the upper lids, which follow them when they close."""

from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from data_pipelines.avatars.wear.figure import Anatomy, Figure
from data_pipelines.avatars.wear.pieces import Shell

_LASHES = 18  # of an eye


def grown(figure: Figure, length: float) -> Shell:
    """Lashes `length` metres long."""
    pick = _places(figure.anatomy)
    count = len(pick)
    corner = np.arange(3 * count).reshape(-1, 3)
    offset = np.tile((0.0006, 0.0006, length), count)
    place = np.zeros((count, 3, 3))
    place[..., 0] = np.arange(count)[:, None]
    place[:, 2, 1] = length
    place[:, 1, 2], place[:, 2, 2] = 1.0, 0.5
    tangent = np.tile((0.0, 0.3, 0.95), (3 * count, 1))
    return Shell(
        material="lash",
        vertex=pick[:, [0, 0, 2]].ravel(),
        toward=pick[:, [0, 1, 2]].ravel(),
        share=np.tile((0.0, 0.4, 0.0), count),
        offset=offset,
        faces=corner,
        back=True,
        place=place.reshape(-1, 3),
        tangent=tangent,
    )


@lru_cache(maxsize=2)
def _places(shared: Anatomy) -> np.ndarray:
    """Two vertices on the lid's edge and one above it, for every lash, [n, 3]."""
    model, template = shared.model, shared.template
    corners = template[shared.faces[np.asarray(model.landmark_faces)]]
    points = (corners * np.asarray(model.landmark_bary)[..., None]).sum(axis=1)
    lids = shared.vertices_of("eyelids")
    tree = cKDTree(template[lids])
    found = []
    for first in (19, 25):  # iBUG 36-39 and 42-45: an eye's upper edge from corner to corner
        edge = points[first : first + 4]
        along = np.linspace(0.0, 1.0, 4)
        at = np.linspace(0.04, 0.96, _LASHES + 1)
        curve = np.stack([np.interp(at, along, edge[:, axis]) for axis in range(3)], axis=1)
        _, low = tree.query(curve)
        middle = (curve[1:] + curve[:-1]) / 2
        out = np.sign(middle[:, :1] - edge[:, 0].mean()) * np.array([[0.0012, 0.0, 0.0]])
        _, tip = tree.query(middle + np.array([0.0, 0.003, 0.001]) + out)
        found.append(np.stack([lids[low[:-1]], lids[low[1:]], lids[tip]], axis=1))
    pick = np.concatenate(found)
    return pick[(pick[:, 0] != pick[:, 1]) & (pick[:, 1] != pick[:, 2]) & (pick[:, 0] != pick[:, 2])]

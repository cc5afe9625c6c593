"""Cutting a shell out of the body along a smooth line, with a rim where the cloth ends."""

import numpy as np
from scipy.sparse import csr_array

from data_pipelines.avatars.wear.figure import Figure
from data_pipelines.avatars.wear.pieces import Shell


def shell(
    figure: Figure,
    faces: np.ndarray,
    inside: np.ndarray,
    offset: np.ndarray,
    material: str,
    rim: float = 0.012,
) -> Shell:
    """The part of `faces` where `inside` is positive, `offset` off the body.

    Faces that the line `inside` = 0 crosses are split along it, so the edge is as smooth as `inside` is, however coarse
    the mesh. From there a strip of cloth leads back to the body, as the inside of a sleeve does.

    Args:
        faces: of the body, the region that the cut runs through.
        inside: of every vertex of the body, metres from the line, positive where there is cloth.
        offset: of every vertex of the body, metres.
        rim: metres from the edge to where its inner side meets the body.
    """
    above = inside[faces] > 0
    number = above.sum(axis=1)
    whole = faces[number == 3]
    split = faces[(number == 1) | (number == 2)]
    if not len(split):
        return _whole(whole, offset, material)
    lone = number[(number == 1) | (number == 2)] == 1
    # Turn each face so that its odd corner, alone on its side of the line, comes first.
    odd = np.argmax(above[(number == 1) | (number == 2)] == lone[:, None], axis=1)
    a, b, c = (np.take_along_axis(split, ((odd + turn) % 3)[:, None], axis=1)[:, 0] for turn in range(3))
    count = len(inside)

    def key(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        within = np.where(inside[one] > 0, one, other)
        return within.astype(np.int64) * count + np.where(inside[one] > 0, other, one)

    keys, where = np.unique(np.concatenate([key(a, b), key(a, c)]), return_inverse=True)
    vertex, toward = keys // count, keys % count
    share = inside[vertex] / (inside[vertex] - inside[toward])
    used = np.zeros(count, bool)
    for some in (whole.ravel(), a[lone], b[~lone], c[~lone]):
        used[some] = True
    kept, slot = np.flatnonzero(used), np.cumsum(used) - 1
    first, edges = len(kept), len(keys)
    ab, ac = first + where[: len(a)], first + where[len(a) :]
    a, b, c = slot[a], slot[b], slot[c]
    small = np.stack([a, ab, ac], axis=1)[lone]
    large = np.concatenate([np.stack([ab, b, c], axis=1)[~lone], np.stack([ab, c, ac], axis=1)[~lone]])
    # The edge runs from ab to ac with cloth on its left where the odd corner is cloth, else on its right.
    start, end = np.where(lone, ab, ac), np.where(lone, ac, ab)
    outer, inner = edges, 2 * edges
    strip = np.concatenate(
        [
            np.stack([start + outer, start + inner, end + outer], 1),
            np.stack([end + outer, start + inner, end + inner], 1),
        ]
    )
    thick = (1 - share) * offset[vertex] + share * offset[toward]
    length = np.linalg.norm(figure.rest[toward] - figure.rest[vertex], axis=1)
    back = np.maximum(share - rim / np.maximum(length, 1e-6), 0.0)
    return Shell(
        material=material,
        vertex=np.concatenate([kept, vertex, vertex, vertex]),
        toward=np.concatenate([kept, toward, toward, toward]),
        share=np.concatenate([np.zeros(first), share, share, back]),
        offset=np.concatenate([offset[kept], thick, thick, np.minimum(-0.002, thick - 0.003)]),
        faces=np.concatenate([slot[whole], small, large, strip]),
    )


def _whole(faces: np.ndarray, offset: np.ndarray, material: str) -> Shell:
    used = np.zeros(len(offset), bool)
    used[faces] = True
    kept, slot = np.flatnonzero(used), np.cumsum(used) - 1
    return Shell(
        material=material,
        vertex=kept,
        toward=kept,
        share=np.zeros(len(kept)),
        offset=offset[kept],
        faces=slot[faces],
    )


def tension(
    figure: Figure, region: np.ndarray, offset: np.ndarray, least: np.ndarray, times: int, strength: float = 0.6
) -> np.ndarray:
    """Offsets of a cloth that spans hollows: each vertex is drawn to the mean of those around it, never below `least`.

    Args:
        region: vertices that the cloth covers; the others keep their offset.
        offset, least: of every vertex of the body, metres.
    """
    matrix = figure.anatomy.neighbours[region]
    touched = np.zeros(len(offset), bool)
    touched[matrix.indices] = True
    used, slot = np.flatnonzero(touched), np.cumsum(touched) - 1
    local = csr_array((matrix.data, slot[matrix.indices], matrix.indptr), shape=(len(region), len(used)))
    rest, normal = figure.rest[used], figure.normals[used]
    mine = slot[region]
    found = offset[used].astype(np.float64)
    for _ in range(times):
        cloth = rest + normal * found[:, None]
        pull = ((local @ cloth - cloth[mine]) * normal[mine]).sum(axis=1)
        found[mine] = np.maximum(found[mine] + strength * pull, least[region])
    result = offset.astype(np.float64).copy()
    result[used] = found
    return result

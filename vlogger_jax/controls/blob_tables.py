"""What `controls.blob` knows of a body: a chart of its skin as affine maps, a face a texel, and neighbours.

The chart is the rest pose (arms held out, facing +z) seen from the front beside the same seen from the back, and the
hands from above and below, where fingers hide each other least. Measured, it beats the body's own texture coordinates:
who faces a camera is seen much like it, so that from pixel to pixel one moves evenly across it, whatever the facets.

All of it is a pure function of the body's mesh, computed element by element in float64 and stored in float32, so that
every machine builds the same bytes; `Tables.identity` is a hash of them, and a blob names the tables it was made with.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from vlogger_jax.body.names import LABELS
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import BACKGROUND
from vlogger_jax.core.typing import Float, Int, UInt16

TEXELS = 1024
"""Side of the chart's lookup texture."""

NEIGHBOURS = 64
"""How many neighbours of a face have a symbol of their own."""

_MARGIN = 8  # texels around what is charted that still know their nearest face
_SHEETS = (  # label (0: all others), axes to the right and down, and place of the near sheet; the far one is beside it
    (0, 0, 1, 0.0, 0.0, 0.5, 0.75),
    (LABELS.index("left hand"), 0, 2, 0.0, 0.75, 0.25, 0.25),
    (LABELS.index("right hand"), 0, 2, 0.5, 0.75, 0.25, 0.25),
)


@dataclass(frozen=True, eq=False)
class Tables:
    """A body's tables. Weights are those of a face's second and third vertices, times 255.

    Attributes:
        identity: 8 bytes, different for different tables.
        points: per face x, y of its first vertex in texels, then what one unit of the second weight adds, then of the
            third.
        weights: per face a, b, c, d, e, f, s: second weight = a x + b y + c and third = d x + e y + f in texels; s is
            how far the third moves for each unit of error of the second, on average over errors of the point.
        scale: greatest change of a weight for a texel.
        face_at: face of each texel, row after row.
        neighbours: faces within two vertices, nearest first in the rest pose; then `BACKGROUND`.
    """

    identity: bytes
    points: Float[np.ndarray, "f 6"]
    weights: Float[np.ndarray, "f 7"]
    scale: Float[np.ndarray, "f"]
    face_at: UInt16[np.ndarray, "n"]
    neighbours: UInt16[np.ndarray, "f k"]


def for_body(model: BodyModel) -> Tables:
    """The tables of `model`, about 8 MB; takes about two seconds, so keep them. Raises as `build`."""
    return build(np.asarray(model.v_template), np.asarray(model.faces), np.asarray(model.labels))


def build(vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"], labels: Int[np.ndarray, "f"]) -> Tables:
    """Tables of a mesh in its rest pose (metres), `labels` as in `body.names.LABELS`.

    Raises:
        ValueError: if there are more faces than a G-buffer can number.
    """
    if len(faces) > BACKGROUND:
        raise ValueError(f"the body has {len(faces)} faces; a G-buffer numbers at most {BACKGROUND}")
    vertices, faces = vertices.astype(np.float64), faces.astype(np.int64)
    corners, depth = _project(vertices[faces], labels)
    points, weights = _maps(corners)
    face_at, neighbours = _texture(corners, depth), _neighbours(faces, vertices)
    return Tables(
        identity=_hash(points, weights, face_at, neighbours),
        points=points,
        weights=weights,
        scale=np.abs(weights[:, [0, 1, 3, 4]]).max(axis=1),
        face_at=face_at,
        neighbours=neighbours,
    )


def _project(triangles: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The chart: corners [f, 3, 2] in texels of triangles [f, 3, 3], and a depth that grows away from the viewer."""
    second, third = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    corners, depth = np.zeros((len(triangles), 3, 2)), np.zeros(len(triangles))
    for label, x, y, left, top, width, height in _SHEETS:
        part = labels == label if label else ~np.isin(labels, [sheet[0] for sheet in _SHEETS if sheet[0]])
        if not part.any():
            continue
        flat = triangles[part][..., [x, y]]
        low = flat.min(axis=(0, 1))
        flat = (flat - low) / np.maximum(flat.max(axis=(0, 1)) - low, 1e-9)
        z = 3 - x - y
        behind = (second[part, x] * third[part, y] - second[part, y] * third[part, x]) * (1 if y == 1 else -1) < 0
        corner = np.array([left, top]) + np.array([width, height]) * (0.008 + 0.984 * flat)
        corner[..., 0] += width * behind[:, None]
        toward = (triangles[part, 0, z] + triangles[part, 1, z]) + triangles[part, 2, z]
        corners[part], depth[part] = TEXELS * corner, np.where(behind, toward, -toward)
    return corners, depth


def _hash(*arrays: np.ndarray) -> bytes:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).data)
    return digest.digest()[:8]


def _maps(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`Tables.points` and `Tables.weights` of triangles [f, 3, 2] in texels; a degenerate one has weights of 0."""
    x, y = corners[:, 0, 0], corners[:, 0, 1]
    ux, uy = corners[:, 1, 0] - x, corners[:, 1, 1] - y
    vx, vy = corners[:, 2, 0] - x, corners[:, 2, 1] - y
    area = ux * vy - uy * vx
    usable = np.abs(area) > 1e-6
    factor = np.where(usable, 255.0 / np.where(usable, area, 1.0), 0.0)
    a, b, d, e = vy * factor, -vx * factor, -uy * factor, ux * factor
    spread = a * a + b * b
    slope = np.where(usable, (a * d + b * e) / np.where(usable, spread, 1.0), 0.0)
    points = np.stack([x, y, ux / 255.0, uy / 255.0, vx / 255.0, vy / 255.0], axis=-1)
    weights = np.stack([a, b, -(a * x + b * y), d, e, -(d * x + e * y), slope], axis=-1)
    return points.astype(np.float32), weights.astype(np.float32)


def _texture(corners: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The face of least depth at each texel's centre; around the sheets the nearest one, elsewhere face 0."""
    order = np.argsort(depth, kind="stable")
    corners = corners[order]
    low, high = (
        np.ceil(corners.min(axis=1) - 0.5).astype(np.int64),
        np.floor(corners.max(axis=1) - 0.5).astype(np.int64),
    )
    low, high = np.maximum(low, 0), np.minimum(high, TEXELS - 1)
    extent = np.maximum(high - low + 1, 0)
    face, within = _expand(extent.prod(axis=1))
    column, row = low[face, 0] + within % extent[face, 0], low[face, 1] + within // extent[face, 0]
    centre = np.stack([column, row], axis=-1) + 0.5
    a, b, c = (corners[face, i] for i in range(3))
    turn = np.sign(_cross(a, b, c))
    inside = (turn != 0) & np.all([turn * _cross(*edge, centre) >= 0 for edge in ((a, b), (b, c), (c, a))], axis=0)
    texture = np.full((TEXELS, TEXELS), BACKGROUND, np.uint16)
    np.minimum.at(texture, (row[inside], column[inside]), face[inside].astype(np.uint16))
    texture = np.append(order, BACKGROUND).astype(np.uint16)[np.minimum(texture, len(order))]
    for _ in range(_MARGIN):
        for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
            texture = np.where(texture == BACKGROUND, np.roll(texture, shift, axis), texture)
    texture[texture == BACKGROUND] = 0
    return texture.reshape(-1)


def _cross(a: np.ndarray, b: np.ndarray, p: np.ndarray) -> np.ndarray:
    return (b[:, 0] - a[:, 0]) * (p[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (p[:, 0] - a[:, 0])


def _neighbours(faces: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """The `NEIGHBOURS` nearest of the faces that share a vertex with a face or with one that does, nearest first."""
    corner = faces.reshape(-1)
    by_vertex = np.argsort(corner, kind="stable") // 3
    which, other = _join(corner, corner, by_vertex, len(vertices))
    one, other = _distinct(which // 3, other, len(faces))
    which, onward = _join(other, one, other, len(faces))
    one, other = _distinct(one[which], onward, len(faces))
    one, other = one[one != other], other[one != other]
    centre = (vertices[faces[:, 0]] + vertices[faces[:, 1]]) + vertices[faces[:, 2]]
    apart = centre[one] - centre[other]
    distance = (apart[:, 0] ** 2 + apart[:, 1] ** 2) + apart[:, 2] ** 2
    order = np.lexsort((other, distance, one))
    one, other = one[order], other[order]
    _, rank = _expand(np.bincount(one, minlength=len(faces)))
    kept = rank < NEIGHBOURS
    table = np.full((len(faces), NEIGHBOURS), BACKGROUND, np.uint16)
    table[one[kept], rank[kept]] = other[kept]
    return table


def _expand(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every i `counts[i]` times, and the number of its repetition."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - (np.cumsum(counts) - counts)[which]


def _join(keys: np.ndarray, of: np.ndarray, values: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """(Position in `keys`, value) for every value under that key; `values` are sorted by their keys `of`."""
    counts = np.bincount(of, minlength=limit)
    which, within = _expand(counts[keys])
    return which, values[(np.cumsum(counts) - counts)[keys][which] + within]


def _distinct(one: np.ndarray, other: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.unique(one * limit + other)
    return pairs // limit, pairs % limit

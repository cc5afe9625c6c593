"""Hair of the face: a shell over chin, cheeks and lip that the jaw carries along, tufts, strands below the chin."""

from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from data_pipelines.avatars.wear import cut, strands
from data_pipelines.avatars.wear.figure import Anatomy, Figure
from data_pipelines.avatars.wear.pieces import Free, Pieces, Shell, as_skin
from data_pipelines.avatars.wear.styles import Beard

TUFTS, HANGING, STEPS = 420, 60, 5
LIPS = 0.0022
"""Metres that a beard keeps off the lips."""


def grown(figure: Figure, beard: Beard, rng: np.random.Generator) -> Pieces:
    """The beard of a face; it never reaches the lips."""
    pieces = Pieces()
    faces, shares = _region(figure.anatomy)
    inside = np.where(shares[:, 2] > 0, shares[:, 3], np.minimum(shares[:, 3], 1.0))
    lengths = (beard.chin, beard.cheeks, beard.moustache)
    long = shares[:, :3] @ np.array(lengths)
    # Parts that are shaved are outside of the line.
    grows = np.minimum(inside, (long - 0.0008) * 4.0)
    noise = 1 + 0.25 * np.sin(figure.anatomy.template @ (np.array([900.0, 700.0, 500.0])) + beard.seed % 7)
    thick = np.minimum(0.0008 + 0.45 * long * noise, 0.0007 + 0.6 * np.maximum(grows, 0.0))
    pieces.add(cut.shell(figure, faces, grows, thick, "beard", rim=0.002))
    if max(lengths) > 0.003:
        pieces.add(_tufts(figure, grows, long, thick, rng))
    if beard.hanging > 0:
        pieces.add(_hanging(figure, beard, thick, rng))
    return pieces


@lru_cache(maxsize=2)
def _region(shared: Anatomy) -> tuple[np.ndarray, np.ndarray]:
    """Faces that may carry a beard; of every vertex the shares of chin, cheeks and lip, and metres from the edge."""
    template = shared.template
    faces = np.concatenate([shared.label_faces["face skin"], shared.label_faces["neck"]])
    faces = faces[(template[faces][..., 2].min(axis=1) > 0.03) & (template[faces][..., 1].max(axis=1) < 0.335)]
    lips, _ = cKDTree(template[shared.vertices_of("lips", "mouth cavity")]).query(template)
    x, y, z = np.abs(template[:, 0]), template[:, 1], template[:, 2]
    # From the sideburn before the ear down over the cheek to the corner of the mouth, and along the throat.
    cheek = np.interp(z, [0.045, 0.066, 0.090, 0.115, 0.130], [0.330, 0.318, 0.276, 0.266, 0.262]) - y
    throat = y - np.interp(z, [0.03, 0.06, 0.10, 0.13], [0.262, 0.240, 0.216, 0.214])
    front = z - 0.050
    whiskers = np.minimum.reduce([cheek, throat, front])
    above = np.minimum.reduce([y - 0.264, 0.2845 - y - 0.16 * x, 0.031 - x, z - 0.118])
    mouth = lips - LIPS
    lip = np.clip(above / 0.003 + 1.0, 0.0, 1.0)
    chin = (1 - lip) * np.clip(1.6 - x / 0.024, 0.0, 1.0) * np.clip((0.262 - y) / 0.004, 0.0, 1.0)
    cheeks = (1 - lip) * (1 - chin)
    edge = np.minimum(np.maximum(whiskers, above), mouth)
    return faces, np.stack([chin, cheeks, lip, edge], axis=1)


def _tufts(figure: Figure, grows: np.ndarray, long: np.ndarray, thick: np.ndarray, rng: np.random.Generator) -> Shell:
    """Small triangles over the shell, roots on an edge of the mesh and the tip over a vertex below it."""
    template = figure.anatomy.template
    faces, _ = _region(figure.anatomy)
    within = faces[(grows[faces] > 0.001).all(axis=1) & (long[faces] > 0.003).all(axis=1)]
    if not len(within):
        within = faces[:1]
    pick = within[rng.integers(len(within), size=TUFTS)]
    order = np.argsort(-template[pick][..., 1], axis=1)
    pick = np.take_along_axis(pick, order, axis=1)  # roots above, tip below
    tip = thick[pick[:, 2]] + 0.35 * long[pick[:, 2]] * rng.uniform(0.3, 1.2, TUFTS)
    offset = np.stack([0.7 * thick[pick[:, 0]], 0.7 * thick[pick[:, 1]], np.minimum(tip, 0.018)], axis=1)
    normal = np.cross(template[pick[:, 1]] - template[pick[:, 0]], template[pick[:, 2]] - template[pick[:, 0]])
    flip = (normal * figure.normals[pick[:, 0]]).sum(axis=1) < 0
    corner = np.arange(3 * TUFTS).reshape(-1, 3)
    corner = np.where(flip[:, None], corner[:, [0, 2, 1]], corner)
    tangent = figure.rest[pick[:, 2]] - figure.rest[pick[:, :2]].mean(axis=1)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
    place = np.zeros((TUFTS, 3, 3))
    place[..., 0] = np.arange(TUFTS)[:, None]
    place[:, 2, 1] = offset[:, 2]
    place[:, 1, 2], place[:, 2, 2] = 1.0, 0.5
    flat = pick.ravel()
    return Shell(
        material="beard",
        vertex=flat,
        toward=flat,
        share=np.zeros(len(flat)),
        offset=offset.ravel(),
        faces=corner,
        back=True,
        place=place.reshape(-1, 3),
        tangent=np.repeat(tangent, 3, axis=0),
    )


def _hanging(figure: Figure, beard: Beard, thick: np.ndarray, rng: np.random.Generator) -> Free:
    """Strands from below the chin, carried by the jaw."""
    template = figure.anatomy.template
    x, y, z = np.abs(template[:, 0]), template[:, 1], template[:, 2]
    faces, _ = _region(figure.anatomy)
    can = np.unique(faces)
    can = can[(x[can] < 0.034) & (y[can] < 0.244) & (z[can] > 0.085)]
    roots = can[rng.integers(len(can), size=HANGING)]
    start = figure.lowered[roots] + figure.lowered_normals[roots] * thick[roots][:, None]
    lengths = beard.hanging * rng.uniform(0.6, 1.1, HANGING) * (1.05 - 12 * x[roots])
    ahead = np.array([0.0, -1.0, 0.25])

    def steer(step: int, position: np.ndarray, direction: np.ndarray) -> np.ndarray:
        together = -position * (6.0, 0.0, 0.0)
        return direction + 0.8 * ahead + together

    first = ahead + 0.6 * figure.lowered_normals[roots] + 0.15 * rng.normal(size=(HANGING, 3))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    margin = np.full((HANGING, STEPS), 0.004)
    path = strands.grow(figure, start, lengths, first, margin, STEPS, steer)
    joints, weights = as_skin(figure, roots)
    each = (np.repeat(joints, STEPS + 1, axis=0), np.repeat(weights, STEPS + 1, axis=0))
    outward = np.zeros_like(path) + (0.0, 0.0, 1.0) + 0.5 * rng.normal(size=(HANGING, 1, 3))
    return strands.ribbons(path, outward, np.full(HANGING, 0.007), each, "beard", first=TUFTS)

"""The person to be dressed: one identity's body at rest and with lowered arms, and what clothes need to know of it."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from vlogger_jax.body import names, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.typing import Float

MOST_FACES = 8
"""Faces that a vertex's normal looks at; one in two hundred vertices has more."""

_LOWERED = {"collar": (0, 0, -4), "shoulder": (0, -8, -70), "elbow": (0, -18, 0)}
"""Degrees, left side: arms as people hold them, so that hair grown over the shoulders falls over real ones."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What all identities of a model share.

    Attributes:
        neighbours: [v, v] matrix of means over the vertices around.
        around: [v, MOST_FACES] faces at every vertex, then the number of faces, which stands for none.
        corner_sum: [v, f] matrix that sums over the faces at a vertex.
        near_ear: metres in the template to the nearest vertex of the ears.
        solid: vertices that hair and cloth collide with: head without eyes and mouth, neck, torso, upper arms.
    """

    model: BodyModel
    faces: np.ndarray
    template: np.ndarray
    label_faces: dict[str, np.ndarray]
    neighbours: csr_array
    around: np.ndarray
    corner_sum: csr_array
    near_ear: np.ndarray
    solid: np.ndarray

    def vertices_of(self, *labels: str) -> np.ndarray:
        return np.unique(np.concatenate([self.label_faces[label] for label in labels]))


@lru_cache(maxsize=2)
def anatomy(model: BodyModel) -> Anatomy:
    """Worked out once for a model (the object itself, not its values)."""
    faces, template = np.asarray(model.faces), np.asarray(model.v_template, np.float64)
    labels, count = np.asarray(model.labels), len(template)
    label_faces = {name: faces[labels == index] for index, name in enumerate(names.LABELS)}
    i, j = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    links = csr_array((np.ones(2 * len(i)), (np.r_[i, j], np.r_[j, i])), shape=(count, count))
    links.data[:] = 1.0
    corner = csr_array((np.ones(3 * len(faces)), (faces.ravel(), np.repeat(np.arange(len(faces)), 3))))
    ears, _ = cKDTree(template[np.unique(label_faces["ears"])]).query(template)
    solid = np.unique(
        np.concatenate([label_faces[name] for name in ("scalp", "ears", "face skin", "neck", "torso", "arms")])
    )
    return Anatomy(
        model=model,
        faces=faces,
        template=template,
        label_faces=label_faces,
        neighbours=csr_array(links / links.sum(axis=1)[:, None]),
        around=faces_around(faces, count),
        corner_sum=corner,
        near_ear=ears,
        solid=solid[np.abs(template[solid, 0]) < 0.40],
    )


def faces_around(faces: np.ndarray, count: int) -> np.ndarray:
    """[count, MOST_FACES] the first faces at every vertex; `len(faces)` where there are fewer."""
    vertex = faces.ravel()
    order = np.argsort(vertex, kind="stable")
    start = np.searchsorted(vertex[order], np.arange(count))
    slot = np.arange(len(order)) - start[vertex[order]]
    table = np.full((count, MOST_FACES), len(faces), np.int32)
    fits = slot < MOST_FACES
    table[vertex[order][fits], slot[fits]] = (order // 3)[fits]
    return table


@dataclass(frozen=True, eq=False)
class Figure:
    """One identity's body, metres, without expression.

    Attributes:
        rest: vertices in the T-pose, and `normals` there.
        lowered: vertices with the arms down.
        joints: the 55 joints at rest.
        points: iBUG points 17-67 at rest.
    """

    anatomy: Anatomy
    rest: np.ndarray
    normals: np.ndarray
    lowered: np.ndarray
    joints: np.ndarray
    points: np.ndarray

    @cached_property
    def lowered_normals(self) -> np.ndarray:
        return normals_of(self.anatomy, self.lowered)

    @cached_property
    def solid_tree(self) -> cKDTree:
        """Of the lowered body's solid vertices."""
        return cKDTree(self.solid_points)

    @cached_property
    def solid_points(self) -> np.ndarray:
        return self.lowered[self.anatomy.solid]

    @cached_property
    def solid_normals(self) -> np.ndarray:
        return self.lowered_normals[self.anatomy.solid]

    @cached_property
    def weights(self) -> np.ndarray:
        return np.asarray(self.anatomy.model.lbs_weights)

    def joint(self, name: str) -> np.ndarray:
        return self.joints[names.JOINTS.index(name)]

    def push_out(
        self,
        points: np.ndarray,
        margin: np.ndarray | float,
        cover: np.ndarray | None = None,
        hug: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Points moved to at least `margin` metres outside of the solid of the lowered body.

        Near vertices count by nearness, so that points slide over the surface without steps.

        Args:
            cover: metres that something else stands off every vertex of the body, which the margin adds to.
            hug: 0..1, how much of a distance beyond the margin, up to 4 cm, is taken back.
        """
        solid = self.anatomy.solid
        distance, index = self.solid_tree.query(points, k=3)
        share = 1.0 / (distance + 2e-3) ** 2
        share /= share.sum(axis=-1, keepdims=True)
        share = share[:, None]
        surface = (share @ self.solid_points[index])[:, 0]
        normal = (share @ self.solid_normals[index])[:, 0]
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        wanted = margin if cover is None else margin + (share[:, 0] * cover[solid[index]]).sum(axis=-1)
        lacking = wanted - ((points - surface) * normal).sum(axis=-1)
        move = np.maximum(lacking, 0.0) + hug * np.clip(lacking, -0.04, 0.0)
        return points + normal * move[:, None]


def make(model: BodyModel, betas: Float[np.ndarray, "nb"]) -> Figure:
    """The body with these betas."""
    shared = anatomy(model)
    count = model.num_betas
    rest = shared.template + (np.asarray(model.shapedirs).reshape(-1, count) @ betas).reshape(-1, 3)
    joints = np.asarray(model.joint_template) + np.asarray(model.joint_shapedirs) @ betas
    corners = rest[shared.faces[np.asarray(model.landmark_faces)]]
    return Figure(
        anatomy=shared,
        rest=rest,
        normals=normals_of(shared, rest),
        lowered=_lowered(model, betas),
        joints=joints.astype(np.float64),
        points=(corners * np.asarray(model.landmark_bary)[..., None]).sum(axis=1),
    )


def normals_of(shared: Anatomy, vertices: np.ndarray) -> np.ndarray:
    """Outward unit normals of the body."""
    a, b, c = (vertices[shared.faces[:, corner]] for corner in range(3))
    summed = shared.corner_sum @ np.cross(b - a, c - a)
    return summed / np.maximum(np.linalg.norm(summed, axis=-1, keepdims=True), 1e-12)


def _lowered(model: BodyModel, betas: np.ndarray) -> np.ndarray:
    motion = smplx.rest_motion(model)
    motion.betas[:] = betas
    for name, (x, y, z) in _LOWERED.items():
        motion.body_pose[0, names.JOINTS.index(f"left_{name}") - 1] = np.deg2rad((x, y, z))
        motion.body_pose[0, names.JOINTS.index(f"right_{name}") - 1] = np.deg2rad((x, -y, -z))
    return smplx.pose(model, motion).vertices[0].astype(np.float64)

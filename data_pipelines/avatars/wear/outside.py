"""The outermost surface of a dressed body at rest, as functions: around the neck, and from in front."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from data_pipelines.avatars.wear.figure import Figure
from data_pipelines.avatars.wear.pieces import as_skin


@dataclass(frozen=True, eq=False)
class Outside:
    """Smooth estimates from the vertices of neck and torso, moved out to the outermost cloth.

    Attributes:
        vertices: which vertices of the body; `points`, `normals` [n, 3] their places and directions.
        axis: (x, z) of the neck's axis.
    """

    figure: Figure
    vertices: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    axis: np.ndarray
    tree: cKDTree

    def around(self, angle: np.ndarray, height: np.ndarray, off: np.ndarray | float = 0.0) -> np.ndarray:
        """Points [.., 3] `off` metres outside of the neck, at angles from the front towards the person's left."""
        from_axis = self.points[:, [0, 2]] - self.axis
        turned = np.arctan2(from_axis[:, 0], from_axis[:, 1])
        apart = np.abs((np.ravel(angle)[:, None] - turned + np.pi) % (2 * np.pi) - np.pi) / 0.20
        apart = apart**2 + ((np.ravel(height)[:, None] - self.points[:, 1]) / 0.007) ** 2
        near = np.exp(-0.5 * (apart - apart.min(axis=1, keepdims=True)))
        radius = (near @ np.linalg.norm(from_axis, axis=1)) / near.sum(axis=1)
        radius = radius.reshape(np.shape(angle)) + off
        x, z = self.axis[0] + radius * np.sin(angle), self.axis[1] + radius * np.cos(angle)
        return np.stack([x, np.broadcast_to(height, x.shape), z], axis=-1)

    def front(self, x: np.ndarray, y: np.ndarray, off: np.ndarray | float = 0.0) -> np.ndarray:
        """Points [.., 3] of the front at (x, y), `off` metres outside along the normal."""
        ahead = self.normals[:, 2] > 0.1
        points, normals = self.points[ahead], self.normals[ahead]
        apart = (np.ravel(x)[:, None] - points[:, 0]) ** 2 + (np.ravel(y)[:, None] - points[:, 1]) ** 2
        near = np.exp(-0.5 * (apart - apart.min(axis=1, keepdims=True)) / 0.010**2)
        near /= near.sum(axis=1, keepdims=True)
        # Each vertex answers with its tangent plane, so that slopes are no steps.
        slope = -normals[:, :2] / normals[:, 2:]
        slope = np.clip(slope, -2.0, 2.0)
        z = near @ (points[:, 2] - (slope * points[:, :2]).sum(axis=1))
        z = z + np.ravel(x) * (near @ slope[:, 0]) + np.ravel(y) * (near @ slope[:, 1])
        normal = near @ normals
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        found = (
            np.stack([np.ravel(x), np.ravel(y), z], axis=-1)
            + normal * np.ravel(np.broadcast_to(off, np.shape(x)))[:, None]
        )
        return found.reshape(*np.shape(x), 3)

    def skin(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Joints and weights of points [n, 3] that follow the body beneath them."""
        distance, index = self.tree.query(points, k=4)
        share = 1.0 / (distance + 5e-3) ** 2
        return as_skin(self.figure, self.vertices[index], share / share.sum(axis=1, keepdims=True))


def of(figure: Figure, outermost: np.ndarray) -> Outside:
    """The surface that lies `outermost` [v] metres off the body."""
    shared = figure.anatomy
    vertices = shared.vertices_of("neck", "torso")
    vertices = vertices[(np.abs(shared.template[vertices, 0]) < 0.17) & (shared.template[vertices, 1] < 0.245)]
    normals = figure.normals[vertices]
    points = figure.rest[vertices] + normals * outermost[vertices][:, None]
    neck = figure.joint("neck")
    base = vertices[
        (np.abs(shared.template[vertices, 1] - 0.19) < 0.02) & (np.abs(shared.template[vertices, 0]) < 0.07)
    ]
    middle = figure.rest[base]
    return Outside(
        figure=figure,
        vertices=vertices,
        points=points,
        normals=normals,
        axis=np.array([neck[0], (middle[:, 2].max() + middle[:, 2].min()) / 2]),
        tree=cKDTree(points),
    )

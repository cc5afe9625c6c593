"""The head's outline, with its hair, as a smooth function of direction, for what is put over it."""

from dataclasses import dataclass

import numpy as np

from data_pipelines.avatars.wear.figure import Figure

_POLAR, _AROUND = 20, 36


@dataclass(frozen=True, eq=False)
class Envelope:
    """Distance from `centre` to the head's outline by polar angle from the top and by angle around it.

    Attributes:
        polar: [p] radians from straight up; `angle`: [a] radians from the front towards the person's left.
        radius: [p, a] metres.
    """

    centre: np.ndarray
    polar: np.ndarray
    angle: np.ndarray
    radius: np.ndarray

    def points(self, off: np.ndarray | float = 0.0) -> np.ndarray:
        """[p, a, 3] the outline, `off` metres farther out."""
        return self.centre + (self.radius + off)[..., None] * directions(self.polar[:, None], self.angle)

    def down_to(self, height: np.ndarray, rows: int, off: np.ndarray | float = 0.0) -> np.ndarray:
        """[rows, a, 3] the outline from the top down to the heights [a], evenly by polar angle.

        Args:
            off: metres farther out, [rows, a] or less.
        """
        level = self.points()[..., 1]
        limit = np.array(
            [np.interp(-height[k], -level[:, k], self.polar) for k in range(len(self.angle))]
        )  # level falls with the polar angle
        polar = np.linspace(0.0, 1.0, rows)[:, None] * limit
        radius = np.stack(
            [np.interp(polar[:, k], self.polar, self.radius[:, k]) for k in range(len(self.angle))], axis=1
        )
        return self.centre + (radius + off)[..., None] * directions(polar, self.angle)


def directions(polar: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Unit vectors from polar angle from straight up and angle from the front, broadcast."""
    x, z = np.sin(polar) * np.sin(angle), np.sin(polar) * np.cos(angle)
    return np.stack([x, np.broadcast_to(np.cos(polar), x.shape), z], axis=-1)


def envelope(figure: Figure, hair: np.ndarray, ears: bool) -> Envelope:
    """The outline of a head whose hair stands `hair` [v] metres off the skin; over the ears where `ears`."""
    shared = figure.anatomy
    labels = ("scalp", "face skin", "ears") if ears else ("scalp", "face skin")
    vertices = shared.vertices_of(*labels)
    vertices = vertices[shared.template[vertices, 1] > 0.26]
    points = figure.rest[vertices] + figure.normals[vertices] * hair[vertices][:, None]
    centre = np.array([0.0, figure.points[0:10, 1].mean() - 0.005, (points[:, 2].min() + points[:, 2].max()) / 2])
    away = points - centre
    distance = np.linalg.norm(away, axis=1)
    polar = np.linspace(0.0, 2.0, _POLAR)
    angle = 2 * np.pi * np.arange(_AROUND) / _AROUND
    wanted = directions(polar[:, None], angle).reshape(-1, 3)
    closeness = wanted @ (away / distance[:, None]).T - 1.0
    near = np.exp(150.0 * (closeness - closeness.max(axis=1, keepdims=True)) + 120.0 * (distance - distance.mean()))
    radius = ((near @ distance) / near.sum(axis=1)).reshape(_POLAR, _AROUND)
    return Envelope(centre=centre, polar=polar, angle=angle, radius=radius)

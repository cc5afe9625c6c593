"""A synthetic person for figures and tests: the default body with hair and a shirt over it, before a painted wall.

Hair and shirt are shells over parts of the body that the body mesh does not have, as in any real picture.
"""

from dataclasses import dataclass

import numpy as np

from data_pipelines.default_body.shading import draw, vertex_normals
from docs.figures.body import skin_colours
from vlogger_jax.body import names, smplx
from vlogger_jax.core.records import Camera

_HAIR, _SHIRT = (0.23, 0.15, 0.11), (0.62, 0.22, 0.24)


@dataclass(frozen=True)
class Person:
    """Shells over the body: extra vertices are body vertices pushed out along their normals."""

    faces: np.ndarray
    colours: np.ndarray
    shells: tuple[tuple[np.ndarray, np.ndarray], ...]

    def vertices(self, body: np.ndarray) -> np.ndarray:
        """All vertices [n, 3] from posed body vertices [v, 3], metres."""
        normals = vertex_normals(body, self.faces[: len(self.faces) - sum(len(f) for f, _ in self.shells)])
        return np.concatenate([body, *(body + normals * thickness[:, None] for _, thickness in self.shells)])


def make(model: smplx.BodyModel) -> Person:
    """The person over the body of `model`."""
    labels, faces = np.asarray(model.labels), np.asarray(model.faces)
    rest = np.asarray(model.v_template)
    rng = np.random.default_rng(5)
    bumps = rng.standard_normal(len(rest))
    hair_faces = faces[labels == names.LABELS.index("scalp")]
    sleeve = np.abs(rest[:, 0]) < 0.42 * rest[:, 0].max()
    shirt_labels = np.isin(labels, [names.LABELS.index(name) for name in ("torso", "arms")])
    shirt_faces = faces[shirt_labels & sleeve[faces].all(axis=1)]
    hair = _thickness(faces, hair_faces, len(rest), 0.022, 5) * (1 + 0.25 * _smooth(bumps, faces, 2))
    shirt = _thickness(faces, shirt_faces, len(rest), 0.012, 1) * (1 + 0.6 * _smooth(bumps, faces, 6))
    colours, shells, all_faces = [skin_colours(model)], [], [faces]
    body_torso = np.isin(labels, [names.LABELS.index(name) for name in ("torso", "lower body")])
    colours[0] = np.where(body_torso[:, None], _SHIRT, colours[0])
    for index, (part, thickness, colour) in enumerate(((hair_faces, hair, _HAIR), (shirt_faces, shirt, _SHIRT)), 1):
        shells.append((part, thickness))
        all_faces.append(part + index * len(rest))
        stripes = 1 + 0.12 * np.sin(
            300 * rest[part].mean(axis=1)[:, 1] + 2 * np.sin(60 * rest[part].mean(axis=1)[:, 0])
        )
        colours.append(np.clip(np.array(colour) * stripes[:, None], 0, 1))
    return Person(np.concatenate(all_faces).astype(np.int32), np.concatenate(colours), tuple(shells))


def photograph(person: Person, body: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """A picture [h, w, 3] and its matte [h, w], both uint8."""
    colour, coverage = draw(person.vertices(body), person.faces, person.colours, camera)
    linear = colour + (1 - coverage[..., None]) * wall(camera.size) ** 2.2
    picture = np.clip(linear, 0, 1) ** (1 / 2.2)
    return (255 * picture).round().astype(np.uint8), (255 * coverage).round().astype(np.uint8)


def wall(size: tuple[int, int]) -> np.ndarray:
    """A wall with a window and a shelf, [h, w, 3] in [0, 1]."""
    h, w = size
    y, x = np.mgrid[:h, :w] / np.array([h, w]).reshape(2, 1, 1)
    base = np.stack([0.72 - 0.2 * y, 0.76 - 0.2 * y + 0.03 * x, 0.70 - 0.12 * y + 0.08 * x], axis=-1)
    window = (x > 0.06) & (x < 0.3) & (y > 0.08) & (y < 0.55)
    base[window] = [0.86, 0.92, 0.97]
    base[window & ((np.abs(x - 0.18) < 0.008) | (np.abs(y - 0.3) < 0.008))] = [0.5, 0.42, 0.35]
    shelf = (x > 0.72) & (np.abs(y - 0.42) < 0.012)
    base[shelf] = [0.42, 0.3, 0.22]
    for k, colour in enumerate(((0.7, 0.35, 0.25), (0.3, 0.45, 0.6), (0.75, 0.7, 0.4))):
        base[(np.abs(x - 0.77 - 0.07 * k) < 0.02) & (y < 0.408) & (y > 0.27 + 0.02 * k)] = colour
    return base


def _thickness(faces: np.ndarray, part: np.ndarray, count: int, most: float, rings: int) -> np.ndarray:
    """Metres: `most` inside of the part, falling to a little over its border's last rings."""
    inside = np.zeros(count)
    inside[np.unique(part)] = 1.0
    outside = np.setdiff1d(np.arange(len(faces)), np.flatnonzero(np.isin(faces, np.unique(part)).all(axis=1)))
    inside[np.unique(faces[outside])] *= 0.0
    return 0.004 * (np.isin(np.arange(count), np.unique(part))) + (most - 0.004) * _smooth(inside, faces, rings)


def _smooth(values: np.ndarray, faces: np.ndarray, times: int) -> np.ndarray:
    for _ in range(times):
        total, number = np.zeros_like(values), np.zeros_like(values)
        for i in range(3):
            np.add.at(total, faces[:, i], values[faces].mean(axis=1))
            np.add.at(number, faces[:, i], 1)
        values = total / np.maximum(number, 1)
    return values

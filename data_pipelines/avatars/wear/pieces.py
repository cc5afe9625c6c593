"""Pieces of an outfit, before they are put together: shells over the body, and meshes skinned on their own."""

from dataclasses import dataclass, field

import numpy as np

from data_pipelines.avatars.wear.figure import Figure
from vlogger_jax.body import names


@dataclass(frozen=True, eq=False)
class Shell:
    """A mesh over the body's surface.

    Attributes:
        vertex, toward, share: each vertex lies over the body's edge from `vertex` to `toward`, `share` of the way.
        offset: metres along the body's normal.
        faces: of these vertices, counter-clockwise from outside.
        back: also seen from inside.
        place, tangent: as `Outfit` has them; None takes canonical positions and no tangents.
    """

    material: str
    vertex: np.ndarray
    toward: np.ndarray
    share: np.ndarray
    offset: np.ndarray
    faces: np.ndarray
    back: bool = False
    place: np.ndarray | None = None
    tangent: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Free:
    """A mesh with joints of its own.

    Attributes:
        position: metres, in the rest pose of the identity.
        joints, weights: [n, 4].
        faces: of these vertices, counter-clockwise from outside.
        back: also seen from inside.
    """

    material: str
    position: np.ndarray
    joints: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    back: bool = False
    place: np.ndarray | None = None
    tangent: np.ndarray | None = None


@dataclass(frozen=True)
class Pieces:
    """What somebody wears."""

    shells: list[Shell] = field(default_factory=list)
    free: list[Free] = field(default_factory=list)

    def add(self, *pieces: Shell | Free) -> None:
        for piece in pieces:
            if len(piece.faces):
                (self.shells if isinstance(piece, Shell) else self.free).append(piece)


def rigid(joint: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Joints and weights of vertices that follow one joint."""
    joints = np.zeros((count, 4), np.int32)
    joints[:, 0] = names.JOINTS.index(joint)
    weights = np.zeros((count, 4))
    weights[:, 0] = 1.0
    return joints, weights


def blended(shares: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Joints and weights from up to four joints' shares, [n] each; made to sum to 1."""
    count = len(next(iter(shares.values())))
    joints, weights = np.zeros((count, 4), np.int32), np.zeros((count, 4))
    for slot, (name, share) in enumerate(shares.items()):
        joints[:, slot], weights[:, slot] = names.JOINTS.index(name), share
    return joints, weights / weights.sum(axis=1, keepdims=True)


def as_skin(figure: Figure, vertices: np.ndarray, shares: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Joints and weights of the body's `vertices` ([n], or [n, k] mixed by `shares`): the four strongest."""
    weights = figure.weights[vertices]
    if shares is not None:
        weights = (weights * shares[..., None]).sum(axis=1)
    joints = np.argpartition(-weights, 4, axis=1)[:, :4].astype(np.int32)
    kept = np.take_along_axis(weights, joints, axis=1).astype(np.float64)
    return joints, kept / kept.sum(axis=1, keepdims=True)


def grid_faces(rows: int, columns: int, closed: bool = False) -> np.ndarray:
    """Faces of a grid of vertices numbered row by row; seen from where columns run right and rows run down.

    Args:
        closed: whether the last column joins the first.
    """
    last = columns if closed else columns - 1
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(last), indexing="ij")
    right = (column + 1) % columns
    a, b = row * columns + column, row * columns + right
    c, d = a + columns, b + columns
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])

"""How far a mouth is open, as a viewer sees it.

The aperture is the gap between the lips seen from in front of the head: in each of several columns about the midline,
along the head's y axis, from the lowest point of the upper lip's surface there to the highest of the lower lip's;
the largest over the columns, and 0 where the lips overlap in all of them. It is what pixels of teeth and mouth cavity
measure in a picture, whatever the depth of the lips. Distances between landmarks of the inner lips are not: they stay
at 1 to 6 mm, from person to person, while the lips touch.
"""

import numpy as np

from vlogger_jax.body import names, rotation
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.typing import Array, Float, Int

COLUMNS = np.linspace(-0.7, 0.7, 11).astype(np.float32)
"""Where gaps are measured, in halves of the mouth's width from its middle. Farther out are the corners' own pockets."""

_JAW = names.JOINTS.index("jaw")
_LOWER = 0.42
"""A vertex of the lips that follows the jaw by more than this belongs to the lower lip."""

_SLIDE = 0.15
"""How far an edge may slide along the mouth and still be looked for in a column, in halves of its width."""

_BORDER = 0.006
"""Metres from where the lips touch: skin beyond never comes between them."""


class Mouth:
    """The lips of one person, reduced to the edges of the mesh that can bound the gap."""

    def __init__(self, model: BodyModel, betas: Float[Array, "nb"]):
        faces, weights = np.asarray(model.faces), np.asarray(model.lbs_weights)[:, _JAW]
        lips = faces[np.asarray(model.labels) == names.LABELS.index("lips")]
        mean = np.asarray(model.v_template)
        upper, lower, corners = _edges(mean, lips, weights)
        kept, index = np.unique(np.concatenate([upper.ravel(), lower.ravel(), corners]), return_inverse=True)
        self._upper = index[: upper.size].reshape(upper.shape)
        self._lower = index[upper.size : -2].reshape(lower.shape)
        self._corners = index[-2:]
        self._rest = (mean[kept] + np.asarray(model.shapedirs)[kept] @ np.asarray(betas)).astype(np.float32)
        directions = np.asarray(model.expression_dirs, np.float32)[kept]
        self._directions = np.ascontiguousarray(directions.reshape(-1, directions.shape[-1]).T)
        joint = np.asarray(model.joint_template)[_JAW] + np.asarray(model.joint_shapedirs)[_JAW] @ np.asarray(betas)
        self._joint = joint.astype(np.float32)
        self._weights = weights[kept, None].astype(np.float32)

    def aperture(self, expression: Float[Array, "t ne"], jaw_pose: Float[Array, "t 3"]) -> Float[np.ndarray, "t"]:
        """The visible gap between the lips of every frame, metres."""
        return np.maximum(self.gap(expression, jaw_pose), 0.0)

    def gap(self, expression: Float[Array, "t ne"], jaw_pose: Float[Array, "t 3"]) -> Float[np.ndarray, "t"]:
        """The aperture, but negative where the lips overlap: by how much, where they do least."""
        expression, jaw_pose = np.asarray(expression, np.float32), np.asarray(jaw_pose, np.float32)
        points = self._rest + (expression @ self._directions).reshape(len(expression), -1, 3)
        turned = (points - self._joint) @ np.swapaxes(rotation.axis_angle_to_matrix(jaw_pose), -1, -2) + self._joint
        points = points + self._weights * (turned - points)
        x, y = points[..., 0], points[..., 1]
        left, right = x[:, self._corners[0], None], x[:, self._corners[1], None]
        column = 0.5 * (left + right) + 0.5 * (right - left) * COLUMNS
        low = _extreme(x, y, self._upper, column, np.minimum)
        high = _extreme(x, y, self._lower, column, np.maximum)
        return (low - high).max(axis=-1)


def _extreme(x: np.ndarray, y: np.ndarray, edges: np.ndarray, column: np.ndarray, choose: np.ufunc) -> np.ndarray:
    """The lowest or highest point [t, c] at which edges [c, k, 2] cross the columns [t, c]."""
    a, b = edges[..., 0], edges[..., 1]
    xa, ya = x[:, a], y[:, a]
    run = x[:, b] - xa
    share = (column[..., None] - xa) / np.where(run == 0, np.float32(1e-9), run)
    height = ya + share * (y[:, b] - ya)
    missed = np.float32(np.inf if choose is np.minimum else -np.inf)
    return choose.reduce(np.where((share >= 0) & (share <= 1), height, missed), axis=-1)


def _edges(
    mean: np.ndarray, lips: np.ndarray, weights: np.ndarray
) -> tuple[Int[np.ndarray, "c k 2"], Int[np.ndarray, "c k 2"], Int[np.ndarray, "2"]]:
    """Edges of upper and lower lip near each column, repeated to equal numbers, and the corners of the mouth."""
    edges = np.unique(np.sort(np.concatenate([lips[:, [0, 1]], lips[:, [1, 2]], lips[:, [2, 0]]]), axis=1), axis=0)
    vertices = np.unique(lips)
    corners = vertices[[mean[vertices, 0].argmin(), mean[vertices, 0].argmax()]]
    left, right = mean[corners, 0]
    place = ((mean[:, 0] - (left + right) / 2) / ((right - left) / 2))[edges]
    height = mean[:, 1][edges]
    found = []
    for lower in (False, True):
        of_lip = ((weights[edges] > _LOWER) == lower).all(axis=1)
        columns = []
        for column in COLUMNS:
            near = of_lip & (place.min(axis=1) - _SLIDE < column) & (place.max(axis=1) + _SLIDE > column)
            between = (
                height[near].max() - _BORDER < height.max(axis=1)
                if lower
                else height.min(axis=1) < (height[near].min() + _BORDER)
            )
            columns.append(edges[near & between])
        found.append(columns)
    most = max(map(len, found[0] + found[1]))
    upper, lower = (np.stack([np.resize(column, (most, 2)) for column in columns]) for columns in found)
    return upper, lower, corners

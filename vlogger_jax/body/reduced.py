"""A body with fewer vertices, so that a clip is posed in milliseconds: points of faces become vertices of their own."""

import dataclasses

import numpy as np

from vlogger_jax.body import names
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.typing import Array, Float, Int


def to_points(
    model: BodyModel,
    corners: Int[np.ndarray, "n 3"],
    weights: Float[np.ndarray, "n 3"],
    vertex_picks: Int[np.ndarray, "21"] | None = None,
    landmarks: Int[np.ndarray, "51"] | None = None,
) -> BodyModel:
    """`model` with n vertices: means of three of its own, of their shape, expression, correctives and skinning.

    Each new vertex is a face of its own, so that points on faces can be named.

    Args:
        vertex_picks, landmarks: which of the new vertices they are; None if no joints but the 55 are looked at.
    """

    def mean(values: Array) -> np.ndarray:
        """Of values [v, ...] over the corners."""
        values = np.asarray(values)
        return (values[corners] * weights.reshape(*weights.shape, *[1] * (values.ndim - 1))).sum(axis=1)

    posedirs = model.posedirs
    return dataclasses.replace(
        model,
        v_template=mean(model.v_template),
        shapedirs=mean(model.shapedirs),
        expression_dirs=mean(model.expression_dirs),
        posedirs=None if posedirs is None else np.moveaxis(mean(np.moveaxis(np.asarray(posedirs), 0, 1)), 0, 1),
        lbs_weights=mean(model.lbs_weights),
        faces=np.repeat(np.arange(len(corners), dtype=np.int32)[:, None], 3, axis=1),
        vertex_picks=np.zeros(len(names.VERTEX_PICKS), np.int32) if vertex_picks is None else vertex_picks,
        landmark_faces=np.zeros(51, np.int32) if landmarks is None else landmarks,
        landmark_bary=np.tile(np.float32([1, 0, 0]), (51, 1)),
        contour_faces=None,
        contour_bary=None,
        mediapipe_faces=None,
        mediapipe_bary=None,
        uv=None,
        uv_faces=None,
        labels=np.zeros(len(corners), np.int32),
    )


def to_vertices(model: BodyModel, vertices: Int[np.ndarray, "n"]) -> BodyModel:
    """`model` with these of its vertices; of what is posed, they and the 55 joints mean something."""
    return to_points(model, np.repeat(vertices[:, None], 3, axis=1), np.tile(np.float32([1, 0, 0]), (len(vertices), 1)))

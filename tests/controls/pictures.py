"""Whole pictures of what a G-buffer sees, by plain indexing: what the tests compare with."""

import numpy as np

from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.records import GBuffer


def interpolate(gbuffer: GBuffer, faces: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values of vertices, [v, c] or frame by frame [t, v, c], at every pixel: [t, h, w, c], 0 in the background."""
    others = np.asarray(gbuffer.bary, np.float32) / gbuffers.FULL
    weights = np.concatenate([1 - others.sum(axis=-1, keepdims=True), others], axis=-1)
    corners = np.asarray(faces)[_faces(gbuffer)]
    of_frames = np.broadcast_to(values, (len(corners), *values.shape[-2:]))
    found = np.stack([frame[index] for frame, index in zip(of_frames, corners, strict=True)])
    return (found * weights[..., None]).sum(axis=-2) * gbuffers.covered(gbuffer)[..., None]


def labels(gbuffer: GBuffer, face_labels: np.ndarray) -> np.ndarray:
    """The label of the face that each pixel sees, [t, h, w], 0 in the background."""
    return np.where(gbuffers.covered(gbuffer), np.asarray(face_labels)[_faces(gbuffer)], 0)


def _faces(gbuffer: GBuffer) -> np.ndarray:
    return np.where(gbuffers.covered(gbuffer), gbuffer.face_index, 0)

"""How far the lips are from where they should be, mm.

Of the vertices of the lips moved by expression and jaw alone (`posed.lip_vertices`), so that neither head nor body
counts. Both motions are of one person: that of somebody else is given the truth's betas first. Both numbers are of
distances; some published codes report squared ones under the same name, of other meshes: compare with none of them.
"""

import numpy as np

from vlogger_jax.core.typing import Array, Float

MM = 1000.0


def lip_vertex_error(predicted: Float[Array, "t n 3"], truth: Float[Array, "t n 3"]) -> float:
    """The root of FaceFormer's LVE (Fan et al. 2022): in every frame the vertex that is farthest off; their mean.

    Args:
        predicted, truth: `posed.lip_vertices`, metres.

    Returns:
        mm.
    """
    return float(_distances(predicted, truth).max(axis=-1).mean())


def mean_lip_error(predicted: Float[Array, "t n 3"], truth: Float[Array, "t n 3"]) -> float:
    """The mean over frames and vertices, mm; VLOGGER's LME is this of landmarks of the lips."""
    return float(_distances(predicted, truth).mean())


def _distances(predicted: Array, truth: Array) -> np.ndarray:
    """[t, n], mm."""
    return MM * np.linalg.norm(np.asarray(predicted, np.float64) - np.asarray(truth, np.float64), axis=-1)

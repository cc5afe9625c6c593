"""How smooth movement is: jerk as TransPose has it (Yi et al. 2021).

Networks that smooth have too little of it, networks that shake too much. It means something beside that of the truth.
"""

import numpy as np

from vlogger_jax.core.typing import Array, Float


def jerk(points: Float[Array, "*b t n 3"], fps: float | int) -> float:
    """Mean of |x[t+3] - 3 x[t+2] + 3 x[t+1] - x[t]| fps³ over frames and points, m/s³.

    Args:
        points: joints or vertices, metres.

    Raises:
        ValueError: of fewer than 4 frames.
    """
    points = np.asarray(points, np.float64)
    if points.shape[-3] < 4:
        raise ValueError(f"jerk is of 4 frames or more, not {points.shape[-3]}")
    return float(np.linalg.norm(np.diff(points, n=3, axis=-3), axis=-1).mean() * float(fps) ** 3)

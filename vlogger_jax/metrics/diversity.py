"""How much samples of one audio differ, and how much one moves about its own mean."""

import numpy as np

from vlogger_jax.core.typing import Array, Float


def deviation(samples: Float[Array, "s t n 3"]) -> Float[np.ndarray, "t"]:
    """How far samples of the same audio are from their mean in every frame, metres.

    The standard deviation over samples of each joint or vertex (root of the summed variances of x, y and z, by s - 1,
    so that it does not depend on how many samples there are), then the mean over these.

    Raises:
        ValueError: of fewer than 2 samples.
    """
    samples = np.asarray(samples, np.float64)
    if len(samples) < 2:
        raise ValueError("one sample does not differ from itself; give 2 or more")
    return np.sqrt(samples.var(axis=0, ddof=1).sum(axis=-1)).mean(axis=-1)


def l1div(points: Float[Array, "t n 3"]) -> float:
    """L1div as EMAGE reports it: the mean over time of the sum over all coordinates of |x - mean over time of x|, m.

    Means of several clips are weighted by their frames.
    """
    points = np.asarray(points, np.float64)
    return float(np.abs(points - points.mean(axis=0)).sum(axis=(-2, -1)).mean())

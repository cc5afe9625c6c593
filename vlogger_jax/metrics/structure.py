"""How alike pictures are in structure: SSIM (Wang et al. 2004), by region."""

import numpy as np
from skimage.metrics import structural_similarity

from vlogger_jax.core.typing import Array, Bool, UInt8


def ssim(predicted: UInt8[Array, "t h w 3"], truth: UInt8[Array, "t h w 3"], where: Bool[Array, "t h w"]) -> float:
    """The mean over the pixels in `where` of the map of SSIM, with Gaussian windows of 1.5 pixels; NaN of none.

    Raises:
        ValueError: if pictures are smaller than the windows, 11 pixels.
    """
    where = np.asarray(where)
    maps = [
        structural_similarity(
            one, other, channel_axis=-1, data_range=255, gaussian_weights=True, use_sample_covariance=False, full=True
        )[1].mean(axis=-1)
        for one, other in zip(np.asarray(predicted), np.asarray(truth), strict=True)
    ]
    return float(np.stack(maps)[where].mean()) if where.any() else float("nan")

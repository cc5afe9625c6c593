"""Fréchet gesture distance: whether many clips together move as people do (Yoon et al. 2020).

The Fréchet distance between Gaussians with the means and covariances of two sets. Of latents of an autoencoder it is
the FGD of the literature, which compares within one autoencoder only: ours is `gesture_autoencoder`. Of the windows
themselves (`raw`) it needs no network.
"""

import numpy as np

from vlogger_jax.core.typing import Array, Float


def frechet(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> float:
    """|μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½), covariances by n - 1 and m - 1.

    With centred rows A and B, Σ₁ = AᵀA and Σ₂ = BᵀB, the trace of the root is the sum of the singular values of A Bᵀ,
    and where there are more rows than columns the triangles of their QR decompositions serve as well: exact where
    covariances are singular, and quick where there are few rows.

    Sets of few rows are farther apart than what they were drawn from; compare sets of equal numbers.

    Raises:
        ValueError: of fewer than 2 rows.
    """
    means, roots = zip(_moments(x), _moments(y), strict=True)
    common = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    apart = float(((means[0] - means[1]) ** 2).sum())
    return max(apart + sum(float((root**2).sum()) for root in roots) - 2 * float(common), 0.0)


def raw(x: Float[Array, "n f d"], y: Float[Array, "m f d"]) -> float:
    """`frechet` of whole windows (`gesture_windows.windows`), each a row."""
    return frechet(x.reshape(len(x), -1), y.reshape(len(y), -1))


def _moments(x: Array) -> tuple[np.ndarray, np.ndarray]:
    """The mean [d], and a matrix of at most d rows, R, with RᵀR the covariance."""
    if len(x) < 2:
        raise ValueError(f"{len(x)} rows have no covariance")
    x = np.asarray(x, np.float64)
    mean = x.mean(axis=0)
    rows = (x - mean) / np.sqrt(len(x) - 1)
    return mean, rows if len(rows) <= rows.shape[1] else np.linalg.qr(rows, mode="r")

"""Made-up scenes: integers as loaders would have them."""

import numpy as np

from vlogger_jax.core.records import Controls
from vlogger_jax.video.conditions import Scene


def controls(b: int, t: int, size: int, seed: int = 0) -> Controls:
    rng = np.random.default_rng(seed)
    shape = (b, t, size, size)
    return Controls(
        dense=rng.integers(0, 65536, (*shape, 3)).astype(np.uint16),
        label=rng.integers(0, 18, shape).astype(np.uint8),
        warp_uv=rng.uniform(0, size, (*shape, 2)).astype(np.float32),
        warp_mask=rng.uniform(size=shape) < 0.5,
        warp=rng.integers(0, 256, (*shape, 3)).astype(np.uint8),
        composite=rng.integers(0, 256, (*shape, 3)).astype(np.uint8),
        matte=rng.integers(0, 256, shape).astype(np.uint8),
    )


def scene(b: int, t: int, size: int, seed: int = 0) -> Scene:
    rng = np.random.default_rng(seed + 1)
    return Scene(
        controls=controls(b, t, size, seed),
        reference=rng.integers(0, 256, (b, size, size, 3)).astype(np.uint8),
        reference_dense=rng.integers(0, 65536, (b, size, size, 3)).astype(np.uint16),
        reference_label=rng.integers(0, 18, (b, size, size)).astype(np.uint8),
    )

"""Made-up motions for the tests of metrics."""

import dataclasses

import numpy as np

from vlogger_jax.body import smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Motion


def moving(model: BodyModel, frames: int = 12, seed: int = 0) -> Motion:
    """Somebody who does everything at random."""
    rng = np.random.default_rng(seed)
    still = smplx.rest_motion(model, frames)
    spreads = {name: 0.2 for name in vars(still) if name not in ("fps", "body", "betas", "expression")}
    drawn = {name: rng.normal(0, s, getattr(still, name).shape).astype(np.float32) for name, s in spreads.items()}
    return dataclasses.replace(
        still,
        betas=rng.normal(0, 1, still.betas.shape).astype(np.float32),
        expression=rng.uniform(0, 0.5, still.expression.shape).astype(np.float32),
        **drawn,
    )


def smooth(frames: int, joints: int, seed: int = 0) -> np.ndarray:
    """Points [t, j, 3], metres, each on a slow way of its own."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None, None] / 24
    rate, phase, size = (rng.uniform(low, high, (joints, 3, 4)) for low, high in ((0.2, 1.5), (0, 7), (0, 0.05)))
    return (size * np.sin(2 * np.pi * rate * time + phase)).sum(axis=-1)

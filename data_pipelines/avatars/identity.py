"""Who somebody is: the shape of body and face."""

import numpy as np

from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.typing import Float32

LARGEST = 2.2
"""Standard deviations: beyond them faces look ill."""


def sample(rng: np.random.Generator, model: BodyModel) -> Float32[np.ndarray, "nb"]:
    """Betas of somebody: a clipped normal draw for every direction of the body."""
    return np.clip(rng.standard_normal(model.num_betas), -LARGEST, LARGEST).astype(np.float32)

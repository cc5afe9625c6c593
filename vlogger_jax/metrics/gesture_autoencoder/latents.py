"""Latents of windows, with trained parameters: what a Fréchet gesture distance is of."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.functional import check
from vlogger_jax.core.stage import Params
from vlogger_jax.core.typing import Float
from vlogger_jax.metrics.gesture_autoencoder.network import Model
from vlogger_jax.metrics.gesture_autoencoder.stage import encoder
from vlogger_jax.metrics.gesture_autoencoder.standard import standard
from vlogger_jax.metrics.gesture_windows import FRAMES, NUMBERS

Latents = Callable[[Float[np.ndarray, "n 32 258"]], Float[np.ndarray, "n d"]]
"""From `gesture_windows.windows` to what `gesture_distance.frechet` compares."""

_AT_ONCE = 256


def load(config: Mapping[str, Any], params: Params) -> Latents:
    """The encoder of a trained stage.

    Args:
        config: that it was trained with.
        params: its trainable parameters, as a bundle holds them.

    Raises:
        UserError: if the two do not go together.
    """
    model = from_mapping(Model, config["model"], "config.model")
    network = encoder(model)
    check(params["encoder"], network.shapes(), "what was given")
    encode = jax.jit(lambda params, windows: network(params, standard(windows)))

    def latents(windows: np.ndarray) -> np.ndarray:
        # Always as many, so that it is compiled once.
        padded = np.zeros((-(-len(windows) // _AT_ONCE) * _AT_ONCE, FRAMES, NUMBERS), np.float32)
        padded[: len(windows)] = windows
        parts = [np.asarray(encode(params["encoder"], part)) for part in padded.reshape(-1, _AT_ONCE, FRAMES, NUMBERS)]
        return np.concatenate([np.zeros((0, model.latent), np.float32), *parts])[: len(windows)]

    return latents

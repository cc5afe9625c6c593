"""From a network's output to the one thing that samplers ask for: x_0, as far as it can be told from x_t.

`Denoise` functions nest: `denoiser` makes one of a network, `guidance.guided` one of several answers, and
`threshold.thresholded` keeps its answer in range.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from vlogger_jax.core.precision import wide
from vlogger_jax.core.typing import Array
from vlogger_jax.diffusion.prediction import Prediction
from vlogger_jax.diffusion.process import level_at
from vlogger_jax.diffusion.schedule import Schedule


class Denoised(NamedTuple):
    """What is known of x_0 given x_t.

    Attributes:
        x0: its mean, [b, ...].
        fraction: where the variance of a DDPM step lies, log-wise, between the smallest (0) and the largest (1) that
            it can be, [b, ...]; None of networks that do not predict it.
    """

    x0: Array
    fraction: Array | None = None


Denoise = Callable[..., Denoised]
"""(x [b, ...], t [b], ...) -> Denoised; what follows t is passed through (see `guidance`)."""


def denoiser(predict: Callable[..., Array], schedule: Schedule, prediction: Prediction) -> Denoise:
    """The `Denoise` of a network that predicts one of `prediction`'s kind, [b, ..., c]."""

    def denoise(x: Array, t: Array, *rest: Array) -> Denoised:
        return Denoised(prediction.clean(wide(predict(x, t, *rest)), x, level_at(schedule, t, x)))

    return denoise


def learned_variance_denoiser(predict: Callable[..., Array], schedule: Schedule, prediction: Prediction) -> Denoise:
    """The same of a network that also predicts the variance, [b, ..., 2c]: ADM's "learned range"."""

    def denoise(x: Array, t: Array, *rest: Array) -> Denoised:
        output, variance = jnp.split(wide(predict(x, t, *rest)), 2, axis=-1)
        return Denoised(prediction.clean(output, x, level_at(schedule, t, x)), (variance + 1) / 2)

    return denoise

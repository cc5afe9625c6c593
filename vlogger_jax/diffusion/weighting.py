"""How much each noise level counts in the loss, said once for every kind of prediction.

`log_weight` is the log of the weight w of |x_0 error|^2 as a function of logsnr (Kingma & Gao 2023, "Understanding
diffusion objectives"). The loss of another prediction is divided by its gain: an error of the noise is sqrt(SNR) times
that of x_0, so its weight is w / SNR; of v, w / (SNR + 1).
"""

import dataclasses
import math
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion.prediction import Prediction


@runtime_checkable
class Weighting(Protocol):
    """A weight of |x_0 error|^2."""

    def log_weight(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """Its log."""
        ...


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Every level counts alike in the loss of `prediction`: of `Eps()`, DDPM's simple loss (Ho et al. 2020, eq. 14)."""

    prediction: Prediction

    def log_weight(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return self.prediction.log_gain(logsnr)


@dataclasses.dataclass(frozen=True)
class MinSnr:
    """w = min(SNR, gamma): Hang et al. 2023, "Efficient diffusion training via min-SNR weighting strategy"."""

    gamma: float | int = 5.0

    def __post_init__(self) -> None:
        if not self.gamma > 0:
            raise UserError(f"a min_snr weighting has gamma {self.gamma}", "Give more than 0, such as 5")

    def log_weight(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return jnp.minimum(logsnr, math.log(self.gamma))


@dataclasses.dataclass(frozen=True)
class TruncatedSnr:
    """w = SNR, but at least `low` and at most `high`: Salimans & Ho 2022, eq. 9, with an upper end.

    Of a network that predicts x_0, uniform weights leave to chance what is decided at low noise, where errors are
    small, and those of SNR alone what is decided at high noise.
    """

    low: float | int = 1.0
    high: float | int = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high:
            raise UserError(f"a truncated_snr weighting has {self.low} to {self.high}", "Give 0 < low <= high")

    def log_weight(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return jnp.clip(logsnr, math.log(self.low), math.log(self.high))


@dataclasses.dataclass(frozen=True)
class Sigmoid:
    """sigmoid(bias - logsnr) of the loss of the noise; Kingma & Gao 2023, Hoogeboom et al. 2024 "Simpler diffusion"."""

    bias: float | int = 0.0

    def log_weight(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return logsnr + jax.nn.log_sigmoid(self.bias - logsnr)

"""Noise schedules in continuous time: how much of the data is left at time t in [0, 1].

x_t = alpha(t) x_0 + sigma(t) noise with alpha^2 + sigma^2 = 1 (variance preserving), so that one number says it all:
logsnr(t) = log(alpha^2 / sigma^2), which falls with t (Kingma et al. 2021, "Variational diffusion models"). Schedules
are finite on all of [0, 1]. The functions work on numpy (float64 on the host) and on JAX arrays.
"""

import abc
import dataclasses
import math
from typing import NamedTuple

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array, Float, namespace


class Level(NamedTuple):
    """How noisy something is: weights of the data and of the noise."""

    alpha: Array
    sigma: Array


def level(logsnr: Float[Array, "*b"]) -> Level:
    """The level of a log signal-to-noise ratio: alpha^2 = sigmoid(logsnr). Infinity is clean data."""
    xp = namespace(logsnr)
    return Level(xp.exp(log_alpha_squared(logsnr) / 2), xp.exp(log_alpha_squared(-logsnr) / 2))


def log_alpha_squared(logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """log(alpha^2), exact where alpha is nearly 1. Of -logsnr: log(sigma^2)."""
    return -namespace(logsnr).logaddexp(0.0, -logsnr)


class Schedule(abc.ABC):
    """What a schedule offers; each defines `logsnr` and `time_of`."""

    @abc.abstractmethod
    def logsnr(self, t: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """Log signal-to-noise ratio at `t` in [0, 1]."""

    @abc.abstractmethod
    def time_of(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """The inverse of `logsnr`; 0 or 1 for what it never reaches."""

    def level(self, t: Float[Array, "*b"]) -> Level:
        """alpha and sigma at `t`."""
        return level(self.logsnr(t))

    def alpha(self, t: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return self.level(t).alpha

    def sigma(self, t: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return self.level(t).sigma


@dataclasses.dataclass(frozen=True)
class Linear(Schedule):
    """DDPM's linear betas in the limit of many steps: alpha^2 = exp(-B(s)), B(s) = first s + (last - first) s^2 / 2.

    Song et al. 2021, "Score-based generative modeling", appendix C. s = start + t (1 - start), so that t = n / 999 is
    about step n of the 1000 that betas 1e-4 to 0.02 were made for (`table.linear` is exact).

    Attributes:
        first: beta per unit of time at s = 0 (1000 steps of 1e-4).
        last: the same at s = 1.
        start: s where t = 0; above 0, or nothing would be left to denoise.
    """

    first: float | int = 0.1
    last: float | int = 20.0
    start: float = 1e-3

    def logsnr(self, t: Float[Array, "*b"]) -> Float[Array, "*b"]:
        xp = namespace(t)
        s = self.start + t * (1 - self.start)
        return -xp.log(xp.expm1(s * (self.first + (self.last - self.first) / 2 * s)))

    def time_of(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        xp = namespace(logsnr)
        spent = -log_alpha_squared(logsnr)
        s = 2 * spent / (self.first + xp.sqrt(self.first**2 + 2 * (self.last - self.first) * spent))
        return xp.clip((s - self.start) / (1 - self.start), 0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Cosine(Schedule):
    """alpha = cos(a), sigma = sin(a), a growing evenly from where logsnr is `high` to where it is `low`.

    Nichol & Dhariwal 2021, "Improved denoising diffusion probabilistic models"; bounds as in Hoogeboom et al. 2023,
    "simple diffusion".
    """

    low: float | int = -15.0
    high: float | int = 15.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise UserError(f"a cosine schedule has logsnr from {self.high} to {self.low}", "Give a low below its high")

    def logsnr(self, t: Float[Array, "*b"]) -> Float[Array, "*b"]:
        xp = namespace(t)
        first, rest, span = self._angles()
        # cos(a) as the sine of what is left to pi / 2: float32 has no digits for it near t = 1 otherwise.
        return 2 * (xp.log(xp.sin(rest + (1 - t) * span)) - xp.log(xp.sin(first + t * span)))

    def time_of(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        xp = namespace(logsnr)
        first, _, span = self._angles()
        return xp.clip((xp.arctan(xp.exp(-logsnr / 2)) - first) / span, 0.0, 1.0)

    def _angles(self) -> tuple[float, float, float]:
        """Radians: a at t = 0, pi / 2 - a at t = 1, and what lies between."""
        first, rest = math.atan(math.exp(-self.high / 2)), math.atan(math.exp(self.low / 2))
        return first, rest, math.pi / 2 - first - rest


@dataclasses.dataclass(frozen=True)
class Shifted(Schedule):
    """`schedule` for larger pictures, which hide less under the same noise: logsnr - 2 log(ratio).

    Hoogeboom et al. 2023, "simple diffusion": neighbouring pixels agree, so noise averages out over them.

    Attributes:
        schedule: made for pictures of a base size (64 pixels, there).
        ratio: size over base size.
    """

    schedule: Schedule
    ratio: float | int

    def __post_init__(self) -> None:
        if not self.ratio > 0:
            raise UserError(f"a shifted schedule has the ratio {self.ratio}", "Give size over base size, more than 0")

    def logsnr(self, t: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return self.schedule.logsnr(t) - 2 * math.log(self.ratio)

    def time_of(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return self.schedule.time_of(logsnr + 2 * math.log(self.ratio))

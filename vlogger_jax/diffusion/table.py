"""Schedules of T discrete steps, as DDPM and ADM were trained with, and their respacing to fewer.

A table is a `Schedule` as well: step n of the T that a network was trained with is t = n / (T - 1), and between steps
logsnr is interpolated. A network that wants the number of the step is given t (T - 1).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array, Float, Int, namespace
from vlogger_jax.diffusion.process import Posterior, posterior
from vlogger_jax.diffusion.schedule import Schedule


@dataclasses.dataclass(frozen=True, eq=False)
class Table(Schedule):
    """Betas of `n` steps, in float64 on the host.

    Attributes:
        betas: 1 - alpha_t^2 / alpha_s^2 of each step and the one before it in this table; first step first.
        index: which of the `trained` steps each is.
        trained: T, the number of steps that the network was trained with.
    """

    betas: Float[np.ndarray, "n"]
    index: Int[np.ndarray, "n"]
    trained: int

    @property
    def abar(self) -> Float[np.ndarray, "n"]:
        """alpha^2 of each step."""
        return np.cumprod(1 - self.betas)

    @property
    def logsnrs(self) -> Float[np.ndarray, "n"]:
        return np.log(self.abar) - np.log1p(-self.abar)

    @property
    def time(self) -> Float[np.ndarray, "n"]:
        return self.index / (self.trained - 1)

    @property
    def posterior(self) -> Posterior:
        """q(x_{n-1} | x_n, x_0) of each step; before the first there is clean data."""
        return posterior(self.logsnrs, np.append(np.inf, self.logsnrs[:-1]))

    def logsnr(self, t: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return namespace(t).interp(t * (self.trained - 1), self.index, self.logsnrs)

    def time_of(self, logsnr: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return namespace(logsnr).interp(logsnr, self.logsnrs[::-1], self.time[::-1])

    def respaced(self, kept: Int[np.ndarray, "m"]) -> "Table":
        """The table of some of the steps, rising: each is as noisy as before (Nichol & Dhariwal 2021, section 4)."""
        abar = self.abar[kept]
        return Table(1 - abar / np.append(1.0, abar[:-1]), self.index[kept], self.trained)


def linear(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> Table:
    """DDPM's betas, growing evenly (Ho et al. 2020); for other than 1000 steps scaled by 1000 / steps, as ADM does."""
    return _whole(np.linspace(first, last, steps) * (1000 / steps))


def cosine(steps: int = 1000, offset: float = 0.008, largest: float = 0.999) -> Table:
    """Betas of alpha = cos(pi / 2 (t + offset) / (1 + offset)), at most `largest` (Nichol & Dhariwal 2021, eq. 17)."""
    abar = np.cos(np.pi / 2 * (np.linspace(0, 1, steps + 1) + offset) / (1 + offset)) ** 2
    return _whole(np.minimum(1 - abar[1:] / abar[:-1], largest))


def spaced(steps: int, sections: Sequence[int]) -> Int[np.ndarray, "m"]:
    """Which of `steps` to keep: equal parts of them, and so many evenly from each, ends included, as ADM respaces.

    Raises:
        UserError: if a part has fewer steps than are to be kept of it.
    """
    parts = np.array_split(np.arange(steps), len(sections))
    kept = []
    for part, count in zip(parts, sections, strict=True):
        if not 1 <= count <= len(part):
            raise UserError(f"{count} steps are to be kept of {len(part)}", "Give sections of 1 step or more that fit")
        stride = (len(part) - 1) / max(count - 1, 1)
        kept.append(part[0] + np.round(stride * np.arange(count)).astype(int))
    return np.concatenate(kept)


def leading(steps: int, count: int) -> Int[np.ndarray, "m"]:
    """`count` of `steps`, a whole stride apart from 0 on (Song et al. 2021, "Denoising diffusion implicit models").

    Raises:
        UserError: if `count` is not between 1 and `steps`.
    """
    if not 1 <= count <= steps:
        raise UserError(f"{count} of {steps} steps are to be kept", f"Give a number from 1 to {steps}")
    return np.arange(count) * (steps // count)


def _whole(betas: np.ndarray) -> Table:
    return Table(betas, np.arange(len(betas)), len(betas))

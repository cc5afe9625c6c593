"""Two data sets whose densities are known, and with them the best that any network can say.

Samples are short clips x [t, d] of a class. `Mixture` has one frame of two numbers, and classes to be guided by; `Ar1`
has sixteen frames of one number, and is what outpainting is tried on.
"""

import dataclasses
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array, Bool, Float, Float32, Int
from vlogger_jax.diffusion.outpaint import Context
from vlogger_jax.diffusion.process import from_left
from vlogger_jax.diffusion.schedule import Level


@runtime_checkable
class Truth(Protocol):
    """A distribution of samples.

    Attributes:
        frames, width: t and d.
        classes: how many there are.
    """

    frames: int
    width: int
    classes: int

    def draw(self, rng: np.random.Generator) -> tuple[Float32[np.ndarray, "t d"], int]:
        """A sample and its class."""
        ...

    def clean(
        self, x: Float[Array, "b t d"], level: Level, context: Context, label: Int[Array, "b"]
    ) -> Float[Array, "b t d"]:
        """E[x_0 | x_t, context, class], the best answer there is; a `label` of `classes` says that it is not known."""
        ...


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Normal distributions around eight points: class 0 is an inner ring of four of them, class 1 an outer one.

    Attributes:
        radii: of the rings.
        spread: standard deviation of each distribution, in both directions.
    """

    radii: tuple[float, float] = (0.5, 1.25)
    spread: float = 0.1

    frames = 1
    width = 2
    classes = 2

    @property
    def centres(self) -> Float[np.ndarray, "classes k 2"]:
        """Of each class."""
        angle = np.pi / 4 * np.array([[0, 2, 4, 6], [1, 3, 5, 7]])
        return np.array(self.radii)[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)

    def draw(self, rng: np.random.Generator) -> tuple[Float32[np.ndarray, "1 2"], int]:
        label, which = int(rng.integers(2)), rng.integers(4)
        x = self.centres[label, which] + self.spread * rng.standard_normal((1, 2))
        return x.astype(np.float32), label

    def density(self, points: Float[np.ndarray, "*b 2"], label: int) -> Float[np.ndarray, "*b"]:
        """Of a class, at `points`."""
        distance2 = ((points[..., None, :] - self.centres[label]) ** 2).sum(axis=-1)
        return np.exp(-distance2 / (2 * self.spread**2)).mean(axis=-1) / (2 * np.pi * self.spread**2)

    def clean(
        self, x: Float[Array, "b 1 2"], level: Level, context: Context, label: Int[Array, "b"]
    ) -> Float[Array, "b 1 2"]:
        """The mean of what each centre says, by how likely it is; `context` is not looked at."""
        centres = jnp.asarray(self.centres.reshape(-1, 2), x.dtype)
        variance = level.alpha**2 * self.spread**2 + level.sigma**2
        apart = x - level.alpha * centres
        possible = (jnp.arange(8) // 4 == label[:, None]) | (label[:, None] == self.classes)
        distance2 = (apart**2).sum(axis=-1) / from_left(variance, x)[..., 0]
        shares = jax.nn.softmax(jnp.where(possible, -distance2 / 2, -jnp.inf), axis=1)
        answers = centres + level.alpha * self.spread**2 / variance * apart
        return (shares[..., None] * answers).sum(axis=1, keepdims=True)


@dataclasses.dataclass(frozen=True)
class Ar1:
    """x_i = rho x_{i-1} + sqrt(1 - rho^2) noise, of unit variance; of one class.

    Replacing known frames in sampling leaves the first new ones off. By how much depends on which frames are known: by
    0.74 after four that rise from 1 to 1.6, by 0.79 after four times 2. A network trained to see them is right.
    """

    rho: float = 0.95

    frames = 16
    width = 1
    classes = 1

    @property
    def covariance(self) -> Float[np.ndarray, "t t"]:
        """Of all frames."""
        return self.rho ** np.abs(np.subtract.outer(np.arange(self.frames), np.arange(self.frames)))

    def draw(self, rng: np.random.Generator) -> tuple[Float32[np.ndarray, "t 1"], int]:
        x = np.linalg.cholesky(self.covariance) @ rng.standard_normal((self.frames, 1))
        return x.astype(np.float32), 0

    def posterior(
        self, x: Float[np.ndarray, "*b t"], known: Bool[np.ndarray, "t"]
    ) -> tuple[Float[np.ndarray, "*b n"], Float[np.ndarray, "n n"]]:
        """Mean and covariance of the frames that are not `known`, given those of `x` that are."""
        covariance = self.covariance
        draw = covariance[~known][:, known] @ np.linalg.inv(covariance[known][:, known])
        return x[..., known] @ draw.T, covariance[~known][:, ~known] - draw @ covariance[known][:, ~known]

    def clean(
        self, x: Float[Array, "b t 1"], level: Level, context: Context, label: Int[Array, "b"]
    ) -> Float[Array, "b t 1"]:
        """Of a normal distribution, each frame of which is seen in `x` and, if known, in `context`; in float64."""
        sigma = jnp.maximum(from_left(context.level, x), 1e-3)
        shown = context.shown / sigma**2
        precision = level.alpha**2 / level.sigma**2 + shown * (1 - sigma**2)
        seen = level.alpha / level.sigma**2 * x + shown * jnp.sqrt(1 - sigma**2) * context.known
        prior = jnp.asarray(np.linalg.inv(self.covariance), x.dtype)
        return jnp.linalg.solve(prior + precision * jnp.eye(self.frames, dtype=x.dtype), seen)


_NAMED = {"mixture": Mixture(), "ar1": Ar1()}


def named(name: str) -> Truth:
    """ "mixture" or "ar1", as configs write it.

    Raises:
        UserError: if it is neither.
    """
    if name not in _NAMED:
        raise UserError(f"there is no toy data set named {name!r}", f"Name one of {', '.join(_NAMED)}")
    return _NAMED[name]

"""An approximate inverse of a clip's normal matrix, which makes conjugate gradients converge in a few iterations.

As if every frame were the mean of a few: then frames differ only in what the temporal terms say, the cosine transform
takes those apart, and each frequency is a small matrix of its own. What frames share meets frequency 0 alone.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.fit import objective
from vlogger_jax.fit import unknowns as free
from vlogger_jax.fit.objective import Problem, Weights
from vlogger_jax.fit.unknowns import Unknowns


@record
class Inverse:
    """The approximate inverse, for unknowns of `d` numbers a frame and `s` that are shared.

    Attributes:
        cosines: the orthonormal cosine transform of the frames that exist; identity for padding.
        steady: of frequency 0 and what is shared.
        moving: of every other frequency.
    """

    cosines: Float[Array, "t t"]
    steady: Float[Array, "n n"]
    moving: Float[Array, "t d d"]


def cosines(frames: int, length: int) -> Float[np.ndarray, "t t"]:
    """The transform of `frames` frames, padded to `length`."""
    found = np.eye(length, dtype=np.float32)
    found[:frames, :frames] = scipy.fft.dct(np.eye(frames), axis=0, norm="ortho")
    return found


def apply(inverse: Inverse, vector: Unknowns) -> Unknowns:
    """The approximate inverse times `vector`."""
    shared, frames = _flatten(vector)
    spectrum = inverse.cosines @ frames
    width = frames.shape[1]
    steady = inverse.steady @ jnp.concatenate([spectrum[0], shared])
    moving = jnp.einsum("tij,tj->ti", inverse.moving, spectrum)
    spectrum = moving.at[0].set(steady[:width])
    return _unflatten(vector, steady[width:], inverse.cosines.T @ spectrum)


def prepare(
    at: Unknowns, problem: Problem, weights: Weights, few: Array, transform: Float[Array, "t t"], damping: Array
) -> Inverse:
    """The approximate inverse of the normal matrix at `at`.

    Args:
        few: indices of the frames whose mean stands for all.
        transform: `cosines`.
        damping: what Levenberg-Marquardt adds to the diagonal.
    """
    shared, frames = _flatten(at)

    def of_frame(row: Array, together: Array, index: Array) -> Array:
        one = _unflatten(_frame(at, index), together, row[None])
        found = objective.residuals(one, _only(problem, index), weights)
        parts = [part.ravel() for name, part in found.items() if name not in ("prior betas", "prior focal")]
        return jnp.concatenate(parts)

    def normal(index: Array) -> tuple[Array, Array, Array]:
        by_row, by_shared = jax.jacfwd(of_frame, argnums=(0, 1))(frames[index], shared, index)
        return by_row.T @ by_row, by_row.T @ by_shared, by_shared.T @ by_shared

    own, coupling, common = (jnp.mean(part, axis=0) for part in jax.lax.map(normal, few))
    count = jnp.sum(problem.exists)
    width, together = coupling.shape
    own = own + damping * jnp.eye(width)
    believed = count * jnp.concatenate([jnp.full(together - 1, weights.betas**2), jnp.ones(1)])
    steady = jnp.block(
        [
            [own, jnp.sqrt(count) * coupling],
            [jnp.sqrt(count) * coupling.T, count * common + jnp.diag(believed + damping)],
        ]
    )
    # (difference) and (bend) of the k-th cosine are its first and second power of 2 - 2 cos(pi k / t).
    rate = problem.rate
    step = 2.0 - 2.0 * jnp.cos(jnp.pi * jnp.arange(len(problem.exists)) / count)
    slow, fast = (weights.difference * rate) ** 2 * step, (weights.bend * rate**2) ** 2 * step**2
    prior = problem.prior
    change, bend = (
        _flatten(jax.tree.map(lambda spread, typical: jnp.square(spread / typical), prior.spread, typical))[1][0]
        for typical in (prior.change, prior.bend)
    )
    moving = jax.lax.map(
        lambda stiff: jnp.linalg.inv(own + jnp.diag(stiff[0] * change + stiff[1] * bend)),
        (jnp.where(problem.exists, slow, 0.0), jnp.where(problem.exists, fast, 0.0)),
    )
    return Inverse(cosines=transform, steady=jnp.linalg.inv(steady), moving=moving)


def _frame(at: Unknowns, index: Array) -> Unknowns:
    """The unknowns of one frame."""
    rows = {name: value[index][None] for name, value in free.per_frame(at).items()}
    return dataclasses.replace(at, **rows)


def _only(problem: Problem, index: Array) -> Problem:
    """The problem of one frame."""
    rows = {name: getattr(problem, name)[index][None] for name in ("seen", "confidence", "exists", "continues")}
    prior = dataclasses.replace(problem.prior, mean=_frame(problem.prior.mean, index))
    return dataclasses.replace(problem, prior=prior, **rows)


def _flatten(found: Unknowns) -> tuple[Float[Array, "s"], Float[Array, "t d"]]:
    rows = [value.reshape(len(value), -1) for value in free.per_frame(found).values()]
    return jnp.concatenate([found.betas, found.focal[None]]), jnp.concatenate(rows, axis=1)


def _unflatten(like: Unknowns, shared: Array, frames: Array) -> Unknowns:
    rows, at = {}, 0
    for name, value in free.per_frame(like).items():
        width = value[0].size
        rows[name] = frames[:, at : at + width].reshape(len(frames), *value.shape[1:])
        at += width
    return dataclasses.replace(like, betas=shared[:-1], focal=shared[-1], **rows)

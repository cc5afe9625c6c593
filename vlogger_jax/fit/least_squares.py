"""Nonlinear least squares over pytrees: Levenberg-Marquardt steps, solved by conjugate gradients without a matrix.

A clip has tens of thousands of unknowns that meet only in neighbouring frames and in what all frames share. The product
of the normal matrix with a vector costs one push forward and one pull back of the linearised residuals.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from vlogger_jax.core.typing import Array

Tree = Any


class State(NamedTuple):
    """Where a minimisation is.

    Attributes:
        at: the unknowns.
        cost: half the sum of squared residuals there.
        damping: of the next step.
    """

    at: Tree
    cost: Array
    damping: Array


def begin(at: Tree, cost: Array) -> State:
    """Before the first step: so damped that this is careful, in standard deviations of what is looked for."""
    return State(at=at, cost=cost, damping=jnp.float32(1000.0))


def cost_of(residuals: Tree) -> Array:
    """Half the sum of squares."""
    return 0.5 * sum(jnp.sum(part * part) for part in jax.tree.leaves(residuals))


def step(
    residuals: Callable[[Tree], Tree],
    state: State,
    precondition: Callable[[Tree], Tree],
    iterations: int,
    tolerance: float,
) -> State:
    """One Levenberg-Marquardt step; it is taken if it lowers the cost, and the damping adapts.

    Args:
        residuals: unknowns to residuals.
        precondition: the normal matrix's inverse, approximately.
        iterations: of the conjugate gradients, at most.
        tolerance: of their residual, relative to the gradient.
    """
    here, push = jax.linearize(residuals, state.at)
    pull = jax.linear_transpose(push, state.at)
    (gradient,) = pull(here)

    def normal(direction: Tree) -> Tree:
        (curved,) = pull(push(direction))
        return jax.tree.map(lambda c, d: c + state.damping * d, curved, direction)

    move, _ = jax.scipy.sparse.linalg.cg(
        normal, jax.tree.map(jnp.negative, gradient), maxiter=iterations, tol=tolerance, M=precondition
    )
    there = jax.tree.map(jnp.add, state.at, move)
    cost = cost_of(residuals(there))
    better = cost < state.cost
    return State(
        at=jax.tree.map(partial(jnp.where, better), there, state.at),
        cost=jnp.where(better, cost, state.cost),
        damping=jnp.clip(state.damping * jnp.where(better, 0.3, 5.0), 1e-3, 1e6),
    )

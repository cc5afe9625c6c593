"""The paper's fit as least squares: projection error + temporal difference (section 3.3), with priors.

Every term is an array of residuals in standard deviations; the cost is half the sum of their squares. Projection errors
are bent by the Geman-McClure function, so that a landmark far off pulls no more (Bogo et al. 2016, SMPLify).
"""

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Bool, Float, Int
from vlogger_jax.fit import unknowns as free
from vlogger_jax.fit.points import Points
from vlogger_jax.fit.priors import Prior
from vlogger_jax.fit.unknowns import Unknowns

LIMIT_TOLERANCE = 0.03
"""How far a limit is passed at one standard deviation: radians, or a part of an expression."""

HANDS = 2 * 21
"""The last landmarks are the hands'."""

JAW_TOLERANCE = 0.05
"""Radians between the jaw's turn and the one that jawOpen means."""


@record
class Problem:
    """All that is known of a clip. The frames may be padded: see `exists`.

    Attributes:
        seen: landmarks, pixels.
        confidence: 0-1 of each.
        deviation: standard deviation of each, in inter-ocular distances.
        pairs: indices of landmarks whose difference is compared as well, and its standard deviation.
        interocular: of the clip, pixels.
        exists: whether a frame is there at all.
        continues: whether it goes on from the frame before.
        principal: point of the camera, pixels.
        rate: frames/s over 24.
    """

    points: Points
    prior: Prior
    seen: Float[Array, "t n 2"]
    confidence: Float[Array, "t n"]
    deviation: Float[Array, "n"]
    pairs: Int[Array, "p 2"]
    pair_deviation: Float[Array, "p"]
    interocular: Float[Array, ""]
    exists: Bool[Array, "t"]
    continues: Bool[Array, "t"]
    principal: Float[Array, "2"]
    rate: Float[Array, ""]


@record
class Weights:
    """How much each term counts in a stage of the fit; factors of residuals.

    Attributes:
        tolerance: the error, in standard deviations, at which a landmark's pull has begun to fade.
        hands: landmarks of the fingers.
        distance: differences of lips and of lids.
        pose, betas, expression: the priors.
        difference, bend: first and second temporal differences.
    """

    tolerance: float | Array
    hands: float | Array
    distance: float | Array
    pose: float | Array
    betas: float | Array
    expression: float | Array
    difference: float | Array
    bend: float | Array


def natural(prior: Prior, found: Unknowns) -> Unknowns:
    """Unknowns in their own units from standard deviations."""
    return jax.tree.map(lambda mean, spread, z: jnp.add(mean, spread * z), prior.mean, prior.spread, found)


def standardised(prior: Prior, values: Unknowns) -> Unknowns:
    """The inverse of `natural`, on numpy; what is held is 0."""

    def units(value: Array, mean: Array, spread: Array) -> np.ndarray:
        return np.asarray(
            np.where(spread > 0, np.asarray(value) - mean, 0) / np.where(spread > 0, spread, 1), np.float32
        )

    return jax.tree.map(units, values, prior.mean, prior.spread)


def residuals(found: Unknowns, problem: Problem, weights: Weights) -> dict[str, Array]:
    """Every term of the cost at `found`, in standard deviations."""
    values = natural(problem.prior, found)
    placed = free.place(values, problem.points, problem.principal, problem.interocular)
    error = (placed.pixels - problem.seen) / problem.interocular
    return {
        "projection": _projection(error, problem, weights),
        "distance": weights.distance * _distance(error, problem),
        **_prior(found, problem, weights),
        **_limits(values, problem),
        **_temporal(values, problem, weights),
        "jaw": _jaw(values, problem),
    }


def _projection(error: Array, problem: Problem, weights: Weights) -> Array:
    scaled = error / problem.deviation[:, None]
    squared = jnp.sum(scaled * scaled, axis=-1, keepdims=True)
    bent = scaled / jnp.sqrt(1.0 + squared / weights.tolerance**2)
    hands = jnp.where(np.arange(scaled.shape[1]) < scaled.shape[1] - HANDS, 1.0, weights.hands)
    return bent * (hands * jnp.sqrt(problem.confidence))[..., None]


def _distance(error: Array, problem: Problem) -> Array:
    """Lips and lids: a difference of two landmarks is known far better than either."""
    first, second = problem.pairs[:, 0], problem.pairs[:, 1]
    both = jnp.sqrt(problem.confidence[:, first] * problem.confidence[:, second])[..., None]
    return both * (error[:, first] - error[:, second]) / problem.pair_deviation[:, None]


def _prior(found: Unknowns, problem: Problem, weights: Weights) -> dict[str, Array]:
    """What is shared weighs as much as in a clip of one frame: the landmarks err alike in every frame."""
    frames = jnp.sqrt(jnp.sum(problem.exists))
    strength = {"betas": weights.betas * frames, "focal": frames, "expression": weights.expression, "place": 0.1}
    return {f"prior {name}": strength.get(name, weights.pose) * value for name, value in vars(found).items()}


def _limits(values: Unknowns, problem: Problem) -> dict[str, Array]:
    low, high = problem.prior.low, problem.prior.high
    return {
        f"limit {name}": (jnp.maximum(getattr(low, name) - value, 0) + jnp.maximum(value - getattr(high, name), 0))
        / LIMIT_TOLERANCE
        for name, value in free.per_frame(values).items()
        if name != "place"
    }


def _temporal(values: Unknowns, problem: Problem, weights: Weights) -> dict[str, Array]:
    """First differences (the paper's) and second ones, as at 24 frames/s, within a shot."""
    rate, prior, found = problem.rate, problem.prior, {}
    for name, value in free.per_frame(values).items():
        change = jnp.diff(value, axis=0) * rate
        bend = jnp.diff(change, axis=0) * rate
        linked = problem.continues[1:].reshape(-1, *[1] * (value.ndim - 1))
        found[f"difference {name}"] = weights.difference * linked * change / getattr(prior.change, name)
        found[f"bend {name}"] = weights.bend * linked[1:] * linked[:-1] * bend / getattr(prior.bend, name)
    return found


def _jaw(values: Unknowns, problem: Problem) -> Array:
    """ARKit's jawOpen is a turn of the jaw and what the turn leaves: they go together."""
    body = problem.points.body
    if "jawOpen" not in body.expression_names:
        return jnp.zeros(())
    opening = values.expression[:, body.expression_names.index("jawOpen")]
    return (values.jaw[:, 0] - body.jaw_open_angle * opening) / JAW_TOLERANCE

"""Learned variances: the bound's terms in closed form, and what trains what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from vlogger_jax.diffusion import table
from vlogger_jax.diffusion.objective import Objective
from vlogger_jax.diffusion.prediction import Eps, V
from vlogger_jax.diffusion.variance import Hybrid, interpolate
from vlogger_jax.diffusion.weighting import Uniform

TABLE = table.linear(100)
OBJECTIVE = Objective(TABLE, Eps(), Uniform(Eps()))
HYBRID = Hybrid(OBJECTIVE, steps=100)
X0 = jnp.array([[-1.0], [0.2], [1.0]])
NOISE = jnp.array([[0.3], [-1.2], [0.8]])


@jax.jit
def hybrid(output, *args):
    return HYBRID(lambda x, t: output, *args)


def loss(step, prediction, variance, x0=X0, noise=NOISE):
    """Of output made of `prediction` and `variance` in [-1, 1], at one step of the table."""
    output = jnp.concatenate(
        [jnp.broadcast_to(part, x0.shape) for part in (prediction, jnp.asarray(variance))], axis=-1
    )
    return hybrid(output, x0, noise, jnp.full(len(x0), step / 99))


def test_bounds_of_the_variance():
    assert interpolate(jnp.asarray(0.0), jnp.asarray(0.5), jnp.asarray(2.0)) == jnp.log(0.5)
    assert interpolate(jnp.asarray(1.0), jnp.asarray(0.5), jnp.asarray(2.0)) == jnp.log(2.0)
    np.testing.assert_allclose(interpolate(jnp.asarray(0.5), jnp.asarray(0.5), jnp.asarray(2.0)), 0, atol=1e-7)


@pytest.mark.parametrize("step", [1, 30, 99])
def test_a_perfect_step_has_no_divergence(step):
    np.testing.assert_allclose(loss(step, NOISE, -1.0), 0, atol=1e-5)


@pytest.mark.parametrize("step", [1, 30, 99])
@pytest.mark.parametrize("raw", [-0.5, 1.0])
def test_the_divergence_by_hand(step, raw):
    wrong = NOISE + 0.5
    exact = TABLE.posterior
    log_exact, log_beta = np.log(exact.variance[step]), np.log(exact.beta[step])
    log_said = (raw + 1) / 2 * log_beta + (1 - raw) / 2 * log_exact
    abar = TABLE.abar[step]
    apart = exact.clean[step] * 0.5 * np.sqrt((1 - abar) / abar)
    nats = 0.5 * (log_said - log_exact - 1 + np.exp(log_exact - log_said) + apart**2 / np.exp(log_said))
    np.testing.assert_allclose(loss(step, wrong, raw), 0.25 + 0.1 * nats / np.log(2), rtol=1e-3)


@pytest.mark.parametrize(("raw", "guess"), [(-1.0, 0.97), (1.0, -0.97)])
def test_the_likelihoods_of_all_pixels_sum_to_one(raw, guess):
    """For a guess near either end, the same for all."""
    levels = jnp.linspace(-1, 1, 256)[:, None]
    alpha, sigma = np.sqrt(TABLE.abar[0]), np.sqrt(1 - TABLE.abar[0])
    noise = (guess - alpha * levels) / sigma  # so that x_t is the same for all, and its noise 0
    x = jnp.full((256, 1), guess)
    said = (x - alpha * guess) / sigma
    bits = (loss(0, said, raw, levels, noise) - ((said - noise) ** 2)[:, 0]) / 0.1
    np.testing.assert_allclose((2.0**-bits).sum(), 1, atol=2e-2)


@pytest.mark.parametrize(
    ("raw", "variance", "off"),
    [
        (-1.0, TABLE.posterior.variance[1], 2.0),
        (1.0, TABLE.betas[0], 2.0),
        (1.0, TABLE.betas[0], 5.5),
        (1.0, TABLE.betas[0], -5.5),
    ],
)
def test_the_likelihood_by_hand(raw, variance, off):
    """Of the grey pixel 0.2, up to far in the tails; betas of 1e-3 make a deviation of several bins."""
    guess = 0.2 - off * np.sqrt((1 - TABLE.abar[0]) / TABLE.abar[0])
    edges = (0.2 + np.array([-1, 1]) / 255 - guess) / np.sqrt(variance)
    nats = -np.log(np.diff(scipy.stats.norm.cdf(np.sort(-np.abs(edges))))).item()
    found = loss(0, NOISE + off, raw, jnp.full((3, 1), 0.2))
    np.testing.assert_allclose(found, off**2 + 0.1 * nats / np.log(2), rtol=1e-3)


def test_the_bound_trains_the_variance_alone():
    def gradient(of):
        output = jnp.concatenate([NOISE + 0.3, jnp.full_like(NOISE, 0.1)], axis=-1)
        return jax.jit(jax.grad(lambda output: of(lambda x, t: output).sum()))(output)

    t = jnp.array([0.0, 0.4, 1.0])
    both = gradient(lambda predict: HYBRID(predict, X0, NOISE, t))
    simple = gradient(lambda predict: OBJECTIVE(lambda x, t: predict(x, t)[..., :1], X0, NOISE, t))
    np.testing.assert_allclose(both[:, 0], simple[:, 0], rtol=1e-5)
    assert (both[:, 1] != 0).all()
    assert jnp.isfinite(both).all()


def test_it_does_not_matter_what_is_predicted():
    """The bound is of x_0: v in place of the noise, as wrong about x_0, has the same."""
    t = jnp.full(3, 40 / 99)
    alpha, sigma = np.sqrt(TABLE.abar[40]), np.sqrt(1 - TABLE.abar[40])

    def bound(kind, error):
        def predict(x, t):
            level = TABLE.level(t[:, None])
            return jnp.concatenate([kind.target(X0, NOISE, level) + error, jnp.zeros_like(X0)], axis=-1)

        objective = Objective(TABLE, kind, Uniform(kind))
        return jax.jit(lambda t: Hybrid(objective, 100)(predict, X0, NOISE, t))(t) - error**2

    np.testing.assert_allclose(bound(V(), 0.5), bound(Eps(), 0.5 * alpha), rtol=1e-3)
    assert sigma > 0.1


def test_weights_hold_for_the_bound_too():
    output = jnp.ones((1, 2, 2))
    x0, noise = jnp.zeros((1, 2, 1)), jnp.array([[[5.0], [0.1]]])
    t = jnp.full(1, 0.5)
    one = hybrid(output, x0, noise, t, jnp.array([[0.0, 1.0]]))
    alone = hybrid(output[:, 1:], x0[:, 1:], noise[:, 1:], t)
    np.testing.assert_allclose(one, alone, rtol=1e-5)

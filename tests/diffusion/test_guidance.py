"""Guidance on mixtures of normal distributions, whose scores are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.diffusion import gaussians
from tests.diffusion.gaussians import sampled
from vlogger_jax.diffusion import grid
from vlogger_jax.diffusion.denoise import Denoised, denoiser
from vlogger_jax.diffusion.guidance import Composed, Nested, conditional, guided, spans
from vlogger_jax.diffusion.prediction import V, noise_in
from vlogger_jax.diffusion.sampler import sample_spans
from vlogger_jax.diffusion.schedule import Cosine
from vlogger_jax.diffusion.stepper import Ddim, Ddpm, DpmSolver2M

KEY = jax.random.key(0)
SCHEDULE = Cosine(-10, 10)
CENTRES = jnp.array([-1.0, 1.0])
SPREAD = 0.5


def log_density(x, t, dropped):
    """Of x_t [2], whose numbers are each of a mixture of their own; conditions: it is of the right."""
    alpha, sigma = SCHEDULE.level(t)
    variance = alpha**2 * SPREAD**2 + sigma**2
    sides = -0.5 * (x[:, None] - alpha * CENTRES) ** 2 / variance
    return jnp.where(dropped, jax.nn.logsumexp(sides, axis=1) - jnp.log(2.0), sides[:, 1]).sum()


@jax.jit
def mixture(x, t, dropped):
    """E[x_0 | x_t, the conditions that are not dropped], by Tweedie's formula from the exact score."""
    alpha, sigma = SCHEDULE.level(t[0])
    score = jax.vmap(jax.grad(log_density), in_axes=(0, None, None))(x, t[0], dropped)
    return Denoised((x + sigma**2 * score) / alpha)


ALL, NONE = jnp.zeros(2, bool), jnp.ones(2, bool)
X = jax.random.normal(KEY, (64, 2))
NOISE = gaussians.noise(64)


@pytest.mark.parametrize("t", [0.2, 0.5, 0.8])
def test_guidance_follows_the_gradient_of_the_classifier(t):
    """p(x) p(c | x)^s, the conditions together (Ho & Salimans 2022, section 3)."""
    t = jnp.full(64, t)

    def together(x, t, dropped):
        return mixture(x, t, jnp.broadcast_to(dropped, 2))

    found = guided(together, Nested((3.0,)))(X, t).x0
    alpha, sigma = SCHEDULE.level(t[0])

    def sharpened(x):
        plain = log_density(x, t[0], NONE)
        return plain + 3 * (log_density(x, t[0], ALL) - plain)

    expected = (X + sigma**2 * jax.jit(jax.vmap(jax.grad(sharpened)))(X)) / alpha
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    moved = found - mixture(X, t, ALL).x0
    assert (moved > -1e-5).all()
    assert (moved > 1e-3).any()


def test_each_condition_has_its_own_scale():
    """The two numbers are independent, so each is guided by its own condition alone, however they are combined."""
    t = jnp.full(64, 0.5)
    plain, told = mixture(X, t, NONE).x0, mixture(X, t, ALL).x0
    expected = plain + jnp.array([2.0, 5.0]) * (told - plain)
    for form in (Nested((2.0, 5.0)), Composed((2.0, 5.0))):
        np.testing.assert_allclose(guided(mixture, form)(X, t).x0, expected, atol=2e-5)


def test_terms_by_hand():
    dropped, weights = Nested((3.0, 1.5)).terms()
    np.testing.assert_array_equal(dropped, [[True, True], [False, True], [False, False]])
    np.testing.assert_allclose(weights, [1 - 3, 3 - 1.5, 1.5])
    dropped, weights = Composed((3.0, 1.5)).terms()
    np.testing.assert_array_equal(dropped, [[True, True], [False, True], [True, False]])
    np.testing.assert_allclose(weights, [1 - 4.5, 3, 1.5])


@pytest.mark.parametrize("form", [Nested, Composed])
@pytest.mark.parametrize("scales", [(2.0,), (0.0, 3.0), (1.5, 1, 4), (0, 0)])
def test_weights_sum_to_one(form, scales):
    np.testing.assert_allclose(form(scales).terms()[1].sum(), 1, atol=1e-12)


def test_answers_that_count_nothing_are_not_asked_for():
    asked = []

    def network(x, t, dropped):
        asked.append(np.asarray(dropped).tolist())
        return Denoised(x)

    guided(network, Nested((1.0, 1.0)))(X, jnp.ones(64))
    guided(network, Nested((0.0, 0.0)))(X, jnp.ones(64))
    assert asked == [[False, False], [True, True]]
    assert len(Nested((1.0, 2.0)).terms()[1]) == 2
    assert len(Nested((2.0, 2.0)).terms()[1]) == 2


def test_what_does_not_depend_on_the_conditions_is_computed_once():
    def network(x, t, dropped):
        frozen = x @ jnp.ones((2, 2))
        return Denoised(frozen + jnp.where(dropped[0], 0.0, jnp.sin(x * dropped[0])))

    jaxpr = jax.make_jaxpr(guided(network, Nested((2.0,))))(X, jnp.ones(64)).jaxpr
    shapes = {e.primitive.name: e.outvars[0].aval.shape for e in jaxpr.eqns}
    assert shapes["sin"] == (2, 64, 2)
    products = [e.outvars[0].aval.shape for e in jaxpr.eqns if e.primitive.name == "dot_general"]
    assert products[0] == (64, 2)


def test_it_does_not_matter_what_is_predicted():
    def network(x, t, dropped):
        return jnp.where(dropped[0], 0.2, 0.5) * x

    t = jnp.full(64, 0.4)
    found = guided(denoiser(network, SCHEDULE, V()), Nested((3.0,)))(X, t).x0
    alpha, sigma = SCHEDULE.level(t[0])
    np.testing.assert_allclose(found, alpha * X - sigma * (0.2 + 3 * 0.3) * X, rtol=1e-5)
    assert noise_in(X, found, SCHEDULE.level(t[:, None])).shape == X.shape


def test_the_variance_is_of_the_answer_told_most():
    def network(x, t, dropped):
        return Denoised(x, jnp.where(dropped, 0.2, 0.7) * x)

    found = guided(network, Nested((2.0,)))(X[:, :1], jnp.ones(64))
    np.testing.assert_allclose(found.fraction, 0.7 * X[:, :1], rtol=1e-6)


def run(scale, interval, stepper=None):
    path = grid.uniform_time(SCHEDULE, 20)
    inside, outside = guided(mixture, Nested((scale, scale))), conditional(mixture, 2)
    parts = spans(path, interval, inside, outside)
    return jax.jit(lambda x: sample_spans(parts, path, stepper or Ddim(), x, NOISE))(X)


def test_samples_are_of_their_class_and_guidance_sharpens_them():
    plain, strong = run(1.0, (0, 1)), run(3.0, (0, 1))
    np.testing.assert_allclose(plain.mean(), 1, atol=0.15)
    np.testing.assert_allclose(plain.std(), SPREAD, rtol=0.2)
    assert strong.mean() > plain.mean() + 0.05
    assert strong.std() < plain.std()


@pytest.mark.parametrize("stepper", [Ddim(), Ddpm(), DpmSolver2M()], ids=str)
def test_intervals(stepper):
    """None of the steps, all, and some."""
    path = grid.uniform_time(SCHEDULE, 20)
    plain = sampled(conditional(mixture, 2), path, stepper, X)
    whole = sampled(guided(mixture, Nested((3.0, 3.0))), path, stepper, X)
    np.testing.assert_allclose(run(3.0, (2, 3), stepper), plain, atol=1e-5)
    np.testing.assert_allclose(run(3.0, (0, 1), stepper), whole, atol=1e-5)
    some = run(3.0, (0.4, 0.6), stepper)
    assert jnp.abs(some - plain).max() > 0.01
    assert jnp.abs(some - whole).max() > 0.01


def test_spans_by_hand():
    path = grid.uniform_time(SCHEDULE, 10)  # told 1, 0.9, ..., 0.1
    inside, outside = conditional(mixture, 2), conditional(mixture, 2)
    assert spans(path, (0.35, 0.75), inside, outside) == [(outside, 3), (inside, 4), (outside, 3)]
    # Ends that lie on the grid are inside, though 0.2 is 0.19999999999999996 there.
    assert spans(path, (0.2, 0.8), inside, outside) == [(outside, 2), (inside, 7), (outside, 1)]
    assert spans(path, (0.3, 0.7), inside, outside) == [(outside, 3), (inside, 5), (outside, 2)]
    assert spans(path, (0.15, 1), inside, outside) == [(inside, 9), (outside, 1)]
    assert spans(path, (2, 3), inside, outside) == [(outside, 10)]


def test_three_scans_at_most_and_the_network_once_in_each():
    path = grid.uniform_time(SCHEDULE, 10)

    def network(x, t, dropped):
        return Denoised(jnp.tanh(x + dropped[0]))

    def outpaint(x):
        parts = spans(path, (0.35, 0.75), guided(network, Nested((2.0, 3.0))), conditional(network, 2))
        return sample_spans(parts, path, DpmSolver2M(), x, NOISE)

    jaxpr = jax.make_jaxpr(outpaint)(X).jaxpr
    assert gaussians.count(jaxpr, "scan") == 3
    assert gaussians.count(jaxpr, "tanh") == 3

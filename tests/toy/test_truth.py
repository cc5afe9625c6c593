"""The toy's distributions: their samples, densities, and what is best said of noised ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vlogger_jax.core.errors import UserError
from vlogger_jax.diffusion.outpaint import Context, prepare
from vlogger_jax.diffusion.schedule import Level
from vlogger_jax.toy import truth
from vlogger_jax.toy.truth import Ar1, Mixture

MIXTURE, AR1 = Mixture(), Ar1()


def level(alpha: float, count: int) -> Level:
    return Level(jnp.full((count, 1, 1), alpha), jnp.full((count, 1, 1), np.sqrt(1 - alpha**2)))


def nothing(x) -> Context:
    return prepare(x, jnp.zeros(x.shape[:2], bool), jnp.zeros(len(x)), jnp.zeros_like(x))


def test_points_lie_around_the_centres_of_their_class():
    rng = np.random.default_rng(0)
    x, label = zip(*(MIXTURE.draw(rng) for _ in range(4000)), strict=True)
    x, label = np.stack(x), np.array(label)
    assert x.shape == (4000, 1, 2)
    assert x.dtype == np.float32
    np.testing.assert_allclose(label.mean(), 0.5, atol=0.03)
    for which in (0, 1):
        points = x[label == which, 0]
        nearest = np.linalg.norm(points[:, None] - MIXTURE.centres[which], axis=-1).argmin(axis=1)
        np.testing.assert_allclose(np.bincount(nearest) / len(points), 0.25, atol=0.04)
        np.testing.assert_allclose(np.linalg.norm(MIXTURE.centres[which], axis=-1), MIXTURE.radii[which])
        np.testing.assert_allclose((points - MIXTURE.centres[which][nearest]).std(axis=0), 0.1, rtol=0.05)


def test_a_density_is_one():
    grid = np.stack(np.meshgrid(*[np.linspace(-2, 2, 401)] * 2), axis=-1)
    for label in (0, 1):
        np.testing.assert_allclose(MIXTURE.density(grid, label).sum() * 0.01**2, 1, rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 0.7, 0.95])
def test_the_mixtures_answer_is_the_mean_over_its_density(alpha):
    """By sums over the plane, with the class and without."""
    axis = np.linspace(-2, 2, 401)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    density = np.stack([MIXTURE.density(grid, 0), MIXTURE.density(grid, 1)])
    density = np.concatenate([density, density.mean(axis=0, keepdims=True)])
    x = np.random.default_rng(1).normal(0, 0.6, (3, 2))
    likely = np.exp(-((x[:, None, None] - alpha * grid) ** 2).sum(axis=-1) / 2 / (1 - alpha**2)) * density
    expected = (likely[..., None] * grid).sum(axis=(1, 2)) / likely.sum(axis=(1, 2))[:, None]
    with jax.enable_x64(True):
        noisy = jnp.asarray(x)[:, None]
        found = MIXTURE.clean(noisy, level(alpha, 3), nothing(noisy), jnp.array([0, 1, 2]))
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)


def test_sequences_are_stationary_and_each_is_drawn_from_the_one_before():
    rng = np.random.default_rng(0)
    x = np.stack([AR1.draw(rng)[0] for _ in range(4000)])[..., 0]
    assert x.dtype == np.float32
    np.testing.assert_allclose(np.cov(x.T), AR1.covariance, atol=0.08)
    rest = x[:, 1:] - 0.95 * x[:, :-1]
    np.testing.assert_allclose(rest.std(axis=0), np.sqrt(1 - 0.95**2), rtol=0.06)
    np.testing.assert_allclose(np.corrcoef(rest.T), np.eye(15), atol=0.08)


def test_what_follows_known_frames_is_drawn_from_the_last_alone():
    known = np.arange(16) < 4
    mean, covariance = AR1.posterior(np.linspace(0, 2, 16), known)
    np.testing.assert_allclose(mean, 2 * 3 / 15 * 0.95 ** np.arange(1, 13))
    np.testing.assert_allclose(np.diag(covariance), 1 - 0.95 ** (2 * np.arange(1, 13)))
    np.testing.assert_allclose(np.sqrt(covariance[0, 0]), 0.31, atol=0.005)


@pytest.mark.parametrize("alpha", [0.1, 0.7, 0.99])
@pytest.mark.parametrize("noise", [0.02, 0.3])
def test_the_sequences_answer_is_the_conditional_mean(alpha, noise):
    """As of any normal distribution of which some sums are seen: x_t of all frames, the context of those known."""
    rng = np.random.default_rng(2)
    known = np.array([True, False] * 8)
    x, context = rng.standard_normal((2, 1, 16, 1))
    seen = np.concatenate([alpha * np.eye(16), np.sqrt(1 - noise**2) * np.eye(16)[known]])
    errors = np.diag([1 - alpha**2] * 16 + [noise**2] * 8)
    gain = AR1.covariance @ seen.T @ np.linalg.inv(seen @ AR1.covariance @ seen.T + errors)
    expected = gain @ np.concatenate([x[0, :, 0], context[0, known, 0]])
    with jax.enable_x64(True):
        told = Context(
            jnp.asarray(context * known[:, None]), jnp.asarray(known[None, :, None] * 1.0), jnp.array([noise])
        )
        found = AR1.clean(jnp.asarray(x), level(alpha, 1), told, jnp.array([0]))
    np.testing.assert_allclose(found[0, :, 0], expected, rtol=1e-8)


def test_names():
    assert truth.named("mixture") == MIXTURE
    assert truth.named("ar1") == AR1
    with pytest.raises(UserError, match="no toy data set named 'moons'"):
        truth.named("moons")

"""Sampling with networks that are right: moments, guidance, outpainting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.toy import exact
from vlogger_jax.core.draw import Draw
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.toy import sample
from vlogger_jax.toy.truth import Ar1, Mixture

COUNT = 1500
SECTION = dict(schedule="cosine", prediction="v", grid="uniform_logsnr", steps=50)


def drawn(truth, x, label, given=0, **changes) -> np.ndarray:
    with jax.enable_x64(True):
        recipe = Recipe.of({**SECTION, **changes}, 1)
        function = sample.make(exact.network(truth, recipe.objective), recipe, truth.classes, given)
        batch = {"x": jnp.asarray(x, jnp.float64), "label": jnp.asarray(label, jnp.uint8)}
        return np.asarray(jax.jit(function)({"scale": jnp.float64(1)}, {}, batch, Draw.of(jax.random.key(3), len(x))))


def test_each_class_has_its_moments():
    label = np.arange(COUNT) % 2
    found = drawn(Mixture(), np.zeros((COUNT, 1, 2)), label)[:, 0]
    for which in (0, 1):
        points, centres = found[label == which], Mixture().centres[which]
        nearest = np.linalg.norm(points[:, None] - centres, axis=-1).argmin(axis=1)
        np.testing.assert_allclose(np.bincount(nearest, minlength=4) / len(points), 0.25, atol=0.06)
        off = points - centres[nearest]
        np.testing.assert_allclose(off.mean(axis=0), 0, atol=0.015)
        np.testing.assert_allclose(off.std(axis=0), 0.1, rtol=0.1)


def test_guidance_moves_the_rings_apart():
    label = np.arange(COUNT) % 2
    plain, guided = (drawn(Mixture(), np.zeros((COUNT, 1, 2)), label, scales=(s,))[:, 0] for s in (1.0, 3.0))
    for which, direction in ((0, -1), (1, 1)):
        radii = [np.linalg.norm(found[label == which], axis=-1) for found in (plain, guided)]
        assert direction * (radii[1].mean() - radii[0].mean()) > 0.05
    nowhere = drawn(Mixture(), np.zeros((COUNT, 1, 2)), label, scales=(3.0,), interval=(0, 0))[:, 0]
    np.testing.assert_allclose(nowhere, plain, atol=1e-9)


@pytest.mark.parametrize(("sampler", "steps"), [("dpm_solver_2m", 25), ("ddpm", 100)])
def test_sequences_go_on_as_they_should(sampler, steps):
    x = np.zeros((COUNT, 16, 1))
    x[:, :4] = 2.0
    found = drawn(Ar1(), x, np.zeros(COUNT), given=4, sampler=sampler, grid="uniform_time", steps=steps)[..., 0]
    np.testing.assert_array_equal(found[:, :4], 2)
    mean, covariance = Ar1().posterior(x[0, :, 0], np.arange(16) < 4)
    assert np.abs(found[:, 4:7].mean(axis=0) - mean[:3]).max() < 0.05
    np.testing.assert_allclose(found[:, 4].std() / np.sqrt(covariance[0, 0]), 1, atol=0.08)


@pytest.mark.parametrize(
    ("sampler", "kept"), [("dpm_solver_2m", True), ("ddim", True), (dict(name="ddim", eta=0.5), False), ("ddpm", False)]
)
def test_known_frames_keep_their_noise_where_steps_add_none(sampler, kept):
    """The known frame of x says at each step which noise is in it."""
    recipe, seen = Recipe.of({**SECTION, "steps": 3, "sampler": sampler}, 1), []

    def network(params, x, t, context, label):
        level = recipe.objective.schedule.level(t[0])
        seen.append((np.asarray(x[:, 0, 0]) - level.alpha) / level.sigma)
        return jnp.zeros_like(x)

    batch = {"x": jnp.ones((4, 2, 1)), "label": jnp.zeros(4, jnp.uint8)}
    with jax.disable_jit():
        sample.make(network, recipe, 1, 1)({}, {}, batch, Draw.of(jax.random.key(0), 4))
    assert len(seen) == 3
    assert np.allclose(seen[1], seen[2], atol=1e-3) == kept

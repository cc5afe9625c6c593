"""The toy's loss: by hand, at its least, and what does not count in it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.toy import exact
from vlogger_jax.core.draw import Draw
from vlogger_jax.diffusion import outpaint
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.toy import loss
from vlogger_jax.toy.truth import Ar1, Mixture

BATCH = 64
DRAW = Draw.of(jax.random.key(0), BATCH)


def recipe(**changes) -> Recipe:
    section = dict(schedule=dict(name="cosine", low=-8, high=8), prediction="v", weighting="min_snr", steps=2)
    return Recipe.of({**section, **changes}, 1)


def batch(truth, count: int = BATCH, dtype=np.float32) -> dict:
    rng = np.random.default_rng(0)
    x, label = zip(*(truth.draw(rng) for _ in range(count)), strict=True)
    return {"x": jnp.asarray(np.stack(x), dtype), "label": jnp.asarray(label, jnp.uint8)}


def test_by_hand():
    """Of a network that is a line: v of what the draws make of the batch, weighed by min(SNR, 5) / (SNR + 1)."""
    data, given = batch(Ar1()), recipe()
    line = loss.make(lambda p, x, t, context, label: p["a"] * x + p["b"], given, 1)
    params = {"a": jnp.float32(0.3), "b": jnp.float32(-0.1)}
    found, metrics = jax.jit(line)(params, {}, data, DRAW)

    t, noise, known = jax.jit(
        lambda draw: (
            draw.named("time").of_batch(given.times),
            draw.named("noise").normal_frames(data["x"])[..., 0],
            given.masks(draw.named("known"), 16),
        )
    )(DRAW)
    t, noise, x0 = (np.asarray(part, np.float64) for part in (t, noise, data["x"][..., 0]))
    alpha, sigma = (part[:, None] for part in given.objective.schedule.level(t))
    error = (0.3 * (alpha * x0 + sigma * noise) - 0.1 - (alpha * noise - sigma * x0)) ** 2
    snr = (alpha / sigma)[:, 0] ** 2
    expected = np.minimum(snr, 5) / (snr + 1) * np.average(error, axis=1, weights=~np.asarray(known))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(metrics["x0_error"], expected / np.minimum(snr, 5), rtol=1e-4)


def test_frames_that_are_given_have_no_gradient():
    data, given = batch(Ar1()), recipe()
    loss_fn = loss.make(lambda p, x, t, context, label: p["out"], given, 1)
    gradient = jax.jit(jax.grad(lambda out: loss_fn({"out": out}, {}, data, DRAW)[0].sum()))(jnp.ones_like(data["x"]))
    known = np.asarray(given.masks(DRAW.named("known"), 16))
    assert 0.1 < known.mean() < 0.9
    assert (np.asarray(gradient)[known] == 0).all()
    assert (np.asarray(gradient)[~known] != 0).all()


def shown(given: Recipe, data: dict, classes: int = 1) -> tuple[outpaint.Context, np.ndarray]:
    """What the network is told of the context and of the class."""

    @jax.jit
    def told(draw: Draw) -> tuple:
        seen = []

        def network(p, x, t, context, label):
            seen.append((context, label))
            return x

        loss.make(network, given, classes)({}, {}, data, draw)
        return seen[0]

    return told(Draw.of(jax.random.key(0), len(data["x"])))


def test_the_network_is_shown_the_given_frames_and_how_noisy_they_are():
    data, given = batch(Ar1()), recipe(context_noise=0.2)
    context, _ = shown(given, data)
    known = given.masks(DRAW.named("known"), 16)
    np.testing.assert_array_equal(context.shown[..., 0], known)
    assert 0.15 < context.level.max() < 0.2
    noise = DRAW.named("context").normal_frames(data["x"])
    np.testing.assert_allclose(
        context.known, outpaint.prepare(data["x"], known, context.level, noise).known, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("share", [0.4])
def test_classes_are_dropped(share):
    data = batch(Mixture(), 512)
    label = np.asarray(shown(recipe(drop=share), data, 2)[1])
    np.testing.assert_allclose((label == 2).mean(), share, atol=0.07)
    np.testing.assert_array_equal(label[label != 2], np.asarray(data["label"])[label != 2])


@pytest.mark.parametrize("truth", [Mixture(), Ar1()], ids=lambda truth: type(truth).__name__)
def test_it_is_least_where_the_network_is_right(truth):
    """So what a network is told, and what its loss is of, agree."""
    with jax.enable_x64(True):
        given, data = recipe(drop=0.2), batch(truth, 2048, np.float64)
        loss_fn = loss.make(exact.network(truth, given.objective), given, truth.classes)
        draw = Draw.of(jax.random.key(1), 2048)
        means = jax.jit(lambda scales: jax.lax.map(lambda s: loss_fn({"scale": s}, {}, data, draw)[0].mean(), scales))
        below, at, above = np.asarray(means(jnp.array([0.9, 1.0, 1.1])))
    assert min(below, above) > at
    # A parabola in the scale; where is its lowest point?
    np.testing.assert_allclose(0.1 * (below - above) / (2 * (below - 2 * at + above)), 0, atol=0.02)

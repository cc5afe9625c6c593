"""One step: what it changes and by how much, in parts and whole, and what a bad batch does to it."""

import dataclasses
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from vlogger_jax.core import precision
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.train import step as step_module
from vlogger_jax.train.ema import Ema
from vlogger_jax.train.optim import Optim
from vlogger_jax.train.state import GOING, State, create
from vlogger_jax.train.step import make_step

BATCH = 8
KEY = jax.random.key(3)
PLAIN = Optim(learning_rate=0.1, eps=0.0, clip=1e9)


def line(trainable, frozen, batch, draw):
    """A line fitted to noisy points; the slope's other half is frozen."""
    error = batch["x"] * (trainable["slope"] + frozen["slope"]) + trainable["out"]["bias"] - batch["y"]
    error = error + 0.1 * draw.uniform()
    return error**2, {"error": error}


def start(optim: Optim = PLAIN, dtype=jnp.float32) -> State:
    return create({"slope": jnp.asarray(0.5, dtype), "out": {"bias": jnp.asarray(0.25, dtype)}}, optim.transform(), KEY)


FROZEN = {"slope": jnp.float32(1.0)}


def points(seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    return {
        "x": jnp.asarray(rng.normal(size=BATCH), jnp.float32),
        "y": jnp.asarray(rng.normal(size=BATCH), jnp.float32),
    }


def stepper(optim=PLAIN, ema=Ema(0.5), digits="float32", accumulate=1, loss=line):  # noqa: B008
    return jax.jit(make_step(loss, optim, ema, precision.named(digits), np.arange(BATCH), accumulate))


def gradient(state: State, batch: dict) -> dict:
    draw = Draw.of(jax.random.fold_in(KEY, state.step), BATCH)
    return jax.grad(lambda trainable: line(trainable, FROZEN, batch, draw)[0].mean())(state.trainable)


def test_the_first_step_of_adam_goes_by_the_learning_rate_against_the_gradient():
    state, metrics = stepper()(start(), FROZEN, points())
    slope = gradient(start(), points())["slope"]
    np.testing.assert_allclose(state.trainable["slope"], 0.5 - 0.1 * np.sign(slope), rtol=1e-5)
    assert int(state.step) == 1 and int(state.stopped) == GOING
    assert set(metrics) == {"loss", "error", "gradient_norm", "learning_rate"}
    np.testing.assert_allclose(metrics["learning_rate"], 0.1, rtol=1e-6)
    np.testing.assert_allclose(metrics["gradient_norm"], optax.tree.norm(gradient(start(), points())), rtol=1e-5)


def test_the_metric_loss_is_the_mean_of_the_losses():
    _, metrics = stepper()(start(), FROZEN, points())
    losses, _ = line(start().trainable, FROZEN, points(), Draw.of(jax.random.fold_in(KEY, 0), BATCH))
    np.testing.assert_allclose(metrics["loss"], losses.mean(), rtol=1e-6)


def test_gradients_are_clipped_before_the_optimizer():
    """With Adam's eps as large as this, the update is proportional to the clipped gradient."""
    optim = Optim(learning_rate=1.0, eps=1e6, clip=0.5)
    state, _ = stepper(optim)(start(optim), FROZEN, points())
    before = gradient(start(), points())
    norm = optax.tree.norm(before)
    assert norm > 0.5
    np.testing.assert_allclose(0.5 - state.trainable["slope"], before["slope"] * 0.5 / norm / 1e6, rtol=0.1, atol=3e-8)


def test_the_average_follows_by_its_decay():
    state, _ = stepper(ema=Ema(0.5))(start(), FROZEN, points())
    kept = min(0.5, 1 / 10)
    expected = kept * 0.5 + (1 - kept) * state.trainable["slope"]
    np.testing.assert_allclose(state.ema["slope"], expected, rtol=1e-6)


@pytest.mark.parametrize(("step", "decay"), [(0, 0.1), (8, 0.5), (90, 0.91), (10**6, 0.9)])
def test_the_averages_decay_over_time(step, decay):
    np.testing.assert_allclose(Ema(0.9).decay_at(jnp.int32(step)), min(0.9, decay), rtol=1e-6)


@pytest.mark.parametrize("parts", [2, 4, 8])
def test_parts_of_a_batch_add_up_to_it(parts):
    whole, told = stepper()(start(), FROZEN, points())
    apart, also = stepper(accumulate=parts)(start(), FROZEN, points())
    for a, b in zip(jax.tree.leaves((whole.opt_state, told)), jax.tree.leaves((apart.opt_state, also)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_step_is_a_function_of_its_number():
    once, _ = stepper()(start(), FROZEN, points())
    again, _ = stepper()(start(), FROZEN, points())
    assert all(np.array_equal(a, b) for a, b in zip(*map(_values, (once, again)), strict=True))
    _, first = stepper()(start(), FROZEN, points())
    _, later = stepper()(dataclasses.replace(start(), step=jnp.int32(1)), FROZEN, points())
    assert first["loss"] != later["loss"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_a_bad_batch_changes_nothing_for_good(bad):
    step = stepper()
    before, _ = step(start(), FROZEN, points())
    spoiled = {**points(1), "x": points(1)["x"].at[3].set(bad)}
    after, metrics = step(before, FROZEN, spoiled)
    assert not np.isfinite(metrics["loss"])
    assert int(after.stopped) == 1 and int(after.step) == 1
    later, _ = step(after, FROZEN, points(2))
    assert int(later.stopped) == 1 and int(later.step) == 1
    for state in (after, later):
        pairs = zip(*(jax.tree.leaves((s.trainable, s.opt_state, s.ema)) for s in (before, state)), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)


def test_a_gradient_that_is_not_finite_stops_though_the_loss_is():
    def kink(trainable, frozen, batch, draw):
        return jnp.sqrt(0 * trainable["slope"] * batch["x"]) + trainable["out"]["bias"], {}

    state, metrics = stepper(loss=kink)(start(), FROZEN, points())
    assert np.isfinite(metrics["loss"]) and int(state.stopped) == 0
    assert float(state.trainable["slope"]) == 0.5


def test_bfloat16_computes_on_copies_of_float32_masters():
    seen = {}

    def loss(trainable, frozen, batch, draw):
        seen.update(slope=trainable["slope"].dtype, bias=trainable["out"]["bias"].dtype)
        return line(trainable, frozen, batch, draw)

    state, _ = stepper(digits="bfloat16", loss=loss)(start(), FROZEN, points())
    assert seen == {"slope": jnp.bfloat16, "bias": jnp.float32}
    assert {leaf.dtype for leaf in jax.tree.leaves((state.trainable, state.ema))} == {jnp.dtype("float32")}
    small = Optim(learning_rate=1e-5, eps=0.0, clip=1e9)
    moved, _ = stepper(small, digits="bfloat16")(start(small), FROZEN, points())
    assert 0 < abs(float(moved.trainable["slope"]) - 0.5) < 2e-5  # less than a digit of bfloat16


def test_precisions_have_names():
    with pytest.raises(UserError, match="float32, bfloat16"):
        precision.named("float16")


@pytest.mark.parametrize(
    "path", ["norm/scale", "block_0/norm_1/scale", "time/dense/kernel", "out/kernel", "stem/kernel"]
)
def test_what_bfloat16_keeps(path):
    tree = jnp.ones(2)
    for name in reversed(path.split("/")):
        tree = {name: tree}
    tree["outer"] = {"kernel": jnp.ones(2)}
    kept = precision.named("bfloat16").cast(tree)
    assert kept.pop("outer")["kernel"].dtype == jnp.bfloat16
    assert jax.tree.leaves(kept)[0].dtype == jnp.float32
    assert {x.dtype for x in jax.tree.leaves(precision.named("float32").cast(tree))} == {jnp.dtype("float32")}


def test_the_learning_rate_over_time():
    rate = Optim(learning_rate=1.0, warmup=10, decay="cosine", steps=110).schedule()
    np.testing.assert_allclose([rate(n) for n in (0, 5, 10, 60, 110, 500)], [0, 0.5, 1, 0.5, 0, 0], atol=1e-6)
    rate = Optim(learning_rate=1.0, warmup=4).schedule()
    np.testing.assert_allclose([rate(n) for n in (0, 1, 4, 1000)], [0, 0.25, 1, 1], atol=1e-6)
    assert Optim(learning_rate=0.5).schedule()(0) == 0.5


def test_the_step_fits_on_a_screen():
    assert len(inspect.getsource(make_step).splitlines()) < 60
    assert len(inspect.getsource(step_module).splitlines()) < 100


def _values(state: State) -> list:
    return [np.asarray(leaf) for leaf in jax.tree.leaves((state.trainable, state.opt_state, state.ema, state.step))]

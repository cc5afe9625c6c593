"""The loss on data not trained on, and pictures of samples."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train import regression
from tests.train.regression import BATCH_SIZE, Problem, loss_fn, on
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.precision import named
from vlogger_jax.train import evaluation
from vlogger_jax.train.loop import Loop

BATCHES = [regression.batch(1000 + i) for i in range(3)]
GIVEN = dict(precision=named("float32"), numbers=np.arange(BATCH_SIZE))


def sample(trainable, frozen, batch, draw):
    """Batch times parameters and a little noise."""
    return batch["x"] * trainable["w"] + draw.normal(batch["x"])


def picture(samples):
    """A row a sample."""
    return np.repeat(np.clip(128 + 20 * samples, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize("devices", [1, 4])
def test_the_mean_over_batches_with_the_average_of_parameters(devices):
    problem = Problem(on(devices))
    with jax.set_mesh(problem.mesh):
        state = problem.init()
        state = dataclasses.replace(state, ema=jax.tree.map(lambda x: x + 0.5, state.ema))
        validate = evaluation.validation(loss_fn, {}, BATCHES, put=problem.put, seed=9, **GIVEN)
        with jax.transfer_guard("disallow"):
            found = validate(state)
            again = validate(state)
    assert found == again
    draws = [Draw.of(jax.random.fold_in(jax.random.key(9), i), BATCH_SIZE) for i in range(3)]
    wanted = [
        loss_fn(jax.device_get(state.ema), {}, batch, draw)[0].mean()
        for batch, draw in zip(BATCHES, draws, strict=True)
    ]
    assert found["validation/loss"] == pytest.approx(np.mean(wanted), rel=1e-5)
    assert set(found) == {"validation/loss", "validation/error"}


def test_the_same_samples_on_any_mesh_each_time():
    pictures = []
    for devices in (1, 4):
        problem = Problem(on(devices))
        with jax.set_mesh(problem.mesh):
            state = problem.init()
            look = evaluation.pictures(sample, {}, BATCHES[0], picture, put=problem.put, **GIVEN)
            with jax.transfer_guard("disallow"):
                pictures += [look(state)["samples"] for _ in range(2)]
    assert pictures[0].shape == (BATCH_SIZE, 4, 3)
    for other in pictures[1:]:
        assert np.array_equal(pictures[0], other)


def test_samples_are_of_the_average_and_of_the_seed():
    problem, found = Problem(), {}
    with jax.set_mesh(problem.mesh):
        state = problem.init()
        state = dataclasses.replace(state, ema=jax.tree.map(lambda x: x + 2.5, state.ema))
        for seed in (0, 9):
            more = dict(put=problem.put, seed=seed, **GIVEN)
            found[seed] = evaluation.pictures(sample, {}, BATCHES[0], picture, **more)(state)["samples"]
            draw = Draw.of(jax.random.fold_in(jax.random.key(seed), 0), BATCH_SIZE)
            wanted = picture(jax.device_get(sample(state.ema, {}, BATCHES[0], draw)))
            assert np.abs(found[seed].astype(int) - wanted).max() <= 1
    assert not np.array_equal(found[0], found[9])


def test_the_loss_is_of_the_seed():
    problem = Problem()

    def loss(trainable, frozen, batch, draw):
        return draw.uniform(), {}

    with jax.set_mesh(problem.mesh):
        state = problem.init()
        for seed in (0, 9):
            found = evaluation.validation(loss, {}, BATCHES, put=problem.put, seed=seed, **GIVEN)(state)
            draws = [Draw.of(jax.random.fold_in(jax.random.key(seed), i), BATCH_SIZE).uniform() for i in range(3)]
            assert found["validation/loss"] == pytest.approx(np.mean(draws), rel=1e-6)


def test_one_batch_at_a_time_is_on_the_device(monkeypatch):
    problem, order, fetch = Problem(), [], jax.device_get

    def put(batch):
        order.append("put")
        return problem.put(batch)

    def fetched(tree):
        order.append("got")
        return fetch(tree)

    monkeypatch.setattr(jax, "device_get", fetched)
    with jax.set_mesh(problem.mesh):
        evaluation.validation(loss_fn, {}, BATCHES, put=put, **GIVEN)(problem.init())
    assert order == ["put", "got"] * 3


def test_within_the_loop_it_is_compiled_once(tmp_path):
    traced = []

    def loss(*args):
        traced.append(1)
        return loss_fn(*args)

    problem = Problem()
    validate = evaluation.validation(loss, {}, BATCHES, put=problem.put, **GIVEN)
    look = evaluation.pictures(sample, {}, BATCHES[0], picture, put=problem.put, **GIVEN)
    problem.train(tmp_path, Loop(steps=6, log_every=2, save_every=6, evaluate_every=2), evaluations=[validate, look])
    assert len(traced) == 1
    losses = [line["validation/loss"] for line in regression.lines(tmp_path)]
    assert losses[0] > losses[1] > losses[2]
    assert jnp.isfinite(losses[-1])

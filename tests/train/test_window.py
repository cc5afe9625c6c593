"""Metrics between two lines of the log, and their time."""

import time

import jax
import jax.numpy as jnp
import pytest

from vlogger_jax.train import window
from vlogger_jax.train.window import Window


def step(seen: Window, loss: float, wait: float = 0.0, work: float = 0.0) -> None:
    with seen.waiting():
        time.sleep(wait)
    time.sleep(work)
    seen.add({"loss": jnp.float32(loss)})


def test_means_each_and_what_stopped():
    seen = Window()
    for loss in (1.0, 2.0, 6.0):
        step(seen, loss)
    stopped, each, means = seen.close(jnp.int32(5))
    assert (stopped, each, means["loss"]) == (5, [{"loss": 1.0}, {"loss": 2.0}, {"loss": 6.0}], 3.0)
    step(seen, 8.0)
    assert seen.close(jnp.int32(-1))[2]["loss"] == 8.0


def test_the_first_step_compiles_and_is_not_timed():
    seen = Window()
    step(seen, 1.0, work=0.3)
    assert set(seen.close(jnp.int32(-1))[2]) == {"loss"}
    for _ in range(4):
        step(seen, 1.0, wait=0.03, work=0.01)
    time.sleep(0.01)
    means = seen.close(jnp.int32(-1))[2]
    assert 0.04 < means["seconds"] < 0.2
    assert means["data_wait"] == pytest.approx(0.03 / means["seconds"], rel=0.5)
    # What lies between two windows, such as an evaluation, is nobody's time.
    time.sleep(0.4)
    step(seen, 1.0)
    assert seen.close(jnp.int32(-1))[2]["seconds"] < 0.3


def test_at_most_so_many_steps_are_under_way(monkeypatch):
    waited = []
    monkeypatch.setattr(jax, "block_until_ready", lambda metrics: waited.append(float(metrics["loss"])))
    seen = Window()
    for loss in range(5):
        step(seen, float(loss))
        assert len(waited) == max(0, loss + 1 - window.AHEAD)
    assert waited == [0.0, 1.0, 2.0]

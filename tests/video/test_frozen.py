"""What a config freezes stays as it was, to the bit, and everything else learns."""

import dataclasses

import jax
import numpy as np
import pytest

from configs import video_control_128
from launch import program
from vlogger_jax.core.functional import paths

SIZE, STEPS = 16, 100


def config(trained: tuple[str, ...]):
    given = video_control_128.get_config("size=tiny")
    with given.ignore_type():
        given.model.base.update(size=SIZE, channels=8, multipliers=(1,), attention=(), groups=4, heads=dict(channels=8))
        given.model.trained = trained
    given.train.batch, given.optim.warmup, given.mesh.data = 2, 1, 1
    return given


@pytest.mark.slow
@pytest.mark.parametrize("trained", [("control/",), ("control/", "base/decoder/")])
def test_after_a_hundred_steps(trained):
    made = program.build(config(trained), jax.devices()[:1])
    rng = np.random.default_rng(0)
    batch = {
        name: rng.integers(0, 17 if "label" in name else 256, (2, *each.shape)).astype(each.dtype)
        for name, each in made.stage.spec.items()
    }
    with jax.set_mesh(made.mesh):
        state, frozen = made.init()
        # A base that says nothing, as a fresh one does, would have no gradients but at its end.
        begun = jax.tree.map(
            lambda leaf: leaf + 0.1 * rng.standard_normal(leaf.shape, np.float32),
            (jax.device_get(state.trainable), jax.device_get(frozen)),
        )
        stirred, frozen = jax.device_put(begun)
        state = dataclasses.replace(state, trainable=stirred)
        for _ in range(STEPS):
            state, _ = made.step(state, frozen, batch)
    jax.tree.map(np.testing.assert_array_equal, begun[1], jax.device_get(frozen))
    was, now = (paths(each) for each in (begun[0], jax.device_get(state.trainable)))
    still = [name for name in was if np.array_equal(was[name], now[name])]
    assert not still
    assert all(name.startswith("base/") for name in paths(begun[1]))
    assert any("decoder" in name for name in paths(begun[1])) == (len(trained) == 1)

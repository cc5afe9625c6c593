"""Gaps of networks whose answers are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.sharded import normal
from tests.video.answers import COMPOSITE, REFERENCE
from tests.video.scenes import scene
from vlogger_jax.core.draw import Draw
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import conditions, gap
from vlogger_jax.video.conditions import Shown

SHOWN = Shown(steering=("composite",))
RECIPE = Recipe.of(dict(schedule="linear", prediction="x0", steps=2), conditions=1)
SCENE = scene(3, 2, 8)


def nothing(trainable, frozen, batch, draw):
    return jnp.zeros(len(batch["frames"])), {}


def measured(network):
    made = gap.beside(nothing, network, RECIPE, SHOWN, conditions.whole(lambda batch: SCENE))
    frames = conditions.to_bytes(normal(3, 2, 8, 8, 3))
    _, found = jax.jit(made)({}, {}, {"frames": frames}, Draw.of(jax.random.key(0), 3))
    return np.asarray(frames), found


@pytest.mark.parametrize("t", gap.TIMES)
def test_of_a_network_that_pastes_its_composite(t):
    frames, found = measured(COMPOSITE)
    x0, composite = (np.asarray(each, np.float64) / 127.5 - 1 for each in (frames, SCENE.controls.composite))

    def error(each):
        return ((each - x0) ** 2).mean(axis=(1, 2, 3, 4))

    wanted = error(np.roll(composite, 1, axis=0)) - error(composite)
    np.testing.assert_allclose(found[f"gap_{t:g}"], RECIPE.objective.weight(jnp.float32(t)) * wanted, rtol=1e-4)


def test_of_a_network_that_looks_at_the_reference_alone():
    _, found = measured(REFERENCE)
    assert set(found) == {"gap_0.5", "gap_0.7", "gap_0.9"}
    for value in found.values():
        np.testing.assert_array_equal(value, 0)


def test_of_somebody_alone_there_is_none():
    made = gap.beside(nothing, COMPOSITE, RECIPE, SHOWN, conditions.whole(lambda batch: scene(1, 2, 8)))
    _, found = jax.jit(made)({}, {}, {"frames": np.zeros((1, 2, 8, 8, 3), np.uint8)}, Draw.of(jax.random.key(0), 1))
    assert np.isnan(np.asarray(list(found.values()))).all()

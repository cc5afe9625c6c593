"""A window is denoised: what is given stays, and guidance is of what steers."""

import jax
import numpy as np
import pytest

from tests.nn.sharded import normal
from tests.video import small
from tests.video.answers import BOTH
from tests.video.scenes import scene
from vlogger_jax.core.draw import Draw
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import conditions, sample
from vlogger_jax.video.conditions import Shown
from vlogger_jax.video.control import Steered
from vlogger_jax.video.sample import Window

SIZE = small.SIZE
SHOWN = Shown(steering=("composite",))
DRAW = Draw.of(jax.random.key(5), 2)


def recipe(**changes):
    return Recipe.of(dict(schedule="linear", prediction="x0", steps=3) | changes, conditions=1)


def frames(b=2, t=3):
    return np.clip(normal(b, t, SIZE, SIZE, 3), -1, 1)


@pytest.fixture(scope="module")
def trained():
    network = Steered.of(small.model(c_out=3), SHOWN.channels, temporal=True)
    return network, {"base": small.parameters(network.base), "control": small.parameters(network.control)}


@pytest.mark.parametrize("changes", [{}, {"scales": (2.0,)}, {"sampler": "ddpm"}], ids=["2m", "guided", "ddpm"])
def test_what_is_given_comes_back_to_the_bit(trained, changes):
    network, params = trained
    given = np.random.default_rng(0).uniform(size=(2, 3, SIZE, SIZE)) < 0.4
    made = jax.jit(sample.make_window(network, recipe(**changes), SHOWN))
    found = np.asarray(made(params, Window(scene(2, 3, SIZE), frames(), given), DRAW))
    np.testing.assert_array_equal(found[given], frames()[given])
    assert np.abs(found[~given] - frames()[~given]).mean() > 0.1
    # What is not given is not looked at.
    unknown = np.where(given[..., None], frames(), 7.0)
    np.testing.assert_array_equal(found, np.asarray(made(params, Window(scene(2, 3, SIZE), unknown, given), DRAW)))


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_guidance_drops_what_steers_and_neither_reference_nor_frames(scale):
    """x_0 = unsteered + scale (steered - unsteered), where the one is the reference and the other both."""
    asked = Window(scene(2, 3, SIZE), np.zeros((2, 3, SIZE, SIZE, 3), np.float32), np.zeros((2, 3, SIZE, SIZE), bool))
    found = jax.jit(sample.make_window(BOTH, recipe(scales=(scale,)), SHOWN))({}, asked, DRAW)
    composite, reference = (
        np.asarray(conditions.scaled(each)) for each in (asked.scene.controls.composite, asked.scene.reference)
    )
    np.testing.assert_allclose(found, scale * composite + reference[:, None], atol=1e-4)


@pytest.mark.parametrize("given", [0, 2])
def test_clips_of_a_batch_go_on_from_their_first_frames(given):
    made = sample.steered(BOTH, recipe(), SHOWN, conditions.whole(lambda batch: scene(2, 3, SIZE)), given)
    batch = {"frames": np.asarray(conditions.to_bytes(frames()))}
    found, known = jax.jit(made)({}, {}, batch, DRAW), np.asarray(conditions.scaled(batch["frames"]))
    np.testing.assert_array_equal(conditions.to_bytes(found[:, :given]), batch["frames"][:, :given])
    assert np.abs(np.asarray(found[:, given:]) - known[:, given:]).mean(axis=(2, 3, 4)).min() > 0.1


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_a_cooler_sample_begins_with_less_noise_and_what_is_known_is_as_noisy_as_ever(temperature):
    """What the network is given at the first of two steps, by an answer that is x_t."""
    seen = []

    class Listening:
        def remember(self, params, reference):
            return ()

        def shapes(self):
            return {}

        def init(self, key):
            return {}

        def begin(self, base, fresh):
            return fresh

        def __call__(self, params, x, t, shown, level, *, scale=1.0, memory=(), keys=None):
            jax.debug.callback(lambda x: seen.append(np.asarray(x)), x, ordered=True)
            return 0 * x

    given = np.zeros((2, 3, SIZE, SIZE), bool)
    given[:, 0] = True
    made = sample.make_window(Listening(), recipe(temperature=temperature, steps=2), SHOWN)
    jax.block_until_ready(jax.jit(made)({}, Window(scene(2, 3, SIZE), frames(), given), DRAW))
    jax.effects_barrier()
    assert seen[0][:, 1:].std() == pytest.approx(temperature, abs=0.03)
    assert seen[0][:, 0].std() == pytest.approx(1, abs=0.1)
    assert seen[1][:, 0].std() > 0.5

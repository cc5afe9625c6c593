"""What the stage promises of its loss, samples and pictures, and which configs it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.motion import made
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.motion.stage import model_of, recipe_of, stage

T, GIVEN = 12, 4
LIPS = np.random.default_rng(3).standard_normal((7, 3, 8)).astype(np.float32)
CONFIG = made.config(frames=T, data=dict(given=GIVEN), model=dict(lips=1.0, viseme=0.1))


@pytest.fixture(scope="module")
def made_up():
    built = stage(CONFIG, LIPS)
    return built, made.batch(built.spec, 3, frames=T), Draw.of(jax.random.key(1), 3)


def test_the_contract(made_up):
    built, batch, draw = made_up
    assert built.name == "motion"
    assert {name for name, each in built.spec.items() if each.shape[:1] == (T,)} == set(built.framed)
    assert built.spec["viseme"].dtype == np.uint8 and built.spec["length"].dtype == np.int32
    assert built.spec["heard"].shape == (T, 4, 4) and built.spec["reference_body_pose"].shape == (1, 21, 3)
    trainable, frozen = built.init(jax.random.key(0))
    assert frozen == {}
    assert {leaf.dtype for leaf in jax.tree.leaves(trainable)} == {jnp.dtype("float32")}
    losses, metrics = jax.jit(built.loss_fn)(trainable, frozen, batch, draw)
    assert {value.shape for value in (losses, *metrics.values())} == {(3,)}
    assert {"diff", "temp", "lips", "viseme"} < set(metrics)
    assert all(np.isfinite(value).all() for value in (losses, *metrics.values()))


def test_samples_go_on_from_what_is_given_and_can_be_looked_at(made_up):
    built, batch, draw = made_up
    samples = jax.jit(built.sample)(made.stirred(built.init(jax.random.key(0)).trainable), {}, batch, draw)
    model = model_of(CONFIG)
    motion, reference = (jax.tree.map(np.asarray, each) for each in model.motions(batch))
    truth = model.packing.pack(motion, reference)
    assert samples.shape == truth.shape
    np.testing.assert_allclose(samples[:, :GIVEN], truth[:, :GIVEN], atol=1e-4)
    assert (np.asarray(samples)[:, GIVEN:] != truth[:, GIVEN:]).mean() > 0.99
    picture = built.picture({name: np.asarray(array) for name, array in batch.items()}, np.asarray(samples))
    assert picture.dtype == np.uint8
    assert picture.shape == (3 * 4 * 56, 4 * T, 3)
    assert (picture != 255).any(axis=(1, 2)).mean() > 0.5
    # Of a clip of nine frames nothing is drawn behind them.
    curves = picture.reshape(3, 4, 56, 4 * T, 3)[..., :-1, :, :]
    assert (curves[1, ..., 4 * 9 :, :] == 255).all()
    assert (curves[0, ..., 4 * 9 :, :] != 255).any()


def test_guidance_is_of_the_sound_alone():
    assert recipe_of(CONFIG).sampler.guidance.scales == (1.0,)
    with pytest.raises(UserError, match="2 numbers for 1 condition"):
        recipe_of(made.config(diffusion=dict(scales=(1.0, 2.0))))


@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_motion_may_be_predicted_in_any_way(prediction):
    stage(made.config(data=dict(frames=T), diffusion=dict(prediction=prediction)), LIPS)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (dict(data=dict(given=T)), "config.data.given is 12"),
        (dict(data=dict(given=-1)), "config.data.given is -1"),
        (dict(data=dict(frames=2)), "windows of 2 frames, of which 2 hear no further"),
        (dict(data=dict(hearing="ears")), "config.data.hearing is 'ears'"),
        (dict(data=dict(sound=1)), "config.data has the unknown key 'sound'"),
        (dict(model=dict(size={**made.SIZE, "heads": 3})), "1 blocks of 3 heads, 8 wide"),
        (dict(model=dict(relative_to="somebody")), "config.model.relative_to is 'somebody'"),
        (dict(model=dict(deviations=dict(jaw=0.0))), "deviations of motion are"),
        (dict(model=dict(deviations=dict(nose=1.0))), "unknown key 'nose'"),
        (dict(diffusion=dict(prediction="w")), "no prediction named 'w'"),
        (dict(model=dict(averaged=dict(transl=-1.0))), "motion is averaged over"),
        (dict(model=dict(averaged=dict(jaw=float("nan")))), "motion is averaged over"),
    ],
)
def test_what_cannot_be_is_refused(sections, message):
    with pytest.raises(UserError, match=message):
        stage(made.config(**{"data": dict(frames=T), **sections}), LIPS)

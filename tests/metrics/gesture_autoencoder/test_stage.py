"""The autoencoder as a stage, and its latents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.metrics import gesture_windows
from vlogger_jax.metrics.gesture_autoencoder import latents
from vlogger_jax.metrics.gesture_autoencoder.network import Model
from vlogger_jax.metrics.gesture_autoencoder.stage import MOVEMENT, decoder, stage
from vlogger_jax.metrics.gesture_autoencoder.standard import packed as unstandard
from vlogger_jax.metrics.gesture_autoencoder.standard import standard
from vlogger_jax.metrics.gesture_windows import FRAMES, NUMBERS

CONFIG = dict(data=dict(folder="somewhere"), model=dict(width=8, blocks=1, latent=5))
DRAW = Draw.of(jax.random.key(1), 3)


@pytest.fixture(scope="module")
def made():
    return stage(CONFIG)


@pytest.fixture(scope="module")
def params(made):
    """Not as they begin, since what ends a branch begins as 0."""
    return jax.tree.map(lambda leaf: leaf + 0.05, made.init(jax.random.key(0)).trainable)


@pytest.fixture(scope="module")
def batch(made):
    rng = np.random.default_rng(0)
    return {name: jnp.asarray(rng.normal(0, 0.3, (3, *each.shape)), each.dtype) for name, each in made.spec.items()}


@pytest.fixture(scope="module")
def sample(made):
    return jax.jit(made.sample)


def packed(batch):
    return gesture_windows.pack(batch["body_pose"], batch["left_hand_pose"], batch["right_hand_pose"])


def test_the_contract(made, params, batch, sample):
    fresh, frozen = made.init(jax.random.key(0))
    assert frozen == {}
    assert {leaf.dtype for leaf in jax.tree.leaves(fresh)} == {jnp.dtype("float32")}
    assert set(fresh) == {"encoder", "decoder"}
    losses, metrics = jax.jit(made.loss_fn)(params, frozen, batch, DRAW)
    assert {value.shape for value in (losses, *metrics.values())} == {(3,)}
    found = sample(params, frozen, batch, DRAW)
    assert found.shape == (3, FRAMES, NUMBERS)
    # The loss is what reconstructions miss.
    error = np.asarray(standard(found) - standard(packed(batch)))
    pose, movement = (error**2).mean(axis=(1, 2)), (np.diff(error, axis=1) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(metrics["pose"], pose, rtol=1e-3)
    np.testing.assert_allclose(metrics["movement"], movement, rtol=1e-3)
    np.testing.assert_allclose(losses, pose + MOVEMENT * movement, rtol=1e-3)


def test_windows_do_not_see_each_other(params, batch, sample):
    other = {name: array.at[1].set(0.0) for name, array in batch.items()}
    before, after = sample(params, {}, batch, DRAW), sample(params, {}, other, DRAW)
    np.testing.assert_array_equal(before[::2], after[::2])
    assert (before[1] != after[1]).any()


@pytest.mark.parametrize("frame", [0, 13, FRAMES - 1])
def test_every_frame_reaches_the_latent(params, batch, frame):
    encode = latents.load(CONFIG, params)
    windows = np.asarray(packed(batch))
    changed = windows.copy()
    changed[:, frame] += 0.1
    assert np.abs(encode(windows) - encode(changed)).max() > 1e-5


def test_latents_of_any_number_of_windows(params, batch):
    encode = latents.load(CONFIG, params)
    windows = np.tile(np.asarray(packed(batch)), (100, 1, 1))
    found = encode(windows)
    assert found.shape == (300, 5)
    np.testing.assert_allclose(found, np.tile(found[:3], (100, 1)), atol=1e-5)
    np.testing.assert_array_equal(encode(windows[1:2]), found[1:2])
    assert encode(windows[:0]).shape == (0, 5)


def test_samples_are_decoded_latents(params, batch, sample):
    latent = latents.load(CONFIG, params)(np.asarray(packed(batch)))
    model = Model(**CONFIG["model"])
    decoded = decoder(model)(params["decoder"], latent)
    np.testing.assert_allclose(sample(params, {}, batch, DRAW), unstandard(decoded), atol=1e-4)


def test_parameters_of_another_network_are_refused(params):
    with pytest.raises(UserError, match="parameters of another network"):
        latents.load({"model": dict(width=12, blocks=1, latent=5)}, params)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (dict(model=dict(width=8, blocks=0, latent=5)), "cannot be. Give 1 or more"),
        (dict(model=dict(width=8, blocks=1)), "config.model"),
        (dict(data=dict(path="x")), "config.data"),
    ],
)
def test_what_cannot_be_is_refused(sections, message):
    with pytest.raises(UserError, match=message):
        stage(CONFIG | sections)

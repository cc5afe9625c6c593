"""What a stage promises, of both toys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.loaders import order
from data_pipelines.loaders.order import Order, Stream
from data_pipelines.loaders.toy import ToySamples
from vlogger_jax.core import precision
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import count, paths
from vlogger_jax.toy import truth
from vlogger_jax.toy.stage import stage

BATCH = 8
DIFFUSION = dict(schedule="cosine", prediction="v", weighting="min_snr", steps=3, scales=(2.0,), drop=0.2)


def config(name: str, **sections) -> dict:
    made = dict(data=dict(truth=name), model=dict(width=16, blocks=1, heads=2), diffusion=DIFFUSION)
    return {key: {**section, **sections.get(key, {})} for key, section in made.items()}


def batch(name: str) -> dict:
    found = order.batch(Stream(ToySamples(truth.named(name)), 0), Order(BATCH), 0)
    return {key: jnp.asarray(found[key]) for key in ("x", "label")}


@pytest.mark.parametrize("name", [pytest.param("mixture", marks=pytest.mark.slow), "ar1"])
def test_the_contract(name):
    made, data = stage(config(name)), batch(name)
    assert {key: (each.shape, each.dtype) for key, each in made.spec.items()} == {
        key: (each.shape[1:], each.dtype) for key, each in data.items()
    }
    assert made.framed == {"x"}
    trainable, frozen = made.init(jax.random.key(0))
    assert frozen == {}
    assert {leaf.dtype for leaf in jax.tree.leaves(trainable)} == {jnp.dtype("float32")}
    draw = Draw.of(jax.random.key(1), BATCH)
    losses, metrics = jax.jit(made.loss_fn)(trainable, frozen, data, draw)
    assert {value.shape for value in (losses, *metrics.values())} == {(BATCH,)}
    assert all(np.isfinite(value).all() for value in (losses, *metrics.values()))
    samples = jax.jit(made.sample)(trainable, frozen, data, draw)
    assert samples.shape == data["x"].shape
    assert np.isfinite(samples).all()
    picture = made.picture({key: np.asarray(value) for key, value in data.items()}, np.asarray(samples))
    assert picture.dtype == np.uint8
    assert picture.shape[2:] == (3,)


@pytest.mark.slow
def test_in_bfloat16_the_loss_is_float32_and_next_to_the_same():
    made, data, draw = stage(config("ar1")), batch("ar1"), Draw.of(jax.random.key(1), BATCH)
    trainable = jax.tree.map(lambda leaf: leaf + 0.05, made.init(jax.random.key(0)).trainable)
    small = precision.named("bfloat16").cast(trainable)
    kinds = {path: leaf.dtype for path, leaf in paths(small).items()}
    assert {path.split("/")[0] for path, kind in kinds.items() if kind == jnp.bfloat16} == {
        "blocks",
        "temporal",
        "label",
    }
    assert {path.split("/")[0] for path, kind in kinds.items() if kind == jnp.float32} >= {"stem", "time", "out"}
    whole, half = (jax.jit(made.loss_fn)(params, {}, data, draw)[0] for params in (trainable, small))
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, whole, rtol=0.05)
    assert (half != whole).any()


def test_frames_that_are_given_come_out_as_they_are():
    made, data = stage(config("ar1", data=dict(given=4))), batch("ar1")
    params = made.init(jax.random.key(0)).trainable
    samples = jax.jit(made.sample)(params, {}, data, Draw.of(jax.random.key(1), BATCH))
    np.testing.assert_array_equal(samples[:, :4], data["x"][:, :4])
    assert (samples[:, 4:] != data["x"][:, 4:]).all()


def test_what_is_not_given_is_not_looked_at():
    made, data = stage(config("ar1", data=dict(given=4))), batch("ar1")
    params = jax.tree.map(lambda leaf: leaf + 0.05, made.init(jax.random.key(0)).trainable)
    sample = jax.jit(made.sample)
    draw = Draw.of(jax.random.key(1), BATCH)
    other = {**data, "x": data["x"].at[:, 4:].set(7.0)}
    np.testing.assert_array_equal(sample(params, {}, data, draw), sample(params, {}, other, draw))


@pytest.mark.parametrize("remat", [pytest.param(name, marks=pytest.mark.slow) for name in ("blocks", "full", "dots")])
def test_remat_changes_no_number(remat):
    data, draw = batch("ar1"), Draw.of(jax.random.key(1), BATCH)
    plain, saving = (stage(config("ar1", model=dict(remat=name))) for name in ("none", remat))
    params = jax.tree.map(lambda leaf: leaf + 0.05, plain.init(jax.random.key(0)).trainable)
    whole, again = (
        jax.jit(jax.grad(lambda p, made=made: made.loss_fn(p, {}, data, draw)[0].mean()))(params)
        for made in (plain, saving)
    )
    for path, leaf in paths(whole).items():
        np.testing.assert_allclose(paths(again)[path], leaf, rtol=1e-4, atol=1e-6)


def test_the_same_key_gives_the_same_parameters():
    made = stage(config("mixture"))
    one, two, other = (made.init(jax.random.key(seed)).trainable for seed in (0, 0, 1))
    assert all(np.array_equal(*leaves) for leaves in zip(*map(jax.tree.leaves, (one, two)), strict=True))
    assert not all(np.array_equal(*leaves) for leaves in zip(*map(jax.tree.leaves, (one, other)), strict=True))
    assert count(one) == sum(leaf.size for leaf in jax.tree.leaves(one))


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (dict(data=dict(truth="moons")), "no toy data set named 'moons'"),
        (dict(data=dict(given=16)), "config.data.given is 16"),
        (dict(data=dict(path="x")), "config.data has the unknown key 'path'"),
        (dict(model=dict(heads=3)), "1 blocks of 3 heads, 16 wide"),
        (dict(model=dict(blocks="two")), "config.model.blocks is 'two'"),
        (dict(model=dict(remat="some")), "no remat policy named 'some'"),
        (dict(diffusion=dict(prediction="w")), "no prediction named 'w'"),
        (dict(diffusion=dict(scales=(1.0, 2.0))), "2 numbers for 1 condition"),
    ],
)
def test_what_cannot_be_is_refused(sections, message):
    with pytest.raises(UserError, match=message):
        stage(config("ar1", **sections))

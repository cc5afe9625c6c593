"""The residual block of pictures: by hand, at initialisation, with dropout, and with frames split over chips."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nn import by_hand, sharded
from tests.nn.sharded import FRAMES, SAMPLES, normal, parameters
from vlogger_jax.core import precision
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.functional import Network, remat
from vlogger_jax.nn.dense import Conv
from vlogger_jax.nn.norm import Film, GroupNorm
from vlogger_jax.nn.resnet import ResBlock, down, dropout, same, up
from vlogger_jax.nn.temporal import TemporalResidual


def block(c_in=4, c_out=4, d=6, **options):
    return Network(lambda rngs: ResBlock(c_in, c_out, d, groups=2, **options, rngs=rngs))


def video_block(c=4, **options):
    def make(rngs):
        return ResBlock(c, c, 6, groups=2, between=TemporalResidual(c, groups=2, rngs=rngs), **options, rngs=rngs)

    return Network(make)


def test_down_and_up_by_hand():
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(down(x)[0, :, :, 0], [[2.5, 4.5], [10.5, 12.5]])
    np.testing.assert_array_equal(up(x[:, :1, :2])[0, :, :, 0], [[0, 0, 1, 1]] * 2)
    np.testing.assert_array_equal(down(up(normal(2, 3, 4, 2, 5))), normal(2, 3, 4, 2, 5))


def test_an_odd_picture_cannot_be_halved():
    with pytest.raises(ValueError, match="4 x 3 pixels"):
        down(jnp.ones((1, 4, 3, 1)))


@pytest.mark.parametrize("resample", [same, up, down])
def test_by_hand(resample):
    network = block(4, 6, resample=resample)
    params, x, embedding = parameters(network), normal(2, 4, 4, 4), normal(2, 6, seed=2)

    def layer(make, name, *arrays):
        return Network(make)(params[name], *arrays)

    def expected(params, x, embedding):
        h = jax.nn.silu(layer(lambda rngs: GroupNorm(4, groups=2, rngs=rngs), "norm_1", x))
        h = layer(lambda rngs: Conv(4, 6, rngs=rngs), "conv_1", resample(h))
        h = layer(lambda rngs: GroupNorm(6, groups=2, rngs=rngs), "norm_2", h)
        h = jax.nn.silu(layer(lambda rngs: Film(6, 6, rngs=rngs), "film", h, embedding))
        h = layer(lambda rngs: Conv(6, 6, rngs=rngs), "conv_2", h)
        return h + resample(x) @ params["skip"]["kernel"][0, 0] + params["skip"]["bias"]

    found = jax.jit(network)(params, x, embedding)
    np.testing.assert_allclose(found, jax.jit(expected)(params, x, embedding), atol=1e-5)


class Tanh(nnx.Module):
    """Something that is not linear, so that it matters where it stands."""

    def __call__(self, x):
        return jnp.tanh(3 * x)


@pytest.mark.parametrize("frames_meet", [True, False])
def test_what_is_between_comes_before_the_second_norm(frames_meet):
    if frames_meet:
        network = video_block()
        between = lambda params, x: by_hand.temporal_residual(params["between"], x, groups=2)  # noqa: E731
    else:
        network, between = block(between=Tanh()), lambda params, x: np.tanh(3 * x)
    params, x, embedding = parameters(network), normal(2, 3, 4, 4, 4), normal(2, 6, seed=2)
    h = by_hand.conv(params["conv_1"], by_hand.silu(by_hand.group_norm(params["norm_1"], x, 2)))
    h = by_hand.group_norm(params["norm_2"], between(params, h), 2)
    both = by_hand.silu(embedding) @ params["film"]["scale_shift"]["kernel"] + params["film"]["scale_shift"]["bias"]
    scale, shift = np.split(both[:, None, None, None], 2, axis=-1)
    expected = x + by_hand.conv(params["conv_2"], by_hand.silu(h * (1 + scale) + shift))
    np.testing.assert_allclose(jax.jit(network)(params, x, embedding), expected, atol=1e-4)


@pytest.mark.parametrize("resample", [same, up, down])
def test_begins_as_identity(resample):
    network, x = video_block(resample=resample), normal(2, 3, 4, 4, 4)
    params = jax.jit(network.init)(jax.random.key(0))
    np.testing.assert_array_equal(jax.jit(network)(params, x, normal(2, 6)), jax.jit(resample)(x))


@pytest.mark.parametrize("frames", [1, 5])
def test_a_fresh_temporal_convolution_changes_nothing(frames):
    params = parameters(block())
    fresh = jax.jit(video_block().init)(jax.random.key(0))["between"]
    x, embedding = normal(2, frames, 4, 4, 4), normal(2, 6, seed=2)
    pictures = jax.jit(block())(params, x, embedding)
    np.testing.assert_array_equal(jax.jit(video_block())({**params, "between": fresh}, x, embedding), pictures)
    alone = jax.jit(block())(params, x[:, 0], embedding)
    np.testing.assert_allclose(pictures[:, 0], alone, atol=1e-5)


def test_an_embedding_may_differ_from_frame_to_frame():
    params, x, embedding = parameters(block()), normal(2, 3, 4, 4, 4), normal(2, 3, 6, seed=2)
    frames = jax.jit(block())(params, x, embedding)
    for frame in range(3):
        alone = jax.jit(block())(params, x[:, frame], embedding[:, frame])
        np.testing.assert_allclose(frames[:, frame], alone, atol=1e-5)


@settings(max_examples=4)
@given(
    lead=st.lists(st.integers(1, 3), min_size=1, max_size=2),
    c_in=st.integers(1, 6),
    c_out=st.integers(1, 6),
    halves=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_shapes(lead, c_in, c_out, halves):
    h, w = 2 * halves[0], 2 * halves[1]
    for resample, size in ((same, (h, w)), (up, (2 * h, 2 * w)), (down, (h // 2, w // 2))):
        network = block(c_in, c_out, resample=resample)
        y = jax.eval_shape(network, network.shapes(), normal(*lead, h, w, c_in), normal(lead[0], 6))
        assert y.shape == (*lead, *size, c_out)


def test_dropout_keeps_the_mean():
    keys = jax.random.split(jax.random.key(0), (2, 3))
    y = np.asarray(jax.jit(functools.partial(dropout, rate=0.25))(jnp.full((2, 3, 32, 32, 8), 3.0), keys=keys))
    assert set(np.unique(y)) == {0.0, 4.0}
    np.testing.assert_allclose((y == 0).mean(axis=(2, 3, 4)), 0.25, atol=0.02)
    assert not (y[0, 0] == y[0, 1]).all() and not (y[0, 0] == y[1, 0]).all()


def test_nothing_is_dropped_without_keys():
    params, x, embedding = parameters(block()), normal(2, 4, 4, 4), normal(2, 6, seed=2)
    plain = jax.jit(block())(params, x, embedding)
    dropping = jax.jit(block(dropout=0.5))
    np.testing.assert_array_equal(dropping(params, x, embedding), plain)
    keys = jax.random.split(jax.random.key(0), 2)
    assert (dropping(params, x, embedding, keys) != plain).any()
    np.testing.assert_array_equal(dropping(params, x, embedding, keys), dropping(params, x, embedding, keys))
    np.testing.assert_array_equal(jax.jit(block())(params, x, embedding, keys), plain)


def test_what_is_dropped_does_not_depend_on_the_mesh():
    def dropped(_, x, number):
        return dropout(x, 0.3, Draw(jax.random.key(0), number, 8).frame_keys(x.shape[1]))

    x, number = np.ones((8, 8, 2, 2, 4), np.float32), np.arange(8)
    parted = jax.jit(sharded.split(dropped, (2, 1, 4), FRAMES, SAMPLES))
    np.testing.assert_array_equal(parted({}, x, number), jax.jit(dropped)({}, x, number))


@pytest.mark.slow
def test_split_over_chips_it_is_the_same_dropout_too():
    network = video_block(dropout=0.3)
    function = lambda params, x, embedding, number: network(  # noqa: E731
        params, x, embedding, Draw(jax.random.key(0), number, 8).frame_keys(x.shape[1])
    )
    sharded.assert_same_as_on_one_device(
        function,
        parameters(network),
        (normal(8, 8, 2, 2, 4), FRAMES),
        (normal(8, 6), SAMPLES),
        (np.arange(8), SAMPLES),
        shapes=[(2, 1, 4), (1, 1, 8)],
    )


def test_bfloat16_parameters_compute_in_bfloat16_and_norms_in_float32():
    network = video_block()
    params = precision.named("bfloat16").cast(jax.tree.map(jnp.asarray, parameters(network)))
    assert params["norm_1"]["scale"].dtype == params["between"]["norm"]["scale"].dtype == jnp.float32
    x, embedding = normal(2, 3, 4, 4, 4), normal(2, 6)
    jaxpr = jax.make_jaxpr(network)(params, x, embedding)
    lines = str(jaxpr).splitlines()
    products = [line for line in lines if "= conv_general_dilated[" in line or "= dot_general[" in line]
    assert len(products) == 4 and all("bf16[" in line.split("=")[0] for line in products)
    roots = [line for line in lines if "= rsqrt" in line]
    assert len(roots) == 3 and all(":f32[" in line.split("=")[0] for line in roots)
    assert jaxpr.out_avals[0].dtype == jnp.bfloat16
    exact = jax.jit(network)(parameters(network), x, embedding)
    np.testing.assert_allclose(jax.jit(network)(params, x, embedding).astype(jnp.float32), exact, atol=0.05)


def test_blocks_are_what_remat_keeps(capsys):
    network, x, embedding = block(), normal(1, 4, 4, 4), normal(1, 6)

    def loss(policy, params):
        twice = remat(policy)(lambda params, x: network(params, network(params, x, embedding), embedding))
        return (twice(params, x) ** 2).sum()

    params = parameters(network)
    wanted, found = (jax.jit(jax.grad(functools.partial(loss, policy)))(params) for policy in ("none", "blocks"))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), found, wanted)
    jax.ad_checkpoint.print_saved_residuals(functools.partial(loss, "blocks"), params)
    assert "named 'block_out'" in capsys.readouterr().out

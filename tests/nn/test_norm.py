"""Moments after normalisation, of what they are taken, and in how many digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn import by_hand
from tests.nn.sharded import normal, parameters
from vlogger_jax.core.functional import Network
from vlogger_jax.core.precision import wide
from vlogger_jax.nn.norm import Film, GroupNorm, LayerNorm


def fresh(make):
    network = Network(make)
    return jax.jit(network), jax.jit(network.init)(jax.random.key(0))


def group_norm(channels=8, groups=4):
    return fresh(lambda rngs: GroupNorm(channels, groups=groups, rngs=rngs))


def layer_norm(d):
    return fresh(lambda rngs: LayerNorm(d, rngs=rngs))


def test_groups_of_each_picture_have_mean_0_and_variance_1():
    network, params = group_norm()
    y = np.asarray(network(params, 5 + 3 * normal(2, 3, 6, 6, 8))).reshape(2, 3, 36, 4, 2)
    np.testing.assert_allclose(y.mean(axis=(2, 4)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axis=(2, 4)), 1, atol=1e-4)


def test_group_norm_by_hand():
    network, _ = group_norm()
    x, random = normal(2, 3, 3, 8), parameters(Network(lambda rngs: GroupNorm(8, groups=4, rngs=rngs)))
    np.testing.assert_allclose(network(random, x), by_hand.group_norm(random, x, 4), atol=1e-5)


def test_what_hardly_varies_is_divided_by_the_epsilon_too():
    """The variance is as large as ADM's epsilon, so that any other would show."""
    network, params = group_norm()
    x = np.float32(1e-5**0.5) * normal(1, 6, 6, 8)
    found = np.asarray(network(params, x))
    np.testing.assert_allclose(found, by_hand.group_norm(params, x.astype(np.float64), 4, 1e-5), atol=1e-4)
    assert 0.6 < found.std() < 0.8


def test_frames_are_normalised_alone():
    network, params = group_norm()
    x = normal(2, 3, 4, 4, 8)
    clip = network(params, x)
    np.testing.assert_array_equal(network(params, np.concatenate([x[:, :2], 9 * x[:, 2:]], axis=1))[:, :2], clip[:, :2])
    np.testing.assert_allclose(network(params, x[1, 2]), clip[1, 2], atol=1e-6)


@pytest.mark.parametrize(("channels", "groups", "taken"), [(64, 32, 32), (48, 32, 16), (24, 8, 8), (3, 32, 1)])
def test_groups_divide_the_channels(channels, groups, taken):
    network, params = group_norm(channels, groups)
    y = np.asarray(network(params, normal(1, 8, 8, channels))).reshape(64, taken, -1)
    np.testing.assert_allclose(y.mean(axis=(0, 2)), 0, atol=1e-5)
    if taken < channels:
        assert np.abs(y.mean(axis=0)).max() > 1e-3


def test_layer_norm_by_hand():
    x = 5 + normal(2, 3, 8)
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    network, params = layer_norm(8)
    np.testing.assert_allclose(network(params, x), (x - mean) / np.sqrt(variance + 1e-5), atol=1e-4)


@pytest.mark.parametrize("make", [GroupNorm, LayerNorm])
def test_bfloat16_is_answered_with_statistics_of_float32(make):
    network, params = fresh(lambda rngs: make(32, rngs=rngs))
    x = jnp.asarray(normal(1, 8, 8, 32) + 3, jnp.bfloat16)
    y = network(params, x)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_array_equal(y, network(params, x.astype(jnp.float32)).astype(jnp.bfloat16))


def test_small_differences_on_a_large_mean_are_seen():
    network, params = layer_norm(4)
    y = network(params, np.float32([4096.0, 4096.5, 4097.0, 4097.5]))
    np.testing.assert_allclose(y, np.float32([-3, -1, 1, 3]) / 5**0.5, atol=1e-3)


def test_film_by_hand():
    network = Network(lambda rngs: Film(3, 4, rngs=rngs))
    params, x, embedding = parameters(network), normal(2, 5, 4), normal(2, 3, seed=2)
    layer = params["scale_shift"]
    scale, shift = np.split(jax.nn.silu(embedding) @ layer["kernel"] + layer["bias"], 2, axis=-1)
    np.testing.assert_allclose(network(params, x, embedding), x * (1 + scale[:, None]) + shift[:, None], atol=1e-5)


@pytest.mark.parametrize("sizes", [(), (2, 3)])
def test_film_of_frames_is_that_of_each(sizes):
    network = Network(lambda rngs: Film(3, 5, rngs=rngs))
    params, x, embedding = parameters(network), normal(2, 4, *sizes, 5), normal(2, 4, 3, seed=2)
    frames = jax.jit(network)(params, x, embedding)
    alone = jax.jit(lambda *arrays: network(*arrays))(params, x[:, -1], embedding[:, -1])
    np.testing.assert_allclose(frames[:, -1], alone, atol=1e-5)


def test_film_keeps_the_dtype_of_what_it_scales():
    network = Network(lambda rngs: Film(3, 4, rngs=rngs))
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), parameters(network))
    assert network(params, normal(2, 4), normal(2, 3)).dtype == jnp.float32
    assert network(params, jnp.ones((2, 4), jnp.bfloat16), normal(2, 3)).dtype == jnp.bfloat16


def test_wide_widens_only():
    assert wide(jnp.ones(1, jnp.bfloat16)).dtype == jnp.float32
    with jax.enable_x64(True):
        assert wide(jnp.ones(1, jnp.float64)).dtype == jnp.float64

"""Convolution along frames: by hand, at the ends of clips, and split over chips."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nn import by_hand, sharded
from tests.nn.sharded import FRAMES, normal, parameters
from vlogger_jax.core.functional import Network
from vlogger_jax.nn.temporal import TemporalConv, TemporalResidual, with_neighbours


def conv(c_in=3, c_out=4, before=1, after=1):
    network = Network(lambda rngs: TemporalConv(c_in, c_out, before, after, rngs=rngs))
    return jax.jit(network), parameters(network)


def residual(*sizes):
    network = Network(lambda rngs: TemporalResidual(*sizes, rngs=rngs))
    return jax.jit(network), parameters(network)


def test_ends_of_a_clip_are_repeated():
    x = jnp.arange(3.0).reshape(1, 3, 1)
    np.testing.assert_array_equal(with_neighbours(x, 2, 1)[0, :, 0], [0, 0, 0, 1, 2, 2])
    np.testing.assert_array_equal(with_neighbours(x, 0, 0), x)


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 0), (0, 1), (3, 2)])
def test_by_hand(before, after):
    network, params = conv(before=before, after=after)
    x = normal(2, 5, 2, 2, 3)
    assert params["conv"]["kernel"].shape == (before + 1 + after, 1, 3, 4)
    np.testing.assert_allclose(network(params, x), by_hand.temporal_conv(params, x, before), atol=1e-5)


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 0)])
def test_the_residual_by_hand(before, after):
    made = Network(lambda rngs: TemporalResidual(6, before, after, groups=2, rngs=rngs))
    params, x = parameters(made), normal(2, 4, 3, 2, 6)
    expected = by_hand.temporal_residual(params, x, 2, before)
    np.testing.assert_allclose(jax.jit(made)(params, x), expected, atol=1e-5)


def test_what_stands_still_stays_so():
    network, params = conv(before=2, after=2)
    y = network(params, jnp.broadcast_to(normal(1, 1, 3), (1, 4, 3)))
    np.testing.assert_allclose(y, y[:, :1].repeat(4, axis=1), rtol=1e-6)


def test_motion_is_a_picture_of_one_pixel():
    network, params = conv()
    x = normal(2, 5, 3)
    np.testing.assert_array_equal(network(params, x[:, :, None, None])[:, :, 0, 0], network(params, x))


def test_causal_frames_do_not_see_ahead():
    network, params = conv(before=2, after=0)
    x = normal(1, 6, 3)
    changed = network(params, jnp.asarray(x).at[:, 4].add(1.0))
    np.testing.assert_array_equal(changed[:, :4], network(params, x)[:, :4])
    assert (changed[:, 4:] != network(params, x)[:, 4:]).any(axis=(0, 2)).all()


def test_later_in_means_later_out():
    network, params = residual(8)
    x = normal(1, 9, 2, 2, 8)
    np.testing.assert_array_equal(network(params, x[:, 2:])[:, 1:-1], network(params, x)[:, 3:-1])


@pytest.mark.parametrize("shape", [(2, 4, 8), (2, 4, 3, 2, 8), (2, 1, 3, 2, 8)])
def test_begins_as_identity(shape):
    network, x = Network(lambda rngs: TemporalResidual(8, rngs=rngs)), normal(*shape)
    np.testing.assert_array_equal(jax.jit(network)(jax.jit(network.init)(jax.random.key(0)), x), x)


@settings(max_examples=8)
@given(t=st.integers(1, 4), places=st.lists(st.integers(1, 3), max_size=2), before=st.integers(0, 3))
def test_shapes(t, places, before):
    network = Network(lambda rngs: TemporalConv(5, 7, before, 0, rngs=rngs))
    y = jax.eval_shape(network, network.shapes(), normal(2, t, *places, 5))
    assert y.shape == (2, t, *places, 7)


def test_gradients_arrive_at_the_first_step():
    network = Network(lambda rngs: TemporalResidual(8, rngs=rngs))
    x = normal(1, 4, 2, 2, 8)
    gradients = jax.jit(jax.grad(lambda params: (network(params, x) ** 2).sum()))(network.init(jax.random.key(0)))
    assert np.abs(gradients["conv"]["conv"]["kernel"]).max() > 0.1


def test_statistics_are_each_frames_own():
    network, params = residual(4, 0, 0)
    x = normal(1, 5, 3, 3, 4)
    np.testing.assert_array_equal(network(params, jnp.asarray(x).at[:, 2].mul(7.0))[:, 3:], network(params, x)[:, 3:])


@pytest.mark.parametrize("reach", [(1, 1), pytest.param((2, 0), marks=pytest.mark.slow)])
def test_split_frames_see_their_neighbours(reach):
    network = Network(lambda rngs: TemporalResidual(4, *reach, rngs=rngs))
    sharded.assert_same_as_on_one_device(network, parameters(network), (normal(8, 16, 2, 4), FRAMES))


def test_more_than_a_neighbour_has_is_refused():
    network, params = conv(before=2, after=0)
    with pytest.raises(ValueError, match="2 frames of a neighbour that has 1"):
        sharded.split(network, (1, 1, 8), FRAMES)(params, jnp.ones((1, 8, 3)))

"""Sines and cosines of the right numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn import sharded
from tests.nn.sharded import FRAMES, parameters
from vlogger_jax.core.functional import Network
from vlogger_jax.diffusion import table
from vlogger_jax.nn import embed
from vlogger_jax.nn.embed import TimeEmbedding, fourier, frame_numbers, frame_positions, sinusoidal


def test_sinusoidal_by_hand():
    np.testing.assert_array_equal(sinusoidal(jnp.zeros(2), 4), [[1, 1, 0, 0]] * 2)
    expected = [np.cos(3), np.cos(0.03), np.sin(3), np.sin(0.03)]
    np.testing.assert_allclose(sinusoidal(jnp.asarray([3.0]), 4), [expected], atol=1e-6)


def test_sinusoidal_of_integers_is_that_of_numbers():
    np.testing.assert_array_equal(sinusoidal(jnp.arange(9), 6), sinusoidal(jnp.arange(9.0), 6))
    assert sinusoidal(jnp.ones(1, jnp.bfloat16), 2).dtype == jnp.float32


def test_an_odd_width_is_refused():
    with pytest.raises(ValueError, match="even width, not 5"):
        sinusoidal(jnp.ones(1), 5)


def test_how_alike_two_frames_are_depends_on_their_distance():
    near = frame_positions(12, 16)
    products = np.asarray(near @ near.T)
    for apart in range(12):
        np.testing.assert_allclose(np.diagonal(products, apart), products[0, apart], atol=1e-4)
    assert products[0, 0] > products[0, 1:].max()


def test_frames_keep_their_numbers_when_split():
    def count(_, x):
        return x + frame_numbers(x.shape[1]).astype(x.dtype)

    for shape in sharded.SHAPES[1:]:
        found = jax.jit(sharded.split(count, shape, FRAMES))({}, np.zeros((8, 16)))
        np.testing.assert_array_equal(found, np.broadcast_to(np.arange(16), (8, 16)))


def test_fourier_by_hand():
    x = np.float32([[0.5, -0.25]])
    angles = np.pi * np.float32([0.5, -0.25, 1.0, -0.5, 2.0, -1.0])
    np.testing.assert_allclose(fourier(x), [[*np.sin(angles), *np.cos(angles)]], atol=1e-6)
    assert fourier(jnp.ones((2, 3, 4, 3), jnp.bfloat16), 2).shape == (2, 3, 4, 12)


def test_two_millimetres_show():
    # Of a body 1.8 m tall, whose canonical positions reach from -1 to 1.
    apart = fourier(np.float32([[0.3, 0, 0]])) - fourier(np.float32([[0.3 + 0.002 / 0.9, 0, 0]]))
    assert np.abs(apart).max() > 0.02


def test_time_embedding_by_hand():
    network = Network(lambda rngs: TimeEmbedding(6, 5, rngs=rngs))
    params, t = parameters(network), np.float32([0.0, 1 / 3, 1.0])
    first, second = params["first"], params["second"]
    inside = jax.nn.silu(sinusoidal(jnp.asarray([0.0, 333.0, 999.0]), 6) @ first["kernel"] + first["bias"])
    np.testing.assert_allclose(network(params, t), inside @ second["kernel"] + second["bias"], atol=1e-4)
    every = network(params, np.broadcast_to(t[:, None], (3, 2)))
    np.testing.assert_allclose(every[:, 1], network(params, t), atol=1e-6)


def test_the_steps_of_a_table_are_told_as_they_are_counted(monkeypatch):
    """Exactly: 1000 t would tell step 500 as 500.5."""
    told = []
    monkeypatch.setattr(embed, "sinusoidal", lambda x, d: told.append(x) or sinusoidal(x, d))
    network = Network(lambda rngs: TimeEmbedding(2, 2, rngs=rngs))
    network(parameters(network), table.linear().time.astype(np.float32))
    np.testing.assert_array_equal(told[-1], np.arange(1000))


def test_times_that_bfloat16_cannot_tell_apart_differ():
    network = Network(lambda rngs: TimeEmbedding(32, 8, rngs=rngs))
    y = network(parameters(network), np.float32([0.899, 0.9]))
    assert np.abs(y[0] - y[1]).max() > 0.05
    assert jnp.bfloat16(0.899) == jnp.bfloat16(0.9)

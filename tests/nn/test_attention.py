"""Attention: by hand, through masks, and with frames split over chips."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nn import sharded
from tests.nn.sharded import FRAMES, SAMPLES, jitted, normal, parameters
from vlogger_jax.core.functional import Network
from vlogger_jax.nn.attention import (
    Attention,
    FrameAttention,
    SpaceAttention,
    TransformerBlock,
    attend,
    causal,
)


def affine(layer, x):
    return x @ layer["kernel"] + layer["bias"]


def frames(d=8, heads=2):
    network = Network(lambda rngs: FrameAttention(d, heads, rngs=rngs))
    return jitted(network), parameters(network)


def block(d=8, heads=2, e=6):
    return Network(lambda rngs: TransformerBlock(d, heads, e, rngs=rngs))


def test_attend_by_hand():
    query, key, value = (normal(2, n, 3, 4, seed=n) for n in (3, 5, 6))
    value = value[:, :5]
    logits = np.einsum("bqnd,bknd->bnqk", query, key) / 2
    weights = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    found = attend(*map(jnp.asarray, (query, key, value)))
    np.testing.assert_allclose(found, np.einsum("bnqk,bknd->bqnd", weights, value), atol=1e-6)


def test_attend_is_that_of_jax():
    query, key, value = (normal(2, 5, 3, 4, seed=n) for n in range(3))
    mask = jnp.tril(jnp.ones((5, 5), bool))
    expected = jax.nn.dot_product_attention(query, key, value, mask=mask[None, None])
    np.testing.assert_allclose(attend(query, key, value, mask), expected, atol=1e-6)


def test_of_one_key_the_value_is_taken():
    network = Network(lambda rngs: Attention(8, 2, d_seen=5, rngs=rngs))
    params = parameters(network)
    seen = normal(3, 1, 5)
    expected = affine(params["project"], affine(params["value"], seen))
    np.testing.assert_allclose(
        jax.jit(network)(params, normal(3, 4, 8, seed=2), seen), np.broadcast_to(expected, (3, 4, 8)), atol=1e-5
    )


def test_heads_look_for_themselves():
    network, params = frames(heads=2)
    params = {**params, "project": {"kernel": np.eye(8, dtype=np.float32), "bias": np.zeros(8, np.float32)}}
    kernel = params["query"]["kernel"] + np.float32([1, 1, 1, 1, 0, 0, 0, 0])
    other, x = {**params, "query": {**params["query"], "kernel": kernel}}, normal(1, 4, 8)
    changed = (network(params, x) != network(other, x)).any(axis=(0, 1))
    np.testing.assert_array_equal(changed, [True] * 4 + [False] * 4)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="3 heads do not divide a width of 8"):
        Network(lambda rngs: Attention(8, 3, rngs=rngs)).shapes()


def test_frames_see_those_before_them_only():
    network, params = frames()
    x = normal(2, 6, 8)
    before, after = (network(params, array, causal) for array in (x, jnp.asarray(x).at[:, 3].add(1.0)))
    np.testing.assert_array_equal(after[:, :3], before[:, :3])
    assert (after[:, 3:] != before[:, 3:]).any(axis=2).all()


def test_without_a_mask_order_does_not_matter():
    network, params = frames()
    x = normal(2, 6, 8)
    order = np.asarray([3, 1, 5, 0, 2, 4])
    np.testing.assert_allclose(network(params, x[:, order]), network(params, x)[:, order], atol=1e-5)


def test_nobody_sees_what_only_fills_up():
    network, params = frames()
    x, length = normal(2, 6, 8), jnp.asarray([4, 6])
    valid = jnp.arange(6) < length[:, None]
    changed = jnp.asarray(x).at[0, 4:].set(99.0)
    np.testing.assert_array_equal(network(params, changed, None, valid)[0, :4], network(params, x, None, valid)[0, :4])
    first = jnp.arange(6) > jnp.zeros((2, 1))
    changed = network(params, jnp.asarray(x).at[:, 0].set(99.0), causal, first)
    np.testing.assert_array_equal(changed[:, 1:], network(params, x, causal, first)[:, 1:])
    for visible in (None, causal):
        alone = network(params, x[:1, :4], visible)
        np.testing.assert_allclose(network(params, x, visible, valid)[0, :4], alone[0], atol=1e-5)
        np.testing.assert_allclose(network(params, x, visible, valid)[1], network(params, x, visible)[1], atol=1e-5)


def test_what_sees_nothing_has_finite_gradients():
    network, params = frames()
    gradient = jax.grad(lambda x: network(params, x, None, jnp.zeros((1, 3), bool)).sum())(normal(1, 3, 8))
    assert np.isfinite(gradient).all()


def test_softmax_has_the_digits_of_float32():
    logit = jnp.asarray([0.0, 2.0**-10], jnp.bfloat16)
    key = jnp.stack([jnp.zeros(2), logit]).astype(jnp.bfloat16).reshape(1, 2, 1, 2)
    weights = attend(jnp.full((1, 1, 1, 2), 64.0, jnp.bfloat16), key, jnp.eye(2).reshape(1, 2, 1, 2))
    expected = np.exp([0, 64 * 2.0**-10 / np.sqrt(2)])
    np.testing.assert_allclose(weights.ravel(), expected / expected.sum(), atol=1e-6)


@pytest.mark.parametrize("visible", [None, causal])
def test_split_frames_see_all_frames(visible):
    network, params = frames()
    valid = np.arange(16) < np.asarray([16, 9, 3, 1, 16, 12, 8, 7])[:, None]
    function = lambda params, x, valid: network(params, x, visible, valid)  # noqa: E731
    sharded.assert_same_as_on_one_device(
        function, params, (normal(8, 16, 8), FRAMES), (valid, FRAMES), shapes=[(2, 2, 2), (1, 1, 8)]
    )


def test_pixels_see_their_own_picture():
    blocks = Network(lambda rngs: SpaceAttention(8, 2, groups=4, rngs=rngs))
    network, params, x = jax.jit(blocks), parameters(blocks), normal(2, 3, 4, 2, 8)
    np.testing.assert_array_equal(network(jax.jit(blocks.init)(jax.random.key(0)), x), x)
    y = network(params, x)
    np.testing.assert_allclose(y[1, 2], network(params, x[1, 2]), atol=1e-5)
    np.testing.assert_allclose(y[..., ::-1, :], network(params, x[..., ::-1, :]), atol=1e-5)
    assert (network(params, jnp.asarray(x).at[0, 0, 0, 0, 0].add(1.0)) != y).any(axis=-1).sum() == 8


def test_a_picture_that_is_remembered_is_looked_at_as_if_it_were_a_part_of_it():
    blocks = Network(lambda rngs: SpaceAttention(8, 2, groups=4, rngs=rngs))
    params, x, other = parameters(blocks), normal(2, 3, 2, 2, 8), normal(2, 2, 2, 8, seed=2)
    memory = jax.jit(blocks.method("remember"))(params, other)
    y = jax.jit(blocks)(params, x, memory)
    for sample, frame in np.ndindex(2, 3):
        one = {**params["attention"]}
        # The norm is of each picture alone: what is projected here is what it makes of both.
        mine, theirs = (_normed(params["norm"], each).reshape(4, 8) for each in (x[sample, frame], other[sample]))
        query, both = affine(one["query"], mine), np.concatenate([mine, theirs])
        key, value = (affine(one[name], both).reshape(8, 2, 4) for name in ("key", "value"))
        taken = attend(query.reshape(4, 2, 4), key, value).reshape(4, 8)
        expected = x[sample, frame] + affine(one["project"], taken).reshape(2, 2, 8)
        np.testing.assert_allclose(y[sample, frame], expected, atol=1e-5)


def _normed(norm, x):
    parts = x.reshape(-1, 4, 2)
    mean, variance = (f(parts, axis=(0, 2), keepdims=True) for f in (np.mean, np.var))
    return ((parts - mean) / np.sqrt(variance + 1e-5)).reshape(-1, 8) * norm["scale"] + norm["bias"]


def test_a_block_of_one_frame_by_hand():
    params, x, embedding = parameters(block()), normal(2, 1, 8), normal(2, 6, seed=2)

    def film(x, i):
        mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
        norm = params[f"norm_{i}"]
        normed = (x - mean) / np.sqrt(variance + 1e-5) * norm["scale"] + norm["bias"]
        both = affine(params[f"film_{i}"]["scale_shift"], embedding / (1 + np.exp(-embedding)))[:, None]
        return normed * (1 + both[..., :8]) + both[..., 8:]

    attention, mlp = params["attention"], params["mlp"]
    h = x + affine(attention["project"], affine(attention["value"], film(x, 1)))
    expected = h + affine(mlp["narrow"], jax.nn.gelu(affine(mlp["widen"], film(h, 2))))
    np.testing.assert_allclose(jax.jit(block())(params, x, embedding), expected, atol=1e-4)


def test_a_block_begins_as_identity():
    network, x = block(), normal(2, 3, 8)
    params = jax.jit(network.init)(jax.random.key(0))
    np.testing.assert_array_equal(jax.jit(network)(params, x, normal(2, 6)), x)


@settings(max_examples=8)
@given(b=st.integers(1, 3), t=st.integers(1, 5), heads=st.integers(1, 3), e=st.integers(1, 5), frames=st.booleans())
def test_shapes_of_a_block(b, t, heads, e, frames):
    network = block(4 * heads, heads, e)
    x, embedding = normal(b, t, 4 * heads), normal(*((b, t, e) if frames else (b, e)))
    assert jax.eval_shape(network, network.shapes(), x, embedding).shape == x.shape


def test_an_embedding_may_differ_from_frame_to_frame():
    network, params = jax.jit(block(), static_argnums=3), parameters(block())
    x, embedding = normal(2, 4, 8), normal(2, 6, seed=2)
    every = jnp.broadcast_to(embedding[:, None], (2, 4, 6))
    np.testing.assert_allclose(network(params, x, every), network(params, x, embedding), atol=1e-5)
    changed = network(params, x, every.at[:, 3].add(1.0), causal)
    np.testing.assert_allclose(changed[:, :3], network(params, x, embedding, causal)[:, :3], atol=1e-5)
    assert np.abs(changed[:, 3] - network(params, x, embedding, causal)[:, 3]).max() > 0.01


@pytest.mark.slow
def test_a_block_of_split_frames_is_the_same():
    network = block()
    function = lambda params, x, embedding: network(params, x, embedding, causal)  # noqa: E731
    sharded.assert_same_as_on_one_device(
        function,
        parameters(network),
        (normal(8, 16, 8), FRAMES),
        (normal(8, 6), SAMPLES),
        shapes=[(2, 1, 4)],
    )

"""Affine layers against numpy, and the digits that they compute in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.sharded import normal, parameters
from vlogger_jax.core.functional import Network
from vlogger_jax.nn.dense import MLP, Conv, Linear, residual


def linear(d_in=3, d_out=5, **options):
    return Network(lambda rngs: Linear(d_in, d_out, **options, rngs=rngs))


def conv(*sizes, **options):
    return Network(lambda rngs: Conv(*sizes, **options, rngs=rngs))


def test_linear_by_hand():
    params, x = parameters(linear()), normal(2, 4, 3)
    np.testing.assert_allclose(linear()(params, x), x @ params["kernel"] + params["bias"], atol=1e-6)


@pytest.mark.parametrize("kernel", [(3, 3), (1, 1), (3, 1), (5, 3)])
def test_conv_by_hand(kernel):
    network = conv(2, 4, kernel)
    params, x = parameters(network), normal(2, 3, 6, 5, 2)
    rows, columns = kernel
    around = np.pad(x, [(0, 0), (0, 0), (rows // 2,) * 2, (columns // 2,) * 2, (0, 0)])
    expected = params["bias"] + sum(
        around[..., i : i + 6, j : j + 5, :] @ params["kernel"][i, j] for i in range(rows) for j in range(columns)
    )
    y = jax.jit(network)(params, x)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    inner = jax.jit(conv(2, 4, kernel, padding="VALID"))(params, x)
    np.testing.assert_allclose(inner, y[..., rows // 2 : 6 - rows // 2, columns // 2 : 5 - columns // 2, :], atol=1e-5)


@pytest.mark.parametrize(("network", "fan_in"), [(linear(64, 256), 64), (conv(16, 64), 144)])
def test_begins_as_pytorch_does(network, fan_in):
    params = jax.jit(network.init)(jax.random.key(0))
    kernel, limit = params["kernel"], fan_in**-0.5
    assert 0.98 * limit < np.abs(kernel).max() <= limit
    assert np.std(kernel) == pytest.approx(limit / 3**0.5, rel=0.02)
    assert not params["bias"].any()


def test_zero_layers_answer_zero():
    for network, x in ((linear(zero=True), normal(2, 3)), (conv(3, 4, zero=True), normal(2, 4, 4, 3))):
        params = jax.jit(network.init)(jax.random.key(0))
        assert not jax.jit(network)(params, x).any()
        # and learn: dL/dW = x dL/dy.
        gradient = jax.jit(jax.grad(lambda params, network=network, x=x: network(params, x).sum()))(params)
        assert gradient["kernel"].any()


def test_mlp_by_hand():
    network = Network(lambda rngs: MLP(4, wider=2, rngs=rngs))
    params, x = parameters(network), normal(3, 4)
    inside = jax.nn.gelu(x @ params["widen"]["kernel"] + params["widen"]["bias"])
    expected = inside @ params["narrow"]["kernel"] + params["narrow"]["bias"]
    np.testing.assert_allclose(network(params, x), expected, atol=1e-5)
    assert not network(jax.jit(network.init)(jax.random.key(0)), x).any()


@pytest.mark.parametrize("given", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("kept", [jnp.float32, jnp.bfloat16])
def test_layers_compute_in_the_dtype_of_their_kernel(given, kept):
    for network, x, product in (
        (linear(), normal(2, 3), "dot_general"),
        (conv(3, 4), normal(2, 4, 4, 3), "conv_general_dilated"),
    ):
        params = jax.tree.map(lambda leaf: leaf.astype(kept), parameters(network))
        jaxpr = jax.make_jaxpr(network)(params, x.astype(given))
        products = [line for line in str(jaxpr).splitlines() if f"= {product}[" in line]
        assert len(products) == 1 and {jnp.float32: "f32[", jnp.bfloat16: "bf16["}[kept] in products[0]
        assert jaxpr.out_avals[0].dtype == kept


def test_a_sum_has_the_dtype_of_its_branch():
    x = np.float32([1.0, 2.0])
    assert residual(x, jnp.ones(2, jnp.bfloat16)).dtype == jnp.bfloat16
    np.testing.assert_array_equal(residual(x, np.float32([3.0, 4.0])), [4.0, 6.0])

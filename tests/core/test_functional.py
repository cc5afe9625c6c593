"""Modules as functions of dicts: same parameters for the same key, and none but the right ones taken."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import Network, check, count, paths, remat


class Layer(nnx.Module):
    def __init__(self, d: int, rngs: nnx.Rngs):
        self.kernel = nnx.Param(jax.random.normal(rngs.params(), (d, d)))

    def __call__(self, x):
        return checkpoint_name(jnp.tanh(jnp.sin(x @ self.kernel[...])), "block_out")


class Chain(nnx.Module):
    def __init__(self, d: int, layers: int, rngs: nnx.Rngs):
        self.scale = nnx.Param(jnp.ones(d))
        self.layers = nnx.List([Layer(d, rngs) for _ in range(layers)])

    def __call__(self, x, *, shift=0.0):
        x = x * self.scale[...] + shift
        for layer in self.layers:
            x = layer(x)
        return x


def chain(d=3, layers=2):
    return Network(lambda rngs: Chain(d, layers, rngs))


def test_parameters_are_plain_dicts_of_arrays_by_path():
    params = chain().init(jax.random.key(0))
    assert type(params) is dict and type(params["layers"]["0"]) is dict
    assert {path: leaf.shape for path, leaf in paths(params).items()} == {
        "layers/0/kernel": (3, 3),
        "layers/1/kernel": (3, 3),
        "scale": (3,),
    }
    assert all(type(leaf) is type(jnp.ones(1)) for leaf in jax.tree.leaves(params))
    assert count(params) == 21


def test_the_answer_by_hand():
    network, x = chain(), jnp.asarray([[0.1, -0.2, 0.3]])
    params = network.init(jax.random.key(0))
    expected = x + 0.5
    for i in "01":
        expected = jnp.tanh(jnp.sin(expected @ params["layers"][i]["kernel"]))
    np.testing.assert_allclose(network(params, x, shift=0.5), expected, rtol=1e-6)


def test_more_than_ten_layers_keep_their_order():
    network, x = chain(1, 12), jnp.ones((1, 1))
    params = network.init(jax.random.key(0))
    for i in range(12):
        params["layers"][str(i)]["kernel"] = jnp.full((1, 1), 1 + i / 10)
    expected = 1.0
    for i in range(12):
        expected = np.tanh(np.sin(expected * (1 + i / 10)))
    np.testing.assert_allclose(network(params, x), [[expected]], rtol=1e-5)


def test_the_same_key_gives_the_same_parameters():
    init = jax.jit(chain().init)
    first, again, other = init(jax.random.key(0)), init(jax.random.key(0)), init(jax.random.key(1))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert not np.allclose(first["layers"]["0"]["kernel"], other["layers"]["0"]["kernel"])
    assert not np.allclose(first["layers"]["0"]["kernel"], first["layers"]["1"]["kernel"])


def test_shapes_are_those_of_init():
    network = chain()
    assert network.shapes() == jax.eval_shape(network.init, jax.random.key(0))


def test_the_module_is_made_once_for_all_calls():
    made = []
    network = Network(lambda rngs: made.append(1) or Chain(3, 2, rngs))
    params = network.init(jax.random.key(0))
    made.clear()
    for rows in (1, 2, 3):
        jax.jit(network)(params, jnp.ones((rows, 3)))
    network(params, jnp.ones((1, 3)))
    assert len(made) == 1


def test_nothing_of_a_trace_stays():
    network, x = chain(), jnp.ones((1, 3))
    params = chain().init(jax.random.key(0))
    with jax.checking_leaks():
        inside = jax.jit(network)(params, x)
    np.testing.assert_allclose(network(params, x), inside, rtol=1e-6)


def test_other_parameters_are_refused_by_path():
    network, x = chain(), jnp.ones((1, 3))
    params = network.init(jax.random.key(0))
    with pytest.raises(ValueError, match=r"missing: scale$"):
        network({"layers": params["layers"]}, x)
    with pytest.raises(ValueError, match=r"unknown: layers/2/kernel$"):
        network({**params, "layers": {**params["layers"], "2": {"kernel": jnp.ones((3, 3))}}}, x)
    with pytest.raises(ValueError, match=r"of another shape: scale \[1\] instead of \[3\]$"):
        network({**params, "scale": jnp.ones(1)}, x)
    with pytest.raises(ValueError, match="missing: scale; unknown: bias"):
        jax.jit(network)({"layers": params["layers"], "bias": x}, x)


def test_parameters_of_another_network_are_told_with_where_they_come_from():
    small, large = chain(3, 2), chain(3, 12)
    params = small.init(jax.random.key(0))
    check(params, small.shapes(), "motion.safetensors")
    check(jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params), small.shapes(), "motion.safetensors")
    with pytest.raises(UserError, match=r"motion.safetensors holds .* missing: layers/10/kernel.*and 2 more"):
        check(params, large.shapes(), "motion.safetensors")
    with pytest.raises(UserError, match="unknown: layers/10/kernel"):
        check(large.init(jax.random.key(0)), small.shapes(), "it")


def test_state_that_is_no_parameter_is_refused():
    class Counting(nnx.Module):
        def __init__(self, rngs: nnx.Rngs):
            self.calls = nnx.Variable(jnp.zeros(()))

    with pytest.raises(ValueError, match="filters"):
        Network(Counting).init(jax.random.key(0))


def test_paths_of_what_training_holds():
    class Moments(NamedTuple):
        mu: dict
        nu: dict

    assert list(paths(Moments({"a": 1}, {"b": [2, None]}))) == ["mu/a", "nu/b/0"]


@pytest.mark.parametrize("policy", ["none", "full", "dots", "blocks"])
def test_what_is_computed_again_is_the_same(policy):
    network, x = chain(), jnp.linspace(-1, 1, 6).reshape(2, 3)
    params = network.init(jax.random.key(0))

    def loss(call, params):
        return (call(params, x, shift=jnp.float32(0.1)) ** 2).sum()

    expected = jax.jit(jax.value_and_grad(lambda params: loss(network, params)))(params)
    found = jax.jit(jax.value_and_grad(lambda params: loss(remat(policy)(network), params)))(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), found, expected)


def test_policies_keep_what_they_say(capsys):
    network, x = chain(), jnp.ones((2, 3))
    params = network.init(jax.random.key(0))

    def kept(policy):
        jax.ad_checkpoint.print_saved_residuals(lambda params: remat(policy)(network)(params, x).sum(), params)
        lines = capsys.readouterr().out.splitlines()
        return [line for line in lines if "from the argument" not in line and "constant" not in line]

    # Sines and their cosines, tanh and its derivative of each layer, one way or another.
    assert len(kept("none")) >= 6
    assert kept("full") == []
    assert len(kept("dots")) == 2 and all("dot_general" in line for line in kept("dots"))
    # The last one is what the network answers.
    assert all("block_out" in line for line in kept("blocks")) and 1 <= len(kept("blocks")) <= 2


def test_single_blocks_can_be_computed_again():
    class Remade(Chain):
        def __call__(self, x):
            for layer in self.layers:
                x = remat("full")(layer)(x)
            return x

    network, x = Network(lambda rngs: Remade(3, 2, rngs)), jnp.ones((2, 3))
    params = network.init(jax.random.key(0))
    plain = jax.grad(lambda params: chain()(params, x).sum())(params)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7),
        jax.grad(lambda params: network(params, x).sum())(params)["layers"],
        plain["layers"],
    )


def test_an_unknown_policy_is_named():
    with pytest.raises(UserError, match=r"remat policy named 'half'.*none, full, dots, blocks"):
        remat("half")

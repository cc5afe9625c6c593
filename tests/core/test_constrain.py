"""Neighbours' frames, sums and gathers inside of `jax.shard_map`; nothing without a mesh."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding

from vlogger_jax.core import constrain
from vlogger_jax.core.constrain import BATCH, CONTEXT, DATA, FSDP
from vlogger_jax.parallel import mesh
from vlogger_jax.parallel.mesh import MeshConfig

FRAMES = jax.P(BATCH, CONTEXT)


def clips(b: int = 4, t: int = 8, d: int = 2) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((b, t, d)).astype(np.float32)


def on(data: int, fsdp: int, context: int) -> jax.sharding.Mesh:
    return mesh.make(MeshConfig(data, fsdp, context), jax.devices()[: data * fsdp * context])


def sharded(function, specs, result, *arrays, shape=(2, 1, 4)):
    with jax.set_mesh(on(*shape)):
        return jax.jit(jax.shard_map(function, in_specs=specs, out_specs=result))(*arrays)


def test_nothing_is_split_without_a_mesh():
    x = jnp.asarray(clips())
    assert not constrain.bound(CONTEXT) and constrain.shards(CONTEXT) == 1 and constrain.position(CONTEXT) == 0
    assert constrain.total(x, CONTEXT) is x
    assert constrain.whole(x, CONTEXT, 1) is x
    assert constrain.constrain(x, "batch", "time") is x


def test_nothing_is_split_where_the_compiler_splits():
    """Under a mesh, outside of `jax.shard_map`, arrays are whole."""
    with jax.set_mesh(on(2, 1, 4)):
        assert not constrain.bound(CONTEXT) and constrain.shards(CONTEXT) == 1
        np.testing.assert_array_equal(jax.jit(lambda x: constrain.total(x, CONTEXT))(clips()), clips())
        np.testing.assert_array_equal(jax.jit(lambda x: constrain.halo(x, 1, 0))(clips())[:, 1:], clips())


def test_parts_know_how_many_they_are_and_which():
    def facts(x):
        assert constrain.bound(CONTEXT) and constrain.bound(DATA) and constrain.bound(FSDP)
        assert (constrain.shards(DATA), constrain.shards(FSDP), constrain.shards(CONTEXT)) == (2, 1, 4)
        return jnp.zeros_like(x, jnp.int32) + 10 * constrain.position(DATA) + constrain.position(CONTEXT)

    found = sharded(facts, FRAMES, FRAMES, clips()[..., 0])
    np.testing.assert_array_equal(found, 10 * np.repeat([0, 1], 2)[:, None] + np.repeat(np.arange(4), 2))


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 4), (1, 1, 8), (2, 2, 2)])
def test_a_total_is_the_sum_over_all_frames(shape: tuple[int, int, int]):
    found = sharded(lambda x: constrain.total(x.sum(axis=1), CONTEXT), FRAMES, jax.P(BATCH), clips(), shape=shape)
    np.testing.assert_allclose(found, clips().sum(axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 4), (1, 1, 8)])
def test_every_shard_may_have_all_frames(shape: tuple[int, int, int]):
    def differences(x):
        everything = constrain.whole(x, CONTEXT, 1)
        assert everything.shape[1] == 8
        return x - everything[:, :1]

    np.testing.assert_array_equal(sharded(differences, FRAMES, FRAMES, clips(), shape=shape), clips() - clips()[:, :1])


def windows(x: np.ndarray, before: int, after: int, parts: int) -> np.ndarray:
    """What `halo` gives each of `parts` parts, one after another."""
    padded = np.pad(x, [(0, 0), (before, after), (0, 0)])
    own = x.shape[1] // parts
    return np.concatenate([padded[:, i * own : (i + 1) * own + before + after] for i in range(parts)], axis=1)


@pytest.mark.parametrize("before, after", [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (0, 2), (2, 2)])
@pytest.mark.parametrize("context", [1, 2, 4])
def test_a_halo_is_the_neighbours_frames_and_zeros_beyond_the_ends(before: int, after: int, context: int):
    found = sharded(lambda x: constrain.halo(x, before, after), FRAMES, FRAMES, clips(), shape=(2, 1, context))
    np.testing.assert_array_equal(found, windows(clips(), before, after, context))


def test_a_halo_without_a_mesh_is_padding_of_any_width():
    found = constrain.halo(jnp.asarray(clips()), 11, 9)
    np.testing.assert_array_equal(found, windows(clips(), 11, 9, 1))


@pytest.mark.parametrize("before, after", [(3, 0), (0, 3)])
def test_a_halo_wider_than_a_neighbour_is_refused(before: int, after: int):
    with pytest.raises(ValueError, match="3 frames of a neighbour that has 2"):
        sharded(lambda x: constrain.halo(x, before, after), FRAMES, FRAMES, clips())


def test_gradients_return_to_the_frames_that_were_lent():
    """Each frame is seen by as many windows of three as one device would show it to."""

    def loss(x):
        def sums(x):
            frames = x.shape[1]
            near = constrain.halo(x, 2, 1)
            smooth = sum(near[:, i : i + frames] * (i + 1) for i in range(4))
            return constrain.total((smooth**2).sum(axis=(1, 2)), CONTEXT)

        mapped = (
            sums
            if jax.sharding.get_abstract_mesh().empty
            else jax.shard_map(sums, in_specs=FRAMES, out_specs=jax.P(BATCH))
        )
        return mapped(x).sum()

    expected = jax.grad(loss)(clips())
    with jax.set_mesh(on(2, 1, 4)):
        np.testing.assert_allclose(jax.jit(jax.grad(loss))(clips()), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "names, spec",
    [
        (("batch", "time"), jax.P(BATCH, CONTEXT)),
        (("batch",), jax.P(BATCH)),
        ((None, "batch", "time"), jax.P(None, BATCH, CONTEXT)),
        ((None, None, "time"), jax.P(None, None, CONTEXT)),
    ],
)
def test_names_tell_the_compiler_what_is_split(names: tuple[str | None, ...], spec: jax.P):
    chosen = on(2, 1, 4)
    with jax.set_mesh(chosen):
        made = jax.jit(lambda x: constrain.constrain(2 * x, *names))(np.ones((8, 8, 8), np.float32))
    assert made.sharding.is_equivalent_to(NamedSharding(chosen, spec), 3)


def test_constraints_do_nothing_inside_of_a_shard_map():
    found = sharded(lambda x: constrain.constrain(x, "batch", "time"), FRAMES, FRAMES, clips())
    np.testing.assert_array_equal(found, clips())


def test_an_unknown_name_is_an_error():
    with jax.set_mesh(on(2, 1, 4)), pytest.raises(KeyError):
        constrain.constrain(jnp.ones((8, 8)), "frames")

"""One shard_map around loss and sampling: the same numbers and gradients as without."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding

from tests.parallel import noisy
from vlogger_jax.core import constrain
from vlogger_jax.core.constrain import BATCH, CONTEXT
from vlogger_jax.core.draw import Draw
from vlogger_jax.parallel import mesh
from vlogger_jax.parallel.mesh import MeshConfig
from vlogger_jax.parallel.split import split

SHAPES = [(1, 1, 1), (8, 1, 1), (4, 1, 2), (2, 2, 2), (1, 2, 4)]
DRAW = Draw.of(jax.random.key(7), noisy.BATCH)


def on(shape: tuple[int, int, int]) -> jax.sharding.Mesh:
    return mesh.make(MeshConfig(*shape), jax.devices()[: np.prod(shape)])


def value_and_gradients(trainable: dict, batch: dict, draw: Draw) -> tuple:
    def mean(trainable: dict) -> tuple:
        losses, metrics = split(noisy.loss, noisy.FRAMED)(trainable, {}, batch, draw)
        return losses.mean(), (losses, metrics)

    return jax.jit(jax.value_and_grad(mean, has_aux=True))(trainable)


@pytest.fixture(scope="module")
def whole() -> tuple:
    with jax.enable_x64(True):
        batch = {name: array.astype(np.float64) for name, array in noisy.local().items()}
        return jax.tree.map(np.asarray, value_and_gradients(noisy.weights(np.float64), batch, DRAW))


@pytest.mark.parametrize("shape", SHAPES)
def test_losses_metrics_and_gradients_are_those_of_one_device(shape: tuple[int, int, int], whole: tuple):
    with jax.enable_x64(True), jax.set_mesh(on(shape)):
        batch = {name: array.astype(np.float64) for name, array in noisy.local().items()}
        found = value_and_gradients(noisy.weights(np.float64), batch, DRAW)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), found, whole)


def test_without_a_mesh_the_function_is_called_as_it_is():
    seen, arguments = [], ({"w": 1}, {}, noisy.local(), DRAW)
    assert split(lambda *given: seen.append(given), noisy.FRAMED)(*arguments) is None
    assert all(given is argument for given, argument in zip(seen[0], arguments, strict=True))


def test_each_shard_sees_its_samples_and_frames_and_all_parameters():
    def look(trainable: dict, frozen: dict, batch: dict, draw: Draw) -> dict:
        assert trainable["w"].shape == (4, 3) and frozen["v"].shape == (5,)
        assert batch["x"].shape == (4, 4, 3) and batch["scale"].shape == (4,)
        assert draw.number.shape == (4,) and draw.batch == 16
        assert all(constrain.bound(axis) for axis in constrain.AXES)
        return {"number": draw.number, "kept": batch["scale"]}

    with jax.set_mesh(on((2, 2, 2))):
        parameters = {"w": jnp.ones((4, 3))}, {"v": jnp.ones(5)}
        found = jax.jit(split(look, noisy.FRAMED))(*parameters, noisy.local(), DRAW)
    np.testing.assert_array_equal(found["number"], np.arange(16))
    np.testing.assert_array_equal(found["kept"], noisy.local()["scale"])


def test_results_may_have_frames():
    def twice(trainable: dict, frozen: dict, batch: dict, draw: Draw) -> jax.Array:
        return 2 * batch["x"] + batch["scale"][:, None, None]

    chosen, batch = on((2, 1, 4)), noisy.local()
    with jax.set_mesh(chosen):
        found = jax.jit(split(twice, noisy.FRAMED, framed_result=True))({}, {}, batch, DRAW)
    np.testing.assert_allclose(found, 2 * batch["x"] + batch["scale"][:, None, None], rtol=1e-6)
    assert found.sharding.is_equivalent_to(NamedSharding(chosen, jax.P(BATCH, CONTEXT)), 3)


def test_arrays_that_are_not_framed_are_the_same_on_all_shards_of_a_sample():
    def first(trainable: dict, frozen: dict, batch: dict, draw: Draw) -> jax.Array:
        assert batch["x"].shape == (8, 8, 3)
        return batch["x"][:, 0]

    with jax.set_mesh(on((2, 1, 4))):
        found = jax.jit(split(first, frozenset()))({}, {}, noisy.local(), DRAW)
    np.testing.assert_array_equal(found, noisy.local()["x"][:, 0])


def test_a_mean_over_own_frames_only_is_refused():
    """The mistake to make: without `constrain.total` every shard would have another loss for the same sample."""

    def own(trainable: dict, frozen: dict, batch: dict, draw: Draw) -> jax.Array:
        return batch["x"].mean(axis=(1, 2))

    with jax.set_mesh(on((2, 1, 4))), pytest.raises(ValueError, match="context"):
        jax.jit(split(own, noisy.FRAMED))({}, {}, noisy.local(), DRAW)


def test_a_batch_that_does_not_divide_is_refused():
    batch = {name: array[:6] for name, array in noisy.local().items()}
    with jax.set_mesh(on((4, 1, 2))), pytest.raises(ValueError, match="divisible"):
        jax.jit(split(noisy.loss, noisy.FRAMED))(noisy.weights(), {}, batch, Draw.of(jax.random.key(0), 6))

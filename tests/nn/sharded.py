"""Blocks on eight devices against blocks on one."""

from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import AxisType

from vlogger_jax.core.constrain import AXES, BATCH, CONTEXT

SHAPES = [(8, 1, 1), (2, 2, 2), (1, 2, 4), (1, 1, 8)]
"""Of meshes: frames in 1, 2, 4 and 8 parts."""

FRAMES = jax.P(BATCH, CONTEXT)
SAMPLES = jax.P(BATCH)


def parameters(network, spread=0.3):
    """Random ones, of zero-initialised layers too."""
    leaves, tree = jax.tree.flatten(network.shapes())
    random = np.random.default_rng(0)
    return tree.unflatten([np.float32(spread * random.standard_normal(leaf.shape)) for leaf in leaves])


def normal(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def jitted(network):
    """What follows the parameters and the first array may be a function, `visible`."""
    return jax.jit(network, static_argnums=2)


def in_float64(tree):
    return jax.tree.map(lambda leaf: leaf.astype(np.float64) if leaf.dtype == np.float32 else leaf, tree)


def split(function: Callable, shape: tuple[int, int, int], *specs: jax.P) -> Callable:
    """`function(params, *arrays)` -> [b, t, ...], in as many parts as a mesh has."""
    mesh = jax.make_mesh(shape, AXES, axis_types=(AxisType.Auto,) * 3)
    return jax.shard_map(function, mesh=mesh, in_specs=(jax.P(), *specs), out_specs=FRAMES)


def assert_same_as_on_one_device(function: Callable, params: dict, *arrays_and_specs: tuple, shapes=SHAPES) -> None:
    """Value and gradients, by parameters and the first array, to the last digits of float64."""
    arrays, specs = zip(*arrays_and_specs, strict=True)

    def both(function, params, *arrays):
        def loss(params, x):
            value = function(params, x, *arrays[1:])
            return (np.cos(np.arange(value.size)).reshape(value.shape) * value).sum(), value

        return jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(params, arrays[0])

    params, arrays = in_float64(params), in_float64(arrays)
    with jax.enable_x64(True):
        expected = jax.jit(lambda params, arrays: both(function, params, *arrays))(params, arrays)
        for shape in shapes:
            parted = split(function, shape, *specs)
            found = jax.jit(lambda params, arrays, parted=parted: both(parted, params, *arrays))(params, arrays)
            for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
                assert a.dtype == np.float64
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * max(1.0, float(np.abs(b).max())))

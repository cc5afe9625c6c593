"""`namespace` picks JAX exactly when JAX is in play."""

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.typing import namespace


def test_numpy_alone_gives_numpy():
    assert namespace(np.zeros(2), None) is np
    assert namespace() is np


def test_one_jax_array_or_tracer_gives_jax():
    assert namespace(np.zeros(2), jnp.zeros(2)) is jnp
    seen = []
    jax.jit(lambda x: seen.append(namespace(np.zeros(2), x)) or x)(1.0)
    jax.vmap(lambda x: seen.append(namespace(x)) or x)(jnp.zeros(2))
    jax.grad(lambda x: seen.append(namespace(x)) or x)(1.0)
    assert seen == [jnp, jnp, jnp]

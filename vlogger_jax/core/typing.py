"""Array types and the names that shapes are written in.

Signatures are jaxtyping strings over one vocabulary: `*b` leading batch dimensions, `t` frames, `h w` rows and columns,
`c` channels, `d` width, `n` tokens or points, `j` joints, `v` vertices, `f` faces, `nb` betas, `ne` expressions,
`m` mel bins, `s` audio samples. They are checked in the tests by jaxtyping's import hook and cost nothing elsewhere.
"""

from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8, UInt16

__all__ = ["Array", "Bool", "Float", "Float32", "Int", "UInt8", "UInt16", "namespace"]

Array = np.ndarray | jax.Array
"""A numpy array, a JAX array or a tracer."""


def namespace(*arrays: Array | None) -> ModuleType:
    """The module whose functions suit `arrays`: `jax.numpy` when any of them is JAX's, else `numpy`.

    Code written against it runs on numpy alone, without touching a device, and traces under `jit` unchanged.
    """
    return jnp if any(isinstance(array, jax.Array) for array in arrays) else np

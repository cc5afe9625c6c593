"""Affine layers, in the dtype of their kernels."""

from typing import Any

import jax
from flax import nnx

from vlogger_jax.core.typing import Array, Float

# What PyTorch does by default, and so ADM (Dhariwal & Nichol 2021): even in ±1 / sqrt(fan in).
_KERNEL = jax.nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
_ZERO = jax.nn.initializers.zeros


def _as_kernel(arrays: tuple[Array, Array, Array | None], dtype: Any) -> tuple[Array | None, ...]:
    dtype = arrays[1].dtype
    return tuple(array if array is None else array.astype(dtype) for array in arrays)


def residual(x: Float[Array, "*b"], branch: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """x + branch, in the dtype of the branch: the float32 of a first layer does not stay in all that follows."""
    return x.astype(branch.dtype) + branch


class Linear(nnx.Linear):
    """x W + b along the last axis; b begins as 0.

    Args:
        zero: begin with W = 0, as the ends of residual branches do, which then begin as identities.
    """

    def __init__(self, d_in: int, d_out: int, *, zero: bool = False, rngs: nnx.Rngs):
        super().__init__(d_in, d_out, kernel_init=_ZERO if zero else _KERNEL, promote_dtype=_as_kernel, rngs=rngs)

    def __call__(self, x: Float[Array, "*b d"]) -> Float[Array, "*b e"]:
        return super().__call__(x)


class Conv(nnx.Conv):
    """Convolution of pictures; b begins as 0.

    Args:
        kernel: height and width.
        padding: "SAME" for zeros around the picture, so that it keeps its size, or "VALID" for none.
        zero: begin with a kernel of zeros.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: tuple[int, int] = (3, 3),
        *,
        padding: str = "SAME",
        zero: bool = False,
        rngs: nnx.Rngs,
    ):
        super().__init__(
            c_in,
            c_out,
            kernel,
            padding=padding,
            kernel_init=_ZERO if zero else _KERNEL,
            promote_dtype=_as_kernel,
            rngs=rngs,
        )

    def __call__(self, x: Float[Array, "*b h w c"]) -> Float[Array, "*b i j e"]:
        return super().__call__(x)


class MLP(nnx.Module):
    """Two layers with a GELU between them, for the end of a residual branch: begins as 0.

    Args:
        wider: how many times wider it is inside.
    """

    def __init__(self, d: int, *, wider: int = 4, rngs: nnx.Rngs):
        self.widen = Linear(d, wider * d, rngs=rngs)
        self.narrow = Linear(wider * d, d, zero=True, rngs=rngs)

    def __call__(self, x: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
        return self.narrow(jax.nn.gelu(self.widen(x)))

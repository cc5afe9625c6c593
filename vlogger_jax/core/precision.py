"""In which digits a network computes, by name.

A network computes in the dtype of its parameters, so a precision is a way to cast them. Training casts float32 masters
anew each step; what crosses chips is then the small copy.
"""

import dataclasses
import re
from typing import Any

import jax
import jax.numpy as jnp

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array

KEPT = (r"(^|/)(norm|time|stem|out)(_\w+)?/",)
"""Norms, embeddings of time, first and last layers need the digits and cost next to nothing."""


@dataclasses.dataclass(frozen=True)
class Precision:
    """A dtype to compute in.

    Attributes:
        compute: its name.
        keep: patterns of the paths of parameters that are left as they are.
    """

    compute: str
    keep: tuple[str, ...] = ()

    def cast(self, params: Any) -> Any:
        """`params` with float32 leaves in `compute`, but for those whose path (`decoder/norm/scale`) `keep` matches."""

        def one(path: tuple, leaf: jax.Array) -> jax.Array:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            kept = leaf.dtype != jnp.float32 or any(re.search(pattern, name) for pattern in self.keep)
            return leaf if kept else leaf.astype(self.compute)

        return jax.tree_util.tree_map_with_path(one, params)


def wide(x: Array) -> Array:
    """`x` in float32, or wider where it is: bfloat16 has no digits for sums, nor for small differences."""
    return jnp.asarray(x, jnp.promote_types(x.dtype, jnp.float32))


_NAMED = {"float32": Precision("float32"), "bfloat16": Precision("bfloat16", KEPT)}


def named(name: str) -> Precision:
    """ "float32" or "bfloat16", as configs write it.

    Raises:
        UserError: if it is neither.
    """
    if name not in _NAMED:
        raise UserError(f"there is no precision named {name!r}", f"Name one of {', '.join(_NAMED)}")
    return _NAMED[name]

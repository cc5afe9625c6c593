"""Networks as pure functions of nested dicts; the only place where Flax modules are split and merged.

A module exists while it is called and no longer: what crosses `jit`, is optimized, placed and stored is `Params`.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
from flax import nnx

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.stage import Params
from vlogger_jax.core.typing import Array

__all__ = ["Network", "Params", "check", "count", "paths", "remat"]

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True)
class Network:
    """A module as two functions: one that makes its parameters, one that calls it with them.

    All parameters are `nnx.Param`, named by the attributes they lie in; those of an `nnx.List` by "0", "1", ...

    Attributes:
        make: makes the module, with fresh parameters.
    """

    make: Callable[[nnx.Rngs], nnx.Module]

    def init(self, key: Array) -> Params:
        """Fresh parameters; may be traced."""
        _, state = nnx.split(self.make(nnx.Rngs(key)), nnx.Param)
        return _renamed(nnx.to_pure_dict(state), str)

    def shapes(self) -> Params:
        """Shape and dtype of each parameter, as `jax.ShapeDtypeStruct`; computes nothing."""
        return self._definition[1]

    def __call__(self, params: Params, *args: Any, **kwargs: Any) -> Any:
        """The module's answer.

        Raises:
            ValueError: if `params` has not exactly the parameters of the module, in their shapes. Dtypes are free.
        """
        return self.method("__call__")(params, *args, **kwargs)

    def method(self, name: str) -> Callable[..., Any]:
        """Another method of the module, as a function of its parameters and whatever it takes; raises the same."""
        graph, shapes = self._definition

        def call(params: Params, *args: Any, **kwargs: Any) -> Any:
            if wrong := _differences(params, shapes):
                raise ValueError("these are not the parameters of this network: " + "; ".join(wrong))
            return getattr(nnx.merge(graph, _renamed(params, _key)), name)(*args, **kwargs)

        return call

    @functools.cached_property
    def _definition(self) -> tuple[nnx.GraphDef, Params]:
        graph, state = nnx.split(nnx.eval_shape(lambda: self.make(nnx.Rngs(0))), nnx.Param)
        shapes = _renamed(nnx.to_pure_dict(state), str)
        return graph, jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), shapes)


def _key(name: str) -> str | int:
    return int(name) if name.isdecimal() else name


def _renamed(tree: dict, rename: Callable) -> dict:
    """Positions in lists are strings outside: neither files nor sorting take integers beside them."""
    return {rename(key): _renamed(part, rename) if isinstance(part, dict) else part for key, part in tree.items()}


_POLICIES = {
    "full": jax.checkpoint_policies.nothing_saveable,
    "dots": jax.checkpoint_policies.checkpoint_dots,
    "blocks": jax.checkpoint_policies.save_only_these_names("block_out"),
}


def remat(policy: str) -> Callable[[_F], _F]:
    """How a function, module or `Network` saves memory in training: what it does not keep is computed again.

    Arguments must be arrays, or pytrees of them; the rest has to be closed over.

    Args:
        policy: "none" keeps all; "full" the arguments only, around each block; "dots" the results of matrix products
            and convolutions; "blocks" what blocks tag as "block_out", around a whole network of them.

    Raises:
        UserError: if it is none of them.
    """
    if policy == "none":
        return lambda function: function
    if policy not in _POLICIES:
        raise UserError(f"there is no remat policy named {policy!r}", f"Name one of none, {', '.join(_POLICIES)}")

    def wrap(function: _F) -> _F:
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return jax.checkpoint(call, policy=_POLICIES[policy])

    return wrap


def paths(tree: Any) -> dict[str, Any]:
    """Leaves by their path, "encoder/0/kernel"; also of dataclasses and tuples."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def count(params: Params) -> int:
    """How many numbers there are in it."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def check(params: Params, shapes: Params, where: str) -> None:
    """Refuse parameters of another network.

    Args:
        shapes: what there should be (`Network.shapes`).
        where: what holds `params`, as the user knows it.

    Raises:
        UserError: naming what is missing, what nothing asks for, and what has another shape.
    """
    if wrong := _differences(params, shapes):
        raise UserError(
            f"{where} holds parameters of another network: {'; '.join(wrong)}",
            "Use the config that it was trained with",
        )


_NAMED_AT_MOST = 8


def _differences(params: Params, shapes: Params) -> list[str]:
    found, wanted = paths(params), paths(shapes)
    shared = [path for path in wanted if path in found]
    kinds = {
        "missing": [path for path in wanted if path not in found],
        "unknown": [path for path in found if path not in wanted],
        "of another shape": [
            f"{path} {list(found[path].shape)} instead of {list(wanted[path].shape)}"
            for path in shared
            if found[path].shape != wanted[path].shape
        ],
    }
    return [f"{kind}: {_listed(names)}" for kind, names in kinds.items() if names]


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")

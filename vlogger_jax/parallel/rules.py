"""Where each array of a training state lies on the mesh, by its path.

Networks need no annotations: a rule is a pattern of paths such as `trainable/encoder/block_0/kernel` or
`opt_state/0/mu/encoder/block_0/kernel`, and what is done with the arrays that have one. The first pattern that is found
in a path rules. What moves when they are used is left to the compiler.
"""

import dataclasses
import math
import re
from typing import Any, Literal

import jax
from jax.sharding import Mesh, NamedSharding

from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.constrain import BATCH, DATA, FSDP
from vlogger_jax.core.errors import UserError

Axes = str | tuple[str, ...] | None
"""Of the mesh, which one dimension is split over."""

Rule = Literal["replicate", "shard"] | tuple[Axes, ...]
"""What is done with an array.

"replicate": every device has it whole. "shard": its largest dimension that divides is split over `data` and `fsdp`, or
over one of them where no dimension divides by both; arrays that are small, or have no such dimension, are replicated. A
tuple: the axes of each dimension, from the first; the rest are not split.
"""


@dataclasses.dataclass(frozen=True)
class Rules:
    """Rules by pattern.

    Attributes:
        of: (pattern, rule), the first that is found in a path counts. By default master parameters, optimizer and
            averages are split, and nothing else.
        smallest: elements that an array has at least for "shard" to split it; smaller ones are not worth a gather.
    """

    of: tuple[tuple[str, Rule], ...] = ((r"^(trainable|opt_state|ema)(/|$)", "shard"), ("", "replicate"))
    smallest: int = 2**16

    def __post_init__(self) -> None:
        for pattern, _ in self.of:
            try:
                re.compile(pattern)
            except re.error as error:
                raise UserError(
                    f"the pattern {pattern!r} of a rule cannot be read: {error}", "Give a regular expression"
                ) from error


DEFAULT = Rules()

WHOLE = Rules((("", "replicate"),))
"""Every device has everything."""


def read(section: Any) -> Rules:
    """The rules that a config writes as {"of": [["^opt_state/", "shard"], ["", "replicate"]]}; None: `DEFAULT`.

    Raises:
        UserError: if they cannot be read.
    """
    return DEFAULT if section is None else from_mapping(Rules, section, "config.mesh.rules")


def place(tree: Any, rules: Rules, mesh: Mesh) -> Any:
    """A tree of `NamedSharding` for a tree of arrays or `jax.ShapeDtypeStruct`.

    Raises:
        UserError: if no rule is for a leaf, or its rule names an axis that is not there or does not divide it.
    """

    def one(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        rule = next((rule for pattern, rule in rules.of if re.search(pattern, name)), None)
        if rule is None:
            raise UserError(f"no rule is for {name}", 'End the rules with ("", "replicate")')
        return NamedSharding(mesh, _spec(rule, leaf.shape, rules.smallest, mesh, name))

    return jax.tree_util.tree_map_with_path(one, tree)


def _spec(rule: Rule, shape: tuple[int, ...], smallest: int, mesh: Mesh, name: str) -> jax.P:
    if rule == "replicate":
        return jax.P()
    if rule == "shard":
        return _largest(shape, mesh) if math.prod(shape) >= smallest else jax.P()
    _check(rule, shape, mesh, f"{name} of shape {shape}")
    return jax.P(*rule)


def _largest(shape: tuple[int, ...], mesh: Mesh) -> jax.P:
    # By both, so that most is saved; else by the longer one alone.
    for axes in (BATCH, *sorted(((DATA,), (FSDP,)), key=lambda axes: -_parts(axes, mesh))):
        parts = _parts(axes, mesh)
        fits = [dim for dim, size in enumerate(shape) if size % parts == 0]
        if parts > 1 and fits:
            dim = max(fits, key=lambda dim: shape[dim])
            return jax.P(*[None] * dim, axes)
    return jax.P()


def _parts(axes: tuple[str, ...], mesh: Mesh) -> int:
    return math.prod(mesh.shape[axis] for axis in axes)


def _check(rule: tuple[Axes, ...], shape: tuple[int, ...], mesh: Mesh, what: str) -> None:
    if len(rule) > len(shape):
        raise UserError(f"the rule {rule} has more dimensions than {what}", "Give axes of as many, or of fewer")
    split = [(axes,) if isinstance(axes, str) else axes or () for axes in rule]
    used = [axis for axes in split for axis in axes]
    for axis in used:
        if axis not in mesh.shape:
            raise UserError(f"the rule {rule} for {what} names the axis {axis!r}", f"Name {', '.join(mesh.axis_names)}")
        if used.count(axis) > 1:
            raise UserError(f"the rule {rule} for {what} names the axis {axis!r} twice", "Name it once")
    for size, axes in zip(shape, split, strict=False):
        if size % _parts(axes, mesh):
            raise UserError(
                f"the rule {rule} splits {what} into {_parts(axes, mesh)} parts of {size}",
                "Split a dimension that divides, or another way",
            )

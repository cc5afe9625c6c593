"""From a mapping (an ml_collections `ConfigDict`, parsed JSON) to frozen dataclasses, strictly."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from vlogger_jax.core.errors import UserError

T = TypeVar("T")


def from_mapping(cls: type[T], mapping: Any, where: str = "config") -> T:
    """Build the dataclass `cls` from `mapping`, refusing whatever does not fit.

    Nested dataclasses are built from nested mappings, also inside of tuples, dicts and unions (the first option that
    fits is taken). A list serves where a tuple is declared and an `int` where a `float` is; nothing else is converted.

    Args:
        cls: a dataclass type. Its fields may be declared as dataclasses, `tuple[...]`, `dict[str, ...]`, `Literal`,
            plain classes, unions of these, and `Any`.
        mapping: a `Mapping` or an object with `to_dict`, such as `ml_collections.ConfigDict`.
        where: how messages name the mapping, e.g. `config.model`.

    Raises:
        UserError: on an unknown key (naming the nearest known one), a missing key, or a value of another type.
    """
    return _build(cls, mapping, where)


def _build(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, value, where)
    if origin in (typing.Union, types.UnionType):
        return _union(hint, arguments, value, where)
    if origin is tuple and isinstance(value, (list, tuple)):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            arguments = arguments[:1] * len(value)
        if len(arguments) == len(value):
            return tuple(_build(arguments[i], value[i], f"{where}[{i}]") for i in range(len(value)))
    elif origin is dict and isinstance(value, Mapping):
        return {_build(arguments[0], key, where): _build(arguments[1], value[key], f"{where}.{key}") for key in value}
    elif origin is typing.Literal and any(value == option and type(value) is type(option) for option in arguments):
        return value
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    # bool is a subclass of int, but True is no count.
    elif isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise UserError(f"{where} is {value!r}, of type {type(value).__name__}", f"Give a value of type {_name(hint)}")


def _dataclass(cls: Any, mapping: Any, where: str) -> Any:
    if isinstance(mapping, cls):
        return mapping
    if hasattr(mapping, "to_dict"):
        mapping = mapping.to_dict()
    if not isinstance(mapping, Mapping):
        raise UserError(f"{where} is {mapping!r}, not a mapping", f"Give the fields of {cls.__name__}")
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    for key in mapping:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            fix = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(fields)}"
            raise UserError(f"{where} has the unknown key {key!r}", fix)
    for name, field in fields.items():
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in mapping and not optional:
            raise UserError(f"{where} lacks the key {name!r}", f"Add it; {cls.__name__} needs it")
    hints = typing.get_type_hints(cls)
    return cls(**{key: _build(hints[key], value, f"{where}.{key}") for key, value in mapping.items()})


def _union(hint: Any, options: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in options:
        return None
    options = tuple(option for option in options if option is not type(None))
    if len(options) == 1:
        return _build(options[0], value, where)
    # An int fits `float` too, but `int | float` shall keep it.
    for option in sorted(options, key=lambda option: option is float):
        try:
            return _build(option, value, where)
        except UserError:
            continue
    raise UserError(f"{where} is {value!r}, of type {type(value).__name__}", f"Give a value of type {_name(hint)}")


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint).replace("typing.", "")

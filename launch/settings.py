"""Reading a config: `configs/toy_ar1.py:size=tiny`, and changes to it from the command line."""

import ast
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ml_collections

from vlogger_jax.core.errors import UserError

PREFIX = "--config."
WORDS = {"true": True, "false": False, "none": None}


def load(spec: str, changes: Sequence[str] = ()) -> ml_collections.ConfigDict:
    """The config that `get_config` of a file makes.

    Args:
        spec: the path of a Python file, and after a colon what its `get_config` is told, if anything.
        changes: as on the command line, `--config.optim.clip=0.5` or the same as two words.

    Raises:
        UserError: if there is no such file, it refuses its argument, or a change names no value of the config or gives
            it another type.
    """
    path, _, argument = spec.partition(":")
    if not Path(path).is_file():
        raise UserError(f"there is no config {path}", "Name a file, as in --config configs/toy_ar1.py:size=tiny")
    get_config = _get_config(Path(path))
    try:
        config = get_config(argument) if argument else get_config()
    except ValueError as error:
        raise UserError(f"{path} refuses {argument!r}: {error}", "Its docstring says what it takes") from error
    except (Exception, SystemExit) as error:  # a file of the user's may do anything
        raise UserError(f"get_config of {path} fails: {_said(error)}", "Mend it") from error
    if not isinstance(config, ml_collections.ConfigDict):
        raise UserError(f"get_config of {path} gives a {type(config).__name__}", "Let it give a ConfigDict")
    return changed(config, changes)


def changed(config: ml_collections.ConfigDict, changes: Sequence[str]) -> ml_collections.ConfigDict:
    """`config` with `changes`; raises as `load` does."""
    config = config.copy_and_resolve_references()
    for name, text in _pairs(changes):
        _change(config, name, text)
    return config


def as_json(config: ml_collections.ConfigDict) -> str:
    """`config` as JSON, with lists for tuples; equal configs give equal text.

    Raises:
        UserError: if it holds something that JSON has not.
    """
    try:
        return json.dumps(config.to_dict(), indent=1, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise UserError(f"the config cannot be kept: {error}", "Let it hold plain numbers, text and lists") from error


def _get_config(path: Path) -> Callable[..., Any]:
    if path.suffix != ".py":
        raise UserError(f"{path} is no Python file", "Name one with a function get_config, such as those of configs")
    found = importlib.util.spec_from_file_location(f"config_{path.stem}", path)
    module = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a file of the user's may do anything
        raise UserError(f"{path} cannot be read: {_said(error)}", "Mend it") from error
    if not callable(getattr(module, "get_config", None)):
        raise UserError(f"{path} has no function get_config", "Name a config, such as those in configs")
    return module.get_config


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _pairs(changes: Sequence[str]) -> list[tuple[str, str]]:
    words, pairs = list(changes), []
    while words:
        word = words.pop(0)
        if not word.startswith(PREFIX):
            raise UserError(f"{word} is not understood", f"Values of the config are changed by {PREFIX}train.steps=100")
        name, equals, text = word.removeprefix(PREFIX).partition("=")
        if not equals and not words:
            raise UserError(f"{word} has no value", f"Give one, as in {PREFIX}{name}=100")
        pairs.append((name, text if equals else words.pop(0)))
    return pairs


def _change(config: ml_collections.ConfigDict, name: str, text: str) -> None:
    *sections, key = name.split(".")
    for section in sections:
        config = config.get(section)
        if not isinstance(config, ml_collections.ConfigDict):
            raise UserError(f"the config has no section {section!r} for {name}", "Look into its file")
    if key not in config:
        raise UserError(f"the config has no value {name}", f"It has {', '.join(sorted(config))}")
    try:
        # Literals only: text of a command line is never run.
        value = text if isinstance(config[key], str) else _literal(text)
        if type(config[key]) is bool and type(value) is not bool:
            raise TypeError("only true or false will do")
        config[key] = value
    except (ValueError, SyntaxError, TypeError) as error:
        is_now = f"it is {config[key]!r}"
        raise UserError(f"{name} cannot be {text!r}: {is_now}", "Give a value of that type") from error


def _literal(text: str) -> Any:
    return WORDS[text.lower()] if text.lower() in WORDS else ast.literal_eval(text)

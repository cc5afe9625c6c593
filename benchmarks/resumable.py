"""A file of results that grows row by row: read, held to its settings, and written whole or not at all."""

import json
import math
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from vlogger_jax.core.errors import UserError
from vlogger_jax.media import atomic

PACKAGES = ("jax", "flax", "optax", "numpy")

ROUNDING = 1e-5
"""What measured settings, such as deviations, may be off by: their last digits are another machine's."""


def read(out: Path) -> dict[str, Any]:
    """What an earlier run left, {} if there was none.

    Raises:
        UserError: if it is nothing that `write` wrote.
    """
    if not out.exists():
        return {}
    another = "Restore it, or give another --out"
    try:
        found = json.loads(out.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{out} cannot be read: {error}", another) from error
    parts = [found.get(name) for name in ("settings", "rows")] if isinstance(found, dict) else [None]
    if not all(isinstance(part, dict) for part in parts):
        raise UserError(f"{out} is no result of this benchmark", another)
    return found


def refuse_others(out: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with rows of other settings; None and what was not written are the same.

    Raises:
        UserError: naming the first that differs, if there are such rows.
    """
    if not before.get("rows"):
        return
    old, new = dict(_flat(before["settings"])), dict(_flat(json.loads(json.dumps(now))))
    for name in sorted({*old, *new}):
        was, is_now = old.get(name), new.get(name)
        near = isinstance(was, float) and isinstance(is_now, float) and math.isclose(was, is_now, rel_tol=ROUNDING)
        if was != is_now and not near:
            what = f"{out} has rows with {name} = {was!r}, not {is_now!r}"
            raise UserError(what, "Give another --out, or the settings of before")


def write(out: Path, command: str, content: Mapping[str, Any]) -> None:
    """Replace the file."""
    versions = {"python": sys.version.split()[0], **{name: metadata.version(name) for name in PACKAGES}}
    with atomic.replacing(out) as part:
        text = json.dumps({"command": command, "versions": versions, **content}, indent=1)
        part.write_text(text + "\n", encoding="utf-8")


def _flat(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value

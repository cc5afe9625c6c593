"""What a training was begun with, written down in its folder: `config.json`."""

import hashlib
import json
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ml_collections

from launch import settings
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import atomic

NAME = "config.json"
FORMAT = "vlogger.training"
VERSION = 1
ROOT = Path(__file__).parents[1]
SOURCES = ("vlogger_jax", "configs", "data_pipelines", "launch")
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")

FREE = ("train.steps", "train.log_every", "train.save_every", "train.evaluate_every", "train.keep", "train.hang_after")
FREE += ("train.profile", "mesh.", "eval.", "data.reading")
"""What may change from one part of a training to the next: none of it changes what is learned from which batch."""


def code() -> str:
    """A hash of all the project's Python sources."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def begin(workdir: Path, config: ml_collections.ConfigDict) -> None:
    """Write the record, or see that the one that is there was of the same training.

    Raises:
        UserError: if the folder is another training's.
    """
    path = workdir / NAME
    if path.exists():
        _same(read(workdir).to_dict(), json.loads(settings.as_json(config)), workdir)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "command": shlex.join(["python", "-m", "launch.train", *sys.argv[1:]]),
        "code": code(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "config": json.loads(settings.as_json(config)),
    }
    workdir.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(path) as part:
        part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def read(workdir: Path) -> ml_collections.ConfigDict:
    """The config of the training in a folder.

    Raises:
        UserError: if there is none.
    """
    path = workdir / NAME
    try:
        record: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{workdir} is no training's folder: it has no {NAME}", "Name a --workdir") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}", "Restore it, or begin in another --workdir") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT or record.get("version") != VERSION:
        raise UserError(f"{path} is not version {VERSION} of {FORMAT}", "Name the folder of a training of this version")
    return ml_collections.ConfigDict(record["config"])


def _same(before: dict[str, Any], now: dict[str, Any], workdir: Path) -> None:
    old, new = dict(_flat(before)), dict(_flat(now))
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name) and not name.startswith(FREE):
            what = f"{workdir} was begun with {name} = {old.get(name)!r}, not {new.get(name)!r}"
            raise UserError(what, "Go on with the same config, or begin in another --workdir")


def _flat(mapping: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat = []
    for key, value in mapping.items():
        flat += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return flat

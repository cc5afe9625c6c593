"""What a training was begun and gone on with, written down in its folder: `config.json`."""

import dataclasses
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
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import atomic

NAME = "config.json"
FORMAT = "vlogger.training"
VERSION = 1
ROOT = Path(__file__).parents[1]
SOURCES = ("vlogger_jax", "configs", "data_pipelines", "launch")
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")

FREE = ("train.steps", "train.log_every", "train.save_every", "train.evaluate_every", "train.keep", "train.hang_after")
FREE += ("train.profile", "mesh.", "eval.", "data.reading.", "optim.")
FREE += ("diffusion.sampler", "diffusion.grid", "diffusion.steps", "diffusion.scales", "diffusion.interval")
FREE += ("model.averaged.", "model.temperature.", "model.upper_face")
"""What may change from one part of a training to the next. All but `optim` changes nothing that is learned."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One start of the command.

    Attributes:
        step: that it went on from.
        command: as it was given.
        code: hash of the sources.
        versions: of Python and packages.
        changed: values of the config that were others before, by name.
    """

    step: int
    command: str
    code: str
    versions: dict[str, str]
    changed: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """The file.

    Attributes:
        config: of the last part.
        parts: one after another.
        base_of: sha256 of the file of the bundle's stage that it began from, if any.
    """

    config: dict[str, Any]
    parts: tuple[Part, ...]
    base_of: str | None = None

    @property
    def settings(self) -> ml_collections.ConfigDict:
        """The config."""
        return ml_collections.ConfigDict(self.config)


def code() -> str:
    """A hash of all the project's Python sources."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def changes(workdir: Path, config: ml_collections.ConfigDict, base_of: str | None = None) -> dict[str, Any]:
    """Values of `config` that were others when the training in `workdir` last went on; none if there is none.

    Args:
        base_of: what it is to begin from, if anything.

    Raises:
        UserError: if one of them may not change, or it began from something else: the folder is another training's.
    """
    if not (workdir / NAME).exists():
        return {}
    before = read(workdir)
    if base_of not in (None, before.base_of):
        raise UserError(f"{workdir} was not begun from that bundle", "Leave it out, or begin in another --workdir")
    old, new = dict(_flat(before.config)), dict(_flat(json.loads(settings.as_json(config))))
    found = {name: new.get(name) for name in sorted({*old, *new}) if old.get(name) != new.get(name)}
    for name in found:
        if not name.startswith(FREE):
            what = f"{workdir} was begun with {name} = {old.get(name)!r}, not {new.get(name)!r}"
            raise UserError(what, "Go on with the same config, or begin in another --workdir")
    return found


def write(workdir: Path, config: ml_collections.ConfigDict, step: int, base_of: str | None = None) -> None:
    """Note that the training in `workdir` goes on from `step` with `config`, or begins from `base_of`.

    Raises:
        UserError: if the folder cannot be written to.
    """
    part = Part(
        step=step,
        command=shlex.join(["python", "-m", "launch.train", *sys.argv[1:]]),
        code=code(),
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        changed=changes(workdir, config),
    )
    before = read(workdir) if (workdir / NAME).exists() else Record(config={}, parts=(), base_of=base_of)
    parts = (*before.parts, part)
    record = Record(config=json.loads(settings.as_json(config)), parts=parts, base_of=before.base_of)
    text = json.dumps({"format": FORMAT, "version": VERSION, **dataclasses.asdict(record)}, indent=1)
    with atomic.replacing(workdir / NAME) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def base_of(workdir: Path) -> str | None:
    """What the training in `workdir` began from; None if that is nothing, or there is no training."""
    return read(workdir).base_of if (workdir / NAME).exists() else None


def read(workdir: Path) -> Record:
    """The record in a folder.

    Raises:
        UserError: if there is none.
    """
    path = workdir / NAME
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{workdir} is no training's folder: it has no {NAME}", "Name a --workdir") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}", "Restore it, or begin in another --workdir") from error
    if not isinstance(found, dict) or (found.pop("format", None), found.pop("version", None)) != (FORMAT, VERSION):
        raise UserError(f"{path} is not version {VERSION} of {FORMAT}", "Name the folder of a training of this version")
    record = from_mapping(Record, found, str(path))
    if not record.parts:
        raise UserError(f"{path} tells of no training", "Restore it, or begin in another --workdir")
    return record


def _flat(mapping: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat = []
    for key, value in mapping.items():
        flat += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return flat

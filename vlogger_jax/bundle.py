"""A trained model as a folder: `bundle.json`, and the parameters of each stage as safetensors.

`bundle.json` holds `format` = "vlogger.bundle", `version` = 1, `body`, and `stages`: what `Stored` says, by the name of
the stage. Parameters are named by their path in the tree, "trainable/encoder/0/kernel". A file's name begins with its
stage's and ends with the beginning of its hash, so that a stage is replaced by writing another file and then
`bundle.json`: whatever interrupts that, the folder is the bundle that it was or the one it was to be.
"""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy

from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import check, paths
from vlogger_jax.media import atomic

NAME = "bundle.json"
FORMAT = "vlogger.bundle"
VERSION = 1
DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
"""What parameters may be kept in, and what safetensors calls it."""

_STAGE = re.compile(r"[a-z][a-z0-9_]*")
_FILE = re.compile(r"[a-z][a-z0-9_.]*\.safetensors")
_COPY = "Copy the bundle again, or export it anew"


@dataclass(frozen=True, kw_only=True)
class Training:
    """Where the parameters of a stage come from.

    Attributes:
        config: what it was trained with, as JSON has it.
        step: how many steps it was trained.
        seed: of the training.
        ema: decay of the moving average that the parameters are; None: they are the last step's own.
        base_of: sha256 of the file of the stage that it began from, if any.
        licence: of what it was trained on, and so of what may be done with it; "" where nobody said.
        code: sha256 of the sources that trained it.
        versions: of the packages, by name.
    """

    config: dict[str, Any]
    step: int
    seed: int
    ema: float | None = None
    base_of: str | None = None
    licence: str = ""
    code: str = ""
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A stage of a bundle.

    Attributes:
        file: its parameters, beside `bundle.json`.
        sha256: of that file, hexadecimal.
        dtype: of its parameters in the file.
        training: where they come from.
        statistics: what it normalises with, numbers by name.
    """

    file: str
    sha256: str
    dtype: str
    training: Training
    statistics: dict[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A folder that was opened; its parameters are read when asked for.

    Attributes:
        stages: what is in it, by name.
        body: the body that it moves (`Motion.body`); None while no stage knows of any.
    """

    folder: Path
    stages: dict[str, Stored]
    body: str | None = None

    def stored(self, stage: str) -> Stored:
        """What is known of a stage.

        Raises:
            UserError: if there is no such stage.
        """
        if stage not in self.stages:
            what = f"{self.folder} has no stage {stage!r}"
            raise UserError(what, f"It has {', '.join(sorted(self.stages)) or 'none'}; export it with launch.export")
        return self.stages[stage]

    def params(self, stage: str, shapes: Any) -> Any:
        """The parameters of a stage, numpy arrays in a tree like `shapes` and in its dtypes.

        Args:
            shapes: a tree of `jax.ShapeDtypeStruct`, such as `jax.eval_shape(stage.init, key)` is.

        Raises:
            UserError: if there is no such stage, its file is missing, damaged or another than was written, or it does
                not hold exactly these parameters in these shapes.
        """
        stored = self.stored(stage)
        path = self.folder / stored.file
        arrays = _read(path, stored.sha256)
        wanted = paths(shapes)
        check(arrays, wanted, str(path))
        leaves = [arrays[name].astype(leaf.dtype) for name, leaf in wanted.items()]
        return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


def packaged() -> Path:
    """The folder of the models that come with the package."""
    return Path(str(resources.files("vlogger_jax") / "bundles" / "tiny"))


def load(folder: str | Path) -> Bundle:
    """Open a bundle.

    Raises:
        UserError: if it is none, is of another version, or is damaged.
    """
    folder, fix = Path(folder), "Give a folder that launch.export wrote"
    path = folder / NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{folder} is no bundle: it has no {NAME}", fix) from error
    except (OSError, ValueError) as error:  # ValueError: neither UTF-8 nor JSON
        raise UserError(f"{path} cannot be read: {error}", _COPY) from error
    kind = content.pop("format", None) if isinstance(content, dict) else None
    if kind != FORMAT:
        raise UserError(f"{path} holds {kind!r}, not {FORMAT!r}", fix)
    if (version := content.pop("version", None)) != VERSION:
        raise UserError(f"{path} is of version {version}; this reads {VERSION}", "Use the release that wrote it")
    bundle = from_mapping(Bundle, {**content, "folder": folder}, str(path))
    for name, stored in bundle.stages.items():
        # A name with a folder in it might lead out of the bundle.
        if not _STAGE.fullmatch(name) or not _FILE.fullmatch(stored.file):
            raise UserError(f"{path} names {stored.file!r} as the file of stage {name!r}", _COPY)
    return bundle


def save(
    folder: str | Path,
    stage: str,
    params: Any,
    training: Training,
    *,
    dtype: str = "float32",
    statistics: dict[str, tuple[float, ...]] | None = None,
    body: str | None = None,
) -> Bundle:
    """Add a stage to a bundle, or replace that of the same name; make the bundle where there is none.

    Args:
        params: a tree of finite arrays.
        dtype: of `DTYPES`, what to keep them in.
        body: the body that the stage knows (`Motion.body`), if any.

    Returns:
        The bundle as it is now.

    Raises:
        UserError: if the folder holds something else or another body's stages, parameters are not finite in `dtype`, or
            it cannot be written. The bundle is then as it was.
    """
    folder = Path(folder)
    if not _STAGE.fullmatch(stage):
        raise ValueError(f"{stage!r} is no name of a stage")
    if dtype not in DTYPES:
        raise UserError(f"parameters are not kept as {dtype!r}", f"Name one of {', '.join(DTYPES)}")
    before = load(folder) if (folder / NAME).exists() else Bundle(folder=folder, stages={})
    if None not in (body, before.body) and body != before.body:
        raise UserError(f"{folder} is of body {before.body}, and {stage} of {body}", "Export to another folder")
    data = safetensors.numpy.save({name: _kept(leaf, dtype, name) for name, leaf in paths(params).items()})
    sha256 = hashlib.sha256(data).hexdigest()
    stored = Stored(
        file=f"{stage}.{sha256[:8]}.safetensors",
        sha256=sha256,
        dtype=dtype,
        training=training,
        statistics=statistics or {},
    )
    now = Bundle(folder=folder, stages={**before.stages, stage: stored}, body=body or before.body)
    _make(folder)
    with atomic.replacing(folder / stored.file) as temporary:
        temporary.write_bytes(data)
    with atomic.replacing(folder / NAME) as temporary:
        temporary.write_text(_json(now), encoding="utf-8")
    if stage in before.stages and before.stages[stage].file != stored.file:
        (folder / before.stages[stage].file).unlink(missing_ok=True)
    return now


def _json(bundle: Bundle) -> str:
    content = dataclasses.asdict(bundle)
    del content["folder"]
    return json.dumps({"format": FORMAT, "version": VERSION, **content}, indent=1) + "\n"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"the folder {folder} cannot be made: {error.strerror}", "Choose another") from error


def _kept(leaf: Any, dtype: str, name: str) -> np.ndarray:
    # order: of an array that is not contiguous, safetensors would write the wrong numbers.
    with np.errstate(over="ignore"):
        kept = np.asarray(leaf).astype(jax.numpy.dtype(dtype), order="C")
    if not np.isfinite(kept).all():
        was = np.isfinite(np.asarray(leaf)).all()
        fix = "Keep it as bfloat16 or float32" if was else "Export an earlier step"
        raise UserError(f"{name} has values that are not finite{f' as {dtype}' if was else ''}", fix)
    return kept


def _read(path: Path, sha256: str) -> dict[str, np.ndarray]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", _COPY) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise UserError(f"{path} is not what was written: its hash is another", _COPY)
    try:
        # Not `safetensors.numpy.load`, which cannot read bfloat16.
        return {name: _array(**content) for name, content in safetensors.deserialize(data)}
    except (safetensors.SafetensorError, ValueError) as error:
        raise UserError(f"{path} cannot be read as safetensors: {error}", _COPY) from error


def _array(dtype: str, shape: list[int], data: bytes | bytearray) -> np.ndarray:
    names = {theirs: ours for ours, theirs in DTYPES.items()}
    if dtype not in names:
        raise ValueError(f"it holds numbers of dtype {dtype}")
    return np.frombuffer(data, jax.numpy.dtype(names[dtype])).reshape(shape)

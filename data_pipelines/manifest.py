"""The manifest of a data set: `manifest.json` beside its records, written last, read first.

It says what is there (splits, clips and how long they are, files with sizes and checksums), how it was made (settings,
versions, command) and under which licence it may be used.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_pipelines import cache
from data_pipelines.plan import Plan, Table
from vlogger_jax.core import config
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import atomic

NAME = "manifest.json"
FORMAT = "vlogger.data"
VERSION = 1

_BLOCK = 1 << 20
_COPY = "Copy it again, or remove it and run the command that built the data set"


@dataclass(frozen=True)
class File:
    """A file of records.

    Attributes:
        bytes: its size.
        sha256: of its content, hexadecimal.
    """

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """A split.

    Attributes:
        identities: how many persons it shows; none is in another split.
        lengths: (how many clips, frames of each), clips in the order of their numbers.
        dropped: reason -> clips that were left out for it.
    """

    identities: int
    lengths: tuple[tuple[int, int], ...]
    dropped: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def clips(self) -> int:
        """How many there are."""
        return sum(count for count, _ in self.lengths)

    @property
    def frames(self) -> int:
        """Of all clips, stored as pictures or not."""
        return sum(count * frames for count, frames in self.lengths)


@dataclass(frozen=True)
class Manifest:
    """What is known of a data set.

    Attributes:
        name: of the data set, and of its TFDS builder.
        licence: of the records.
        body: of all motions.
        betas, expressions: how many coefficients of it they have.
        gbuffers: the tables that G-buffer blobs were made with (`controls.blob_tables.Tables.identity`), hexadecimal.
        fps: frames/s of all clips.
        plan: which frames are stored.
        splits: name -> what is in it.
        configs: config (`clips`, `frames_128`, ...) -> file name -> size and checksum.
        settings: all that decided the content.
        versions: of the programs that made it.
        command: that made it.
    """

    name: str
    licence: str
    body: str
    betas: int
    expressions: int
    gbuffers: str
    fps: float
    plan: Plan
    splits: dict[str, Part]
    configs: dict[str, dict[str, File]]
    settings: dict[str, Any]
    versions: dict[str, str]
    command: str

    @property
    def files(self) -> dict[str, File]:
        """Of all configs: name, relative to the manifest's folder -> size and checksum."""
        return {name: file for files in self.configs.values() for name, file in files.items()}

    def origin(self, split: str) -> str:
        """What every record of a split carries: a hash of how this data set was made, and the split's name."""
        return f"{cache.key(settings=self.settings)[:12]}/{split}"

    def table(self, split: str) -> Table:
        """Where the frames of a split are.

        Raises:
            UserError: if there is no such split.
        """
        part = self.part(split)
        counts, frames = np.array(part.lengths, np.int64).reshape(-1, 2).T
        return Table(self.plan, np.repeat(frames, counts))

    def part(self, split: str) -> Part:
        """A split by its name.

        Raises:
            UserError: if there is no such split.
        """
        if split not in self.splits:
            raise UserError(f"{self.name} has no split {split!r}", f"It has {', '.join(self.splits)}")
        return self.splits[split]


def lengths_of(frames: list[int]) -> tuple[tuple[int, int], ...]:
    """`Part.lengths` of clips that have so many frames."""
    runs: list[tuple[int, int]] = []
    for length in frames:
        count = runs.pop()[0] if runs and runs[-1][1] == length else 0
        runs.append((count + 1, length))
    return tuple(runs)


def save(folder: Path, manifest: Manifest) -> None:
    """Write it, whole or not at all."""
    values = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(manifest)}
    with atomic.replacing(folder / NAME) as temporary:
        temporary.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(folder: str | Path) -> Manifest:
    """Read the manifest of a data set.

    Args:
        folder: the one that holds `manifest.json`.

    Raises:
        UserError: if there is none, it is damaged, or of another version.
    """
    path = Path(folder) / NAME
    fix = "Give the folder that `python -m data_pipelines.build` made: it holds manifest.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"{path} cannot be read: {reason}", fix) from error
    if not isinstance(values, Mapping) or values.pop("format", None) != FORMAT:
        raise UserError(f"{path} is no manifest of a data set", fix)
    if (version := values.pop("version", None)) != VERSION:
        raise UserError(f"{path} is of version {version}; this program reads {VERSION}", "Build the data set again")
    return config.from_mapping(Manifest, values, str(path))


def check_files(folder: str | Path, files: Mapping[str, File]) -> None:
    """Refuse files that are not all there, as large as they were written; of small ones, the content too.

    Args:
        files: name, relative to `folder` -> size and checksum.

    Raises:
        UserError: naming the first that is missing or of another size.
    """
    for name, known in files.items():
        path = Path(folder) / name
        try:
            size = path.stat().st_size
        except OSError as error:
            raise UserError(f"{path} is missing", _COPY) from error
        if size != known.bytes:
            raise UserError(f"{path} has {size} bytes, was written with {known.bytes}", _COPY)
        # Records have checksums of their own; what says how to read them has not.
        if path.suffix == ".json" and checksum(path) != known.sha256:
            raise _damaged(path)


def check_content(folder: str | Path, files: Mapping[str, File], report: Callable[[float], None]) -> None:
    """Refuse files that are not, to the bit, as they were written. Reads all of them.

    Args:
        files: as of `check_files`.
        report: is told which part is done, 0 to 1.

    Raises:
        UserError: naming the first that is missing or another.
    """
    check_files(folder, files)
    total, done = sum(known.bytes for known in files.values()), 0
    for name, known in files.items():
        path = Path(folder) / name
        if checksum(path) != known.sha256:
            raise _damaged(path)
        done += known.bytes
        report(done / max(total, 1))


def _damaged(path: Path) -> UserError:
    return UserError(f"{path} is damaged: its checksum is not that of the manifest", _COPY)


def checksum(path: Path) -> str:
    """sha256 of a file, hexadecimal.

    Raises:
        UserError: if it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "Permit reading it") from error
    return digest.hexdigest()

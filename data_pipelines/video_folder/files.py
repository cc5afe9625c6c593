"""Which videos a folder holds, who is in them, in which split each person is, and where videos are cut."""

import csv
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from data_pipelines import manifest
from data_pipelines.avatars.splits import Split
from vlogger_jax.core import rate
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import video_file

log = logging.getLogger(__name__)

FPS = 24.0
"""Frames/s of clips, as MENTOR's (paper section 3.3)."""


@dataclass(frozen=True)
class Video:
    """A video in the folder.

    Attributes:
        file: relative to the folder, with slashes.
        sha256: of its content, hexadecimal.
        identity: who is in it.
        frames: about how many there are, at `FPS`.
    """

    file: str
    sha256: str
    identity: str
    frames: int


def find(folder: Path, identities: Path | None, workspace: Path) -> list[Video]:
    """The videos in a folder and its subfolders, in the order of their paths.

    Hidden files and folders, `identities` and what is in `workspace` are passed over; so are, with a warning each,
    files that are no videos and videos that are there twice.

    Args:
        identities: see `read_identities`; None: the first subfolder that a video lies in is who is in it, and a video
            in no subfolder is somebody of its own.

    Raises:
        UserError: if there is no such folder, no video in it, or a video whose identity is not given.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder", "Give the folder that holds your videos")
    known = None if identities is None else read_identities(identities)
    videos: dict[str, Video] = {}
    for path in _candidates(folder, workspace):
        if identities is not None and path.samefile(identities):
            continue
        file = path.relative_to(folder).as_posix()
        try:
            info = video_file.probe(path)
        except UserError as error:
            log.warning("left out: %s", error.what)
            continue
        digest = checksum(path)
        if digest in videos:
            log.warning("left out: %s is the same video as %s", path, folder / videos[digest].file)
            continue
        frames = rate.count(Fraction(info.duration), Fraction(FPS))
        videos[digest] = Video(file, digest, _identity(file, known, identities), frames)
    if not videos:
        raise UserError(f"{folder} holds no video that can be read", "Give the folder that holds your videos")
    unused = sorted(set(known or ()) - {video.file for video in videos.values()})
    if unused:
        log.warning("%s names %d files that are not used, the first is %s", identities, len(unused), unused[0])
    return list(videos.values())


def read_identities(path: Path) -> dict[str, str]:
    """Who is in which video, from a JSON object {file: identity} or a CSV file with the columns `file` and `identity`.

    Files are relative to the folder of the videos, with slashes.

    Raises:
        UserError: if it is neither, or names a file twice.
    """
    fix = 'Give JSON, {"a.mp4": "anna"}, or CSV with the columns file and identity'
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".csv":
            rows = csv.DictReader(text.splitlines(), strict=True)
            pairs = [(row["file"], row["identity"]) for row in rows]
        else:
            pairs = json.loads(text, object_pairs_hook=list)
        found: dict[str, str] = {}
        for file, identity in pairs:
            if not (isinstance(file, str) and isinstance(identity, str) and file.strip() and identity.strip()):
                raise ValueError(f"{file!r}: {identity!r}")
            if file in found:
                raise UserError(f"{path} names {file} twice", "Name it once")
            found[file] = identity.strip()
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"{path} cannot be read as a table of identities: {reason}", fix) from error
    return found


def check_same(path: Path, sha256: str) -> None:
    """Refuse a video that is gone, or is not what it was.

    Raises:
        UserError: if so.
    """
    if not path.is_file():
        raise UserError(f"{path} is gone", "Put it back, or begin the data set again")
    if checksum(path) != sha256:
        raise UserError(f"{path} has changed since it was listed", "Build the data set again")


def checksum(path: Path) -> str:
    """sha256 of a file, hexadecimal; read again only if its size or time has changed."""
    state = path.stat()
    return _checksum(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _checksum(path: Path, size: int, time: int) -> str:
    return manifest.checksum(path)


def split_of(identity: str, validation: float | int, test: float | int) -> Split:
    """The split of a person, from nothing but their name, so that it stays when others come.

    Args:
        validation, test: shares of all persons.
    """
    at = place(identity)
    return "test" if at < test else "validation" if at < test + validation else "train"


def place(identity: str) -> float:
    """A number from 0 to 1, uniform over names."""
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:6]) / 2**48


def pieces(frames: int, longest: int, shortest: int) -> tuple[range, ...]:
    """The pieces that a video of `frames` is cut into: each `longest`, the last one what is left.

    A last piece below `shortest` is left out; a video below it is one piece all the same, and for others to refuse.
    """
    found = [range(start, min(start + longest, frames)) for start in range(0, frames, longest)]
    if len(found) > 1 and len(found[-1]) < shortest:
        found.pop()
    return tuple(found)


def _candidates(folder: Path, workspace: Path) -> Iterator[Path]:
    inside = workspace.resolve()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file() and inside not in path.resolve().parents:
            yield path


def _identity(file: str, known: Mapping[str, str] | None, identities: Path | None) -> str:
    if known is None:
        return file.split("/")[0]
    if file not in known:
        raise UserError(f"{identities} does not say who is in {file}", "Add it, or take the file away")
    return known[file]

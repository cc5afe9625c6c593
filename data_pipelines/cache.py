"""Finished clips, each in a file named by a hash of all that decides it, so that work that was done stays done.

A file is whole or not there, and is plain safetensors: nothing in it is executed. Any number of processes may share a
folder; if two make the same clip, they write the same bytes.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vlogger_jax.core.errors import UserError
from vlogger_jax.media import atomic

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """What is kept of a clip.

    Attributes:
        examples: serialised.
        about: JSON.
    """

    examples: tuple[bytes, ...]
    about: dict[str, Any]


@dataclass(frozen=True)
class Cache:
    """A folder of entries.

    Attributes:
        folder: is made when something is put into it.
    """

    folder: Path

    def path(self, key: str) -> Path:
        """Where the entry is, or will be."""
        return self.folder / key[:2] / f"{key}.safetensors"

    def get(self, key: str) -> Entry | None:
        """The entry; None if there is none, or it is damaged, which is warned about."""
        path = self.path(key)
        if not path.exists():
            return None
        try:
            with safe_open(path, "np") as file:
                about = json.loads(file.metadata()["about"])
                examples = tuple(file.get_tensor(str(i)).tobytes() for i in range(len(file.keys())))
                if _digest(examples) != file.metadata()["sha256"]:
                    raise ValueError("its checksum is wrong")
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is damaged (%s): the clip is made again", path, error)
            return None
        return Entry(examples, about)

    def about(self, key: str) -> dict[str, Any] | None:
        """`Entry.about` alone, without reading the examples."""
        try:
            with safe_open(self.path(key), "np") as file:
                return json.loads(file.metadata()["about"])
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, examples: Sequence[bytes], about: Mapping[str, Any]) -> None:
        """Keep an entry.

        Raises:
            UserError: if it cannot be written.
        """
        path = self.path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{path.parent} cannot be made: {error.strerror}", "Choose another folder") from error
        arrays = {str(i): np.frombuffer(example, np.uint8) for i, example in enumerate(examples)}
        said = {"about": json.dumps(dict(about), ensure_ascii=False), "sha256": _digest(examples)}
        with atomic.replacing(path) as temporary, temporary.open("wb") as file:
            file.write(save(arrays, said))

    def drop(self, key: str) -> None:
        """Forget an entry, if there is one."""
        path = self.path(key)
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are in it
            path.parent.rmdir()


def _digest(examples: Sequence[bytes]) -> str:
    digest = hashlib.sha256()
    for example in examples:
        digest.update(example)
    return digest.hexdigest()


def key(**decides: Any) -> str:
    """A hash of JSON values, the same on every machine."""
    text = json.dumps(decides, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

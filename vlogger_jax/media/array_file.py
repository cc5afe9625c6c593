"""Named arrays in `.npz` files, read without unpickling."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.media import reading
from vlogger_jax.media.atomic import replacing


def read(path: str | Path, kind: str) -> dict[str, np.ndarray]:
    """All arrays of a file; `kind` is what is wanted of it, as in "a fit".

    Raises:
        UserError: if it is no such file, or holds Python objects, or more than fits into memory.
    """
    path = reading.file(path, kind)
    try:
        with path.open("rb") as opened:
            archive = np.load(opened, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("a single array")
            arrays = dict(archive.items())
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is not {kind}, or is damaged", f"Give {kind}, an .npz file of plain arrays") from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise UserError(f"{path} is not {kind}: it holds something else than arrays", f"Give {kind}")
    return arrays


def write(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write `arrays` under their names, compressed; the file is whole or not there.

    Raises:
        UserError: if `path` cannot be written.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)

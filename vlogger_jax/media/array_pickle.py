"""Pickles of numpy arrays, as programs of researchers leave them behind; read as data, nothing in them is executed.

Those that joblib wrote are read, too: it puts the numbers of an array between the opcodes of the pickle.
"""

import dataclasses
import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.media import plain_pickle, reading
from vlogger_jax.media.plain_pickle import Refused

_KINDS = "biuf"
_RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
_SCALAR = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
_JOBLIB = "joblib.numpy_pickle.NumpyArrayWrapper"
_MOST_DIMENSIONS = 8


@dataclasses.dataclass(frozen=True)
class _Unfilled:
    """An array, of numpy or of joblib, whose numbers come with its state."""

    joblib: bool = False


def read(path: str | Path, kind: str) -> Any:
    """Dicts, lists, numbers and arrays of a file; `kind` is what is wanted of it, as in "tracks".

    Raises:
        UserError: if it is no pickle, holds anything else than these, or is damaged.
    """
    path = reading.file(path, kind)
    try:
        with path.open("rb") as file:
            reader = _Reader(file, path.stat().st_size)
            return plain_pickle.read(file, reader.call, reader.persistent, reader.build)
    except (OSError, EOFError, MemoryError) as error:
        raise UserError(f"{path} cannot be read: {error}", "Get the file again") from error
    except Refused as refused:
        fix = "Give a pickle of dicts, lists and numpy arrays only, or an .npz of the same names"
        raise UserError(f"{path} is not {kind}: {refused}", fix) from refused


@dataclasses.dataclass(frozen=True)
class _Reader:
    file: BinaryIO
    size: int

    def call(self, name: str, arguments: tuple) -> Any:
        match (name, arguments):
            case ("numpy.dtype", (str(code), *_)):
                return _dtype(code)
            case (name, _) if name in _RECONSTRUCT:
                return _Unfilled()
            case (name, _) if name == _JOBLIB:
                return _Unfilled(joblib=True)
            case (name, (np.dtype() as dtype, bytes(data))) if name in _SCALAR:
                return _array(data, dtype, (), "C")[()]
            case ("_codecs.encode", (str(text), "latin1")):  # bytes, in protocol 2
                return text.encode("latin1")
            case ("__builtin__.bytes", ()):
                return b""
        raise Refused(f"it asks for {name[:80]!r}")

    def persistent(self, identifier: Any) -> Any:
        raise Refused("it refers to something outside of it")

    def build(self, thing: Any, state: Any) -> Any:
        match (thing, state):
            case (np.dtype(), (_, "<" | "|" | "=", *_)):
                return thing
            case (np.dtype(), (_, ">", *_)):
                return thing.newbyteorder(">")
            case (_Unfilled(joblib=False), (_, tuple(shape), np.dtype() as dtype, fortran, bytes(data))):
                return _array(data, dtype, shape, "F" if fortran else "C")
            case (_Unfilled(joblib=True), {"shape": tuple(shape), "order": "C" | "F" as order, "dtype": dtype}):
                if not isinstance(dtype, np.dtype):
                    raise Refused("it has an array of no type")
                if state.get("numpy_array_alignment_bytes") is not None:
                    self._bytes(self._bytes(1)[0])
                return _array(self._bytes(_count(shape) * dtype.itemsize), dtype, shape, order)
            case (dict(), _):
                return thing
        raise Refused("it holds more than dicts, lists and arrays")

    def _bytes(self, count: int) -> bytes:
        data = self.file.read(count) if count <= self.size else b""
        if len(data) != count:
            raise Refused("it ends too early")
        return data


def _dtype(code: str) -> np.dtype:
    if code[:1] not in _KINDS or not code[1:].isdigit() or int(code[1:]) not in (1, 2, 4, 8):
        raise Refused(f"it has arrays of {code[:20]!r}, which are not numbers")
    try:
        return np.dtype(code)
    except TypeError:
        raise Refused(f"it has arrays of {code[:20]!r}, which are not numbers") from None


def _count(shape: tuple) -> int:
    if len(shape) > _MOST_DIMENSIONS or not all(type(size) is int and size >= 0 for size in shape):
        raise Refused("it has an array of a shape that cannot be")
    return math.prod(shape)


def _array(data: bytes, dtype: np.dtype, shape: tuple, order: str) -> np.ndarray:
    if len(data) != _count(shape) * dtype.itemsize:
        raise Refused("it has an array with too few or too many numbers")
    return np.frombuffer(data, dtype).reshape(shape, order=order).astype(dtype.newbyteorder("="))

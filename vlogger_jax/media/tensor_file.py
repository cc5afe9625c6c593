"""Named tensors in files of PyTorch (`.pt`, `.pth`) and safetensors; reading executes nothing, and needs no PyTorch.

Tensors are read when they are asked for, one at a time: files of large networks need not fit into memory twice.
"""

import dataclasses
import functools
import math
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors

from vlogger_jax.core.errors import UserError
from vlogger_jax.media import plain_pickle, reading
from vlogger_jax.media.plain_pickle import Name, Refused

_KIND = "a checkpoint"
_AGAIN = "Get the file again"
_PLAIN = "Give a file of named tensors only, such as torch.save(network.state_dict(), path) writes"

_DTYPES = {
    "torch.FloatStorage": "float32",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.DoubleStorage": "float64",
    "torch.LongStorage": "int64",
    "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
}
_OF_SAFETENSORS = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool"},
    **{f"{kind}{bits}": f"{name}{bits}" for kind, name in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)},
}
_LARGEST_PICKLE = 16 * 2**20  # bytes; of networks of a thousand tensors it has 0.2 million
_MOST_DIMENSIONS = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor in a file; `np.asarray` reads it.

    Attributes:
        read: its numbers; raises UserError if they are damaged.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.read()
        return array if dtype is None else array.astype(dtype, copy=False)


def read(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file, which has to stay where it is until they are read.

    Raises:
        UserError: if it is neither a file of PyTorch 1.6 or later nor of safetensors, is damaged, or holds anything
            but named tensors.
    """
    path = reading.file(path, _KIND)
    with path.open("rb") as opened:
        head = opened.read(9)
    if head.startswith(b"PK\3\4"):
        return _of_torch(path)
    if head[8:] == b"{":
        return _of_safetensors(path)
    if head.startswith(b"\x80"):
        raise UserError(
            f"{path} is in the format that PyTorch had before 1.6",
            "Write it again with a newer one: torch.save(torch.load(path, weights_only=True), path)",
        )
    raise UserError(f"{path} is not {_KIND}", "Give a .pt or .pth file of PyTorch, or a .safetensors file")


def _of_safetensors(path: Path) -> dict[str, Tensor]:
    def numbers(name: str) -> np.ndarray:
        try:
            return opened.get_tensor(name)
        except (safetensors.SafetensorError, ValueError, TypeError, OSError) as error:
            raise UserError(f"{path}: {name} cannot be read", _AGAIN) from error

    try:
        opened = safetensors.safe_open(path, framework="numpy")
        slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
        described = {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in slices.items()}
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read as safetensors: {error}", _AGAIN) from error
    if strange := sorted({kind for _, kind in described.values()} - set(_OF_SAFETENSORS)):
        raise UserError(f"{path} holds numbers of dtype {strange[0]}", "Write them as float32")
    return {
        name: Tensor(shape, jnp.dtype(_OF_SAFETENSORS[kind]), functools.partial(numbers, name))
        for name, (shape, kind) in described.items()
    }


def _of_torch(path: Path) -> dict[str, Tensor]:
    try:
        return _Archive(path).tensors()
    except Refused as refused:
        raise UserError(f"{path} is refused: {refused}", _PLAIN) from refused
    except _DAMAGED as error:
        raise UserError(f"{path} is damaged or incomplete", _AGAIN) from error


# What zipfile raises, of encrypted members and unknown compressions too.
_DAMAGED = (zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError, OverflowError, struct.error)


@dataclasses.dataclass(frozen=True, eq=False)
class _Storage:
    """The numbers that tensors are views of: one member of the archive."""

    member: zipfile.ZipInfo
    dtype: np.dtype
    size: int


class _Archive:
    """A zip of `<name>/data.pkl` and one `<name>/data/<key>` a storage, none of them compressed."""

    def __init__(self, path: Path):
        self.path = path
        self.zip = zipfile.ZipFile(path)
        pickles = [name for name in self.zip.namelist() if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise Refused("it is a zip file, but none of PyTorch")
        self.folder = pickles[0].removesuffix("data.pkl")

    def tensors(self) -> dict[str, Tensor]:
        if self.folder + "byteorder" in self.zip.namelist() and self._bytes(self._member("byteorder", 8)) != b"little":
            raise Refused("its numbers are big-endian")
        held = plain_pickle.read(self._bytes(self._member("data.pkl", _LARGEST_PICKLE)), self._call, self._persistent)
        if not isinstance(held, dict):
            raise Refused("it holds no tensors by name")
        for name, tensor in held.items():
            if not isinstance(name, str) or not isinstance(tensor, Tensor):
                raise Refused(f"what it holds under {str(name)[:80]!r} is no tensor")
        return held

    def _member(self, name: str, most: int) -> zipfile.ZipInfo:
        try:
            member = self.zip.getinfo(self.folder + name)
        except KeyError:
            raise Refused(f"it lacks its {name[:80]!r}") from None
        if member.compress_type != zipfile.ZIP_STORED or member.file_size > most:
            raise Refused(f"its {name[:80]!r} is compressed, or larger than it may be")
        return member

    def _bytes(self, member: zipfile.ZipInfo) -> bytes:
        data = self.zip.read(member)
        if len(data) != member.file_size:
            raise EOFError(member.filename)
        return data

    def _persistent(self, identifier: Any) -> _Storage:
        match identifier:
            case ("storage", Name(dotted), str(key), str(), int(size)) if dotted in _DTYPES:
                dtype = jnp.dtype(_DTYPES[dotted])
                member = self._member(f"data/{key}", size * dtype.itemsize)
                if member.file_size != size * dtype.itemsize:
                    raise Refused(f"its storage {key[:80]!r} is not of the size that it is said to be")
                return _Storage(member, dtype, size)
            case ("storage", Name(dotted), *_):
                raise Refused(f"it asks for {dotted[:80]!r}")
        raise Refused("it asks for something that is no storage")

    def _call(self, name: str, arguments: tuple) -> Any:
        match name, arguments:
            case "collections.OrderedDict", ():
                return {}
            case "torch._utils._rebuild_tensor_v2", (_Storage() as storage, offset, shape, strides, *_):
                return self._tensor(storage, offset, shape, strides)
            case "torch._utils._rebuild_parameter", (Tensor() as tensor, *_):
                return tensor
        raise Refused(f"it asks for {name[:80]!r}")

    def _tensor(self, storage: _Storage, offset: Any, shape: Any, strides: Any) -> Tensor:
        if not (type(shape) is type(strides) is tuple and len(shape) == len(strides) <= _MOST_DIMENSIONS):
            raise Refused("the shape of a tensor cannot be")
        if any(type(number) is not int or number < 0 for number in (offset, *shape, *strides)):
            raise Refused("the shape of a tensor cannot be")
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        elements = math.prod(shape)
        # Never more numbers than there are: a view that repeats some could be of any size.
        if elements and (last >= storage.size or elements > storage.size):
            raise Refused("a tensor reaches beyond its storage")

        def numbers() -> np.ndarray:
            if not elements:
                return np.zeros(shape, storage.dtype)
            try:
                flat = np.frombuffer(self._bytes(storage.member), storage.dtype)
            except _DAMAGED as error:
                raise UserError(f"{self.path} is damaged or incomplete", _AGAIN) from error
            steps = tuple(stride * storage.dtype.itemsize for stride in strides)
            return np.lib.stride_tricks.as_strided(flat[offset:], shape, steps, writeable=False)

        return Tensor(shape, storage.dtype, numbers)

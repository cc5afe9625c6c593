"""Files as PyTorch writes them, put together opcode by opcode: no PyTorch, and anything else that one could write."""

import math
import struct
import zipfile
from pathlib import Path

import numpy as np

STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "bfloat16": "BFloat16Storage", "int64": "LongStorage"}


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    if not -(2**31) <= value < 2**31:
        encoded = value.to_bytes(16, "little", signed=True)
        return b"\x8a" + bytes([len(encoded)]) + encoded
    return b"J" + struct.pack("<i", value)


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def together(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def called(function: bytes, *arguments: bytes) -> bytes:
    return function + together(*arguments) + b"R"


def ordered(items: dict[str, bytes]) -> bytes:
    filled = b"(" + b"".join(text(name) + item for name, item in items.items()) + b"u"
    metadata = text("_metadata") + b"}(" + text("") + b"}" + b"u"
    return called(named("collections", "OrderedDict")) + filled + b"}" + metadata + b"sb"


def storage(key: str, size: int, kind: str = "FloatStorage", module: str = "torch") -> bytes:
    return together(text("storage"), named(module, kind), text(key), text("cpu"), number(size)) + b"Q"


def tensor(stored: bytes, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> bytes:
    hooks = called(named("collections", "OrderedDict"))
    shape_of, strides_of = (together(*map(number, values)) for values in (shape, strides))
    return called(
        named("torch._utils", "_rebuild_tensor_v2"), stored, number(offset), shape_of, strides_of, b"\x89", hooks
    )


def pickled(value: bytes) -> bytes:
    return b"\x80\x02" + value + b"."


def write(path: Path, pickle: bytes, storages: dict[str, bytes], folder: str = "net", **others: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{folder}/data.pkl", pickle)
        for name, data in others.items():
            archive.writestr(f"{folder}/{name}", data)
        for key, data in storages.items():
            archive.writestr(f"{folder}/data/{key}", data)
    return path


def save(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """What `torch.save` of a state dict of contiguous tensors would write."""
    items, storages = {}, {}
    for i, (name, array) in enumerate(arrays.items()):
        strides = tuple(math.prod(array.shape[axis + 1 :]) for axis in range(array.ndim))
        items[name] = tensor(storage(str(i), array.size, STORAGES[str(array.dtype)]), array.shape, strides)
        storages[str(i)] = array.tobytes()
    return write(path, pickled(ordered(items)), storages, byteorder=b"little", version=b"3\n")

"""One frame of a G-buffer as bytes, without loss: `encode` and `decode`.

The surface that neighbouring pixels see is continuous, so where they look in a chart of the body predicts where
the pixel between them looks. A coarse grid of pixels is stored as it is. Then, level by level, the middle of each
square is predicted from its four corners, and the middle of each edge from the four pixels around it: two averages
over opposite pixels, and how far they are apart says how good the prediction is (the pixel's class). The predicted
point gives a face and, in the face that the pixel really sees, two weights. Stored are which neighbour of the
predicted face that is (mostly 0: none) and what the weights differ by, pixels of one class together, deflated. A
level is done at once.

A checksum of the pixels makes sure that what comes out is what went in. A frame that is no body seen by a camera is
stored plainly, and still without loss.

Bytes, little-endian: `_HEADER`, then for a plain frame its deflated planes (face low, face high, second weight, third);
for a predicted one the length of a deflated part, that part (`CLASSES` + 1 counts: pixels a class and escapes; mask as
packed rows, each XOR the one before; neighbour symbols by class; escaped faces; faces and weights of the coarse grid),
and the deflated differences (a class after the other: of the second weight, then of the third; modulo 256).
"""

import itertools
import struct
import zlib

import numpy as np

from vlogger_jax.controls.blob_predict import CLASSES, Frame, Weights
from vlogger_jax.controls.blob_tables import Tables
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import BACKGROUND
from vlogger_jax.core.typing import UInt8, UInt16

VERSION = 1
MAX_PIXELS = 1 << 22
"""Pixels of the largest frame. It bounds the memory that a forged header can make `decode` use."""

_HEADER = struct.Struct("<2sBBHH8sII")  # magic, version, kind, height, width, tables, checksums of pixels and of bytes
_MAGIC = b"GB"
_PLAIN, _PREDICTED = 0, 1
_COUNTS = 4 * (CLASSES + 1)
_ESCAPE = 255  # the symbol of a face that is no neighbour of the predicted one


def encode(face_index: UInt16[np.ndarray, "h w"], bary: UInt8[np.ndarray, "h w 2"], tables: Tables) -> bytes:
    """One frame of a `GBuffer` as bytes; any arrays of these types come back exactly.

    Raises:
        ValueError: if the arrays are of other types, or hold more than `MAX_PIXELS` pixels or 65535 on a side.
    """
    if face_index.dtype != np.uint16 or bary.dtype != np.uint8 or bary.shape != (*face_index.shape, 2):
        raise ValueError(f"not a G-buffer frame: {face_index.dtype} {face_index.shape}, {bary.dtype} {bary.shape}")
    height, width = face_index.shape
    if height * width > MAX_PIXELS or max(height, width) > 0xFFFF:
        raise ValueError(f"a frame of {width} x {height} pixels is too large; a blob holds {MAX_PIXELS} pixels")
    face_index, bary = np.ascontiguousarray(face_index), np.ascontiguousarray(bary)
    kind, body = _PLAIN, _encode_plain(face_index, bary)
    background = face_index == BACKGROUND
    if (background | (face_index < len(tables.points))).all() and not bary[background].any():
        predicted = _encode_predicted(face_index, bary, tables)
        kind, body = min((_PREDICTED, predicted), (kind, body), key=lambda way: len(way[1]))
    pixels = _checksum(face_index, bary)
    header = _HEADER.pack(_MAGIC, VERSION, kind, height, width, tables.identity, pixels, 0)[:-4]
    return header + struct.pack("<I", zlib.crc32(body, zlib.crc32(header))) + body


def decode(blob: bytes, tables: Tables) -> tuple[UInt16[np.ndarray, "h w"], UInt8[np.ndarray, "h w 2"]]:
    """The `face_index` and `bary` that `encode` was given.

    Raises:
        UserError: if the blob is damaged, of another version, or was made with the tables of another body.
    """
    if len(blob) < _HEADER.size or blob[:2] != _MAGIC:
        raise _damaged("it does not begin like one")
    _, version, kind, height, width, identity, pixels, checksum = _HEADER.unpack_from(blob)
    if version != VERSION:
        raise UserError(f"a G-buffer blob has version {version}, this program reads {VERSION}", "Update the program")
    body = blob[_HEADER.size :]
    if zlib.crc32(body, zlib.crc32(blob[: _HEADER.size - 4])) != checksum:
        raise _damaged("its checksum is wrong")
    if identity != tables.identity:
        raise UserError(
            f"a G-buffer blob was made with the body tables {identity.hex()}, in use are {tables.identity.hex()}",
            "Use the body that the records were made with",
        )
    if height * width > MAX_PIXELS or kind not in (_PLAIN, _PREDICTED):
        raise _damaged("its header is impossible")
    try:
        read = _decode_plain if kind == _PLAIN else _decode_predicted
        face_index, bary = read(body, height, width, tables)
    except (zlib.error, struct.error, ValueError, IndexError) as error:
        raise _damaged(str(error)) from error
    if _checksum(face_index, bary) != pixels:
        raise _damaged("its pixels are not those that were stored")
    return face_index, bary


def _damaged(how: str) -> UserError:
    return UserError(f"a G-buffer blob is damaged: {how}", "Make or download the record again")


def _checksum(face_index: np.ndarray, bary: np.ndarray) -> int:
    return zlib.crc32(bary, zlib.crc32(face_index.astype("<u2", copy=False)))


def _encode_plain(face_index: np.ndarray, bary: np.ndarray) -> bytes:
    planes = [_two_planes(face_index), np.moveaxis(bary, -1, 0).tobytes()]
    return _deflate(planes, zlib.Z_DEFAULT_STRATEGY)


def _decode_plain(body: bytes, height: int, width: int, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    planes = np.frombuffer(_inflate(body, 4 * height * width), np.uint8).reshape(4, height, width)
    return _from_planes(planes[:2]), np.stack(planes[2:], axis=-1)


def _encode_predicted(face_index: np.ndarray, bary: np.ndarray, tables: Tables) -> bytes:
    mask = face_index != BACKGROUND
    frame, truth = (Frame(*face_index.shape, tables) for _ in range(2))
    coarse, levels = frame.plan(mask)
    truth.place(truth.pixels(), face_index, _from_planes((bary[..., 0], bary[..., 1])), last=True)

    frame.place(coarse, truth.face[coarse], truth.weights[coarse])
    coded, escapes = [], []
    for level in levels:
        point, guess, kind = frame.predict(level)
        face, weights = truth.face[level.index], truth.weights[level.index]
        symbol = _symbols(guess, face, tables)
        escapes.append(face[symbol == _ESCAPE])
        expected = Weights(tables, face, point)
        second, third = (weights & 255).astype(np.uint8), (weights >> 8).astype(np.uint8)
        coded.append(np.stack([kind, symbol, second - expected.second(), third - expected.third(second)]))
        frame.place(level.index, face, weights)
    kind, symbol, *differences = np.concatenate(coded, axis=1)
    escaped = np.concatenate(escapes)
    members = [np.flatnonzero(kind == k) for k in range(CLASSES)]
    rows = np.packbits(mask, axis=1)
    rows[1:] ^= rows[:-1].copy()
    first = _deflate(
        [
            np.array([*map(len, members), len(escaped)], "<u4").tobytes(),
            rows.tobytes(),
            *_merge([symbol[member].tobytes() for member in members]),
            _two_planes(escaped),
            _two_planes(truth.face[coarse]),
            _two_planes(truth.weights[coarse]),
        ],
        zlib.Z_DEFAULT_STRATEGY,
    )
    by_class = _merge([b"".join(plane[member].tobytes() for plane in differences) for member in members])
    return struct.pack("<I", len(first)) + first + _deflate(by_class, zlib.Z_HUFFMAN_ONLY)


def _symbols(guess: np.ndarray, face: np.ndarray, tables: Tables) -> np.ndarray:
    """0 where the guess is right, k where the face is its k-th neighbour, else `_ESCAPE`."""
    symbol = np.zeros(len(face), np.uint8)
    wrong = np.flatnonzero(guess != face)
    match = tables.neighbours[guess[wrong]] == face[wrong, None]
    symbol[wrong] = np.where(match.any(axis=1), match.argmax(axis=1) + 1, _ESCAPE)
    return symbol


def _decode_predicted(body: bytes, height: int, width: int, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    length = struct.unpack_from("<I", body)[0]
    first = np.frombuffer(_inflate(body[4 : 4 + length], _COUNTS + 8 * height * width + height, exact=False), np.uint8)
    *counts, escaped = first[:_COUNTS].view("<u4").tolist()
    packed = (height, -(-width // 8))
    rows, rest = np.split(first[_COUNTS:], [packed[0] * packed[1]])
    mask = np.unpackbits(np.bitwise_xor.accumulate(rows.reshape(packed), axis=0), axis=1, count=width).view(bool)
    frame = Frame(height, width, tables)
    coarse, levels = frame.plan(mask)
    pixels = sum(len(level.index) for level in levels)
    if sum(counts) != pixels or len(rest) != pixels + 2 * escaped + 4 * len(coarse):
        raise ValueError("its parts do not fit each other")
    symbols, escapes, faces, weights = np.split(rest, np.cumsum([pixels, 2 * escaped, 2 * len(coarse)]))
    escapes, faces, weights = (_from_planes(part.reshape(2, -1)) for part in (escapes, faces, weights))
    frame.place(coarse, faces, weights)

    ends = np.cumsum(counts)
    stored = np.empty((3, pixels), np.uint8)  # symbol and two differences; class after class, as `at` points into them
    stored[0] = symbols
    differences = np.frombuffer(_inflate(body[4 + length :], 2 * pixels), np.uint8)
    for start, end in zip((ends - counts).tolist(), ends.tolist(), strict=True):
        stored[1:, start:end] = differences[2 * start : 2 * end].reshape(2, -1)
    at, used = ends - counts, 0
    for level in levels:
        point, guess, kind = frame.predict(level)
        found = np.bincount(kind, minlength=CLASSES)
        runs = [stored[:, a:b] for a, b in zip(at.tolist(), (at + found).tolist(), strict=True)]
        order, values = kind.argsort(kind="stable"), np.empty((3, len(kind)), np.uint8)
        for plane, sorted_plane in zip(values, np.concatenate(runs, axis=1), strict=True):
            plane[order] = sorted_plane
        at += found
        face = guess.copy()
        wrong = values[0].nonzero()[0]
        symbol = values[0, wrong]
        escape = wrong[symbol == _ESCAPE]
        neighbours = tables.neighbours
        face[wrong] = neighbours[guess[wrong], np.minimum(symbol, neighbours.shape[1]) - 1]
        face[escape] = escapes[used : used + len(escape)]
        used += len(escape)
        expected = Weights(tables, face, point)
        second = expected.second() + values[1]
        third = expected.third(second) + values[2]
        frame.place(level.index, face, _from_planes((second, third)), last=level is levels[-1])
    return frame.result()


def _two_planes(values: np.ndarray) -> bytes:
    """All low bytes, then all high bytes."""
    return (values & 255).astype(np.uint8).tobytes() + (values >> 8).astype(np.uint8).tobytes()


def _from_planes(planes: np.ndarray | tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """uint16 of low and high bytes."""
    return planes[0] | planes[1].astype(np.uint16) << 8


def _deflate(segments: list[bytes], strategy: int) -> bytes:
    """Segments one after the other, each with code tables of its own, which no reader needs to know."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy)
    parts = []
    for segment in segments:
        parts += [packer.compress(segment), packer.flush(zlib.Z_PARTIAL_FLUSH)]
    return b"".join([*parts, packer.flush()])


def _inflate(body: bytes, limit: int, exact: bool = True) -> bytes:
    """What was deflated: `limit` bytes, or at most so many unless `exact`."""
    unpacker = zlib.decompressobj(-15)
    data = unpacker.decompress(body, limit + 1)
    if len(data) > limit or (exact and len(data) != limit) or not unpacker.eof or unpacker.unused_data:
        raise ValueError("a part has the wrong length")
    return data


def _merge(segments: list[bytes]) -> list[bytes]:
    """Runs of segments joined where one code table for all is cheaper, by an estimate, than one for each."""
    counts = np.array([np.bincount(np.frombuffer(part, np.uint8), minlength=256) for part in segments])
    sums = np.concatenate([np.zeros((1, 256), np.int64), np.cumsum(counts, axis=0)])
    best: list[tuple[float, list[int]]] = [(0.0, [])]  # for each number of segments: bits, and where the runs begin
    for end in range(1, len(sums)):
        cost, start = min((best[start][0] + _bits(sums[end] - sums[start]), start) for start in range(end))
        best.append((cost, [*best[start][1], start]))
    starts = [*best[-1][1], len(segments)]
    return [b"".join(segments[a:b]) for a, b in itertools.pairwise(starts)]


def _bits(counts: np.ndarray) -> float:
    """About how many bits symbols that occur so often take when deflated, with their code table."""
    counts = counts[counts > 0]
    if not len(counts):
        return 0.0
    return float(counts @ np.maximum(np.log2(counts.sum() / counts), 1.0)) + 80.0 + 3.0 * len(counts)

"""G-buffer blobs against zlib of the raw arrays: bytes a frame and time. Run `python -m benchmarks.blob`."""

import dataclasses
import statistics
import struct
import time
import zlib
from collections.abc import Callable

import numpy as np

from benchmarks import report
from docs.figures import poses
from docs.figures.body import looking_at
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.controls import blob, blob_tables, gbuffer
from vlogger_jax.core.records import BACKGROUND

SIDES = (128, 256, 512)
SHOTS = (  # pose, expression, turn of the head and of the camera in degrees
    ("arms down", "jawOpen", 35, -16),
    ("explaining", "mouthFunnel", -8, -8),
    ("arms raised", "mouthSmile", 0, 0),
    ("fist and pointing", "p, b, m", 0, 8),
    ("elbows sharp", "surprise", -25, 16),
)


def people(model: smplx.BodyModel, side: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(`face_index`, `bary`) of five people of different shape, cut at the waist, about a third of the picture."""
    random = np.random.default_rng(0)
    frames = []
    for pose, expression, head, yaw in SHOTS:
        joints = {**poses.POSES[pose], "head": (5, head, 0)}
        motion = poses.make(model, joints, poses.EXPRESSIONS[expression], relaxed_hands=True)
        betas = (0.7 * random.standard_normal(motion.betas.shape)).astype(np.float32)
        posed = smplx.pose(model, dataclasses.replace(motion, betas=betas))
        middle = posed.joints[0, names.JOINTS.index("spine3")] + np.array([0.0, 0.17, 0.0])
        seen = gbuffer.render(posed.vertices, model.faces, looking_at(middle, 1.0, (side, side), yaw=yaw))
        frames.append((np.asarray(seen.face_index)[0], np.asarray(seen.bary)[0]))
    return frames


def raw(face_index: np.ndarray, bary: np.ndarray) -> bytes:
    return zlib.compress(face_index.tobytes() + bary.tobytes(), 6)


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def measure(side: int, frames: list[tuple[np.ndarray, np.ndarray]], tables: blob_tables.Tables) -> list[dict]:
    """Means over the frames; bits are a covered pixel, "faces" everything but the weights."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for face_index, bary in frames:
        ours, theirs = blob.encode(face_index, bary, tables), raw(face_index, bary)
        assert all(np.array_equal(*pair) for pair in zip(blob.decode(ours, tables), (face_index, bary), strict=True))
        bits = 8 / (face_index != BACKGROUND).sum()
        start = blob._HEADER.size + 4
        faces = start + struct.unpack("<I", ours[start - 4 : start])[0]
        split = len(zlib.compress(face_index.tobytes(), 6)), len(zlib.compress(bary.tobytes(), 6))
        repeats = 100 if side < 512 else 20
        rows = {
            ("blob", "bytes"): (len(ours), len(theirs)),
            ("blob", "bits/pixel"): (bits * len(ours), bits * len(theirs)),
            ("faces", "bits/pixel"): (bits * faces, bits * split[0]),
            ("weights", "bits/pixel"): (bits * (len(ours) - faces), bits * split[1]),
            ("decode", "ms"): (
                milliseconds(lambda: blob.decode(ours, tables), repeats),  # noqa: B023
                milliseconds(lambda: zlib.decompress(theirs), repeats),  # noqa: B023
            ),
            ("encode", "ms"): (
                milliseconds(lambda: blob.encode(face_index, bary, tables), 5),  # noqa: B023
                milliseconds(lambda: raw(face_index, bary), 5),  # noqa: B023
            ),
        }
        for key, pair in rows.items():
            found.setdefault(key, []).append(pair)
    means = {key: np.mean(pairs, axis=0).tolist() for key, pairs in found.items()}
    return [report.row(f"{what}, {side} px", *pair, unit) for (what, unit), pair in means.items()]


def main() -> None:
    model = model_file.default()
    tables = blob_tables.for_body(model)
    rows = [row for side in SIDES for row in measure(side, people(model, side), tables)]
    print(report.write("blob", rows, packages=("numpy", "jax")))


if __name__ == "__main__":
    main()

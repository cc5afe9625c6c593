"""What input costs: CPU time a frame by phase, bytes, memory. Run `python -m benchmarks.data`.

Theirs is what one would otherwise pick: a clip as one H.264 video and its G-buffers as one compressed `.npz` a frame,
read with PyAV and numpy; looked up as ours. The first run makes the clips, four of two seconds at three sizes, which
takes some minutes; they are kept in `.cache/benchmark`.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy: CPU time of one thread is what cores are bought for

import contextlib
import itertools
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks import report
from data_pipelines import cache
from data_pipelines.loaders import dataset, images, order
from data_pipelines.loaders import frames as framed
from data_pipelines.loaders.dataset import DataSet
from data_pipelines.loaders.frames import Frames
from data_pipelines.loaders.motion import Motions, MotionWindows
from data_pipelines.loaders.order import Order, Reading, Stream
from data_pipelines.make import Request, make
from data_pipelines.mentor_synth import MentorSynth
from data_pipelines.plan import Plan
from data_pipelines.running import Beam
from vlogger_jax.body import smplx
from vlogger_jax.controls import blob, lookup
from vlogger_jax.core.records import GBuffer
from vlogger_jax.media import encoded, video_file, video_writer

FOLDER = Path(__file__).parents[1] / ".cache" / "benchmark"
SIZES = (128, 256, 512)
COUNTS = (1, 4, 16)
LIMITS = {128: 5.0, 256: 12.0, 512: 25.0}
"""CPU ms a frame."""

READ_LIMITS = {1: 10.0, 16: 3.0}
"""Bytes read over bytes used."""

CLIPS, FRAMES = 4, 50
"""How many, and of each: no multiple of a chunk, so that windows lie across chunks as in clips of any length."""

REPEATS = 3
"""Of every measurement, ours and theirs in turn; the least disturbed counts."""

SAMPLES = {1: 120, 4: 60, 16: 24}
FRAMES_A_SECOND, HOSTS = 6300, 16
"""What a v5p-128 was reckoned to train on."""

STEADY, STEADY_BATCH = 10_000, 8


class Meter:
    """CPU seconds and calls by phase, and bytes."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    @contextlib.contextmanager
    def watching(self, data: DataSet, source: Any) -> Iterator[None]:
        """Time what a sample calls."""
        records = source.chunks.records.source
        stored = records.data_source

        class Raw:
            def __len__(raw) -> int:
                return len(stored)

            def __getitem__(raw, number: int) -> bytes:
                found = self._timed("read", stored.__getitem__, number)
                self.bytes["read"] += len(found)
                return found

        def used(phase: str, decode: Callable, data: bytes, *rest: Any) -> Any:
            self.bytes["used"] += len(data)
            return self._timed(phase, decode, data, *rest)

        records.data_source = Raw()
        with contextlib.ExitStack() as stack:
            for owner, name, wrapper in (
                (records, "_deserialize", partial(self._timed, "parse", records._deserialize)),
                (encoded, "decode", partial(used, "JPEG", encoded.decode)),
                (blob, "decode", partial(used, "G-buffer", blob.decode)),
                (smplx, "pose", partial(self._timed, "pose", smplx.pose)),
                (lookup, "anchor", partial(self._timed, "gathers", lookup.anchor)),
                (lookup, "look_up", partial(self._timed, "gathers", lookup.look_up)),
            ):
                stack.enter_context(mock.patch.object(owner, name, wrapper))
            yield
        records.data_source = stored

    def _timed(self, phase: str, work: Callable, *arguments: Any) -> Any:
        start = time.thread_time()
        found = work(*arguments)
        self.seconds[phase] += time.thread_time() - start
        return found


def data_set() -> DataSet:
    """The clips that are measured, made if they are not there."""
    recipe = MentorSynth({"train": CLIPS}, frames=FRAMES)
    out = FOLDER / cache.key(settings=recipe.settings())[:8]
    folder, _ = make(Request(recipe, out, SIZES, Plan(), None, "python -m benchmarks.data"), Beam())
    return dataset.open(folder)


def phases(data: DataSet, config: Frames | images.Images, make_source: Callable) -> dict[str, Any]:
    """One loader: CPU ms a frame by phase, and bytes a frame read and used."""
    source = make_source(data, "train", config)
    stream = Stream(source, seed=0)
    for i in range(5):
        stream[i]
    meter, count = Meter(), SAMPLES[config.count]
    with meter.watching(data, source):
        start = time.thread_time()
        for i in range(count):
            stream[i]
        total = time.thread_time() - start
    frames = count * config.count
    by_phase = {phase: 1e3 * seconds / frames for phase, seconds in sorted(meter.seconds.items())}
    by_phase["rest"] = 1e3 * total / frames - sum(by_phase.values())
    read = meter.bytes["read"] / frames
    return {
        "ms": round(1e3 * total / frames, 3),
        "phases_ms": {phase: round(ms, 3) for phase, ms in by_phase.items()},
        "kilobytes_read": round(read / 1e3, 2),
        "read_over_used": round(meter.bytes["read"] / meter.bytes["used"], 2),
        "cores_a_host": round(FRAMES_A_SECOND / HOSTS * total / frames, 2),
        "gigabytes_a_second_a_host": round(FRAMES_A_SECOND / HOSTS * read / 1e9, 4),
    }


class Otherwise:
    """A clip as a video, and G-buffers as `.npz`."""

    def __init__(self, data: DataSet, size: int) -> None:
        self.source = framed.frame_windows(data, "train", Frames(size, 1))
        self.folder = data.folder.parent / f"otherwise_{size}"
        self.body, self.model = lookup.tables(data.body), data.body
        self.frames = FRAMES
        self.known = [self._stored(clip, 0) for clip in range(CLIPS)]
        if (self.folder / f"{CLIPS - 1}.mp4").exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for clip in range(CLIPS):
            with video_writer.Writer(self.folder / f"{clip}.mp4", fps=24) as writer:
                for frame in range(self.frames):
                    chunk, i = self._stored(clip, frame)
                    writer.write(encoded.decode(chunk.image[i]))
                    face, bary = blob.decode(chunk.gbuffer[i], self.source.tables)
                    np.savez_compressed(self.folder / f"{clip}_{frame}.npz", face=face, bary=bary)

    def _stored(self, clip: int, frame: int) -> Any:
        number, i = self.source.chunks.table.locate(clip, frame)
        return self.source.chunks[number], i

    def _gbuffers(self, clip: int, frames: range) -> GBuffer:
        found = []
        for frame in frames:
            with np.load(self.folder / f"{clip}_{frame}.npz", allow_pickle=False) as arrays:
                found.append((arrays["face"], arrays["bary"]))
        return GBuffer(face_index=np.stack([face for face, _ in found]), bary=np.stack([bary for _, bary in found]))

    def sample(self, rng: np.random.Generator, count: int) -> None:
        """The same as one of ours, but for the reference's motion and matte, which it takes for nothing."""
        clip = int(rng.integers(CLIPS))
        start, reference = int(rng.integers(self.frames - count + 1)), int(rng.integers(self.frames))
        for first, length in ((start, count), (reference, 1)):
            path = self.folder / f"{clip}.mp4"
            np.stack(list(itertools.islice(video_file.frames(path, 24, first / 24, length / 24), length)))
        chunk, i = self.known[clip]
        anchor = lookup.anchor(self.body, self._gbuffers(clip, range(reference, reference + 1)))
        vertices = smplx.pose(self.model, smplx.frames_of(chunk.motion, np.array([i]))).vertices[0]
        surface = lookup.Surface(anchor=anchor, vertices=vertices, camera=chunk.camera)
        lookup.look_up(self.body, surface, self._gbuffers(clip, range(start, start + count)))

    def ms(self, count: int) -> float:
        """CPU time of all threads, a frame: PyAV decodes in several."""
        rng = np.random.default_rng(0)
        self.sample(rng, count)
        start, samples = time.process_time(), SAMPLES[count] // 4
        for _ in range(samples):
            self.sample(rng, count)
        return 1e3 * (time.process_time() - start) / samples / count


def steady(data: DataSet) -> dict[str, float]:
    """Memory after a tenth of the samples and after all."""
    stream = Stream(framed.frame_windows(data, "train", Frames(128, 1)), seed=0)
    batches = iter(order.batches(stream, Order(STEADY_BATCH, reading=Reading(threads=2))))
    found = []
    for step in range(STEADY // STEADY_BATCH):
        next(batches)
        if (step + 1) * STEADY_BATCH in (STEADY // 10, STEADY):
            found.append(_megabytes())
    return {"samples": STEADY, "early_mb": round(found[0], 1), "late_mb": round(found[1], 1)}


def _megabytes() -> float:
    """Of this process, now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def motion(data: DataSet) -> dict[str, float]:
    """CPU ms of a motion window."""
    stream = Stream(MotionWindows(data.clips("train"), data.body, Motions(24, 48)), seed=0)
    for i in range(5):
        stream[i]
    start = time.thread_time()
    for i in range(200):
        stream[i]
    return {"ms_a_window_of_24_to_48_frames": round(5 * (time.thread_time() - start), 3)}


def main() -> None:
    data = data_set()
    rows, details, missed = [], {}, []
    for size in SIZES:
        otherwise = Otherwise(data, size)
        for count in COUNTS:
            case = f"{size} px, {'single frames' if count == 1 else f'clips of {count}'}"
            found, theirs = [], []
            for _ in range(REPEATS):
                found.append(phases(data, Frames(size, count), framed.frame_windows))
                theirs.append(otherwise.ms(count))
            details[case] = min(found, key=lambda each: each["ms"])
            rows.append(report.row(case, details[case]["ms"], min(theirs), "ms/frame"))
        for count in (1, 4):
            case = f"{size} px, {'pictures alone' if count == 1 else f'{count} pictures alone'}"
            found = [phases(data, images.Images(size, count), images.image_windows) for _ in range(REPEATS)]
            details[case] = min(found, key=lambda each: each["ms"])
    for case, found in details.items():
        print(case, found)
        missed += [case] if found["ms"] > LIMITS[int(case.split()[0])] else []
        limit = READ_LIMITS[16 if "16" in case else 1]
        missed += [f"{case} (bytes)"] if found["read_over_used"] > limit else []
    details["motion"], details["memory"] = motion(data), steady(data)
    print(details["motion"], details["memory"])
    details["over the limits"] = missed
    print(report.write("data", rows, ("numpy", "jax", "grain", "tensorflow-datasets", "pillow", "av"), details))
    if missed:
        print("over the limits:", ", ".join(missed))


if __name__ == "__main__":
    main()

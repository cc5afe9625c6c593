"""Stored frames beside other controls than they were stored with: exact ones, or such as fits would find.

Records of a training split hold what fits would have found, those of a test split the truth (`data_pipelines.schema`).
Here either may be had of both: G-buffers are rendered from the truth in `clips`, each record's once, and kept.
"""

import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np

from data_pipelines import gbuffer
from data_pipelines.loaders import stored
from data_pipelines.loaders.dataset import Chunks, Clips, DataSet
from data_pipelines.loaders.frames import FrameWindows
from data_pipelines.schema import Chunk, Clip
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import blob, perturb
from vlogger_jax.controls.blob_tables import Tables
from vlogger_jax.controls.perturb import Perturbation
from vlogger_jax.core.records import Camera, Motion
from vlogger_jax.fit import points
from vlogger_jax.media import encoded

Mattes = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(stored mattes [n, h, w], their frames' numbers [n]) -> mattes to show."""


class Seen(NamedTuple):
    """A whole clip as it is to be shown to a network.

    Attributes:
        camera: of the clip, of any size.
        exact: whether that is the truth.
    """

    motion: Motion
    camera: Camera
    mattes: Mattes
    exact: bool


See = Callable[[Clip], Seen]


def exact(clip: Clip) -> Seen:
    """The truth; but for mattes, which are kept as they were stored."""
    return Seen(clip.motion, clip.camera, lambda mattes, rows: mattes, True)


@dataclasses.dataclass(frozen=True)
class Fitted:
    """As fits would have it, each clip with an error of its own.

    Attributes:
        body: of the motion, or fewer points of it.
        amount: of the error.
        seed: of it.
    """

    body: BodyModel
    amount: Perturbation
    seed: int

    @classmethod
    def of(cls, model: BodyModel, seed: int) -> "Fitted":
        """With the size of real fitting error, in every clip."""
        return cls(points.reduce(model).body, Perturbation(exact=0.0), seed)

    def __call__(self, clip: Clip) -> Seen:
        """What is seen of a clip."""
        rng = np.random.default_rng([self.seed, clip.clip, 0])
        motion, camera, exact = perturb.perturb(self.body, clip.motion, clip.camera, self.amount, rng)

        def mattes(found: np.ndarray, rows: np.ndarray) -> np.ndarray:
            # Of the whole clip: every record of it draws the same.
            drawn = np.random.default_rng([self.seed, clip.clip, 1])
            return perturb.perturb_matte(found, self.amount, drawn, np.asarray(rows), len(clip.motion.transl))

        return Seen(motion, camera, mattes, exact)


@dataclasses.dataclass(frozen=True, eq=False)
class Rendered(Chunks):
    """Chunks whose G-buffers, mattes, motion and camera are others.

    Attributes:
        clips: of the same split.
        model, tables: of the G-buffers.
        see: what is to be shown of a clip.
    """

    clips: Clips
    model: BodyModel
    tables: Tables
    see: See

    @cached_property
    def _kept(self) -> dict[int, Chunk]:
        return {}

    def __getitem__(self, number: int) -> Chunk:
        """One chunk, rendered when it is asked for first.

        Raises:
            BadExample: if it or its clip cannot be read.
        """
        if number not in self._kept:
            self._kept[number] = self._made(super().__getitem__(number))
        return self._kept[number]

    def _made(self, chunk: Chunk) -> Chunk:
        seen, g = self.see(self.clips[chunk.clip]), chunk.camera.size[0]
        camera = cameras.crop(seen.camera, 0, 0, g / seen.camera.size[0], (g, g))
        motion = smplx.frames_of(seen.motion, np.asarray(chunk.frame))
        found = gbuffer.render(self.model, motion, camera)
        mattes = seen.mattes(np.stack([encoded.decode(each) for each in chunk.matte]), np.asarray(chunk.frame))
        return dataclasses.replace(
            chunk,
            matte=tuple(map(encoded.png, mattes)),
            gbuffer=tuple(map(lambda *each: blob.encode(*each, self.tables), found.face_index, found.bary)),
            motion=motion,
            camera=camera,
            exact=seen.exact,
        )


def rendered(data: DataSet, split: str, windows: FrameWindows, see: See) -> FrameWindows:
    """`windows` of a split, with what `see` makes of its clips."""
    was = windows.chunks
    chunks = Rendered(was.records, was.common, was.size, was.table, data.clips(split), data.body, windows.tables, see)
    return dataclasses.replace(windows, chunks=chunks)


class Drawn(NamedTuple):
    """Which frames a sample is of."""

    clip: int
    window: range
    reference: int


def drawn(windows: FrameWindows, number: int, rng: np.random.Generator) -> Drawn:
    """What `windows.sample(number, rng)` takes, with a generator in the same state.

    Raises:
        BadExample: as that.
    """
    clip, window = stored.chosen(windows.windows, number, rng)
    table = windows.windows.table
    known = np.concatenate([np.asarray(run) for run in table.plan.runs(int(table.lengths[clip]))])
    far = stored.far_from(window, known, windows.config.far, f"clip {clip} of {windows.chunks.records.place}")
    return Drawn(clip, window, int(rng.choice(far)))

"""Frames with their controls: what the video networks are trained on.

All is integers; what follows from them (composite, one-hot labels, scaling) is made on the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_pipelines import finish, schema
from data_pipelines.loaders import stored
from data_pipelines.loaders.dataset import Chunks, DataSet
from data_pipelines.loaders.samples import Sample, Spec, shaped
from data_pipelines.loaders.stored import Row
from data_pipelines.plan import Windows
from data_pipelines.recipe import Shots
from data_pipelines.schema import Chunk
from vlogger_jax.body import smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import blob, lookup
from vlogger_jax.controls.blob_tables import Tables
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import GBuffer
from vlogger_jax.core.typing import UInt8


@dataclass(frozen=True)
class Frames:
    """What to take of each clip.

    Attributes:
        size: of the pictures, pixels.
        count: frames that follow each other.
        far: of the reference from them, in frames, at least; in shorter clips as far as can be, never one of them.
    """

    size: int
    count: int = 1
    far: int = 24

    def __post_init__(self) -> None:
        if self.size < 1 or self.count < 1 or self.far < 0:
            raise UserError(
                f"{self.count} frames of {self.size} pixels, a reference {self.far} frames from them",
                "Give 1 or more for `count` and `size`, and 0 or more for `far`",
            )


def conditioned(
    model: BodyModel, body: lookup.Tables, frames: UInt8[np.ndarray, "t s s 3"], target: GBuffer, reference: Shots
) -> Sample:
    """A sample.

    Args:
        body: of `model`.
        target: G-buffers of `frames`.
        reference: one frame of the same clip.

    Returns:
        frames; reference [s, s, 3] and reference_matte [s, s]; the fields of `lookup.Lookup` [t, g, g, ..]; the fields
        of `lookup.Anchor` as reference_* [g, g, ..].

    Raises:
        UserError: as `lookup.look_up`.
    """
    anchor = lookup.anchor(body, reference.gbuffer)
    vertices = smplx.pose(model, reference.motion).vertices[0]
    surface = lookup.Surface(anchor=anchor, vertices=vertices, camera=reference.camera)
    return {
        "frames": frames,
        "reference": reference.frames[0],
        "reference_matte": reference.matte[0],
        **vars(lookup.look_up(body, surface, target)),
        **{f"reference_{name}": value for name, value in vars(anchor).items()},
    }


def conditioned_spec(config: Frames) -> Spec:
    """Of `conditioned`."""
    t, s, g = config.count, config.size, schema.gbuffer_size(config.size)
    return {
        "frames": shaped(np.uint8, t, s, s, 3),
        "reference": shaped(np.uint8, s, s, 3),
        "reference_matte": shaped(np.uint8, s, s),
        "dense": shaped(np.uint16, t, g, g, 3),
        "label": shaped(np.uint8, t, g, g),
        "warp_uv": shaped(np.uint16, t, g, g, 2),
        "warp_mask": shaped(np.uint8, t, g, g),
        "reference_dense": shaped(np.uint16, g, g, 3),
        "reference_label": shaped(np.uint8, g, g),
        "reference_outline": shaped(np.uint16, g, g, 2),
    }


@dataclass(frozen=True, eq=False)
class FrameWindows:
    """Windows of stored frames with their controls, as `samples.Samples`; `frame_windows` makes it.

    Attributes:
        body: of `model`.
        tables: that the G-buffers were stored with.
    """

    chunks: Chunks
    windows: Windows
    model: BodyModel
    body: lookup.Tables
    tables: Tables
    config: Frames

    @property
    def spec(self) -> Spec:
        """As `conditioned`."""
        return conditioned_spec(self.config)

    def __len__(self) -> int:
        return len(self.windows)

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """Window `number`, and a reference far from it.

        Raises:
            BadExample: if one of its records cannot be used, or its clip has no other frame for the reference.
        """
        clip, window = stored.chosen(self.windows, number, rng)
        table = self.windows.table
        known = np.concatenate([np.asarray(run) for run in table.plan.runs(int(table.lengths[clip]))])
        whose = f"clip {clip} of {self.chunks.records.place}"
        frame = int(rng.choice(stored.far_from(window, known, self.config.far, whose)))
        *rows, last = stored.find(self.chunks, clip, [*window, frame])
        try:
            frames, target = stored.pictures(rows, self.config.size), self._gbuffers(rows)
            return conditioned(self.model, self.body, frames, target, self.reference(*last))
        except UserError as error:
            raise stored.unusable(self.chunks, clip, [*window, frame], error) from error

    def _gbuffers(self, rows: Sequence[Row]) -> GBuffer:
        found = [blob.decode(chunk.gbuffer[i], self.tables) for chunk, i in rows]
        return GBuffer(face_index=np.stack([face for face, _ in found]), bary=np.stack([bary for _, bary in found]))

    def reference(self, chunk: Chunk, i: int) -> Shots:
        size = self.config.size
        return Shots(
            frames=stored.pictures([(chunk, i)], size),
            matte=stored.picture(chunk.matte[i], (size, size))[None],
            gbuffer=self._gbuffers([(chunk, i)]),
            motion=smplx.frames_of(chunk.motion, np.array([i])),
            camera=chunk.camera,
            exact=chunk.exact,
        )


def frame_windows(data: DataSet, split: str, config: Frames) -> FrameWindows:
    """Windows of a split.

    Raises:
        UserError: as `DataSet.chunks`, if the split has no such window, or its G-buffers are of other tables.
    """
    tables = finish.tables(data.body)
    if tables.identity.hex() != data.manifest.gbuffers:
        raise UserError(
            f"the G-buffers of {data.folder} are of the tables {data.manifest.gbuffers}, not {tables.identity.hex()}",
            "Build the data set again: this program numbers the body otherwise",
        )
    chunks = data.chunks(config.size, split)
    return FrameWindows(chunks, stored.of(chunks, config.count), data.body, lookup.tables(data.body), tables, config)

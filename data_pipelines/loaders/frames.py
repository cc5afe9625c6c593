"""Frames with their controls: what the video networks are trained on.

All is integers; what follows from them (composite, one-hot labels, scaling) is made on the device.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from data_pipelines import finish, schema
from data_pipelines.loaders import stored
from data_pipelines.loaders.dataset import Chunks, DataSet
from data_pipelines.loaders.samples import Sample, Spec, shaped
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
        remembered: frames and references that are kept decoded in memory once they were read, so many together: 0.1 and
            0.3 MB each at 64 pixels.
    """

    size: int
    count: int = 1
    far: int = 24
    remembered: int = 0

    def __post_init__(self) -> None:
        if self.size < 1 or self.count < 1 or self.far < 0 or self.remembered < 0:
            raise UserError(
                f"{self.count} frames of {self.size} pixels, a reference {self.far} frames from them, "
                f"{self.remembered} remembered",
                "Give 1 or more for `count` and `size`, and 0 or more for `far` and `remembered`",
            )


class Target(NamedTuple):
    """A frame that is to be made, decoded."""

    picture: UInt8[np.ndarray, "s s 3"]
    face_index: np.ndarray
    bary: np.ndarray


class Reference(NamedTuple):
    """A frame of the person, decoded, and the body in it."""

    picture: UInt8[np.ndarray, "s s 3"]
    matte: UInt8[np.ndarray, "s s"]
    surface: lookup.Surface

    @classmethod
    def of(cls, model: BodyModel, body: lookup.Tables, shots: Shots) -> "Reference":
        """Of one frame.

        Args:
            body: of `model`.
        """
        vertices = smplx.pose(model, shots.motion).vertices[0]
        surface = lookup.Surface(anchor=lookup.anchor(body, shots.gbuffer), vertices=vertices, camera=shots.camera)
        return cls(shots.frames[0], shots.matte[0], surface)


def conditioned(
    body: lookup.Tables, frames: UInt8[np.ndarray, "t s s 3"], target: GBuffer, reference: Reference
) -> Sample:
    """A sample.

    Args:
        target: G-buffers of `frames`.
        reference: one frame of the same clip.

    Returns:
        frames; reference [s, s, 3] and reference_matte [s, s]; the fields of `lookup.Lookup` [t, g, g, ..]; the fields
        of `lookup.Anchor` as reference_* [g, g, ..].

    Raises:
        UserError: as `lookup.look_up`.
    """
    surface = reference.surface
    return {
        "frames": frames,
        "reference": reference.picture,
        "reference_matte": reference.matte,
        **vars(lookup.look_up(body, surface, target)),
        **{f"reference_{name}": value for name, value in vars(surface.anchor).items()},
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
        wanted = [(self.target, clip, each) for each in window] + [(self.reference, clip, frame)]
        missing = [key for key in wanted if key not in self._known]
        rows = stored.find(self.chunks, clip, [each for _, _, each in missing])
        try:
            made = {key: key[0](*row) for key, row in zip(missing, rows, strict=True)}
            *shown, reference = (made[key] if key in made else self._known[key] for key in wanted)
            target = GBuffer(
                face_index=np.stack([each.face_index for each in shown]), bary=np.stack([each.bary for each in shown])
            )
            found = conditioned(self.body, np.stack([each.picture for each in shown]), target, reference)
        except UserError as error:
            raise stored.unusable(self.chunks, clip, [*window, frame], error) from error
        self._known.update(itertools.islice(made.items(), max(self.config.remembered - len(self._known), 0)))
        return found

    def target(self, chunk: Chunk, i: int) -> Target:
        """Of a row of a chunk.

        Raises:
            UserError: if it is damaged.
        """
        return Target(self._picture(chunk.image[i], 3), *blob.decode(chunk.gbuffer[i], self.tables))

    def reference(self, chunk: Chunk, i: int) -> Reference:
        """The same as the reference of other frames."""
        picture, face_index, bary = self.target(chunk, i)
        shots = Shots(
            frames=picture[None],
            matte=self._picture(chunk.matte[i])[None],
            gbuffer=GBuffer(face_index=face_index[None], bary=bary[None]),
            motion=smplx.frames_of(chunk.motion, np.array([i])),
            camera=chunk.camera,
            exact=chunk.exact,
        )
        return Reference.of(self.model, self.body, shots)

    @cached_property
    def _known(self) -> dict[tuple[Callable, int, int], Any]:
        """What was decoded of frames of clips, and by what."""
        return {}

    def _picture(self, data: bytes, *colours: int) -> np.ndarray:
        return stored.picture(data, (self.config.size, self.config.size, *colours))


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

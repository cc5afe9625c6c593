"""A data set on disk: opened, checked, and its examples by number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import tensorflow_datasets as tfds

from data_pipelines import features, finish, manifest, schema
from data_pipelines.manifest import Manifest
from data_pipelines.plan import Table
from data_pipelines.schema import BadExample, Chunk, Clip
from vlogger_jax.body import model_file
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Int

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set that can be read.

    Attributes:
        body: of all its motions.
    """

    folder: Path
    manifest: Manifest
    body: BodyModel

    def clips(self, split: str) -> "Clips":
        """The clips of a split, in order.

        Raises:
            UserError: if they are not in this data set, or a file of theirs is missing or has another size.
        """
        lengths = self.manifest.table(split).lengths
        return Clips(self._records(finish.CLIPS, split, len(lengths)), _common(self.manifest, split), lengths)

    def chunks(self, size: int, split: str) -> "Chunks":
        """The chunks of a split, with pictures of `size` pixels, in order.

        Raises:
            UserError: as `clips`.
        """
        kind, table = finish.frames_config(size), self.manifest.table(split)
        records = self._records(kind, split, int(table.first_chunk[-1]))
        return Chunks(records, _common(self.manifest, split), size, table)

    def _records(self, kind: str, split: str, count: int) -> "Records":
        if kind not in self.manifest.configs:
            raise UserError(f"{self.folder} has no {kind}", f"It has {', '.join(self.manifest.configs)}")
        manifest.check_files(self.folder, self.manifest.configs[kind])
        records = Records(f"{kind}/{split} of {self.folder}", features.read(self.folder, kind, split))
        if len(records) != count:
            raise UserError(
                f"{records.place} has {len(records)} examples, not the {count} of its manifest",
                "Build the data set again",
            )
        return records


def open(folder: str | Path, body: BodyModel | None = None) -> DataSet:
    """Open a data set that `python -m data_pipelines.build` made.

    Args:
        folder: the one that holds `manifest.json`.
        body: that its motions are of; None: the default body.

    Raises:
        UserError: if there is no data set, or it is of another body, or of one with other coefficients.
    """
    known = manifest.load(folder)
    body = model_file.default() if body is None else body
    if body.name != known.body:
        raise UserError(
            f"{folder} is of the body {known.body!r}, but the body in use is {body.name!r}",
            "Load the body model that the data set was made with",
        )
    if (body.num_betas, body.num_expression) != (known.betas, known.expressions):
        raise UserError(
            f"{folder} has {known.betas} coefficients of shape and {known.expressions} of expression, "
            f"but the body in use has {body.num_betas} and {body.num_expression}",
            "Load the body model with as many as the data set was made with",
        )
    return DataSet(Path(folder), known, body)


@runtime_checkable
class Source(Protocol):
    """What TFDS gives to read examples from.

    Attributes:
        dataset_info: says in which files they lie.
        split: its name.
    """

    dataset_info: tfds.core.DatasetInfo
    split: str

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, number: int) -> dict[str, Any]:
        """The values of one."""


@dataclass(frozen=True, eq=False)
class Records:
    """Examples as they are stored.

    Attributes:
        place: for messages.
        source: `features.read`.
    """

    place: str
    source: Source

    def __len__(self) -> int:
        return len(self.source)

    def read(self, number: int, parse: Callable[[dict[str, Any]], T]) -> T:
        """One example, as `parse` makes it of what is stored.

        Raises:
            BadExample: if its file is damaged or gone, or `parse` raises one.
            IndexError: if there is no such example.
        """
        if not 0 <= number < len(self):
            raise IndexError(number)
        try:
            return parse(self.source[number])
        except BadExample as error:
            raise self.bad(number, f"is damaged: {error.what}") from error
        except (RuntimeError, OSError, ValueError) as error:
            raise self.bad(number, f"cannot be read: {error}") from error

    def bad(self, number: int, reason: str) -> BadExample:
        """What is wrong with an example, and where it lies."""
        return BadExample(
            f"example {number} of {self.place}, in {self._file(number)}, {reason}",
            "Copy that file again, or build the data set again",
        )

    def _file(self, number: int) -> str:
        source, left = self.source, number
        for part in source.dataset_info.splits[source.split].file_instructions:
            if left < part.examples_in_shard:
                return Path(part.filename).name
            left -= part.examples_in_shard
        return "none of its files"


@dataclass(frozen=True)
class Common:
    """What every example of a split has.

    Attributes:
        origin: `Manifest.origin`.
        fps: frames/s.
        body: of its motion.
        betas, expressions: coefficients of that.
    """

    origin: str
    fps: float
    body: str
    betas: int
    expressions: int


@dataclass(frozen=True, eq=False)
class Clips(Sequence):
    """The clips of a split.

    Attributes:
        common: to all of them.
        lengths: frames of each.
    """

    records: Records
    common: Common
    lengths: Int[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, number: int) -> Clip:
        """One clip.

        Raises:
            BadExample: if it cannot be read, or is not what belongs here.
        """
        clip = self.records.read(number, schema.clip_of)
        _expect_common(self.records, number, clip, self.common)
        _expect(self.records, number, "the clip", clip.clip, number)
        _expect(self.records, number, "the number of frames", len(clip.motion.transl), int(self.lengths[number]))
        return clip


@dataclass(frozen=True, eq=False)
class Chunks(Sequence):
    """The chunks of a split.

    Attributes:
        common: to all of them.
        size: of the pictures, pixels.
        table: where each frame is.
    """

    records: Records
    common: Common
    size: int
    table: Table

    @cached_property
    def _count(self) -> int:
        return int(self.table.first_chunk[-1])

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Chunk:
        """One chunk; its pictures, mattes and G-buffers are still encoded.

        Raises:
            BadExample: if it cannot be read, or is not what belongs here.
        """
        chunk = self.records.read(number, schema.chunk_of)
        clip = int(np.searchsorted(self.table.first_chunk, number, side="right")) - 1
        nth = number - int(self.table.first_chunk[clip])
        frames = self.table.plan.chunks(int(self.table.lengths[clip]))[nth]
        _expect_common(self.records, number, chunk, self.common)
        _expect(self.records, number, "the clip", chunk.clip, clip)
        _expect(self.records, number, "the chunk", chunk.chunk, nth)
        _expect(self.records, number, "the frames", chunk.frame.tolist(), list(frames))
        _expect(self.records, number, "the G-buffers' size", chunk.camera.size[0], schema.gbuffer_size(self.size))
        return chunk


def _common(known: Manifest, split: str) -> Common:
    return Common(
        origin=known.origin(split), fps=known.fps, body=known.body, betas=known.betas, expressions=known.expressions
    )


def _expect_common(records: Records, number: int, example: Clip | Chunk, common: Common) -> None:
    motion = example.motion
    _expect(records, number, "the origin", example.origin, common.origin)
    _expect(records, number, "the body", motion.body, common.body)
    _expect(records, number, "the frame rate", np.float32(motion.fps), np.float32(common.fps))  # as it is stored
    _expect(records, number, "the number of shape coefficients", motion.betas.shape[-1], common.betas)
    _expect(records, number, "the number of expression coefficients", motion.expression.shape[-1], common.expressions)


def _expect(records: Records, number: int, what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise records.bad(number, f"is another's: {what} is {found}, not {wanted}")

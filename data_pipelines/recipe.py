"""What makes a data set: the builders ask a `Recipe` for one clip at a time, in any order, in any process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from data_pipelines.avatars.splits import Split
from data_pipelines.schema import Clip
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Camera, GBuffer, Motion
from vlogger_jax.core.typing import UInt8

Job = Mapping[str, Any]
"""What decides one clip, together with the recipe's settings: JSON. Equal jobs give equal clips."""


@dataclass(frozen=True)
class Shots:
    """Some frames of a clip.

    Attributes:
        frames: sRGB.
        matte: coverage of the person, 255 inside.
        gbuffer: g = `schema.gbuffer_size(s)`.
        motion: rows of these frames, as the G-buffers show them.
        camera: of the G-buffers.
        exact: whether all of it is as true as is known, not disturbed.
    """

    frames: UInt8[np.ndarray, "n s s 3"]
    matte: UInt8[np.ndarray, "n s s"]
    gbuffer: GBuffer
    motion: Motion
    camera: Camera
    exact: bool


class Unusable(Exception):
    """A clip that is left out of the data set; the reason is its text, one short line."""


@runtime_checkable
class Recipe(Protocol):
    """A data set that can be made clip by clip. Picklable, and small.

    Attributes:
        name: of the data set.
        licence: of its records.
        fps: frames/s of all clips.
    """

    name: str
    licence: str
    fps: float

    def settings(self) -> dict[str, Any]:
        """All that decides the clips besides their jobs, as JSON: versions of what makes them included."""

    def body(self) -> BodyModel:
        """The body that all motions are of."""

    def jobs(self) -> dict[Split, Sequence[Job]]:
        """The clips of each split, in order. Persons (`Clip.identity`) are in one split only.

        Raises:
            UserError: if there are none.
        """

    def clip(self, job: Job) -> Clip:
        """One clip; its number is not known here, and is 0.

        Raises:
            Unusable: if it is to be left out.
            UserError: if it cannot be made, and so neither can the data set.
        """

    def shots(self, job: Job, clip: Clip, frames: Sequence[int], size: int) -> Shots:
        """Frames of it, `size` pixels to a side; any frame has the same bytes in any company."""

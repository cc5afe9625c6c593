"""Pictures alone: what the base network is trained on. Mattes and G-buffers are not decoded."""

from dataclasses import dataclass

import numpy as np

from data_pipelines.loaders import stored
from data_pipelines.loaders.dataset import Chunks, DataSet
from data_pipelines.loaders.samples import Sample, Spec, shaped
from data_pipelines.plan import Windows
from vlogger_jax.core.errors import UserError


@dataclass(frozen=True)
class Images:
    """What to take of each clip.

    Attributes:
        size: of the pictures, pixels.
        count: frames that follow each other.
    """

    size: int
    count: int = 1

    def __post_init__(self) -> None:
        if self.size < 1 or self.count < 1:
            raise UserError(f"{self.count} frames of {self.size} pixels", "Give 1 or more for each")


@dataclass(frozen=True, eq=False)
class ImageWindows:
    """Pictures alone, as `samples.Samples`. `image_windows` makes it."""

    chunks: Chunks
    windows: Windows
    config: Images

    @property
    def spec(self) -> Spec:
        """As `sample`."""
        size = self.config.size
        return {"frames": shaped(np.uint8, self.config.count, size, size, 3)}

    def __len__(self) -> int:
        return len(self.windows)

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """Window `number`: frames [t, s, s, 3].

        Raises:
            BadExample: if one of its records cannot be used.
        """
        clip, window = stored.chosen(self.windows, number, rng)
        rows = stored.find(self.chunks, clip, window)
        try:
            return {"frames": stored.pictures(rows, self.config.size)}
        except UserError as error:
            raise stored.unusable(self.chunks, clip, window, error) from error


def image_windows(data: DataSet, split: str, config: Images) -> ImageWindows:
    """Windows of a split.

    Raises:
        UserError: as `DataSet.chunks`, or if the split has no such window.
    """
    chunks = data.chunks(config.size, split)
    return ImageWindows(chunks, stored.of(chunks, config.count), config)

"""Which samples a config asks for, and how they come onto the mesh."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import ml_collections
import numpy as np
from jax.sharding import Mesh

from data_pipelines.loaders import dataset, order
from data_pipelines.loaders.frames import Frames, frame_windows
from data_pipelines.loaders.images import Images, image_windows
from data_pipelines.loaders.motion import Motions, MotionWindows
from data_pipelines.loaders.order import Endless, Order, Reading, Stream
from data_pipelines.loaders.overheard import Overheard
from data_pipelines.loaders.samples import Sample
from data_pipelines.loaders.toy import ToySamples
from vlogger_jax.body import model_file
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.stage import Batch, Stage
from vlogger_jax.core.typing import Int
from vlogger_jax.metrics.gesture_autoencoder.stage import Data as GestureData
from vlogger_jax.metrics.gesture_windows import FRAMES as WINDOW
from vlogger_jax.motion.model import Section
from vlogger_jax.motion.stage import Data
from vlogger_jax.parallel import distributed
from vlogger_jax.toy import truth
from vlogger_jax.video.stage import Data as VideoData

SPLITS = ("train", "validation", "test")


def stream(config: ml_collections.ConfigDict, split: str) -> Endless:
    """The samples of a split, without end.

    Raises:
        UserError: if the stage has none.
    """
    match config.stage:
        case "motion":
            data = from_mapping(Data, config.data, "config.data")
            section = from_mapping(Section, config.model, "config.model")
            return _motions(data, section, config.train.seed, split)
        case "gesture_autoencoder":
            data = from_mapping(GestureData, config.data, "config.data")
            return _windows(data, Motions(WINDOW, WINDOW, remembered=data.remembered), config.train.seed, split)
        case "video_base":
            opened, data = _video(config)
            images = image_windows(opened, split, Images(config.model.size, data.frames))
            return Stream(images, config.train.seed, data.tolerated)
        case "video_control" | "video_temporal":
            opened, data = _video(config)
            asked = Frames(config.model.base.size, data.frames, data.far, data.remembered)
            windows = frame_windows(opened, split, asked)
            return Stream(windows, config.train.seed, data.tolerated)
        case "toy":
            # What is drawn has no splits but by seeds; these never meet.
            return Stream(
                ToySamples(truth.named(config.data.truth)), len(SPLITS) * config.train.seed + SPLITS.index(split)
            )
        case other:
            raise UserError(f"nothing is known of data for the stage {other!r}", "Name another stage")


def _motions(data: Data, section: Section, seed: int, split: str) -> Endless:
    training = split == "train"
    windows = Motions(
        shortest=data.shortest if training else data.frames,
        longest=data.frames,
        hearing=data.hearing,
        overheard=from_mapping(Overheard, data.overheard or {}, "config.data.overheard") if training else Overheard(),
        remembered=data.remembered,
        fps=section.fps,
    )
    return _windows(data, windows, seed, split, section.body_file)


def _video(config: ml_collections.ConfigDict) -> tuple[dataset.DataSet, VideoData]:
    data = from_mapping(VideoData, config.data, "config.data")
    return dataset.open(data.folder), data


def _windows(data: Data | GestureData, windows: Motions, seed: int, split: str, body: str | None = None) -> Endless:
    opened = dataset.open(data.folder, model_file.chosen(Path(body) if body else None))
    return Stream(MotionWindows(opened.clips(split), opened.body, windows), seed, data.tolerated)


@dataclass(frozen=True, eq=False)
class Inputs:
    """The batches of a split, as this process reads them.

    Attributes:
        stage: which asks for them.
        mesh: that they are spread over.
        source: the samples.
        order: how they become batches.
    """

    stage: Stage
    mesh: Mesh
    source: Endless
    order: Order

    @classmethod
    def of(cls, config: ml_collections.ConfigDict, stage: Stage, mesh: Mesh, split: str, batch: int) -> "Inputs":
        """Those of batches of `batch` samples, all processes together.

        Raises:
            UserError: if there are none such, or they are not what the stage asks for.
        """
        source = stream(config, split)
        for name, wanted in stage.spec.items():
            found = source.spec.get(name)
            if found is None or (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
                raise UserError(
                    f"samples have {name} {found}, and the stage asks for {wanted}", "Change one of the two"
                )
        reading = from_mapping(Reading, config.data.get("reading", {}), "config.data.reading")
        return cls(stage, mesh, source, Order(batch, jax.process_index(), jax.process_count(), reading))

    def __call__(self, start: int) -> Iterator[Sample]:
        """This process's batches from number `start` on."""
        return map(self._asked_for, order.batches(self.source, self.order, start))

    def batch(self, number: int) -> Sample:
        """One batch of this process's, made here and now."""
        return self._asked_for(order.batch(self.source, self.order, number))

    def whole_batch(self, number: int) -> Sample:
        """That of all processes, in the order of the rows of `put`."""
        everything = order.batch(self.source, replace(self.order, host=0, hosts=1), number)
        return {name: array[self.numbers] for name, array in self._asked_for(everything).items()}

    def put(self, batch: Sample) -> Batch:
        """From this process's part of a batch to arrays on the mesh."""
        return distributed.place_batch(batch, self.mesh, self.stage.framed)

    @property
    def numbers(self) -> Int[np.ndarray, "b"]:
        """Which sample of a batch each row is."""
        return distributed.numbers(self.order.batch, self.mesh)

    def name(self, number: int) -> str:
        """What is in a batch, for messages."""
        return f"samples {number * self.order.batch} to {(number + 1) * self.order.batch - 1}"

    def _asked_for(self, batch: Sample) -> Sample:
        return {name: batch[name] for name in self.stage.spec}

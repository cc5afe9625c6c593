"""TFDS builders: clips of a recipe written as ArrayRecord, in one process or by Apache Beam.

    builder = tfds.builder_from_directory("data/mentor_synth/frames_128/1.0.0")

reads what they wrote; nobody needs these classes for that. Keys are numbers, and TFDS keeps examples in their order:
the records are the same however many workers made them, though Beam may begin a file one example earlier or later.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from data_pipelines import finish, schema
from data_pipelines.avatars.splits import Split
from data_pipelines.finish import Work
from data_pipelines.recipe import Job


@dataclass(frozen=True)
class Numbered:
    """A clip in its place.

    Attributes:
        number: in its split.
        key: of its first example.
        origin: `Manifest.origin` of its split.
    """

    number: int
    key: int
    origin: str
    job: Job


class Records(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """One config of a data set.

    Attributes:
        VERSION: of the layout of examples.
        code_path: None: there are no checksums of downloads beside this file.
    """

    VERSION = tfds.core.Version(schema.VERSION)
    code_path = None

    def __init__(self, work: Work, size: int | None, jobs: dict[Split, list[Numbered]], beam: bool, folder: Path):
        """Nothing is made yet.

        Args:
            size: of pictures; None: config `clips`.
            jobs: of each split; all are usable.
            beam: whether Apache Beam makes them.
            folder: in which TFDS makes `<name>/<config>/<version>`.
        """
        self.name = work.recipe.name
        self._work, self._size, self._jobs, self._beam = work, size, jobs, beam
        kind = finish.CLIPS if size is None else finish.frames_config(size)
        config = tfds.core.BuilderConfig(name=kind, description=f"{kind} of {self.name}")
        super().__init__(config=config, data_dir=folder, file_format="array_record")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Talking people: see manifest.json in the folder above.",
            features=_features(self._work, self._size),
            license=self._work.recipe.licence,
            disable_shuffling=True,
        )

    def _split_generators(self, manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {split: self._generate_examples(jobs) for split, jobs in self._jobs.items()}

    def _generate_examples(self, jobs: list[Numbered]) -> Any:
        make = partial(examples, self._work, self._size)
        if not self._beam:
            return (example for job in jobs for example in make(job))
        beam = tfds.core.lazy_imports.apache_beam
        return beam.Create(jobs) | beam.Reshuffle() | beam.FlatMap(make)


def examples(work: Work, size: int | None, clip: Numbered) -> Iterator[tuple[int, dict[str, Any]]]:
    """(key, values) of the examples of one clip."""
    entry = finish.clip(work, clip.job) if size is None else finish.frames(work, clip.job, size)
    kind = _features(work, size)
    for i, example in enumerate(entry.examples):
        yield clip.key + i, finish.placed(example, kind, clip.number, clip.origin)


def numbered(work: Work, size: int | None, jobs: Sequence[Job], lengths: Sequence[int], origin: str) -> list[Numbered]:
    """The usable jobs of a split in their places, given how many frames each clip has."""
    found, first = [], 0
    for number, (job, length) in enumerate(zip(jobs, lengths, strict=True)):
        found.append(Numbered(number, first, origin, job))
        first += 1 if size is None else len(work.plan.chunks(length))
    return found


def _features(work: Work, size: int | None) -> tfds.features.FeaturesDict:
    body = work.recipe.body()
    return finish.clip_features(body) if size is None else finish.frames_features(size, body)

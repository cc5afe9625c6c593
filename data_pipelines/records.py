"""Finished clips written as ArrayRecord, with the descriptions that TFDS keeps beside its records:

    builder = tfds.builder_from_directory("data/mentor_synth/frames_128/1.0.0")

reads them without any of this. One process writes one example after the other, whoever made the clips: memory is flat,
and the files are the same to the bit. TFDS's own writers do not do: one of them sorts, and beyond 1 GB needs TensorFlow
for it; the other sends all examples through Apache Beam, whose local runner gave back 3161 of 5000.
"""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from data_pipelines import finish, schema
from data_pipelines.finish import Work
from data_pipelines.recipe import Job
from vlogger_jax import console
from vlogger_jax.core.errors import UserError

FORMAT = "array_record"

GROUPED = "group_size:1"
"""Option of ArrayRecord, as TFDS has it: any example can be read without its neighbours."""


@dataclass(frozen=True)
class Written:
    """What a split is to be.

    Attributes:
        jobs: of its clips, all usable, in their order.
        counts: examples of each.
        origin: `Manifest.origin`.
        shards: files.
    """

    jobs: Sequence[Job]
    counts: Sequence[int]
    origin: str
    shards: int

    @property
    def lengths(self) -> list[int]:
        """Examples of each file, as many as in any other or one more."""
        ends = [sum(self.counts) * i // self.shards for i in range(self.shards + 1)]
        return [end - begin for begin, end in itertools.pairwise(ends)]


def write(work: Work, size: int | None, folder: Path, splits: Mapping[str, Written], report: console.Report) -> None:
    """One config, whole or not at all.

    Args:
        size: of pictures; None: config `clips`.
        folder: of the data set. The config goes to `<folder>/<config>/<version>`, where nothing is.
        report: is told which part is done, 0 to 1.

    Raises:
        UserError: if a clip has not as many examples as it should, or the files do not hold what was put into them.
    """
    kind = finish.CLIPS if size is None else finish.frames_config(size)
    begun = folder / kind / f"incomplete.{schema.VERSION}"
    begun.mkdir(parents=True)
    total, done, infos = sum(sum(split.counts) for split in splits.values()), 0, []
    for name, split in splits.items():
        template = tfds.core.ShardedFileTemplate(
            dataset_name=work.recipe.name, data_dir=begun, split=name, filetype_suffix=FORMAT
        )
        records, stored = _examples(work, size, split), 0
        for path, length in zip(template.sharded_filepaths(split.shards), split.lengths, strict=True):
            with contextlib.closing(ArrayRecordWriter(str(path), GROUPED)) as writer:
                for record in itertools.islice(records, length):
                    writer.write(record)
                    stored += len(record)
                    done += 1
                    report(done / total)
        for _ in records:
            raise AssertionError(f"{kind}/{name} has more examples than its files")
        infos.append(tfds.core.SplitInfo(name, split.lengths, stored, template))
    _describe(work, size, begun, infos)
    check(begun, splits)
    begun.rename(folder / kind / schema.VERSION)


def check(place: Path, splits: Mapping[str, Written]) -> None:
    """Refuse a config that does not hold the examples it should.

    Args:
        place: the folder that holds `dataset_info.json`.

    Raises:
        UserError: naming the first file of which that is so.
    """
    found = tfds.builder_from_directory(place).info.splits
    for name, split in splits.items():
        for path, wanted in zip(found[name].filepaths, split.lengths, strict=True):
            with contextlib.closing(ArrayRecordReader(str(path))) as reader:
                held = reader.num_records()
            if held != wanted:
                raise UserError(f"{path} holds {held} examples, not {wanted}", "Check the disk, and run again")


def _examples(work: Work, size: int | None, split: Written) -> Iterator[bytes]:
    """All examples of a split in order, each with its place in it."""
    body = work.recipe.body()
    kind = finish.clip_features(body) if size is None else finish.frames_features(size, body)
    for number, (job, count) in enumerate(zip(split.jobs, split.counts, strict=True)):
        entry = finish.clip(work, job) if size is None else finish.frames(work, job, size)
        if len(entry.examples) != count:
            path = work.cache.path(work.key(job, size))
            raise UserError(f"{path} has {len(entry.examples)} examples, not {count}", "Remove it and run again")
        for example in entry.examples:
            yield kind.serialize_example(finish.placed(example, kind, number, split.origin))


def _describe(work: Work, size: int | None, place: Path, splits: Sequence[tfds.core.SplitInfo]) -> None:
    """dataset_info.json, features.json and LICENSE."""
    kind, body = place.parent.name, work.recipe.body()
    identity = tfds.core.DatasetIdentity(
        name=work.recipe.name,
        version=tfds.core.Version(schema.VERSION),
        data_dir=str(place),
        module_name=__name__,
        config_name=kind,
        config_description=f"{kind} of {work.recipe.name}",
    )
    info = tfds.core.DatasetInfo(
        builder=identity,
        description="Talking people: see manifest.json in the folder above.",
        features=finish.clip_features(body) if size is None else finish.frames_features(size, body),
        license=work.recipe.licence,
        disable_shuffling=True,
    )
    info.set_file_format(FORMAT)
    info.set_splits(tfds.core.SplitDict(splits))
    info.write_to_directory(place)

"""A data set made from a recipe: clips finished, written by TFDS, checked off in the manifest.

Any moment is a good one to be killed in: what is finished is in the cache, the records of a config appear whole, and
the manifest, which readers begin with, comes last.
"""

import platform
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata, util
from pathlib import Path

import tensorflow_datasets as tfds

from data_pipelines import builders, cache, finish, manifest, running
from data_pipelines.avatars.splits import Split
from data_pipelines.finish import Work
from data_pipelines.manifest import File, Manifest, Part
from data_pipelines.plan import Plan
from data_pipelines.recipe import Job, Recipe
from data_pipelines.running import Beam
from vlogger_jax import __version__, console
from vlogger_jax.core.errors import UserError

CLIPS_A_SHARD = 64
"""About 35 MB of `clips`, and 400 MB of `frames_128` with all frames."""

SIZES = (16, 1024)

DIARY = "build.log"
"""In the folder of the data set: what TFDS, Beam and their processes said."""

_PACKAGES = ("jax", "numpy", "scipy", "pillow", "tensorflow-datasets", "array_record", "apache-beam", "mediapipe")


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Attributes:
        recipe: makes the clips.
        out: the folder in which the data set gets one of its own.
        sizes: of pictures, pixels; none: config `clips` alone.
        plan: which frames are stored as pictures.
        shards: files of every split and config; None: as many as suit.
        command: that is said to have made it.
    """

    recipe: Recipe
    out: Path
    sizes: tuple[int, ...]
    plan: Plan
    shards: int | None
    command: str


@dataclass(frozen=True)
class Kept:
    """The usable clips of a split.

    Attributes:
        lengths: frames of each.
        part: what the manifest says of them.
    """

    jobs: list[Job]
    lengths: list[int]
    part: Part


def make(order: Order, beam: Beam) -> tuple[Path, Manifest]:
    """Make what `order` wants, or what is missing of it: the folder and its manifest.

    Raises:
        UserError: if the folder holds another data set, no clip can be used, one cannot be made, or the disk is full.
    """
    wrong = [size for size in order.sizes if not SIZES[0] <= size <= SIZES[1]]
    if wrong or (order.shards is not None and order.shards < 1):
        raise UserError(
            f"{order.shards} shards, sizes of {wrong} pixels", f"Give 1 or more, and {SIZES[0]} to {SIZES[1]}"
        )
    folder = order.out / order.recipe.name
    jobs, settings = order.recipe.jobs(), order.recipe.settings()
    settings["jobs"] = cache.key(jobs={split: list(each) for split, each in jobs.items()})
    known = _known(folder, settings, order.plan)
    work = Work(order.recipe, order.recipe.settings(), order.plan, folder / "cache")
    wanted = {finish.CLIPS: None} | {finish.frames_config(size): size for size in order.sizes}
    missing = {kind: size for kind, size in wanted.items() if known is None or kind not in known.configs}
    if not missing:
        return folder, known
    with running.surroundings(beam, folder / DIARY), console.progress() as begin:
        every = [job for of_split in jobs.values() for job in of_split]
        with running.watched(_paths(work, every, None), begin("making clips")):
            left = [job for job in every if work.cache.about(work.key(job, None)) is None]
            running.each(partial(finish.clip, work), left, beam if len(left) > 1 else Beam())
        kept = _kept(work, jobs)
        made = known or _manifest(order, settings, {split: each.part for split, each in kept.items()})
        for kind, size in missing.items():
            usable = [job for each in kept.values() for job in each.jobs]
            with running.watched(_paths(work, usable, size), begin(f"making {kind}")):
                _write(order, work, size, kept, beam)
            made = replace(made, configs={**made.configs, kind: _files(folder, kind, begin(f"checking {kind}"))})
            manifest.save(folder, made)
            if size is not None:  # finished pictures are as large as the records
                for job in usable:
                    work.cache.drop(work.key(job, size))
    return folder, made


def _known(folder: Path, settings: dict, plan: Plan) -> Manifest | None:
    """The manifest of what is there already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}", "Choose another folder") from error
    if not (folder / manifest.NAME).exists():
        return None
    known = manifest.load(folder)
    if known.settings != settings or known.plan != plan:
        raise UserError(
            f"{folder} holds a data set made with other settings", "Choose another folder, or remove that one first"
        )
    manifest.check_files(folder, known.files)
    return known


def _paths(work: Work, jobs: Sequence[Job], size: int | None) -> list[Path]:
    return [work.cache.path(work.key(job, size)) for job in jobs]


def _kept(work: Work, jobs: dict[Split, Sequence[Job]]) -> dict[Split, Kept]:
    """What can be used of each split; splits of which nothing can are left out.

    Raises:
        UserError: if that is all of them.
    """
    kept, reasons, owner = {}, Counter(), {}
    for split, of_split in jobs.items():
        found = [(job, work.cache.about(work.key(job, None))) for job in of_split]
        usable = [(job, about) for job, about in found if "frames" in about]
        dropped = Counter(about["unusable"] for _, about in found if "frames" not in about)
        reasons += dropped
        persons = {about["identity"] for _, about in usable}
        for person in persons:
            if owner.setdefault(person, split) != split:
                raise ValueError(f"{person} is in the splits {owner[person]} and {split}")
        lengths = [about["frames"] for _, about in usable]
        if usable:
            part = Part(len(persons), manifest.lengths_of(lengths), dict(dropped))
            kept[split] = Kept([job for job, _ in usable], lengths, part)
    if not kept:
        why = ", ".join(f"{count} x {reason}" for reason, count in reasons.items())
        raise UserError(f"no clip can be used: {why}", "Give others")
    return kept


def _manifest(order: Order, settings: dict, splits: dict[str, Part]) -> Manifest:
    body = order.recipe.body()
    return Manifest(
        name=order.recipe.name,
        licence=order.recipe.licence,
        body=body.name,
        gbuffers=finish.tables(body).identity.hex(),
        fps=order.recipe.fps,
        plan=order.plan,
        splits=splits,
        configs={},
        settings=settings,
        versions={
            "vlogger_jax": __version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _PACKAGES if util.find_spec(name.replace("-", "_"))},
        },
        command=order.command,
    )


def _write(order: Order, work: Work, size: int | None, kept: dict[Split, Kept], beam: Beam) -> None:
    """One config by TFDS, which makes what is not finished yet."""
    jobs = {split: builders.numbered(work, size, each.jobs, each.lengths) for split, each in kept.items()}
    fewest = min(len(of_split) for of_split in jobs.values())
    most = max(len(of_split) for of_split in jobs.values())
    shards = min(order.shards or -(-most // CLIPS_A_SHARD), fewest)
    builder = builders.Records(work, size, jobs, beam.used, order.out)
    # Without the manifest's word for it, what is there may be of other settings, or not whole.
    shutil.rmtree(Path(builder.data_dir).parent, ignore_errors=True)
    builder.download_and_prepare(
        download_dir=work.store / "downloads",
        download_config=tfds.download.DownloadConfig(beam_options=beam.pipeline_options(), num_shards=shards),
    )


def _files(folder: Path, kind: str, report: console.Report) -> dict[str, File]:
    """Every file of a config, relative to `folder`."""
    paths, found = sorted(path for path in (folder / kind).rglob("*") if path.is_file()), {}
    for i, path in enumerate(paths):
        found[path.relative_to(folder).as_posix()] = File(path.stat().st_size, manifest.checksum(path))
        report((i + 1) / len(paths))
    return found

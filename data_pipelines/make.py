"""A data set made from a recipe: clips finished by any number of processes, written by one, checked off at last.

Any moment is a good one to be killed in: what is finished is in the cache, the records of a config appear whole, and
the manifest, which readers begin with, comes last.
"""

import logging
import platform
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata, util
from pathlib import Path
from typing import Any

from data_pipelines import cache, finish, manifest, records, running
from data_pipelines.avatars.splits import Split
from data_pipelines.finish import Work
from data_pipelines.manifest import File, Manifest, Part
from data_pipelines.plan import Plan
from data_pipelines.recipe import Job, Recipe
from data_pipelines.records import Written
from data_pipelines.running import Beam
from vlogger_jax import __version__, console
from vlogger_jax.core.errors import UserError

log = logging.getLogger(__name__)

CLIPS_A_SHARD = 64
"""About 35 MB of `clips`, and 400 MB of `frames_128` with all frames."""

SIZES = (16, 1024)

STORE = "cache"
"""In the folder of the data set: finished clips."""

_WRITTEN = re.compile(r".*\.array_record-.*|dataset_info\.json|features\.json|LICENSE")

DIARY = "build.log"
"""In the folder of the data set: what Beam and its processes said."""

_PACKAGES = ("jax", "numpy", "scipy", "pillow", "tensorflow-datasets", "array_record", "apache-beam", "mediapipe")


@dataclass(frozen=True)
class Request:
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


def make(request: Request, beam: Beam) -> tuple[Path, Manifest]:
    """Make what `request` wants, or what is missing of it: the folder and its manifest.

    Raises:
        UserError: if the folder holds another data set, no clip can be used, one cannot be made, or the disk is full.
    """
    for size in request.sizes:
        if not SIZES[0] <= size <= SIZES[1]:
            raise UserError(f"pictures of {size} pixels are wanted", f"Give {SIZES[0]} to {SIZES[1]}")
    if request.shards is not None and request.shards < 1:
        raise UserError(f"{request.shards} shards are wanted", "Give 1 or more")
    folder = request.out / request.recipe.name
    jobs, settings = request.recipe.jobs(), request.recipe.settings() | {"program": __version__}
    settings["jobs"] = cache.key(jobs={split: list(each) for split, each in jobs.items()})
    try:
        (folder / STORE).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}", "Choose another folder") from error
    with running.surroundings(beam, folder / DIARY), running.alone(folder / STORE):
        return folder, _made(request, beam, folder, jobs, settings)


def _made(
    request: Request, beam: Beam, folder: Path, jobs: dict[Split, Sequence[Job]], settings: dict[str, Any]
) -> Manifest:
    known = _known(folder, request, settings)
    work = Work(request.recipe, request.recipe.settings(), request.plan, folder / STORE)
    every = [job for of_split in jobs.values() for job in of_split]
    wanted = {finish.CLIPS: None} | {finish.frames_config(size): size for size in request.sizes}
    missing = {kind: size for kind, size in wanted.items() if known is None or kind not in known.configs}
    for size in set(wanted.values()) - set(missing.values()) - {None}:
        _forget(work, every, size)
    if not missing:
        return known
    for kind in missing:
        _clear(folder / kind)
    with console.progress() as begin:
        _finish(work, every, None, beam, begin("making clips"))
        kept = _kept(work, jobs)
        made = known or _manifest(request, settings, {split: each.part for split, each in kept.items()})
        for kind, size in missing.items():
            usable = [job for each in kept.values() for job in each.jobs]
            if size is not None:
                _finish(work, usable, size, beam, begin(f"making {kind}"))
            splits = {split: _written(request, size, each, made.origin(split)) for split, each in kept.items()}
            records.write(work, size, folder, splits, begin(f"writing {kind}"))
            made = replace(made, configs={**made.configs, kind: _files(folder, kind, begin(f"checking {kind}"))})
            manifest.save(folder, made)
            if size is not None:
                _forget(work, usable, size)
    return made


def _finish(work: Work, jobs: Sequence[Job], size: int | None, beam: Beam, report: console.Report) -> None:
    """Have made what of clips (None), or of their pictures, is not in the store.

    Raises:
        UserError: if it is not there then.
    """

    def missing() -> list[Job]:
        return [job for job in jobs if work.cache.about(work.key(job, size)) is None]

    left = missing()
    make = partial(finish.clip, work) if size is None else partial(finish.frames, work, size=size)
    with running.watched([work.cache.path(work.key(job, size)) for job in jobs], report):
        running.for_all(make, left, beam if len(left) > 1 else Beam())
    if left and missing():
        raise UserError(
            f"{len(missing())} clips that were made are not in {work.store}",
            "Run again; workers on other machines need a folder that all of them share",
        )


def _forget(work: Work, jobs: Sequence[Job], size: int) -> None:
    """Finished pictures that are in the records, and as large as these."""
    for job in jobs:
        work.cache.drop(work.key(job, size))


def _clear(config: Path) -> None:
    """Remove the records of a config that the manifest does not vouch for: of other settings, or not whole.

    Raises:
        UserError: if there is anything that TFDS did not write.
    """
    if not config.exists():
        return
    for path in [config, *config.rglob("*")]:
        unfinished = any(part.startswith("incomplete.") for part in path.relative_to(config).parts)
        ours = path.is_dir() or unfinished or _WRITTEN.fullmatch(path.name)
        if path.is_symlink() or not ours or (path == config and not path.is_dir()):
            raise UserError(f"{path} is in the way of the records", "Move it, or choose another folder")
    shutil.rmtree(config)


def _known(folder: Path, request: Request, settings: dict[str, Any]) -> Manifest | None:
    """The manifest of what is there already, without configs whose files are not.

    Raises:
        UserError: if it was made otherwise.
    """
    if not (folder / manifest.NAME).exists():
        return None
    known = manifest.load(folder)
    differ = [name for name in {*known.settings, *settings} if known.settings.get(name) != settings.get(name)]
    differ += ["licence"] if known.licence != request.recipe.licence else []
    pictures = any(kind != finish.CLIPS for kind in known.configs)
    differ += ["frames and run"] if pictures and request.sizes and known.plan != request.plan else []
    if differ:
        raise UserError(
            f"{folder} holds a data set made with other settings ({', '.join(sorted(differ))})",
            "Choose another folder, or remove that one first",
        )
    whole = {}
    for kind, files in known.configs.items():
        try:
            manifest.check_files(folder, files)
            whole[kind] = files
        except UserError as error:
            log.warning("%s The records of %s are made again", error.what, kind)
    return replace(known, configs=whole, plan=known.plan if pictures else request.plan)


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


def _manifest(request: Request, settings: dict[str, Any], splits: dict[str, Part]) -> Manifest:
    body = request.recipe.body()
    return Manifest(
        name=request.recipe.name,
        licence=request.recipe.licence,
        body=body.name,
        betas=body.num_betas,
        expressions=body.num_expression,
        gbuffers=finish.tables(body).identity.hex(),
        fps=request.recipe.fps,
        plan=request.plan,
        splits=splits,
        configs={},
        settings=settings,
        versions={
            "vlogger_jax": __version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _PACKAGES if util.find_spec(name.replace("-", "_"))},
        },
        command=request.command,
    )


def _written(request: Request, size: int | None, kept: Kept, origin: str) -> Written:
    """What the records of a split are to be."""
    clips = len(kept.jobs)
    counts = [1 if size is None else len(request.plan.chunks(length)) for length in kept.lengths]
    return Written(kept.jobs, counts, origin, min(request.shards or -(-clips // CLIPS_A_SHARD), clips))


def _files(folder: Path, kind: str, report: console.Report) -> dict[str, File]:
    """Every file of a config, relative to `folder`."""
    paths, found = sorted(path for path in (folder / kind).rglob("*") if path.is_file()), {}
    for i, path in enumerate(paths):
        found[path.relative_to(folder).as_posix()] = File(path.stat().st_size, manifest.checksum(path))
        report((i + 1) / len(paths))
    return found

"""`python -m data_pipelines.build`: data sets of talking people as ArrayRecord, made here or from one's own videos.

Killed at any moment it goes on where it was when run again; run again when done it does nothing, or adds the sizes that
are missing.
"""

import math
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlogger_jax import console
from vlogger_jax.core.errors import UserError

if TYPE_CHECKING:  # at run time commands import what they need, so that --help and Ctrl-C are answered at once
    from data_pipelines.manifest import Manifest
    from data_pipelines.plan import Plan
    from data_pipelines.recipe import Recipe

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Out = Annotated[Path, typer.Option(help="The folder in which the data set gets a folder of its own.")]
Frames = Annotated[str, typer.Option(help="Frames of a clip that are stored as pictures: none, a number, or all.")]
Run = Annotated[int, typer.Option(help="How many of them follow each other; the runs are spread over the clip.")]
Size = Annotated[list[int], typer.Option(help="Pixels to a side of the pictures; may be given several times.")]
Workers = Annotated[int | None, typer.Option(help="Processes; by default one a core, if Apache Beam is installed.")]
Shards = Annotated[int | None, typer.Option(help="Files of each split and config; by default as many as suit.")]
Options = Annotated[
    str, typer.Option("--beam", help="Options of Apache Beam for another runner, as in '--runner=FlinkRunner ...'.")
]


@app.callback()
def build() -> None:
    """Data sets of talking people as ArrayRecord. Killed at any moment, it goes on when run again."""


@app.command("mentor_synth")
def mentor_synth(
    out: Out,
    clips: Annotated[int, typer.Option(help="Clips of the training split, each of a person of its own.")],
    validation: Annotated[int | None, typer.Option(help="Clips of validation; an eighth of --clips.")] = None,
    test: Annotated[int | None, typer.Option(help="Clips of test; an eighth of --clips.")] = None,
    seed: Annotated[int, typer.Option(help="Of the data set.")] = 0,
    seconds: Annotated[float, typer.Option(help="Of a clip.")] = 10.0,
    frames: Frames = "all",
    run: Run = 8,
    size: Size = [128],  # noqa: B006
    exact: Annotated[
        float, typer.Option(help="Share of the training clips with controls that are exact, not as fits find them.")
    ] = 0.2,
    workers: Workers = None,
    shards: Shards = None,
    beam: Options = "",
) -> None:
    """People who do not exist, with exact truth."""
    from data_pipelines.avatars.perform import FPS
    from data_pipelines.mentor_synth import MentorSynth
    from vlogger_jax.controls.perturb import Perturbation

    if not 0 < seconds < math.inf:
        raise UserError(f"--seconds is {seconds}", "Give a positive number")
    if not 0 <= exact <= 1:
        raise UserError(f"--exact is {exact}", "Give a share from 0 to 1")
    eighth = -(-clips // 8)
    counts = {
        "train": clips,
        "validation": eighth if validation is None else validation,
        "test": eighth if test is None else test,
    }
    recipe = MentorSynth(counts, seed, round(seconds * FPS), Perturbation(exact=exact))
    _make(recipe, out, frames, run, size, workers, shards, beam)


@app.command("video_folder")
def video_folder(
    videos: Annotated[Path, typer.Option(help="A folder of videos; those of one person in a folder of their own.")],
    out: Out,
    identities: Annotated[
        Path | None, typer.Option(help="Who is in which video, .json or .csv, instead of folders.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Under which the videos may be used; kept with them.")] = None,
    validation: Annotated[float, typer.Option(help="Share of the persons.")] = 0.05,
    test: Annotated[float, typer.Option(help="Share of the persons.")] = 0.05,
    seconds: Annotated[float, typer.Option(help="Of a clip, at most.")] = 10.0,
    shortest: Annotated[float, typer.Option(help="Seconds of a clip, at least.")] = 2.0,
    hands: Annotated[float, typer.Option(help="Share of frames that show a hand, at least.")] = 0.0,
    body: Annotated[Path | None, typer.Option(help="An SMPLX_*.npz instead of the default body.")] = None,
    landmark_model: Annotated[
        Path | None, typer.Option(help="MediaPipe's holistic_landmarker.task, for releases without models.")
    ] = None,
    fits: Annotated[
        Path | None, typer.Option(help="Where fits are kept from one build to the next; a folder in --out by default.")
    ] = None,
    frames: Frames = "all",
    run: Run = 8,
    size: Size = [128],  # noqa: B006
    workers: Workers = None,
    shards: Shards = None,
    beam: Options = "",
) -> None:
    """Your own videos, fitted on the way; what cannot be used is left out, and counted."""
    from data_pipelines.video_folder.recipe import VideoFolder
    from data_pipelines.video_folder.take import Limits

    ours, theirs = (out / VideoFolder.name).resolve(), videos.resolve()
    if ours.is_relative_to(theirs) or theirs.is_relative_to(ours):
        raise UserError(f"the data set {ours} and the videos {theirs} are in one another", "Choose another --out")
    given = {} if licence is None else {"licence": licence}
    recipe = VideoFolder(
        folder=videos,
        workspace=fits or out / "video_folder_fits",
        identities=identities,
        body_file=body,
        landmark_model=landmark_model,
        seconds=seconds,
        shortest=shortest,
        validation=validation,
        test=test,
        limits=Limits(hands=hands),
        **given,
    )
    _make(recipe, out, frames, run, size, workers, shards, beam)


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="The folder of a data set, which holds manifest.json.")]) -> None:
    """Whether a data set is, to the bit, as it was written."""
    from data_pipelines import manifest

    known = manifest.load(folder)
    with console.progress() as begin:
        manifest.check_content(folder, known.files, begin("checking"))
    print("\n".join(_summary(folder, known)))


@app.command()
def deviations(
    folder: Annotated[Path, typer.Argument(help="The folder of a data set, which holds manifest.json.")],
    windows: Annotated[int, typer.Option(help="Windows of the training split to measure.")] = 200,
    seed: Annotated[int, typer.Option(help="Of which windows, and which references.")] = 0,
) -> None:
    """How far each part of motion goes: `model.deviations` of a motion config for this data set."""
    from data_pipelines.deviations import measured
    from data_pipelines.loaders import dataset

    with console.progress() as begin:
        data = dataset.open(folder)
        found = measured(data.clips("train"), data.body, windows, seed, begin("measuring"))
    print("deviations=dict(", *(f"    {name}={value:.2g}," for name, value in found.items()), "),", sep="\n")


def _make(
    recipe: "Recipe",
    out: Path,
    frames: str,
    run: int,
    sizes: list[int],
    workers: int | None,
    shards: int | None,
    options: str,
) -> None:
    from data_pipelines.make import Request, make
    from data_pipelines.running import Beam

    plan, wanted = _plan(frames, run), tuple(sizes) if frames != "none" else ()
    command = shlex.join(["python", "-m", "data_pipelines.build", *sys.argv[1:]])
    cores = 1 if options or not Beam.installed() else len(os.sched_getaffinity(0))
    beam = Beam(cores if workers is None else workers, options)
    with console.warnings_told():
        folder, made = make(Request(recipe, out, wanted, plan, shards, command), beam)
    print("\n".join(_summary(folder, made)))


def _plan(frames: str, run: int) -> "Plan":
    from data_pipelines.plan import Plan

    if frames in ("none", "all"):
        return Plan(None, run)
    if not frames.isdecimal():
        raise UserError(f"--frames is {frames!r}", "Give none, all, or a number")
    return Plan(int(frames), run)


def _summary(folder: Path, made: "Manifest") -> list[str]:
    from data_pipelines.manifest import NAME

    lines = [f"{folder / NAME}: {made.name}, {made.licence}"]
    for split, part in made.splits.items():
        dropped = "".join(f", {count} left out: {reason}" for reason, count in part.dropped.items())
        minutes = part.frames / made.fps / 60
        lines.append(
            f"{split}: {_count(part.clips, 'clip')}, {_count(part.identities, 'person')}, {minutes:.1f} min{dropped}"
        )
    for kind, files in made.configs.items():
        size = sum(file.bytes for file in files.values()) / 1e6
        lines.append(f"{kind}: {len(files)} files, {size:.1f} MB")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:] or ["--help"], "python -m data_pipelines.build"))

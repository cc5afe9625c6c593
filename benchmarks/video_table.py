"""Table 3 of the paper at tiny size: `docs/results/video_table.json`.

    python -m benchmarks.video_table --data data/mentor_synth --base bundles/base

What steers the video network, row by row, each trained for as many frames from one base (`benchmarks.video_rows`); and
what needs no training. Measured on test clips, region by region, with exact controls and with such as fits would have,
in windows that overlap by half. The network that is to be shipped is measured without overlap and with less, too.
Stopped at any moment, it goes on with the row, and the stage of its training, that it was at; what is in the file stays
there, and rows of other settings are for another.
"""

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import resumable, video_clips, video_measures
from benchmarks.video_clips import CONDITIONS, EXACT, Case
from benchmarks.video_keypoints import RADIUS, Keypoints
from benchmarks.video_measures import Found
from benchmarks.video_rows import (
    COMPOSITE,
    DENSE,
    JOINTLY,
    KEYPOINTS,
    OURS,
    OVERLAP,
    ROWS,
    UNPERTURBED,
    WARP,
    Arm,
    Make,
    Row,
    Setup,
)
from data_pipelines.loaders import dataset
from data_pipelines.loaders.frames import Frames
from launch import settings
from vlogger_jax import bundle, console
from vlogger_jax.controls.perturb import Perturbation
from vlogger_jax.core.errors import UserError

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "video_table.json"

FRAMES = 16
"""Of a test clip."""

OVERLAPS = (0.0, 0.25, OVERLAP)
"""Of windows, that the paper compares (its Table 2)."""

BEATEN_BY = {"face": 1.0, "hands": 1.0, "foreground": 2.0}
"""Decibels by which ours is to be better than the composite."""

STEPS = (
    (DENSE.name, KEYPOINTS.name, True),
    (WARP.name, DENSE.name, True),
    (JOINTLY.name, WARP.name, False),
    (OURS.name, JOINTLY.name, True),
    (OURS.name, WARP.name, False),
    (OURS.name, UNPERTURBED.name, False),
)
"""Rows, the rows that they are to be better than, and whether the paper has that step. It has no composite: its last
step, of the schedule, is judged by rows that differ in nothing else."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="A data set with runs of 16 frames and more, and frames beside them.")],
    base: Annotated[Path, typer.Option(help="A bundle with the stage video_base.")],
    workdir: Annotated[Path, typer.Option(help="Where trained parameters are kept.")] = Path("runs/video_table"),
    out: Annotated[Path, typer.Option(help="The results, JSON.")] = RESULTS,
    arms: Annotated[str, typer.Option(help="Which rows, by comma.")] = ",".join(row.name for row in ROWS),
    steps: Annotated[int, typer.Option(help="Of each training.", min=1)] = 1000,
    tested: Annotated[int, typer.Option(help="Test clips.", min=1)] = 32,
    seed: Annotated[int, typer.Option(help="Of all of it.", min=0)] = 0,
) -> None:
    """Train and measure every row."""
    console.keep_compiled()
    run([_named(name) for name in arms.split(",")], data, base, workdir, out, steps, tested, seed)
    print(out)


def run(
    rows: Sequence[Row], data: Path, base: Path, workdir: Path, out: Path, steps: int, tested: int, seed: int
) -> None:
    """The same of any rows.

    Raises:
        UserError: if there is no such data or base, or the file or the folder holds what was made with other settings.
    """
    opened, before = dataset.open(data), resumable.read(out)
    with console.progress() as begin:
        setup = Setup(
            data=opened,
            base=bundle.load(base),
            workdir=workdir,
            steps=steps,
            seed=seed,
            keypoints=Keypoints.of(opened.body),
            begin=begin,
        )
        asked = settings_of(setup, tested)
        resumable.refuse_others(out, before, asked)
        found, overlaps = dict(before.get("rows", {})), dict(before.get("overlaps", {}))
        size = setup.base.stored("video_base").training.config["model"]["size"]
        clips = video_clips.taken(opened, setup.keypoints, Frames(size, FRAMES), tested, seed, begin("test clips"))
        for row in rows:
            if row.name not in found:
                make = row.make(setup)
                found[row.name] = measured(make, clips, begin(row.name))
            if row.name == OURS.name and isinstance(row, Arm) and not overlaps:
                overlaps = overlapped(row, setup, clips)
            content = {
                "settings": asked,
                "clips": len(clips),
                **verdicts(found),
                "overlaps": overlaps,
                "rows": {each.name: found[each.name] for each in ROWS if each.name in found},
            }
            resumable.write(out, "python -m benchmarks.video_table", content)


def settings_of(setup: Setup, tested: int) -> dict[str, Any]:
    """All that decides the rows, but for code."""
    return {
        "data": setup.data.manifest.origin("train"),
        "base": setup.base.stored("video_base").sha256,
        "steps": setup.steps,
        "seed": setup.seed,
        "tested": tested,
        "frames": FRAMES,
        "overlap": OVERLAP,
        "keypoint_radius": RADIUS,
        "noise": dataclasses.asdict(Perturbation(exact=0.0)),
        "configs": {row.name: [json.loads(settings.as_json(each)) for each in row.configs(setup)] for row in ROWS},
    }


def measured(make: Make, clips: Sequence[Case], report: console.Report) -> dict[str, Any]:
    """By condition: all metrics of all regions, and each clip's squared errors."""
    found, done = {}, 0
    for condition in CONDITIONS:
        sums = []
        for clip in clips:
            sums.append(video_measures.of_clip(make(clip.samples[condition]), clip))
            done += 1
            report(done / len(clips) / len(CONDITIONS))
        table = video_measures.table(sums)
        found[condition] = {name: video_measures.summary(each) for name, each in table.items()}
        found[condition]["squares"] = video_measures.squares(table)
    return found


def overlapped(arm: Arm, setup: Setup, clips: Sequence[Case]) -> dict[str, Any]:
    """By overlap of windows, with exact controls: all metrics of the full picture, and how much is seen of seams."""
    learned, frames, found = arm.learned(setup), arm.configs(setup)[-1].data.frames, {}
    for overlap in OVERLAPS:
        report, made = setup.begin(f"overlap {overlap:g}"), []
        make = arm.maker(learned, setup, overlap)
        for clip in clips:
            made.append(make(clip.samples[EXACT]))
            report(len(made) / len(clips))
        pairs = zip(made, clips, strict=True)
        table = video_measures.table([video_measures.of_clip(each, clip) for each, clip in pairs])
        truths: list[np.ndarray] = [clip.truth for clip in clips]
        found[f"{overlap:g}"] = {
            **video_measures.summary(table["full"]),
            "seam": video_measures.seam(made, truths, frames, round(overlap * frames)),
        }
    return found


def verdicts(rows: Mapping[str, Any]) -> dict[str, Any]:
    """Whether ours beats the composite, and which of the paper's steps are steps here; of rows that there are."""
    beats: dict[str, dict[str, Any]] = {}
    if {OURS.name, COMPOSITE.name} <= rows.keys():
        for condition in CONDITIONS:
            beats[condition] = {}
            for region, least in BEATEN_BY.items():
                gain = video_measures.compared(rows[OURS.name], rows[COMPOSITE.name], condition, region)
                beats[condition][region] = {"gain": gain, "asked": least, "met": _met(gain, least)}
    order = []
    for better, worse, paper in STEPS:
        if {better, worse} <= rows.keys():
            gains = {each: video_measures.compared(rows[better], rows[worse], each, "full") for each in CONDITIONS}
            said = {condition: video_measures.said(gain) for condition, gain in gains.items()}
            order.append({"better": better, "worse": worse, "of_the_paper": paper, "gain": gains, "said": said})
    return {"beats_composite": beats, "order": order}


def _met(gain: Found, least: float) -> bool:
    return gain["value"] is not None and gain["value"] >= least


def _named(name: str) -> Row:
    for row in ROWS:
        if row.name == name:
            return row
    raise UserError(f"there is no row {name!r}", f"Name some of {', '.join(row.name for row in ROWS)}")


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.video_table"))

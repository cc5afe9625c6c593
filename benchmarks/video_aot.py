"""Whether the stages of the video network compile for TPUs, and what they take there: `docs/results/aot_video.json`.

    make setup-aot && python -m benchmarks.video_aot

Steps and sampling of `small` and `paper`, for machines that one does not have. Rows differ in chips and in nothing
else, so that FLOPs of a chip can be held to 1/chips. Stopped at any moment, it goes on with the row that it was at.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from benchmarks import resumable
from vlogger_jax import console

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "aot_video.json"

SIZES = ("small", "paper")
STAGES = {
    "video_control": "video_control_128",
    "video_temporal": "video_temporal_128",
    "video_sr_256": "video_sr_256",
    "video_sr_512": "video_sr_512",
}
"""And the configs that they are of."""
ASKED = ("v5e:2x2", "v5p:2x2x1")
SCALED = ("v5e:1x1", "v5e:2x2", "v5e:2x4")
"""Of one size and stage, for FLOPs by chips."""

FRAMES = 128
"""Of a batch, in all rows: single frames, or clips. Configs have larger ones, which `train.accumulate` splits."""

EFFORT = -1.0
"""Of the compiler, for fast programs: these are never run."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Case(NamedTuple):
    """A program for a machine."""

    size: str
    stage: str
    topology: str
    what: str

    @property
    def name(self) -> str:
        return " ".join(self)


def cases() -> list[Case]:
    """All rows, what is asked first."""
    asked = [
        Case(size, stage, topology, what)
        for size in SIZES
        for stage in STAGES
        for topology in ASKED
        for what in ("train", "sample")
    ]
    scaled = [Case("small", stage, topology, "train") for stage in STAGES if "sr" not in stage for topology in SCALED]
    return list(dict.fromkeys([*asked, *scaled]))


def compiled(case: Case) -> dict[str, Any]:
    """What the compiler makes of it."""
    from launch import program, settings
    from launch.compile_tpu import lowered
    from vlogger_jax.parallel import aot

    config = settings.load(f"configs/{STAGES[case.stage]}.py:size={case.size}")
    config.train.batch = FRAMES // config.data.frames
    built = program.build(config, aot.devices(case.topology))
    axes = {name: int(size) for name, size in built.mesh.shape.items()}
    found = aot.compiled(lowered(built, case.what), aot.chip(case.topology).memory, axes, effort=EFFORT)
    chips = built.mesh.size
    return {"chips": chips, "batch": config.train.batch, "fits": found.fits, **dataclasses.asdict(found)}


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="The results, JSON.")] = RESULTS,
    only: Annotated[str, typer.Option(help="Rows whose names hold this, such as 'paper video_control'.")] = "",
) -> None:
    """Compile every row and write down its memory, FLOPs and collectives."""
    os.environ["JAX_PLATFORMS"] = "cpu"  # nothing runs, so no device is opened
    before = resumable.read(out)
    settings = {"frames": FRAMES, "effort": EFFORT}
    resumable.refuse_others(out, before, settings)
    rows = before.get("rows", {})
    asked = [case for case in cases() if only in case.name]
    with console.progress() as begin:
        report = begin("compiling")
        for done, case in enumerate(asked):
            report(done / len(asked))
            if case.name not in rows:
                rows[case.name] = compiled(case)
                kept = {each.name: rows[each.name] for each in cases() if each.name in rows}
                content = {"settings": settings, "rows": json.loads(json.dumps(kept))}
                resumable.write(out, "python -m benchmarks.video_aot", content)
        report(1.0)
    print(out)


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.video_aot"))

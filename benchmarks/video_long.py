"""A thousand frames by windows that go on from each other: seconds, and whether memory grows.

    python -m benchmarks.video_long --data data/mentor_synth --bundle bundles/mine

The controls of a test clip, forwards and backwards, again and again; frames are made and thrown away, as a writer would
take them. `docs/results/video_long.json`.
"""

import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import psutil
import typer

from benchmarks import resumable
from benchmarks.video_clips import batch
from data_pipelines.loaders import dataset
from data_pipelines.loaders.frames import Frames, frame_windows
from vlogger_jax import bundle, console, filming, scenes
from vlogger_jax.core.records import Controls
from vlogger_jax.video.conditions import Scene
from vlogger_jax.video.render import Renderer

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "video_long.json"

FRAMES, SETTLED, PART = 1000, 200, 16
"""Frames; after how many of them all that is allocated once is; frames that come at once."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def back_and_forth(scene: Scene) -> Iterator[Scene]:
    """`scene` without an end."""

    def part(step: int) -> Controls:
        return jax.tree.map(lambda values: values[:, ::step], scene.controls)

    for step in itertools.cycle((1, -1)):
        yield scene._replace(controls=part(step))


def measured(renderer: Renderer, scene: Scene, report: console.Report) -> dict[str, Any]:
    """Memory that is held after `SETTLED` frames and after all, and the time between."""
    process, made, begun, settled = psutil.Process(), 0, 0.0, 0
    scenes = itertools.islice(back_and_forth(scene), -(-FRAMES // PART))
    for frames in renderer.stream(scenes):
        made += len(frames)
        if not settled and made >= SETTLED:
            settled, begun, before = made, time.perf_counter(), process.memory_info().rss
        report(made / FRAMES)
    seconds = time.perf_counter() - begun
    return {
        "frames": made,
        "frames_a_second": round((made - settled) / seconds, 2),
        "mib_settled": round(before / 2**20, 1),
        "mib_after": round(process.memory_info().rss / 2**20, 1),
    }


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="A data set with runs of 16 frames and more.")],
    folder: Annotated[
        Path | None, typer.Option("--bundle", help="Of the network; the packaged one by default.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The results, JSON.")] = RESULTS,
    presets: Annotated[str, typer.Option(help="Which ones, by comma.")] = "fast,usual",
) -> None:
    """Make a thousand frames with each preset."""
    console.keep_compiled()
    opened = dataset.open(data)
    stored = bundle.load(bundle.packaged() if folder is None else folder).stored(filming.STAGE)
    size = stored.training.config["model"]["base"]["size"]
    scene_of = jax.jit(scenes.of(opened.body))
    windows = frame_windows(opened, "test", Frames(size, PART))
    scene = jax.device_get(scene_of(batch(windows.sample(0, np.random.default_rng(0)))))
    rows = {}
    with console.progress() as begin:
        for preset in presets.split(","):
            rows[preset] = measured(filming.renderer(folder, preset, size=size), scene, begin(preset))
    settings = {"network": stored.sha256, "frames": FRAMES, "settled": SETTLED, "size": size}
    resumable.write(out, "python -m benchmarks.video_long", {"settings": settings, "rows": rows})
    print(out)


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.video_long"))

"""What presets of the video network cost and give, and what guidance does: `docs/results/video_presets.json`.

    python -m benchmarks.video_presets --data data/mentor_synth --bundle bundles/mine

The presets of `vlogger_jax.filming`, and what becomes of them with guidance between two times, another temperature,
other numbers of steps; on test clips with exact controls. Stopped at any moment, it goes on with the row it was at.
"""

import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer

from benchmarks import resumable, video_clips, video_measures
from benchmarks.video_clips import EXACT, Case, batch
from benchmarks.video_keypoints import Keypoints
from data_pipelines.loaders import dataset
from data_pipelines.loaders.frames import Frames
from vlogger_jax import bundle, console, filming, scenes
from vlogger_jax.filming import Preset
from vlogger_jax.video.conditions import SceneOf
from vlogger_jax.video.render import Renderer

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "video_presets.json"

FRAMES = 16

VARIED: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"fast, guided by {scale:g}": ("fast", {"scales": (scale,)}) for scale in (1.0, 1.25, 2.0)},
    **{f"fast, temperature {value:g}": ("fast", {"temperature": value}) for value in (0.0, 0.3, 1.0)},
    **{f"fast, {steps} steps": ("fast", {"steps": steps}) for steps in (1, 2, 8)},
    **{f"usual, temperature {value:g}": ("usual", {"temperature": value}) for value in (0.6, 1.0)},
}
"""Presets, and what of them is changed."""

PLACES = ("full", "face", "hands")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def renderers(folder: Path | None, size: int) -> dict[str, Renderer]:
    """All rows, by name; what takes longest at the end."""
    rows: dict[str, str | Preset] = {name: name for name in filming.PRESETS if name != "faithful"}
    for name, (preset, changes) in VARIED.items():
        given = filming.PRESETS[preset]
        rows[name] = dataclasses.replace(given, base={**given.base, **changes})
    rows["faithful"] = "faithful"
    return {name: filming.renderer(folder, preset, size=size) for name, preset in rows.items()}


def measured(renderer: Renderer, scene_of: SceneOf, clips: Sequence[Case], report: console.Report) -> dict[str, Any]:
    """Metrics of regions, and seconds a frame, but for the first clip's, which compiles."""
    sums, seconds = [], []
    for clip in clips:
        scene = jax.device_get(scene_of(batch(clip.samples[EXACT])))
        begun = time.perf_counter()
        frames = np.concatenate(list(renderer.stream([scene])))
        seconds.append((time.perf_counter() - begun) / len(frames))
        sums.append(video_measures.of_clip(frames, clip))
        report(len(sums) / len(clips))
    table = video_measures.table(sums)
    return {
        "steps": renderer.levels[-1].recipe.sampler.grid.steps,
        "seconds_a_frame": round(float(np.median(seconds[1:])), 4),
        **{place: video_measures.summary(table[place]) for place in PLACES},
    }


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="A data set with runs of 16 frames and more.")],
    folder: Annotated[
        Path | None, typer.Option("--bundle", help="Of the network; the packaged one by default.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The results, JSON.")] = RESULTS,
    tested: Annotated[int, typer.Option(help="Test clips.", min=2)] = 16,
) -> None:
    """Measure every preset, and guidance."""
    console.keep_compiled()
    opened, before = dataset.open(data), resumable.read(out)
    stored = bundle.load(bundle.packaged() if folder is None else folder).stored(filming.STAGE)
    size = stored.training.config["model"]["base"]["size"]
    settings = {
        "data": opened.manifest.origin("test"),
        "network": stored.sha256,
        "tested": tested,
        "varied": {name: [preset, changes] for name, (preset, changes) in VARIED.items()},
        "presets": {name: dataclasses.asdict(preset) for name, preset in filming.PRESETS.items()},
    }
    settings = json.loads(json.dumps(settings))
    resumable.refuse_others(out, before, settings)
    rows, scene_of = before.get("rows", {}), jax.jit(scenes.of(opened.body))
    with console.progress() as begin:
        asked = Frames(size, FRAMES)
        clips = video_clips.taken(opened, Keypoints.of(opened.body), asked, tested, 0, begin("test clips"))
        for name, renderer in renderers(folder, size).items():
            if name not in rows:
                rows[name] = measured(renderer, scene_of, clips, begin(name))
                resumable.write(out, "python -m benchmarks.video_presets", {"settings": settings, "rows": rows})
    print(out)


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.video_presets"))

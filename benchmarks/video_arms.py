"""Which recipe makes a control network look at its controls: `docs/results/video_arms.json`.

    python -m benchmarks.video_arms --data data/mentor_synth --base bundles/base

Short trainings of single frames from one base, with the same batches: the control network alone; with the base's
decoder; everything; and no control network, but the conditions beside x_t in a network like the base (the arm that is
known to work). All paste, as `video.paste` does. From the first hundred steps on the gaps of `video_gaps` are measured.
Stopped at any moment, it goes on with the arm that it was at.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import jax
import ml_collections
import typer

from benchmarks import resumable, video_training
from benchmarks.concatenated import Concatenated
from benchmarks.video_altered import Altered, altered
from benchmarks.video_gaps import Gaps
from configs import video_control_128 as config_file
from data_pipelines.loaders import dataset, frames
from launch import program
from launch.data import Inputs
from vlogger_jax import bundle, console, scenes, stages
from vlogger_jax.body import model_file
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.parts import together
from vlogger_jax.core.stage import Params, Variables
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import stage as video
from vlogger_jax.video.control import Steered

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "video_arms.json"

ARMS = {
    "control": ("control/",),
    "control+decoder": ("control/", "base/decoder/"),
    "all": ("",),
    "concatenation": ("",),
}

STEPS = 2000
AT = (100, 200, 400, 800, 1400, STEPS)
"""Steps after which gaps are measured."""

MINUTES = 15
"""The most that an arm may train; what it measures does not count."""

MEASURED = 64
"""Test clips that gaps are measured on, each of another person."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def config_of(arm: str, data: Path) -> ml_collections.ConfigDict:
    """That of the control network at tiny size, but for what is trained."""
    config = config_file.get_config("size=tiny")
    config.data.folder, config.model.trained = str(data), ARMS[arm]
    config.train.steps = config.optim.steps = STEPS
    # A short average, which is already of the steered network after a hundred steps.
    config.train.batch, config.train.ema = 16, 0.97
    return config


def network_of(arm: str, section: video.Control) -> Steered | Concatenated:
    """Of an arm; both are called alike."""
    steered = section.network(temporal=False)
    if arm != "concatenation":
        return steered
    return Concatenated.of(section.base, section.shown.channels, temporal=False, pictures=steered.pictures)


def run(arm: str, data: Path, base: Params, measured: Altered, report: console.Report) -> list[dict[str, Any]]:
    """The curve of an arm: gaps by step, with the seconds that training took."""
    config = config_of(arm, data)
    section = from_mapping(video.Control, config.model.to_dict(), "config.model")
    recipe, network = Recipe.of(config.diffusion, conditions=1), network_of(arm, section)
    scene_of = scenes.of(model_file.default())
    stage = video.stage_of(config.to_dict(), network, scene_of, stages.REGIONS)
    made = program.build(config, stage=stage)
    gaps = Gaps(network, recipe, section.shown, scene_of, measured)
    inputs = Inputs.of(config, stage, made.mesh, "train", made.train.batch)
    curve = []

    def watch(step: int, spent: float, average: Callable[[], Variables]) -> bool:
        over = spent > 60 * MINUTES
        if step in AT or over:
            curve.append({"step": step, "seconds": round(spent, 1), **gaps(together(average()))})
        report(step / STEPS)
        return not over

    video_training.trained(made, inputs, "video_base", Variables(base, {}), watch)
    return curve


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="A data set with single frames of 64 pixels.")],
    base: Annotated[Path, typer.Option(help="A bundle with the stage video_base.")],
    out: Annotated[Path, typer.Option(help="The results, JSON.")] = RESULTS,
    arms: Annotated[str, typer.Option(help="Which ones, by comma.")] = ",".join(ARMS),
) -> None:
    """Train every arm and write down how its gaps grow."""
    if unknown := [arm for arm in arms.split(",") if arm not in ARMS]:
        raise UserError(f"there is no arm {unknown[0]!r}", f"Name some of {', '.join(ARMS)}")
    console.keep_compiled()
    before, stored, opened = resumable.read(out), bundle.load(base), dataset.open(data)
    settings = {
        "data": opened.manifest.origin("train"),
        "base": stored.stored("video_base").sha256,
        "measured": f"{MEASURED} clips, a frame of each",
        "configs": {arm: json.loads(config_of(arm, Path("data")).to_json_best_effort()) for arm in ARMS},
    }
    resumable.refuse_others(out, before, settings)
    params, rows = stored.params("video_base", _shapes(stored)).trainable, before.get("rows", {})
    windows = frames.frame_windows(opened, "test", frames.Frames(64))
    with console.progress() as begin:
        measured = altered(windows, MEASURED, 0, begin("what gaps are measured on"))
        for arm in arms.split(","):
            if arm not in rows:
                rows[arm] = run(arm, data, params, measured, begin(arm))
                resumable.write(out, "python -m benchmarks.video_arms", {"settings": settings, "rows": rows})
    print(out)


def _shapes(stored: bundle.Bundle) -> Any:
    stage = stages.build(stored.stored("video_base").training.config)
    return jax.eval_shape(stage.init, jax.random.key(0))


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.video_arms"))

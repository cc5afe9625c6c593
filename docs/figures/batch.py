"""`docs/figures/batch.png`: a batch as a loader gives it, and the controls that a device makes of it.

Run `python -m docs.figures.batch` for the packaged records, or see a data set of your own with
`python -m docs.figures.batch --data data/video_folder --size 128 --out batch.png`.
"""

import sys
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import typer
from PIL import Image

from data_pipelines.loaders import dataset, frames, order
from docs.figures.body import titled
from vlogger_jax import console
from vlogger_jax.controls import complete, show
from vlogger_jax.controls.gbuffer import extent
from vlogger_jax.core.typing import UInt8

OUT = Path(__file__).with_suffix(".png")
SAMPLE = Path(__file__).parents[2] / "data_pipelines" / "sample" / "mentor_synth"

PEOPLE, COUNT, SEED = 3, 4, 14
SHOWN = 128
"""Pixels to a side of what is drawn, at least."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def draw(
    data: Annotated[Path, typer.Option(help="The folder of a data set, which holds manifest.json.")] = SAMPLE,
    split: Annotated[str, typer.Option(help="Of it.")] = "train",
    size: Annotated[int, typer.Option(help="Pixels to a side of its pictures.")] = 64,
    out: Annotated[Path, typer.Option(help="The picture, .png.")] = OUT,
) -> None:
    """Draw a batch of a data set, each sample in two rows."""
    opened = dataset.open(data)
    stream = order.Stream(frames.frame_windows(opened, split, frames.Frames(size, COUNT)), seed=SEED)
    batch = order.batch(stream, order.Order(PEOPLE), 0)
    controls = jax.device_get(jax.jit(complete.of_batch)(batch, extent(opened.body)))
    rows = []
    for i in range(PEOPLE):
        one = jax.tree.map(lambda values, i=i: values[i], controls)
        rows += [
            _row([batch["reference"][i], *batch["frames"][i]], [_labels(batch["reference_label"][i]), *_seen(one)])
        ]
        rows += [_row([_grey(batch["reference_matte"][i]), *one.composite], [_grey(one.matte[0]), *one.warp])]
    title = "each person: reference and frames, their labels; matte and composites, matte and warps"
    Image.fromarray(titled(np.pad(np.concatenate(rows), [(28, 0), (0, 0), (0, 0)], constant_values=255), title)).save(
        out, optimize=True
    )
    print(out)


def _seen(controls: Controls) -> list[UInt8[np.ndarray, "h w 3"]]:
    return [_labels(label) for label in controls.label]


def _labels(label: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    return show.COLOURS[label]


def _grey(matte: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    return np.repeat(matte[..., None], 3, axis=-1)


def _row(*groups: list[np.ndarray]) -> UInt8[np.ndarray, "s _ 3"]:
    """Pictures side by side, enlarged to `SHOWN` pixels where they are smaller."""
    images = [image for group in groups for image in group]
    side = max(SHOWN, max(len(image) for image in images))
    scaled = [np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST)) for image in images]
    return np.concatenate(scaled, axis=1)


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m docs.figures.batch"))

"""What a video takes, from the picture to the last frame: `python -m benchmarks.generate`.

The portrait of the demo and three seconds of sound, with each preset of the packaged networks, each size that they
make, and portraits of several sizes: seconds until the first window of frames, with programs compiled before, and
seconds of a frame after it. `vlogger_jax.estimate` has its numbers from here: `docs/results/generate.json`.
"""

import dataclasses
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer
from skimage import data, transform

from benchmarks import resumable
from vlogger_jax import bundle, console, estimate, filming
from vlogger_jax.core.typing import UInt8
from vlogger_jax.fit import landmarks as marks
from vlogger_jax.pipeline import HEARD, Sound, Vlogger

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results" / "generate.json"
LANDMARKS = ROOT / "docs" / "figures" / "demo_landmarks.npz"

SECONDS = 3
SIDES = (512, 1024, 2048)
"""Pixels, of the portrait."""

POINTS = ("face", "pose", "left_hand", "right_hand")

SLOW_SECONDS = 0.7
"""Of sound for the preset `faithful`."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def hum(seconds: float) -> Sound:
    """That comes and goes four times a second."""
    t = np.arange(round(seconds * HEARD)) / HEARD
    return Sound((0.3 * np.sin(880 * t) * np.sin(12.6 * t)).astype(np.float32), HEARD)


def picture(side: int) -> UInt8[np.ndarray, "h w 3"]:
    """The portrait with `side` pixels to a side."""
    return np.round(transform.resize(data.astronaut(), (side, side), preserve_range=True)).astype(np.uint8)


def scaled(found: marks.Landmarks, side: int) -> marks.Landmarks:
    """Landmarks of the portrait at another size; the matte has the most pixels that it may have."""
    points = {name: getattr(found, name) * np.float32(side / found.size[0]) for name in POINTS}
    return dataclasses.replace(found, size=(side, side), **points)


def measured(vlogger: Vlogger, side: int, seconds: float) -> dict[str, float]:
    """Of one video, whose programs were compiled by another one."""
    found = scaled(marks.load(LANDMARKS), side)
    for _ in range(2):
        begun = time.perf_counter()
        person = vlogger.portrait_of(picture(side), found)
        windows = vlogger.perform(person, hum(seconds)).windows()
        next(windows)
        first = time.perf_counter()
        frames = sum(len(each) for each in windows)
        ended = time.perf_counter()
    return {"begin_s": first - begun, "frame_s": (ended - first) / frames}


@app.command()
def main(out: Annotated[Path, typer.Option(help="The results, JSON.")] = RESULTS) -> None:
    """Measure presets, sizes and portraits."""
    console.keep_compiled()
    opened, rows = bundle.load(bundle.packaged()), []
    sizes = [64, *(size for size, name in filming.ENLARGING.items() if name in opened.stages)]
    asked = [(preset, size, SIDES[0]) for preset in filming.PRESETS for size in sizes]
    asked += [("fast", sizes[0], side) for side in SIDES[1:]]
    with console.progress() as begin:
        report = begin("making videos")
        for done, (preset, size, side) in enumerate(asked):
            report(done / len(asked))
            seconds = SLOW_SECONDS if preset == "faithful" else SECONDS
            row: dict[str, Any] = {"preset": preset, "size": size, "portrait": side}
            rows.append(row | measured(Vlogger.load(preset=preset, size=size), side, seconds))
            print(rows[-1])
    content = {"machine": {"flops": estimate.measured(), "cpus": jax.device_count()}, "rows": rows}
    resumable.write(out, "python -m benchmarks.generate", content)


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.generate"))

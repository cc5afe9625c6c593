"""`docs/figures/video.png`: what the packaged video network makes of people it has never met.

Run `python -m docs.figures.video`. The people are of the packaged sample of `mentor_synth`, which no training has met:
one of its test split, with exact controls, and one of its training split, with controls as fits would have them. Above
the truth, then what is pasted, then what is generated; the reference stands before each.
"""

from pathlib import Path

import jax
import numpy as np

from data_pipelines.loaders import dataset
from data_pipelines.loaders.frames import Frames, frame_windows
from data_pipelines.loaders.samples import Sample
from vlogger_jax import console, filming, scenes
from vlogger_jax.media import image_file
from vlogger_jax.video.conditions import SceneOf
from vlogger_jax.video.render import Renderer

OUT = Path(__file__).with_suffix(".png")
SAMPLE = Path(__file__).parents[2] / "data_pipelines" / "sample" / "mentor_synth"
SPLITS = ("test", "train")
FRAMES, SHOWN, SIZE, ENLARGED = 16, 8, 64, 2


def strip(sample: Sample, scene_of: SceneOf, renderer: Renderer) -> np.ndarray:
    """Three rows of one person."""
    scene = jax.device_get(scene_of({name: value[None] for name, value in sample.items()}))
    made = np.concatenate(list(renderer.stream([scene])))
    chosen = np.linspace(0, FRAMES - 1, SHOWN).round().astype(int)
    rows = (sample["frames"], np.asarray(scene.controls.composite[0]), made)
    return np.concatenate([np.concatenate([sample["reference"], *row[chosen]], axis=1) for row in rows])


def main() -> None:
    console.keep_compiled()
    opened, renderer = dataset.open(SAMPLE), filming.renderer(size=SIZE)
    scene_of = jax.jit(scenes.of(opened.body))
    both = (frame_windows(opened, split, Frames(SIZE, FRAMES)) for split in SPLITS)
    people = [windows.sample(0, np.random.default_rng(0)) for windows in both]
    picture = np.concatenate([strip(sample, scene_of, renderer) for sample in people])
    image_file.write(OUT, picture.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1))
    print(OUT)


if __name__ == "__main__":
    main()

"""The weights that come with the package: what there is, how large, under which licence, and that they can be used."""

import jax
import numpy as np
import pytest

from data_pipelines.loaders import dataset
from data_pipelines.loaders.frames import Frames, frame_windows
from tests.test_video_gaps import SAMPLE
from vlogger_jax import bundle, filming, moving, scenes
from vlogger_jax.video.conditions import scaled

LARGEST = 25_000_000
"""Bytes of all of it."""


@pytest.fixture(scope="module")
def opened() -> bundle.Bundle:
    return bundle.load(bundle.packaged())


def test_all_of_it_is_small_and_free(opened):
    files = {path.name: path.stat().st_size for path in opened.folder.iterdir()}
    assert set(files) == {"bundle.json", *(stored.file for stored in opened.stages.values())}
    assert sum(files.values()) < LARGEST
    assert {stored.training.licence for stored in opened.stages.values()} == {"CC0-1.0"}
    assert {"motion", filming.STAGE} <= set(opened.stages)


def test_the_networks_can_be_used():
    assert moving.performer().fps == 24
    assert filming.renderer(size=64).size == 64


def test_frames_of_somebody_it_never_met_are_like_the_truth():
    """A clip of a test person: nearer to it than the reference is, and not much farther than the composite."""
    data = dataset.open(SAMPLE)
    sample = frame_windows(data, "test", Frames(64, 8)).sample(0, np.random.default_rng(0))
    scene = jax.device_get(jax.jit(scenes.of(data.body))({name: value[None] for name, value in sample.items()}))
    made = np.concatenate(list(filming.renderer(preset="fast", size=64).stream([scene])))

    def off(frames) -> float:
        return -10 * np.log10(np.square(np.asarray(scaled(frames)) - np.asarray(scaled(sample["frames"]))).mean() / 4)

    still, pasted = (off(each) for each in (sample["reference"][None], scene.controls.composite[0]))
    assert off(made) > still + 1 and off(made) > pasted - 1

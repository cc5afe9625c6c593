"""The packaged records: small, whole, of today's code, and enough for every loader."""

from pathlib import Path

import numpy as np
import pytest

from data_pipelines import manifest
from data_pipelines.loaders import dataset, frames, images, motion, order
from data_pipelines.mentor_synth import MentorSynth

FOLDER = Path(__file__).parents[2] / "data_pipelines" / "sample" / "mentor_synth"
LIMIT = 3_000_000
"""Bytes."""


@pytest.fixture(scope="module")
def data():
    return dataset.open(FOLDER)


def test_it_is_small_and_to_the_bit_as_it_was_made(data):
    manifest.check_content(FOLDER, data.manifest.files, lambda done: None)
    listed = {FOLDER / name for name in data.manifest.files} | {FOLDER / manifest.NAME}
    assert sum(path.stat().st_size for path in listed) < LIMIT


def test_it_was_made_by_this_generator(data):
    made = data.manifest.settings
    wanted = MentorSynth({"train": 3, "validation": 1, "test": 1}, frames=96).settings()
    assert {name: made[name] for name in wanted} == wanted


def test_its_clips_are_what_the_generator_makes(data):
    """But for rounding, which may differ from machine to machine."""
    recipe = MentorSynth({"train": 3, "validation": 1, "test": 1}, frames=96)
    for split, number in (("train", 2), ("test", 0)):
        made, kept = recipe.clip(recipe.job(split, number)), data.clips(split)[number]
        assert kept.identity == made.identity and kept.about == made.about
        np.testing.assert_allclose(kept.motion.body_pose, made.motion.body_pose, atol=1e-4)
        assert np.abs(kept.waveform.astype(int) - made.waveform).max() <= 2


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize(
    "samples",
    [
        lambda data, split: motion.MotionWindows(data.clips(split), data.body, motion.Motions(24, 48)),
        lambda data, split: frames.frame_windows(data, split, frames.Frames(64, 1)),
        lambda data, split: frames.frame_windows(data, split, frames.Frames(64, 16)),
        lambda data, split: images.image_windows(data, split, images.Images(64, 4)),
    ],
    ids=["motion", "single frames", "clips of 16", "pictures"],
)
def test_every_loader_reads_it(data, split, samples):
    stream = order.Stream(samples(data, split), seed=0)
    batch = order.batch(stream, order.Order(2), 0)
    assert {name: (each.shape, each.dtype) for name, each in batch.items()} == {
        name: (each.shape, each.dtype) for name, each in order.batch_spec(stream, order.Order(2)).items()
    }
    assert (batch["replaced"] == 0).all()
    if "warp_mask" in batch:
        seen = batch["label"] > 0
        assert seen.mean() > 0.1 and batch["warp_mask"][seen].mean() > 0.3, "most of the body was seen in the reference"

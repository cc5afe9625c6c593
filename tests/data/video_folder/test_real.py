"""The recipe on a real recording, with the real detectors and the real fit."""

import importlib.util

import numpy as np
import pytest

from data_pipelines import schema
from data_pipelines.video_folder.recipe import VideoFolder
from tests.controls import pictures
from vlogger_jax.body import names
from vlogger_jax.fit import landmarks as marks
from vlogger_jax.fit import points

pytestmark = [
    pytest.mark.media,
    pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None, reason="mediapipe is not installed"),
]

FRAMES = 16
FACE = [names.LABELS.index(name) for name in ("face skin", "eyelids", "sclera", "iris", "lips", "upper teeth")]


@pytest.mark.parametrize("name", ["RD_Radio10_0_clip_0.mp4"])
def test_a_short_piece(media, name, tmp_path):
    recipe = VideoFolder(media / "video", tmp_path, seconds=FRAMES / 24, shortest=FRAMES / 24)
    [job] = [job for listed in recipe.jobs().values() for job in listed if job["file"] == name and not job["start"]]
    clip = recipe.clip(job)
    assert clip.quality.good.all() and len(clip.quality.good) == FRAMES
    assert len(clip.waveform) == round(FRAMES * 16000 / 24) and np.abs(clip.waveform).max() > 1000
    schema.clip_values(clip)

    shots = recipe.shots(job, clip, [0, FRAMES - 1], 256)
    labels = pictures.labels(shots.gbuffer, recipe.body().labels)
    face = np.isin(labels, FACE)
    assert shots.matte[face].mean() > 0.97 * 255, "the face is the person"
    assert 20 < shots.matte[labels == 0].mean() < 200, "not all of the picture is"
    found = marks.detect(shots.frames, 24.0)
    lips, eyes = points.ibug(np.asarray(found.face))[:, 31:, :2].mean(axis=1), points.interocular_distances(found)
    for frame in range(2):
        row, column = np.nonzero(labels[frame] == names.LABELS.index("lips"))
        off = np.hypot(column.mean() + 0.5 - lips[frame, 0], row.mean() + 0.5 - lips[frame, 1])
        assert off < 0.08 * eyes[frame], "the lips of picture and G-buffer lie together"

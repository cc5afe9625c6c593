"""Long videos and TPU programs of the video network, as benchmarks: what is counted, and what is asked of them."""

import itertools

import numpy as np
import pytest

from benchmarks import video_aot, video_long
from tests.video.scenes import scene


class Writer:
    """Makes frames of so many bytes each, and keeps them or not."""

    def __init__(self, keeps: bool):
        self.keeps, self.kept, self.seen = keeps, [], 0

    def stream(self, scenes):
        for part in scenes:
            frames = np.ones((part.controls.label.shape[1], 2**20), np.uint8)
            self.seen += len(frames)
            if self.keeps:
                self.kept.append(frames)
            yield frames


@pytest.mark.parametrize("keeps", [False, True])
def test_memory_that_grows_is_seen(keeps, monkeypatch):
    monkeypatch.setattr(video_long, "FRAMES", 320)
    monkeypatch.setattr(video_long, "SETTLED", 64)
    told, writer = [], Writer(keeps)
    found = video_long.measured(writer, scene(1, video_long.PART, 4), told.append)
    assert found["frames"] == writer.seen == 320 and told[-1] == 1 and found["frames_a_second"] > 0
    grown = found["mib_after"] - found["mib_settled"]
    assert grown == pytest.approx(256 if keeps else 0, abs=60)


def test_a_clip_goes_forwards_and_backwards():
    whole = scene(1, 3, 4)
    parts = list(itertools.islice(video_long.back_and_forth(whole), 3))
    labels = np.concatenate([part.controls.label for part in parts], axis=1)
    np.testing.assert_array_equal(labels, whole.controls.label[:, [0, 1, 2, 2, 1, 0, 0, 1, 2]])
    assert parts[1].reference is whole.reference


def test_every_stage_is_compiled_at_every_size_for_both_chips():
    cases = video_aot.cases()
    names = [each.name for each in cases]
    assert len(set(names)) == len(names)
    for size, stage, topology, what in itertools.product(
        ("small", "paper"), ("video_control", "video_temporal"), ("v5e:2x2", "v5p:2x2x1"), ("train", "sample")
    ):
        assert f"{size} {stage} {topology} {what}" in names
    alone = [each for each in cases if each.topology == "v5e:1x1"]
    assert {each.stage for each in alone} == {"video_control", "video_temporal"}

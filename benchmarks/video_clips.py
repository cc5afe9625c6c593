"""The test clips of the paper's Table 3: their frames, and their controls as they are and as fits would have them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from benchmarks.video_keypoints import Keypoints, KeypointWindows
from benchmarks.video_rendered import Fitted, drawn, rendered
from data_pipelines.loaders import frames, stored
from data_pipelines.loaders.dataset import DataSet
from data_pipelines.loaders.frames import Frames
from data_pipelines.loaders.samples import Sample
from vlogger_jax.console import Report
from vlogger_jax.core.errors import UserError
from vlogger_jax.metrics.regions import regions

EXACT, NOISE = CONDITIONS = ("exact", "noise")
"""True motion, and motion with the error of fits."""


class Case(NamedTuple):
    """A test clip.

    Attributes:
        samples: as loaders make them, by condition; they differ in controls alone.
        truth: its frames.
        regions: where to measure, as `metrics.regions`; of the truth.
    """

    samples: Mapping[str, Sample]
    truth: np.ndarray
    regions: Mapping[str, np.ndarray]


def taken(data: DataSet, keypoints: Keypoints, asked: Frames, count: int, seed: int, report: Report) -> list[Case]:
    """`count` windows of the test split, or all if there are fewer, evenly spread.

    Raises:
        UserError: if their G-buffers are smaller than their pictures, or there are none.
    """
    windows = frames.frame_windows(data, "test", asked)
    if windows.chunks.size != (pixels := windows.spec["label"].shape[-1]):
        raise UserError(f"pictures of {asked.size} pixels have G-buffers of {pixels}", "Take smaller ones")
    noisy = rendered(data, "test", windows, Fitted.of(data.body, seed))
    numbers = np.unique(np.linspace(0, len(windows) - 1, count).round().astype(int)).tolist()
    found = []
    for done, number in enumerate(numbers, 1):

        def rng(number: int = number) -> np.random.Generator:
            return np.random.default_rng([seed, number])

        samples = {
            name: KeypointWindows(each, keypoints).sample(number, rng())
            for name, each in zip(CONDITIONS, (windows, noisy), strict=True)
        }
        clip, window, reference = drawn(windows, number, rng())
        rows = stored.find(windows.chunks, clip, [*window, reference])
        mattes = np.stack([stored.picture(chunk.matte[i], (asked.size, asked.size)) for chunk, i in rows])
        exact = samples[EXACT]
        found.append(Case(samples, exact["frames"], regions(exact["label"], mattes[:-1], mattes[-1])))
        report(done / len(numbers))
    return found


def batch(sample: Sample) -> dict[str, Any]:
    """A batch of one."""
    return {name: value[None] for name, value in sample.items()}

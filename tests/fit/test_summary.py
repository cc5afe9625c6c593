"""What `vlogger fit` prints."""

import dataclasses
from pathlib import Path

import numpy as np

from tests import cli_files
from vlogger_jax.fit import summary


def test_the_summary_says_what_is_wrong():
    fit = cli_files.fit(frames=10)
    lines = summary.lines(Path("x.npz"), fit, "given")
    assert lines[0] == "x.npz: 10 frames, 0.83 s, body default-v1"
    assert lines[-2:] == [
        "seen: face 100%, torso 100%, left hand 0%, right hand 0% of the frames",
        "good: 100% of the frames",
    ]
    error = np.full(10, 0.02, np.float32)
    error[3:5], error[7] = np.inf, 0.5
    worse = dataclasses.replace(fit.quality, reprojection=error, good=error < 0.06)
    lines = summary.lines(Path("x.npz"), dataclasses.replace(fit, quality=worse), "given")
    assert lines[-4].startswith("seen: face 80%")
    assert lines[-3] == "good: 70% of the frames"
    assert lines[-2].startswith("low quality: no face in 2 frames of 10 (first: frame 3)")
    assert lines[-1].startswith("low quality: error above 6% in 1 frame of 10 (worst: frame 7)")


def test_a_single_picture():
    lines = summary.lines(Path("x.npz"), cli_files.fit(frames=1), "estimated")
    assert lines[0].startswith("x.npz: 1 frame, ")
    assert lines[-1] == "good: 100%" and not any("of the frames" in line for line in lines)

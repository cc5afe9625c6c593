"""The synthetic MENTOR as records: true where truth is promised, disturbed where fits would err, killed and resumed."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from data_pipelines import build, features, manifest, mentor_synth, schema
from data_pipelines.avatars import perform as performing
from data_pipelines.avatars.photograph import Photographs
from data_pipelines.mentor_synth import MentorSynth
from vlogger_jax import console
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names, smplx
from vlogger_jax.controls.perturb import Perturbation
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import BACKGROUND, GBuffer

ROOT = Path(__file__).parents[2]
RECIPE = MentorSynth({"train": 3, "validation": 1}, seed=5, frames=30)
SIZE = 48


@pytest.fixture(scope="module")
def clip():
    return RECIPE.clip(RECIPE.job("train", 1))


def test_a_clip_is_what_was_performed(clip):
    with Espeak() as engine:
        done = performing.perform(5, 1, engine, frames=30)
    jax.tree.map(np.testing.assert_array_equal, clip.motion, done.motion)
    assert np.abs(clip.waveform / 32767 - done.track.waveform).max() <= 0.5 / 32767 + 1e-6
    assert clip.phonemes == done.track.phonemes and clip.about["text"] == done.track.text
    assert clip.identity == "train-5-1" and len(clip.waveform) == 20000
    schema.clip_of(schema.clip_values(clip) | {"clip": 0})


def test_people_of_different_splits_and_clips_differ():
    jobs = [job for of_split in RECIPE.jobs().values() for job in of_split]
    assert len({RECIPE.clip(job).identity for job in jobs}) == 4
    betas = np.stack([RECIPE.clip(job).motion.betas for job in jobs])
    assert len(np.unique(betas[:, 0])) == 4


def test_quality_says_what_the_picture_holds(clip):
    """Hands of the whole body, posed without any reduction."""
    joints = smplx.pose(RECIPE.body(), clip.motion).joints
    wrist = names.JOINTS.index("left_wrist")
    pixels = cameras.project(clip.camera, joints)[0][:, wrist]
    inside = ((pixels >= 0) & (pixels <= 1000)).all(axis=-1)
    assert ((clip.quality.left_hand > 0.5) == inside).mean() > 0.8
    assert (clip.quality.reprojection == 0).all() and (clip.quality.face > 0.9).all()
    assert (clip.quality.jitter > 0).all() and clip.quality.good.all()


@pytest.fixture(scope="module")
def shots():
    """(job, clip, pictures) of two splits; this clip of the training split is one of the 80 % that are disturbed."""
    found = {}
    for split, index in (("train", 1), ("validation", 0)):
        job = RECIPE.job(split, index)
        clip = RECIPE.clip(job)
        found[split] = job, clip, RECIPE.shots(job, clip, [3, 20], SIZE)
    return found


def test_validation_is_exact(shots):
    _, clip, taken = shots["validation"]
    assert taken.exact
    jax.tree.map(np.testing.assert_array_equal, taken.motion, smplx.frames_of(clip.motion, np.array([3, 20])))
    assert taken.camera.focal == pytest.approx(clip.camera.focal * SIZE / 1000)


def test_training_may_be_exact(shots):
    job, clip, disturbed = shots["train"]
    recipe = dataclasses.replace(RECIPE, perturbation=Perturbation(exact=1.0))
    taken = recipe.shots(job, clip, [3, 20], SIZE)
    assert taken.exact and recipe.settings() != RECIPE.settings()
    np.testing.assert_array_equal(taken.frames, disturbed.frames)
    jax.tree.map(np.testing.assert_array_equal, taken.motion, smplx.frames_of(clip.motion, np.array([3, 20])))


def test_training_is_as_a_fit_would_be(shots):
    _, clip, taken = shots["train"]
    assert not taken.exact
    truth = smplx.frames_of(clip.motion, np.array([3, 20]))
    off = np.rad2deg(np.abs(taken.motion.body_pose - truth.body_pose))
    assert 0.5 < off.mean() < 5 and not np.array_equal(taken.motion.betas, truth.betas)
    assert 0.7 < taken.camera.focal / (clip.camera.focal * SIZE / 1000) < 1.4


@pytest.mark.parametrize("split", ["train", "validation"])
def test_gbuffers_are_of_the_motion_beside_them(shots, split):
    """The nose, posed and projected by the rows, lies where the G-buffer sees the face."""
    _, _, taken = shots[split]
    posed = smplx.pose(RECIPE.body(), taken.motion)
    nose = cameras.project(taken.camera, posed.joints)[0][:, len(names.JOINTS) + names.VERTEX_PICKS.index("nose")]
    labels = RECIPE.body().labels
    for i, (x, y) in enumerate(np.floor(nose).astype(int)):
        seen = taken.gbuffer.face_index[i, y, x]
        assert seen != BACKGROUND and names.LABELS[labels[seen]] == "face skin"
    assert taken.gbuffer.face_index.shape == (2, SIZE, SIZE)


def test_a_frame_is_the_same_in_any_company(shots):
    job, clip, taken = shots["train"]
    alone = RECIPE.shots(job, clip, [20], SIZE)
    for name in ("frames", "matte"):
        np.testing.assert_array_equal(getattr(alone, name)[0], getattr(taken, name)[1])
    np.testing.assert_array_equal(alone.gbuffer.face_index[0], taken.gbuffer.face_index[1])
    np.testing.assert_array_equal(alone.motion.body_pose[0], taken.motion.body_pose[1])


def test_all_sizes_are_of_one_disturbance(shots, monkeypatch):
    job, clip, taken = shots["train"]
    monkeypatch.setattr(mentor_synth, "photograph", blank)
    larger = RECIPE.shots(job, clip, [3], 2 * SIZE)
    np.testing.assert_array_equal(larger.motion.body_pose[0], taken.motion.body_pose[0])
    assert float(larger.camera.focal) == pytest.approx(2 * float(taken.camera.focal), rel=1e-6)


def blank(performance, frame_ids, size):
    """Photographs that take no time."""
    n = len(frame_ids)
    gbuffer = GBuffer(face_index=np.zeros((n, size, size), np.uint16), bary=np.zeros((n, size, size, 2), np.uint8))
    frames, matte = np.zeros((n, size, size, 3), np.uint8), np.zeros((n, size, size), np.uint8)
    return Photographs(frames=frames, gbuffer=gbuffer, matte=matte)


@pytest.mark.parametrize(
    "wrong", [{"clips": {"train": 0}}, {"clips": {}}, {"clips": {"train": -1}}, {"frames": 0}, {"seed": -1}]
)
def test_impossible_data_sets_are_refused(wrong):
    with pytest.raises(UserError):
        dataclasses.replace(RECIPE, **wrong)


LINE = "mentor_synth --clips 12 --validation 2 --test 0 --seconds 1 --frames none --workers 1"


def command(line, out):
    return [*line.split(), "--out", str(out)]


def test_killed_at_any_moment_it_goes_on(tmp_path, capsys):
    """The real thing, by the command line: half of the clips are there, none of them is made again."""
    with subprocess.Popen(
        [sys.executable, "-m", "data_pipelines.build", *command(LINE, tmp_path / "a")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            made = list(tmp_path.rglob("*.safetensors"))
            if len(made) >= 4 or process.poll() is not None:
                break
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    assert 4 <= len(made) < 14
    before = {path: path.stat().st_mtime_ns for path in made}
    assert not (tmp_path / "a" / "mentor_synth" / manifest.NAME).exists()
    for name in "ab":
        assert console.outcome(build.app, command(LINE, tmp_path / name), "build") == 0
    assert {path: path.stat().st_mtime_ns for path in made} == before
    killed, unbroken = (manifest.load(tmp_path / name / "mentor_synth") for name in "ab")
    assert killed.configs == unbroken.configs and killed.splits == unbroken.splits
    assert "train: 12 clips, 12 persons" in capsys.readouterr().out
    clips = features.read(tmp_path / "a" / "mentor_synth", "clips", "validation")
    assert [schema.clip_of(clips[i]).identity for i in range(2)] == ["validation-0-0", "validation-0-1"]


def test_other_processes_make_the_same(tmp_path):
    """Theirs have other numbers of threads, and sums depend on those."""
    line = "mentor_synth --clips 3 --validation 1 --test 0 --seconds 1 --frames none --workers"
    for workers in "12":
        assert console.outcome(build.app, command(f"{line} {workers}", tmp_path / workers), "build") == 0
    one, two = (manifest.load(tmp_path / workers / "mentor_synth") for workers in "12")
    assert [file.sha256 for name, file in one.files.items() if "array" in name] == [
        file.sha256 for name, file in two.files.items() if "array" in name
    ]


@pytest.mark.parametrize(
    "line",
    [
        "mentor_synth --clips 1 --frames some",
        "mentor_synth --clips 1 --frames 0",
        "mentor_synth --clips 1 --frames -3",
        "mentor_synth --clips 1 --frames 4 --run 0",
        "mentor_synth --clips 1 --size 8",
        "mentor_synth --clips 1 --size 9999",
        "mentor_synth --clips 1 --workers 0",
        "mentor_synth --clips 1 --shards 0",
        "mentor_synth --clips 0",
        "mentor_synth --clips -1",
        "mentor_synth --clips 1 --seconds 0",
        "mentor_synth --clips 1 --seconds nan",
        "mentor_synth --clips 1 --seconds inf",
        "mentor_synth --clips 1 --seed -1",
        "mentor_synth --clips x",
        "mentor_synth",
        "nothing",
    ],
)
def test_bad_lines_are_one_line_and_leave_nothing(line, tmp_path, capsys):
    out = tmp_path / "out"
    assert console.outcome(build.app, command(line, out), "build") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert not out.exists()


def test_help_names_the_data_sets(capsys):
    assert console.outcome(build.app, ["--help"], "build") == 0
    assert "mentor_synth" in capsys.readouterr().out

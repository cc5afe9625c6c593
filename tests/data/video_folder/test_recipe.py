"""The recipe from folder to pictures, with detectors and a fit that read the numbers painted on made-up frames."""

import dataclasses
import json
import logging
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest

from data_pipelines import schema
from data_pipelines.recipe import Unusable
from data_pipelines.video_folder import files, take
from data_pipelines.video_folder.recipe import VideoFolder
from data_pipelines.video_folder.take import Limits
from tests.data.video_folder import made
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import smplx
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import landmarks as marks
from vlogger_jax.fit import solve

LIMITS = Limits(face=4)


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    """How often faces were looked for and fitted."""
    count = {"detect": 0, "fit": 0}

    def counted(name, work):
        def call(*args, **options):
            count[name] += 1
            return work(*args, **options)

        return call

    monkeypatch.setattr(marks, "detect", counted("detect", made.detect))
    monkeypatch.setattr(solve, "fit", counted("fit", made.fit))
    monkeypatch.setattr(take, "detector", lambda model: "made up")
    return count


@pytest.fixture
def recipe(tmp_path):
    return VideoFolder(tmp_path / "videos", tmp_path / "work", seconds=2, shortest=0.5, limits=LIMITS)


def only(recipe):
    """The one job of a folder."""
    [[job]] = recipe.jobs().values()
    return job


def test_jobs_cover_the_videos(recipe):
    made.plain(recipe.folder / "anna" / "a.mp4", 110)
    made.plain(recipe.folder / "béla.mp4", 3)
    jobs = recipe.jobs()
    assert list(jobs) == ["train"]
    assert json.loads(json.dumps(jobs)) == jobs
    parts = [(job["file"], job["identity"], job["start"], job["frames"]) for job in jobs["train"]]
    assert parts == [
        ("anna/a.mp4", "anna", 0, 48),
        ("anna/a.mp4", "anna", 48, 48),
        ("anna/a.mp4", "anna", 96, 14),
        ("béla.mp4", "béla.mp4", 0, 3),
    ]
    assert pickle.loads(pickle.dumps(recipe)).jobs() == jobs


def test_persons_are_in_one_split(recipe):
    for i in range(12):
        for name in "ab":
            made.plain(recipe.folder / f"person {i}" / f"{name}.mp4", 12, first=2 * i + (name == "b"))
    jobs = dataclasses.replace(recipe, validation=0.3, test=0.3).jobs()
    assert list(jobs) == ["train", "validation", "test"]
    persons = [{job["identity"] for job in listed} for listed in jobs.values()]
    assert sum(map(len, persons)) == 12 and len(set.union(*persons)) == 12
    assert sum(map(len, jobs.values())) == 24


def test_training_is_never_empty(recipe, caplog):
    persons = ["anna", "béla", "dora", "emil"]
    for i, name in enumerate(persons):
        made.plain(recipe.folder / name / "a.mp4", 12, first=i)
    with caplog.at_level(logging.WARNING):
        jobs = dataclasses.replace(recipe, validation=0, test=0.99).jobs()
    assert {split: len(listed) for split, listed in jobs.items()} == {"train": 1, "test": 3}
    [job] = jobs["train"]
    assert job["identity"] == max(persons, key=files.place), "who is the last to leave it when shares grow"
    assert f"of 4 persons none fell to training: {job['identity']} is taken for it" in caplog.text


def test_a_clip_and_its_pictures_are_of_the_same_frames(recipe):
    """Frames 0-9 show nobody, 30 and 31 neither, and with 44 another scene begins."""

    def frame(i):
        return made.picture(i, face=i >= 10 and i not in (30, 31), grey=100 if i < 44 else 160)

    made.video(recipe.folder / "a.mp4", map(frame, range(48)), made.tone(48))
    job = only(recipe)
    clip = recipe.clip(job)
    assert made.numbers(clip.motion) == [*range(10, 30), 0, 0, *range(32, 44)]
    np.testing.assert_array_equal(np.flatnonzero(~clip.quality.good), [20, 21])
    assert clip.about["file"] == "a.mp4" and clip.about["start"] == 10
    assert clip.identity == "a.mp4" and clip.motion.fps == 24.0
    heard = np.round(32767 * made.tone(48))[round(Fraction(10 * 16000, 24)) :]
    assert len(clip.waveform) == round(34 * 16000 / 24)
    difference = clip.waveform[2000:-2000] - heard[2000 : len(clip.waveform) - 2000]
    assert np.abs(difference).max() < 300, "the same part of the sound"
    again = schema.clip_of({**schema.clip_values(clip), "about": json.dumps(dict(clip.about))})
    assert again.camera.size == clip.camera.size

    x0, y0, side = clip.about["square"]
    shots = recipe.shots(job, clip, [0, 19, 3, 33, 3], 32)
    assert shots.exact and shots.frames.shape == (5, 32, 32, 3) and shots.matte.shape == (5, 32, 32)
    middle = round((32 - y0) * 32 / side), round((48 - x0) * 32 / side)
    assert shots.frames[:, *middle, 0].tolist() == [10, 29, 13, 43, 13]
    assert made.numbers(shots.motion) == [10, 29, 13, 43, 13]
    person = shots.frames[..., 2] > 200
    assert ((shots.matte > 120) == person).mean() > 0.9, "mattes lie where the person is"
    assert shots.matte[:, *middle].tolist() == [245, 226, 242, 212, 242]
    joints = smplx.pose(recipe.body(), clip.motion).joints
    whole = cameras.project(cameras.from_focal(100.0, made.SIZE), joints)[0]
    np.testing.assert_allclose(cameras.project(clip.camera, joints)[0], whole - (x0, y0), atol=1e-3)


@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_a_damaged_fit_is_made_again(recipe, caplog, suffix):
    made.plain(recipe.folder / "a.mp4", 24)
    job = only(recipe)
    before = recipe.clip(job)
    [path] = recipe.workspace.glob(f"*.{suffix}")
    path.write_bytes(path.read_bytes()[:5])
    take._load.cache_clear()
    again = recipe.clip(job)
    assert "fitted again" in caplog.text
    np.testing.assert_array_equal(again.motion.body_pose, before.motion.body_pose)


@pytest.mark.parametrize("wrong", [{"validation": math.nan}, {"test": math.nan}, {"seconds": math.nan}])
def test_what_is_no_number_is_refused(recipe, wrong):
    with pytest.raises(UserError):
        dataclasses.replace(recipe, **wrong)
    with pytest.raises(UserError):
        take.Limits(hands=math.nan)


def test_a_later_piece(recipe):
    """Sought in the middle of the video, between its key frames."""
    made.plain(recipe.folder / "a.mp4", 110)
    jobs = recipe.jobs()["train"]
    whole = np.round(32767 * made.tone(110))
    for job, numbers in zip(jobs, (range(48), range(48, 96), range(96, 110)), strict=True):
        clip = recipe.clip(job)
        assert made.numbers(clip.motion) == list(numbers)
        assert clip.about["start"] == numbers[0] and clip.about["seconds"] == numbers[0] / 24
        heard = whole[round(numbers[0] * 16000 / 24) :][: len(clip.waveform)]
        assert np.abs(clip.waveform - heard)[2000:-2000].max() < 300
        x0, y0, side = clip.about["square"]
        shots = recipe.shots(job, clip, [0, len(numbers) - 1], 32)
        seen = shots.frames[:, round((32 - y0) * 32 / side), round((48 - x0) * 32 / side), 0]
        assert seen.tolist() == [numbers[0], numbers[-1]]


def test_every_size_shows_the_same_place(recipe):
    made.plain(recipe.folder / "a.mp4", 12)
    job = only(recipe)
    clip = recipe.clip(job)
    found = {size: recipe.shots(job, clip, range(3), size) for size in (32, 64, 128)}
    for size, shots in found.items():
        assert shots.camera.size == (size, size)
        np.testing.assert_allclose(shots.camera.focal / size, clip.camera.focal / clip.camera.size[0], rtol=1e-6)
        np.testing.assert_allclose(
            shots.camera.principal / size, clip.camera.principal / clip.camera.size[0], rtol=1e-6
        )
        np.testing.assert_array_equal(shots.motion.transl, clip.motion.transl[:3])
        model = recipe.body()
        vertices = smplx.pose(model, shots.motion).vertices
        seen = gbuffers.covered(gbuffers.render(vertices, model.faces, shots.camera))
        assert (np.asarray(seen) != gbuffers.covered(shots.gbuffer)).mean() < 1e-3
    fine = gbuffers.covered(found[128].gbuffer).reshape(3, 32, 4, 32, 4).mean((2, 4))
    assert np.abs(fine - gbuffers.covered(found[32].gbuffer)).mean() < 0.05
    fine = found[128].frames.reshape(3, 32, 4, 32, 4, 3).mean((2, 4))
    assert np.abs(fine - found[32].frames).mean() < 3


def test_frames_have_the_same_bytes_in_any_company(recipe):
    made.plain(recipe.folder / "a.mp4", 20)
    job = only(recipe)
    clip = recipe.clip(job)
    together, alone = recipe.shots(job, clip, range(20), 32), recipe.shots(job, clip, [7], 32)
    for name in ("frames", "matte"):
        np.testing.assert_array_equal(getattr(together, name)[7], getattr(alone, name)[0])
    np.testing.assert_array_equal(together.gbuffer.face_index[7], alone.gbuffer.face_index[0])
    np.testing.assert_array_equal(together.gbuffer.bary[7], alone.gbuffer.bary[0])


def test_nothing_is_fitted_twice(recipe, calls):
    made.plain(recipe.folder / "a.mp4", 12)
    job = only(recipe)
    first = recipe.clip(job)
    recipe.shots(job, first, [0], 32)
    again = dataclasses.replace(recipe, licence="CC0", test=0.1).clip({**job, "identity": "somebody else"})
    assert calls == {"detect": 1, "fit": 1}
    np.testing.assert_array_equal(first.motion.transl, again.motion.transl)
    for path in recipe.workspace.iterdir():
        path.unlink()
    take._load.cache_clear()
    shots = recipe.shots(job, first, [0], 32)
    assert calls == {"detect": 2, "fit": 2}, "what was lost is made again"
    assert shots.matte.any()
    dataclasses.replace(recipe, limits=dataclasses.replace(LIMITS, jitter=1.0)).clip(job)
    assert calls["fit"] == 3


def test_a_fit_that_was_cut_short_is_no_fit(recipe, calls, monkeypatch):
    """Killed after the fit was written, before it was known to be."""
    made.plain(recipe.folder / "a.mp4", 12)
    job = only(recipe)
    with monkeypatch.context() as patch:
        patch.setattr(take.json, "dumps", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            take.kept(
                recipe.workspace, "key", lambda: take.Take(0, made.fit(None, made.detect([made.picture(1)], 24.0)))
            )
    assert [path.suffix for path in recipe.workspace.iterdir()] == [".npz"]
    recipe.clip(job)
    assert calls["fit"] == 1


def scene(count, **options):
    return [made.picture(i, **options) for i in range(count)]


UNUSABLE = {
    "too short": (scene(5), made.tone(5), {}),
    "no sound": (scene(24), None, {}),
    "silent": (scene(24), made.tone(24, 1e-4), {}),
    "silent ": (  # while there is a face
        [made.picture(i, face=i >= 24) for i in range(48)],
        np.concatenate([made.tone(22), made.tone(26, 1e-4)]),
        {},
    ),
    "no face found": (scene(24, face=False), made.tone(24), {}),
    "no face without a cut for long enough": (
        [made.picture(i, face=i % 10 < 5) for i in range(40)],
        made.tone(40),
        {},
    ),
    "face too small": (scene(24), made.tone(24), {"face": 9}),
    "background changes": ([made.picture(i, grey=100 + 2 * i) for i in range(24)], made.tone(24), {}),
    "too many frames are not fitted well": (
        [made.picture(i, face=i % 3 != 1) for i in range(25)],
        made.tone(25),
        {},
    ),
    "landmarks are jittery": (scene(24), made.tone(24), {"jitter": -1}),
    "no hands": (scene(24), made.tone(24), {"hands": 0.5}),
}


@pytest.mark.parametrize("reason", UNUSABLE)
def test_what_cannot_be_used(reason, recipe, calls):
    frames, waveform, limits = UNUSABLE[reason]
    made.video(recipe.folder / "a.mp4", frames, waveform)
    recipe = dataclasses.replace(recipe, limits=dataclasses.replace(LIMITS, **limits))
    job = only(recipe)
    for _ in range(2):
        with pytest.raises(Unusable) as caught:
            recipe.clip(job)
        assert str(caught.value) == reason.strip()
    assert calls["detect"] <= 1, "that is known from then on"


def test_the_same_cut_decides_where_one_alone_is_long_enough(recipe):
    made.video(recipe.folder / "a.mp4", [made.picture(i, grey=100 + 60 * (i >= 11)) for i in range(40)], made.tone(40))
    assert made.numbers(recipe.clip(only(recipe)).motion) == list(range(11, 40))


def test_sound_that_ends_early_ends_the_clip(recipe, monkeypatch):
    made.plain(recipe.folder / "a.mp4", 40)
    whole = take.sound.read
    monkeypatch.setattr(
        take.sound, "read", lambda path, start, frames: whole(path, start, frames)[: 16000 - 16000 * start]
    )
    clip = recipe.clip(only(recipe))
    assert len(clip.motion.transl) == 24 + take.stretch.GAP
    assert len(clip.waveform) == 18000 and not clip.waveform[16000:].any()


def test_a_fit_that_is_good_only_in_the_middle(recipe, monkeypatch):
    """There the clip is, with the sound and the mattes of these frames."""
    made.video(recipe.folder / "a.mp4", [made.picture(i, face=i >= 4) for i in range(44)], made.tone(44))

    def partly(*given, **options):
        fit = made.fit(*given, **options)
        good = np.arange(len(fit.quality.good))
        return dataclasses.replace(fit, quality=dataclasses.replace(fit.quality, good=(good >= 8) & (good < 30)))

    monkeypatch.setattr(solve, "fit", partly)
    job = only(recipe)
    clip = recipe.clip(job)
    assert made.numbers(clip.motion) == list(range(12, 34)) and clip.quality.good.all()
    assert clip.about["start"] == 12 and len(clip.waveform) == round(22 * 16000 / 24)
    assert recipe.shots(job, clip, [0, 21], 32).matte.max(axis=(1, 2)).tolist() == [255 - 12, 255 - 33]
    with pytest.raises(Unusable, match="fit is not good for long enough"):
        dataclasses.replace(recipe, shortest=1.0).clip(job)


def test_a_fit_that_fails_is_left_out(recipe, monkeypatch):
    made.plain(recipe.folder / "a.mp4", 12)

    def refuse(*_, **__):
        raise UserError("the fit ended in no numbers", "Check")

    monkeypatch.setattr(solve, "fit", refuse)
    with pytest.raises(Unusable, match="face cannot be fitted"):
        recipe.clip(only(recipe))


def test_a_video_that_cannot_be_decoded_is_left_out(recipe, monkeypatch):
    made.plain(recipe.folder / "a.mp4", 12)
    job = only(recipe)

    def damaged(*_):
        raise UserError("damaged", "Copy it again")

    monkeypatch.setattr(take.video_file, "frames", damaged)
    with pytest.raises(Unusable, match="cannot be decoded"):
        recipe.clip(job)


def test_no_detector_is_nobodys_fault(recipe, monkeypatch):
    made.plain(recipe.folder / "a.mp4", 12)
    job = only(recipe)

    def none(model):
        raise UserError("finding landmarks needs mediapipe, which is not installed", "Install it")

    monkeypatch.setattr(take, "detector", none)
    for ask in (recipe.jobs, lambda: recipe.clip(job), recipe.settings):
        with pytest.raises(UserError, match="needs mediapipe"):
            ask()


def test_a_video_that_changed_is_refused(recipe):
    made.plain(recipe.folder / "a.mp4", 12)
    job = only(recipe)
    made.plain(recipe.folder / "a.mp4", 12, first=1)
    with pytest.raises(UserError, match="has changed"):
        recipe.clip(job)


def test_a_workspace_that_cannot_be(recipe):
    made.plain(recipe.folder / "a.mp4", 12)
    (recipe.folder.parent / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        dataclasses.replace(recipe, workspace=recipe.folder.parent / "file" / "work").clip(only(recipe))


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": 0.0},
        {"seconds": 61.0},
        {"shortest": 3.0},
        {"shortest": 0.0},
        {"seconds": float("nan")},
        {"test": -0.1},
        {"test": 0.6, "validation": 0.4},
    ],
)
def test_settings_that_cannot_be(recipe, wrong):
    with pytest.raises(UserError):
        dataclasses.replace(recipe, **wrong)


def test_settings_are_json_and_name_no_folder(recipe):
    settings = recipe.settings()
    assert json.loads(json.dumps(settings)) == settings
    assert str(recipe.folder.parent) not in json.dumps(settings)
    assert settings["limits"]["face"] == 4 and settings["body"] == "default-v1"

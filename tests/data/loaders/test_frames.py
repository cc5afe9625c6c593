"""Samples of frames hold what the recipe made: pictures, and controls of exactly these G-buffers."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from data_pipelines.loaders import frames as loading
from data_pipelines.loaders import stored
from data_pipelines.loaders.dataset import DataSet, Records
from data_pipelines.loaders.frames import Frames, frame_windows
from data_pipelines.loaders.images import Images, image_windows
from data_pipelines.plan import Plan, Table
from data_pipelines.schema import BadExample
from tests.data.loaders.conftest import SIZE
from tests.data.loaders.tampered import tampered
from tests.data.people import People
from vlogger_jax.body import smplx
from vlogger_jax.controls import lookup
from vlogger_jax.core.errors import UserError


@pytest.mark.parametrize("count", [1, 5, 16])
def test_samples_are_as_the_spec_says_and_small_integers(data: DataSet, count):
    made = frame_windows(data, "train", Frames(SIZE, count))
    found = made.sample(len(made) - 1, np.random.default_rng(0))
    assert {name: (each.shape, each.dtype) for name, each in found.items()} == {
        name: (each.shape, each.dtype) for name, each in made.spec.items()
    }
    assert {each.dtype for each in found.values()} == {np.dtype(np.uint8), np.dtype(np.uint16)}


def test_a_sample_is_what_the_recipe_made_there(data: DataSet, people: People, monkeypatch):
    made, seen = frame_windows(data, "train", Frames(SIZE, 3, far=10)), {}
    find = stored.find
    monkeypatch.setattr(
        stored, "find", lambda chunks, clip, rows: seen.update(at=(clip, rows)) or find(chunks, clip, rows)
    )
    for number in (0, len(made) // 2):
        found = made.sample(number, np.random.default_rng(number))
        clip, rows = seen["at"]
        job = people.job("train", clip)
        shots = people.shots(job, people.clip(job), rows, SIZE)
        pictures = np.concatenate([found["frames"], found["reference"][None]]).astype(int)
        assert np.abs(pictures - shots.frames).mean() < 3, "JPEG"
        np.testing.assert_array_equal(found["reference_matte"], shots.matte[-1])
        body = lookup.tables(data.body)
        taken = [
            type(shots.gbuffer)(face_index=shots.gbuffer.face_index[i], bary=shots.gbuffer.bary[i])
            for i in (slice(0, 3), slice(3, 4))
        ]
        anchor = lookup.anchor(body, taken[1])
        posed = smplx.pose(data.body, smplx.frames_of(shots.motion, np.array([3])))
        surface = lookup.Surface(anchor=anchor, vertices=posed.vertices[0], camera=shots.camera)
        for name, value in vars(lookup.look_up(body, surface, taken[0])).items():
            np.testing.assert_array_equal(found[name], value)
        for name, value in vars(anchor).items():
            np.testing.assert_array_equal(found[f"reference_{name}"], value)
        assert 0.05 < (found["label"] > 0).mean() < 0.9 and found["warp_mask"].any()


def test_windows_cover_each_run_and_move_within_what_it_has_to_spare():
    table = Table(Plan(), np.array([20, 7, 16]))
    windows, rng = table.windows(6), np.random.default_rng(0)
    starts = [{stored.chosen(windows, number, rng)[1].start for _ in range(100)} for number in range(len(windows))]
    assert starts == [{0, 1, 2}, {6, 7, 8}, {12, 13, 14}, {0, 1}, {0, 1, 2, 3, 4}, {6, 7, 8, 9, 10}]
    assert [stored.chosen(windows, number, rng)[0] for number in range(6)] == [0, 0, 0, 1, 2, 2]


def test_windows_of_runs_apart_are_frames_that_follow_each_other():
    windows, rng = Table(Plan(10, 5), np.array([40])).windows(4), np.random.default_rng(0)
    found = {stored.chosen(windows, number, rng)[1] for number in range(2) for _ in range(40)}
    assert found == {range(0, 4), range(1, 5), range(35, 39), range(36, 40)}


@pytest.mark.parametrize(
    ("window", "known", "far", "expected"),
    [
        (range(10, 14), range(40), 20, range(33, 40)),
        (range(20, 21), range(41), 20, [0, 40]),
        (range(4, 8), range(12), 20, [0, 11]),
        (range(2, 8), range(12), 20, [11]),
        (range(0, 8), range(8), 24, [0, 7]),
        (range(3, 4), [3], 24, [3]),
        (range(10, 14), range(16), 0, [*range(0, 11), *range(13, 16)]),
    ],
)
def test_references_are_far_or_as_far_as_there_are(window, known, far, expected):
    assert stored.far_from(window, np.array(known), far).tolist() == list(expected)


def test_every_far_frame_is_a_reference_as_often(data: DataSet, monkeypatch):
    made, seen = frame_windows(data, "train", Frames(SIZE, 1, far=8)), []
    monkeypatch.setattr(stored, "find", lambda chunks, clip, rows: seen.append(rows) or 1 / 0)
    rng = np.random.default_rng(0)
    for _ in range(600):
        with pytest.raises(ZeroDivisionError):
            made.sample(0, rng)
    length = int(made.windows.table.lengths[0])
    counts = np.bincount([rows[-1] for rows in seen], minlength=length)
    assert not counts[:8].any() and (np.abs(counts[8:] - 600 / (length - 8)) < 30).all() and counts[8:].all()


def test_every_record_is_read_once_and_only_what_is_used_is_decoded(data: DataSet, monkeypatch):
    made, read, decoded = frame_windows(data, "train", Frames(SIZE, 16, far=0)), [], Counter()

    def counting(what, function):
        return lambda *given: decoded.update([what]) or function(*given)

    record = Records.read
    monkeypatch.setattr(Records, "read", lambda self, number: read.append(number) or record(self, number))
    monkeypatch.setattr(stored.encoded, "decode", counting("pictures", stored.encoded.decode))
    monkeypatch.setattr(loading.blob, "decode", counting("G-buffers", loading.blob.decode))
    made.sample(0, np.random.default_rng(0))
    assert decoded == {"pictures": 18, "G-buffers": 17}, "16 frames, the reference, its matte"
    assert len(read) == len(set(read)) <= 4


def test_images_are_those_of_the_frames_and_nothing_else_is_decoded(data: DataSet, monkeypatch):
    monkeypatch.setattr(loading.blob, "decode", None)
    images = image_windows(data, "train", Images(SIZE, 4))
    found = images.sample(2, np.random.default_rng(3))
    assert {name: (each.shape, each.dtype) for name, each in found.items()} == {
        name: (each.shape, each.dtype) for name, each in images.spec.items()
    }
    monkeypatch.undo()
    frames = frame_windows(data, "train", Frames(SIZE, 4)).sample(2, np.random.default_rng(3))
    np.testing.assert_array_equal(found["frames"], frames["frames"])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"image": lambda number, values: [image[:-50] for image in values["image"]]}, "cannot be used: a picture in"),
        ({"image": lambda number, values: values["matte"]}, r"cannot be used: a picture is \(32, 32\)"),
        ({"gbuffer": lambda number, values: [each[:-1] for each in values["gbuffer"]]}, "a G-buffer blob is damaged"),
        ({"identity": lambda number, values: f"p{number}".encode()}, "and another of its clip show p"),
    ],
)
def test_what_is_whole_but_wrong_is_a_bad_sample(data: DataSet, change, what):
    made = frame_windows(data, "train", Frames(SIZE, 2, far=20))
    made = dataclasses.replace(made, chunks=tampered(made.chunks, change))
    with pytest.raises(BadExample, match=what):
        made.sample(0, np.random.default_rng(0))


def test_g_buffers_of_other_tables_are_refused(data: DataSet):
    other = dataclasses.replace(data, manifest=dataclasses.replace(data.manifest, gbuffers="00" * 8))
    with pytest.raises(UserError, match="are of the tables 0000000000000000"):
        frame_windows(other, "train", Frames(SIZE))


def test_windows_longer_than_any_run_are_refused(data: DataSet):
    with pytest.raises(UserError, match=f"no 100 frames of frames_{SIZE}/train"):
        frame_windows(data, "train", Frames(SIZE, 100))
    with pytest.raises(UserError, match="no 100 frames"):
        image_windows(data, "train", Images(SIZE, 100))

"""Samples of frames hold what the recipe made: pictures, and controls of exactly these G-buffers."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


class Moved(np.random.Generator):
    """Draws `drawn`, of -half to half."""

    def __init__(self, drawn: int, half: int):
        super().__init__(np.random.PCG64(0))
        self.drawn, self.half = drawn, half

    def integers(self, low: int, high: int) -> int:
        assert (low, high) == (-self.half, self.half + 1)
        return self.drawn


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


@pytest.mark.parametrize("remembered", [3, 1000])
def test_what_is_remembered_is_the_same(data: DataSet, remembered, monkeypatch):
    """And is not read again, as far as there is room."""
    plain, kept = (frame_windows(data, "train", Frames(SIZE, 2, remembered=most)) for most in (0, remembered))
    find, read = stored.find, []
    for again in range(2):
        monkeypatch.setattr(stored, "find", find)
        wanted = [plain.sample(number, np.random.default_rng(number)) for number in (0, len(plain) - 1)]
        monkeypatch.setattr(
            stored, "find", lambda chunks, clip, rows: read.append(len(rows)) or find(chunks, clip, rows)
        )
        found = [kept.sample(number, np.random.default_rng(number)) for number in (0, len(plain) - 1)]
        for one, other in zip(found, wanted, strict=True):
            assert one.keys() == other.keys()
            for name in one:
                np.testing.assert_array_equal(one[name], other[name], err_msg=f"{name}, {again}")
    # Each sample is of two frames and a reference; of three things there is room for the first one's.
    assert read == ([3, 3, 0, 3] if remembered == 3 else [3, 3, 0, 0])


def test_windows_lie_side_by_side_and_move_by_half_their_length():
    table = Table(Plan(), np.array([20, 7, 16]))
    windows, rng = table.windows(6), np.random.default_rng(0)
    starts = [{stored.chosen(windows, number, rng)[1].start for _ in range(200)} for number in range(len(windows))]
    expected = [range(0, 5), range(4, 11), range(10, 15), range(0, 2), range(0, 6), range(5, 11)]
    assert starts == [set(each) for each in expected]
    assert [stored.chosen(windows, number, rng)[0] for number in range(6)] == [0, 0, 0, 1, 2, 2]


@given(length=st.integers(1, 70), count=st.integers(1, 20), plan=st.sampled_from([Plan(), Plan(40, 13), Plan(21, 20)]))
def test_over_epochs_windows_begin_wherever_a_run_allows_and_stay_inside(length, count, plan):
    windows, found = Table(plan, np.array([length])).windows(count), set()
    for number in range(len(windows)):
        for drawn in range(-(count // 2), count // 2 + 1):
            clip, window = stored.chosen(windows, number, Moved(drawn, count // 2))
            assert clip == 0 and len(window) == count
            found.add(window)
    runs = [run for run in plan.runs(length) if len(run) >= count]
    assert found == {run[start : start + count] for run in runs for start in range(len(run) - count + 1)}


def test_clips_that_are_whole_numbers_of_windows_have_no_fixed_grid():
    windows, rng = Table(Plan(), np.array([240])).windows(16), np.random.default_rng(0)
    starts = {stored.chosen(windows, number, rng)[1].start for number in range(15) for _ in range(300)}
    assert len(windows) == 15 and starts == set(range(225))


def test_an_epoch_has_every_single_frame_once():
    windows, rng = Table(Plan(10, 4), np.array([40, 3])).windows(1), np.random.default_rng(0)
    found = [stored.chosen(windows, number, rng) for number in range(len(windows))]
    runs = [(clip, run) for clip, length in enumerate((40, 3)) for run in Plan(10, 4).runs(length)]
    assert found == [(clip, range(frame, frame + 1)) for clip, run in runs for frame in run]


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
        (range(0, 8), range(9), 24, [8]),
        (range(10, 14), range(16), 0, [*range(0, 10), 14, 15]),
        (range(10, 14), range(16), 1, [*range(0, 10), 14, 15]),
    ],
)
def test_references_are_far_or_as_far_as_there_are(window, known, far, expected):
    assert stored.far_from(window, np.array(known), far, "clip 2").tolist() == list(expected)


@pytest.mark.parametrize(("window", "known"), [(range(0, 8), range(8)), (range(3, 4), [3])])
def test_a_frame_of_the_window_is_never_its_reference(window, known):
    with pytest.raises(BadExample, match=rf"clip 2 has {len(known)} frames, none outside .* or ask for fewer"):
        stored.far_from(window, np.array(known), 24, "clip 2")


def test_a_clip_with_no_frame_to_spare_is_a_bad_sample(data: DataSet):
    made = frame_windows(data, "train", Frames(SIZE, 1))
    table = Table(Plan(1, 1), made.windows.table.lengths)
    made = dataclasses.replace(made, windows=table.windows(1))
    with pytest.raises(
        BadExample, match=f"clip 0 of frames_{SIZE}/train .* has 1 frames, none outside of a window of 1"
    ):
        made.sample(0, np.random.default_rng(0))


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
    monkeypatch.setattr(Records, "read", lambda self, number, parse: read.append(number) or record(self, number, parse))
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


@pytest.mark.parametrize(
    "make",
    [lambda: Frames(0), lambda: Frames(SIZE, 0), lambda: Frames(SIZE, far=-1), lambda: Images(0), lambda: Images(8, 0)],
)
def test_impossible_windows_are_refused(make):
    with pytest.raises(UserError, match="Give 1 or more for"):
        make()

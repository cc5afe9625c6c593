"""The paper's Table 3, small: pooling and verdicts by hand, keypoints as discs, what is shown, and what is kept."""

import copy
import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from pytest import approx

from benchmarks import resumable, video_clips, video_keypoints, video_measures, video_regression, video_rows
from benchmarks import video_table as table
from benchmarks.video_clips import Case
from benchmarks.video_keypoints import RADIUS, Keypoints
from benchmarks.video_rendered import Fitted, drawn, exact, rendered
from benchmarks.video_rows import COMPOSITE, DENSE, JOINTLY, KEYPOINTS, OURS, REFERENCE, ROWS, WARP, Setup
from configs import video_base_128
from data_pipelines.loaders import dataset, stored
from data_pipelines.loaders.frames import Frames, frame_windows
from tests.video.scenes import scene
from vlogger_jax import bundle, console, stages
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.bundle import Training
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.diffusion.mask import FrameMasks
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.metrics.regions import REGIONS
from vlogger_jax.video.conditions import Shown, whole
from vlogger_jax.video.masks import Given
from vlogger_jax.video.sample import Window

SAMPLE = Path(__file__).parents[1] / "data_pipelines" / "sample" / "mentor_synth"


@pytest.fixture(scope="module")
def body() -> smplx.BodyModel:
    return model_file.default()


@pytest.fixture(scope="module")
def keypoints(body) -> Keypoints:
    return Keypoints.of(body)


@pytest.fixture(scope="module")
def opened() -> dataset.DataSet:
    return dataset.open(SAMPLE)


@pytest.fixture(scope="module")
def clips(opened, keypoints) -> list[Case]:
    return video_clips.taken(opened, keypoints, Frames(64, 16), 4, 0, lambda done: None)


# What is measured.


def sums(**given: float) -> np.ndarray:
    return np.array([given.get(name, 1.0) for name in video_measures.SUMS])


def test_clips_are_pooled_before_they_become_decibels_and_ratios():
    clips = np.stack(
        [
            sums(squared=1.0, numbers=100.0, absolute=10.0, ssim=9.0, pixels=10.0, energy=1.0, true_energy=2.0),
            sums(squared=9.0, numbers=900.0, absolute=40.0, ssim=0.0, pixels=90.0, energy=5.0, true_energy=4.0),
        ]
    )
    found = video_measures.summary(clips)
    assert {name: each["value"] for name, each in found.items()} == approx(
        dict(psnr=20.0, l1=0.05, ssim=0.09, sharpness=1.0, flicker=1.0)
    )
    # Of two clips, a quarter of the resamples has one alone.
    assert (found["l1"]["low"], found["l1"]["high"]) == approx((40 / 900, 0.1))
    assert (found["psnr"]["low"], found["psnr"]["high"]) == approx((20, 20))


def test_the_interval_of_a_mean_is_as_wide_as_statistics_has_it():
    values = np.random.default_rng(1).normal(5, 2, 400)
    clips = np.stack([sums(absolute=value) for value in values])
    found = video_measures.summary(clips)["l1"]
    half = 1.96 * values.std() / 20
    assert (found["high"] - found["low"]) / 2 == approx(half, rel=0.1) and found["value"] == approx(values.mean())


def test_what_is_nowhere_has_no_number():
    found = video_measures.summary(np.zeros((3, len(video_measures.SUMS))))
    assert set(found) == set(video_measures.METRICS)
    assert all(each == dict(value=None, low=None, high=None) for each in found.values())


def test_regions_no_clip_has_in_some_frames_do_not_count():
    """Hands that are seen in no three frames have no flicker; nor does a clip of them change that of the others."""
    frames = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype(np.uint8)
    where = {name: np.ones((4, 16, 16), bool) for name in REGIONS} | {"hands": np.zeros((4, 16, 16), bool)}
    where["face"] = where["face"] * (np.arange(4) < 2)[:, None, None]
    found = video_measures.of_clip(frames, Case({}, frames // 2, where))
    assert np.isfinite(np.stack(list(found.values()))).all() and not found["hands"].any()
    column = dict(zip(video_measures.SUMS, found["face"], strict=True))
    assert column["flicker"] == column["true_flicker"] == 0 and column["pixels"] == 512 and column["numbers"] == 1536
    full = video_measures.summary(video_measures.table([found])["full"])
    assert full["flicker"]["value"] == approx(2, rel=0.02) and full["sharpness"]["value"] == approx(4, rel=0.04)


def test_gains_are_of_the_same_clips():
    """Clips differ by far more than the rows do, which a comparison of intervals would not tell apart."""
    theirs = np.exp(np.random.default_rng(0).normal(0, 2, 20))
    found = video_measures.gain(theirs / 10**0.05, theirs)
    assert (found["value"], found["low"], found["high"]) == approx((0.5, 0.5, 0.5))
    assert video_measures.said(found) == "reproduced"
    assert video_measures.said(video_measures.gain(theirs, theirs / 10**0.05)) == "not"
    better = video_measures.gain(theirs[::-1].copy(), theirs)
    assert better["low"] < 0 < better["high"] and video_measures.said(better) == "undecided"
    assert video_measures.said(video_measures.gain(np.zeros(3), np.zeros(3))) == "undecided"


def test_seams():
    assert video_measures.seams(16, 8, 0) == [8]
    assert video_measures.seams(16, 8, 2) == [8, 14]
    assert video_measures.seams(16, 8, 4) == [8, 12]
    truth = np.cumsum(np.ones((6, 4, 4, 3), np.uint8), axis=0).astype(np.uint8)
    jumping = truth + 2 * (np.arange(6) >= 3).astype(np.uint8)[:, None, None, None]
    found = video_measures.seam([truth, jumping], [truth, truth], 3, 0)
    assert (found["value"], found["low"], found["high"]) == approx((2, 1, 3))


# What is said of the rows.


def row(**squares: float) -> dict:
    """Kept squared errors of two clips, alike in all conditions."""
    errors = {name: [squares.get(name, 1.0)] * 2 for name in REGIONS}
    return {condition: {"squares": errors} for condition in video_clips.CONDITIONS}


def test_verdicts_are_of_the_rows_that_there_are():
    assert table.verdicts({}) == {"beats_composite": {}, "order": []}
    rows = {COMPOSITE.name: row(), OURS.name: row(face=10**-0.11, hands=10**-0.09, foreground=10**-0.21)}
    found = table.verdicts(rows)
    assert {name: each["met"] for name, each in found["beats_composite"]["exact"].items()} == {
        "face": True,
        "hands": False,
        "foreground": True,
    }
    assert found["beats_composite"]["noise"]["face"]["gain"]["value"] == approx(1.1) and found["order"] == []
    rows |= {KEYPOINTS.name: row(), DENSE.name: row(full=0.9), WARP.name: row(full=0.95), JOINTLY.name: row(full=0.8)}
    order = {(each["better"], each["worse"]): each for each in table.verdicts(rows)["order"]}
    said = {pair: each["said"]["exact"] for pair, each in order.items() if each["of_the_paper"]}
    assert said == {
        (DENSE.name, KEYPOINTS.name): "reproduced",
        (WARP.name, DENSE.name): "not",
        (OURS.name, JOINTLY.name): "not",
    }


def test_rows_have_other_names_and_the_named_ones_are_among_them():
    assert len({each.name for each in ROWS}) == len(ROWS) == 9
    assert {COMPOSITE, KEYPOINTS, DENSE, WARP, JOINTLY, OURS} <= set(ROWS)
    with pytest.raises(UserError, match="no row 'sparse'"):
        table._named("sparse")


def test_other_settings_are_refused(tmp_path):
    out, asked = tmp_path / "table.json", {"steps": 3, "configs": {"dense": [{"train": {"seed": 0}}]}}
    resumable.refuse_others(out, resumable.read(out), asked)
    resumable.write(out, "python", {"settings": asked, "rows": {"dense": row()}})
    before = resumable.read(out)
    assert before["rows"]["dense"] == row() and "jax" in before["versions"]
    resumable.refuse_others(out, before, copy.deepcopy(asked))
    with pytest.raises(UserError, match="rows with steps = 3, not 4"):
        resumable.refuse_others(out, before, asked | {"steps": 4})
    with pytest.raises(UserError, match=r"rows with configs.dense"):
        resumable.refuse_others(out, before, asked | {"configs": {"dense": [{"train": {"seed": 1}}]}})
    with pytest.raises(UserError, match="rows with tested = None, not 2"):
        resumable.refuse_others(out, before, asked | {"tested": 2})
    resumable.refuse_others(out, before | {"rows": {}}, {"steps": 9})
    for text, said in (("{", "cannot be read"), ("[]", "no result"), ('{"rows": {}}', "no result")):
        out.write_text(text)
        with pytest.raises(UserError, match=said):
            resumable.read(out)


# Keypoints.


def test_discs_by_hand(keypoints):
    """One point in the middle of a pixel shows in it and in no other, if discs are smaller than pixels."""
    k, size = len(keypoints.joints), 8
    seen = np.zeros((1, 2, k, 3), np.float32)
    seen[0, 0, 5] = (2.5 / size, 6.5 / size, 1)
    seen[0, 1, 7] = (7.5 / size, 0.5 / size, 1)
    seen[0, 1, 9] = (7.4 / size, 0.5 / size, 1)  # beside the other, and not the nearest
    dense, label = (np.asarray(each) for each in video_keypoints.discs(keypoints, seen, size))
    assert dense.dtype == np.uint16 and label.dtype == np.uint8 and dense.shape == (1, 2, size, size, 3)
    assert np.argwhere(label[0, 0]).tolist() == [[6, 2]] and np.argwhere(label[0, 1]).tolist() == [[0, 7]]
    assert label[0, 0, 6, 2] == keypoints.label[5] and label[0, 1, 0, 7] == keypoints.label[7]
    np.testing.assert_array_equal(dense[0, 0, 6, 2], keypoints.dense[5])
    assert not dense[label == 0].any()


def test_discs_are_as_large_as_is_said(keypoints):
    seen = np.zeros((len(keypoints.joints), 3), np.float32)
    seen[3] = (0.5, 0.5, 1)
    label = np.asarray(video_keypoints.discs(keypoints, seen, 512)[1])
    assert (label > 0).sum() == approx(np.pi * (512 * RADIUS) ** 2, rel=0.02)


def test_points_are_where_the_camera_sees_them(body, keypoints):
    """At the rest pose 2 m ahead; a point beyond the picture is not seen, and nor is one behind the camera."""
    motion = smplx.rest_motion(body, 2)
    motion.transl[:] = [(0, 0, -2), (0, 0, 2)]
    camera = cameras.from_focal(100, (64, 64))
    found = keypoints.seen(motion, camera)
    joints = smplx.pose(body, motion).joints[0, keypoints.joints]
    wanted = np.stack([100 * joints[:, 0], -100 * joints[:, 1]], axis=-1) / -joints[:, 2:] / 64 + 0.5
    inside = ((wanted >= 0) & (wanted <= 1)).all(axis=-1)
    np.testing.assert_array_equal(found[0, :, 2], inside)
    np.testing.assert_allclose(found[0, inside, :2], wanted[inside], atol=1e-4)
    assert 10 < inside.sum() < len(inside) and not found[0, ~inside].any() and not found[1].any()


def test_points_are_coloured_as_the_dense_body_is_there(clips, keypoints):
    """Near a point of the face the G-buffer shows places on the body near that of the point, and the same label."""
    sample = clips[0].samples["exact"]
    dense, label = (np.asarray(each) for each in video_keypoints.discs(keypoints, sample["keypoints"], 64))
    both = (label > 0) & (sample["label"] > 0) & np.isin(label, [names.LABELS.index("face skin")])
    apart = np.linalg.norm(dense[both].astype(float) - sample["dense"][both], axis=-1) / 32767.5
    assert both.sum() > 100 and np.median(apart) < 0.03
    lips = names.LABELS.index("lips")
    there, elsewhere = ((sample["label"][where] == lips).mean() for where in (label == lips, both))
    assert there > 0.4 and elsewhere < 0.05
    assert set(np.unique(label)) - {0} <= set(keypoints.label)


def test_the_scene_of_keypoints_shows_discs_alone(clips, keypoints):
    sample = clips[0].samples["exact"]
    scene = video_keypoints.scenes(keypoints)(video_clips.batch(sample))
    assert (
        scene.controls.label.shape == (1, 16, 64, 64) and (np.asarray(scene.controls.label) > 0).any(axis=(2, 3)).all()
    )
    assert 0 < (np.asarray(scene.reference_label) > 0).sum() < (sample["reference_label"] > 0).sum()
    for name in ("warp_uv", "warp_mask", "warp", "composite", "matte"):
        assert not np.asarray(getattr(scene.controls, name)).any()


# What is shown.


@pytest.mark.parametrize("number", [0, 1, 2])
def test_what_a_sample_takes_is_told(opened, number):
    windows = frame_windows(opened, "train", Frames(64, 8))
    sample = windows.sample(number, np.random.default_rng([3, number]))
    clip, window, reference = drawn(windows, number, np.random.default_rng([3, number]))
    rows = stored.find(windows.chunks, clip, [*window, reference])
    pictures = stored.pictures(rows, 64)
    np.testing.assert_array_equal(sample["frames"], pictures[:-1])
    np.testing.assert_array_equal(sample["reference"], pictures[-1])


def test_true_motion_is_what_test_records_hold(opened):
    """There, rendering the truth changes nothing; of the training split, whose records are as fits, it does."""
    for split in ("test", "train"):
        windows = frame_windows(opened, split, Frames(64, 8))
        true = rendered(opened, split, windows, exact)
        different, exact_records = [], []
        for number in range(len(windows)):
            one, other = (each.sample(number, np.random.default_rng(number)) for each in (windows, true))
            np.testing.assert_array_equal(one["frames"], other["frames"])
            different.append(bool((one["label"] != other["label"]).any()))
            clip = drawn(windows, number, np.random.default_rng(number)).clip
            exact_records.append(windows.chunks[int(windows.chunks.table.first_chunk[clip])].exact)
        assert different == [not each for each in exact_records] and any(exact_records) == (split == "test")


def test_noise_is_one_error_a_clip_and_moves_controls_alone(opened, clips, body):
    sample, noisy = (clips[0].samples[name] for name in ("exact", "noise"))
    for name in ("frames", "reference"):
        np.testing.assert_array_equal(sample[name], noisy[name])
    for name in ("dense", "label", "warp_uv", "reference_dense", "reference_matte", "keypoints"):
        assert (sample[name] != noisy[name]).any(), name
    moved = np.abs(sample["keypoints"] - noisy["keypoints"])[..., :2]
    both = (sample["keypoints"][..., 2] * noisy["keypoints"][..., 2]) > 0
    assert 0.001 < np.median(moved[both]) < 0.05
    clip, see = opened.clips("test")[0], Fitted.of(body, 0)
    np.testing.assert_array_equal(see(clip).motion.transl, see(clip).motion.transl)
    assert not see(clip).exact and (see(clip).motion.transl != Fitted.of(body, 1)(clip).motion.transl).any()


def test_what_records_are_rendered_from_does_not_depend_on_who_asks(opened, body):
    windows = frame_windows(opened, "test", Frames(64, 8))
    one, other = (rendered(opened, "test", windows, Fitted.of(body, 0)).chunks for _ in range(2))
    other[0]
    assert one[1].gbuffer == other[1].gbuffer and one[1].matte == other[1].matte and one[1] is one[1]


# Regression.


def test_regression_answers_at_once_and_keeps_what_is_known():
    """A network that predicts v says -x_0 where there is nothing but noise."""
    recipe = Recipe.of(dict(schedule="linear", prediction="v", steps=2), conditions=1)
    shown, said = Shown(steering=("composite",)), {}

    class Still:
        def __call__(self, params, x, t, conditions, level, *, memory=(), scale=1.0, keys=None):
            said.update(x=x, t=t, memory=memory)
            return -params["x0"] * np.ones((1, 2, 4, 4, 3), np.float32)

        def remember(self, params, reference):
            said.update(reference=reference)
            return "the reference, looked at"

    network = Still()

    given = np.zeros((1, 2, 4, 4), bool)
    given[:, 0] = True
    window = Window(scene(1, 2, 4), np.full((1, 2, 4, 4, 3), 0.25, np.float32), given)
    made = np.asarray(
        video_regression.make_window(network, recipe, shown)(
            {"x0": np.float32(0.5)}, window, Draw.of(jax.random.key(0), 1)
        )
    )
    assert (made[:, 0] == 0.25).all() and (made[:, 1] == 0.5).all()
    assert not np.asarray(said["x"]).any() and (np.asarray(said["t"]) == 1).all()
    assert said["memory"] == "the reference, looked at" and said["reference"].shape == (1, 4, 4, 3)

    # The first frame is known, which does not count even where it is not shown; it would cost 1.5^2.
    frames = np.full((1, 2, 4, 4, 3), 255, np.uint8)
    frames[:, 0] = 0
    recipe = dataclasses.replace(recipe, masks=FrameMasks(none=0, first=1, ends=0, random=0))
    given = Given(boxes=0.0, hidden=0.9, patch=1)
    loss = video_regression.loss(network, recipe, shown, given, whole(lambda batch: scene(1, 2, 4)), stages.REGIONS)
    losses, _ = loss({"x0": np.float32(0.5)}, {}, {"frames": frames}, Draw.of(jax.random.key(0), 1))
    assert np.asarray(losses) == approx([0.25])
    noise = Recipe.of(dict(schedule="linear", prediction="eps", steps=2), conditions=1)
    with pytest.raises(UserError, match="predicts noise"):
        video_regression.loss(network, noise, shown, Given(), whole(lambda batch: scene(1, 2, 4)), stages.REGIONS)


# End to end.


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """Of 64 pixels, since those of the packaged records are; its features are of 16."""
    config = video_base_128.get_config("size=tiny")
    config.model.update(channels=8, multipliers=(1,), attention=(), patch=4, groups=4, heads=dict(channels=8))
    stage, folder = stages.build(config), tmp_path_factory.mktemp("base")
    training = Training(config=json.loads(json.dumps(config.to_dict())), step=1, seed=0)
    rng = np.random.default_rng(0)
    # None of them 0, as what a fresh network says is.
    stirred = jax.tree.map(lambda leaf: leaf + 0.03 * rng.standard_normal(leaf.shape), stage.init(jax.random.key(0)))
    bundle.save(folder, "video_base", stirred, training)
    return folder


def setup_of(opened, base, workdir, keypoints, steps=3) -> Setup:
    return Setup(
        data=opened,
        base=bundle.load(base),
        workdir=workdir,
        steps=steps,
        seed=0,
        keypoints=keypoints,
        begin=lambda name: lambda done: None,
    )


def test_stages_of_a_training_see_as_many_frames_in_all(opened, base, keypoints, tmp_path):
    setup = setup_of(opened, base, tmp_path, keypoints, steps=100)
    seen = {}
    for arm in ROWS[2:]:
        configs = arm.configs(setup)
        seen[arm.name] = sum(each.train.steps * each.train.batch * each.data.frames for each in configs)
        assert [each.model.base.channels for each in configs] == [8] * len(configs)
        assert all(each.optim.steps == each.train.steps for each in configs)
    assert set(seen.values()) == {100 * 32}
    assert [each.stage for each in OURS.configs(setup)] == ["video_control", "video_temporal"]
    assert REFERENCE.configs(setup) == []


def test_the_rows_that_need_no_training(opened, base, keypoints, tmp_path, clips):
    setup, sample = setup_of(opened, base, tmp_path, keypoints), clips[0].samples["exact"]
    still = REFERENCE.make(setup)(sample)
    assert still.shape == (16, 64, 64, 3) and (still == sample["reference"]).all()
    pasted = COMPOSITE.make(setup)(sample)
    psnr = {
        name: video_measures.psnr(video_measures.of_clip(frames, clips[0])["full"])
        for name, frames in {"still": still, "pasted": pasted}.items()
    }
    assert psnr["pasted"] > psnr["still"] + 1 > 10


@pytest.mark.slow
def test_two_rows_are_trained_measured_and_kept(base, tmp_path, monkeypatch):
    monkeypatch.setattr(console, "keep_compiled", lambda: None)
    out, work = tmp_path / "table.json", tmp_path / "work"

    def run(*rows, steps=2):
        table.run(rows, SAMPLE, base, work, out, steps, tested=1, seed=0)
        return json.loads(out.read_text())

    one = run(KEYPOINTS)
    assert list(one["rows"]) == [KEYPOINTS.name] and one["clips"] == 1 and not one["overlaps"]
    found = run(COMPOSITE, OURS, KEYPOINTS)
    assert list(found["rows"]) == [COMPOSITE.name, KEYPOINTS.name, OURS.name]
    assert found["rows"][KEYPOINTS.name] == one["rows"][KEYPOINTS.name]
    assert set(found["overlaps"]) == {"0", "0.25", "0.5"} and set(found["beats_composite"]) == {"exact", "noise"}
    for each in found["rows"].values():
        for condition in video_clips.CONDITIONS:
            assert each[condition]["full"]["psnr"]["value"] > 5
    assert found["overlaps"]["0.5"]["psnr"]["value"] == approx(
        found["rows"][OURS.name]["exact"]["full"]["psnr"]["value"], abs=1e-4
    )
    assert "/" not in json.dumps(found["settings"]["configs"]).replace("data/mentor_synth", "").replace("control/", "")

    def refuse(*given):
        raise AssertionError("what is kept is not trained again")

    monkeypatch.setattr(video_rows.video_training, "trained", refuse)
    out.unlink()
    again = run(COMPOSITE, OURS, KEYPOINTS)
    assert again["rows"] == found["rows"] and again["overlaps"] == found["overlaps"]
    with pytest.raises(UserError, match="rows with"):
        run(DENSE, steps=3)
    out.unlink()
    with pytest.raises(UserError, match="trained with other settings"):
        run(OURS, steps=4)


@pytest.mark.slow
def test_regression_and_exact_controls_are_trained(opened, base, keypoints, tmp_path, clips):
    setup = setup_of(opened, base, tmp_path, keypoints, steps=2)
    for arm in (ROWS[2], dataclasses.replace(ROWS[-1], parts=video_rows.JOINT)):
        learned = arm.learned(setup)
        fresh = setup.base.params("video_base", video_rows._init_shapes(setup.base, "video_base")).trainable
        same = jax.tree.map(lambda a, b: bool((np.asarray(a) == np.asarray(b)).all()), learned.frozen["base"], fresh)
        assert all(jax.tree.leaves(same))
        made = arm.maker(learned, setup, 0.5)(clips[0].samples["exact"])
        assert made.shape == (16, 64, 64, 3) and made.std() > 0

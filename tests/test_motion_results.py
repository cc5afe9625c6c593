"""What M is worth, as recorded in docs/results/motion.json, and the arithmetic of that table."""

import dataclasses
import json
import math

import numpy as np
import pytest

from benchmarks import motion, motion_baselines, motion_metrics, motion_reference
from benchmarks.motion_baselines import Example
from vlogger_jax import bundle, moving
from vlogger_jax.audio.hearing import LogMel
from vlogger_jax.body import model_file, smplx
from vlogger_jax.metrics import posed
from vlogger_jax.motion.model import Model, Section
from vlogger_jax.motion.network import Size

ASKED = {
    "lip error over that of mean pose": (None, 0.5),
    "lip error over that of ridge, upper end": (None, 1.0),
    "lip error over that of nearest clip, upper end": (None, 1.0),
    "lip error over that of nearest second, upper end": (None, 1.0),
    "aperture_correlation": (0.8, None),
    "bilabials_closed": (0.8, None),
    "rest_without_speech": (0.95, None),
    "expression_std": (0.75, 1.25),
    "head_std": (0.75, 1.25),
    "hands_std": (0.75, 1.25),
    "face_jerk": (0.7, 1.3),
    "body_jerk": (0.7, 1.3),
    "deviation, mm more after 4 s than after 1 s, lower end": (0.0, None),
    "raised hands beyond_joint_limits": (None, 0.01),
    "raised hands too_far": (None, 0.01),
}


@pytest.fixture(scope="module")
def recorded() -> dict:
    if not motion.RESULTS.exists():
        pytest.skip("M has not been measured yet: python -m benchmarks.motion")
    return json.loads(motion.RESULTS.read_text())


@pytest.fixture(scope="module")
def body() -> smplx.BodyModel:
    return model_file.default()


def value(recorded: dict, row: str, metric: str) -> float:
    return recorded["rows"][row][metric]["value"]


def test_what_is_recorded_is_of_the_packaged_model(recorded):
    packaged = bundle.load(bundle.packaged()).stages[moving.STAGE]
    assert recorded["bundle"]["sha256"] == packaged.sha256
    assert recorded["bundle"]["step"] == packaged.training.step
    assert recorded["clips"] == 100


@pytest.mark.parametrize("what", ASKED)
def test_a_limit_is_met_or_said_to_be_missed(what, recorded):
    (found,) = [each for each in recorded["limits"] if each["what"] == what]
    low, high = ASKED[what]
    assert (found["low"], found["high"]) == (low, high)
    met = (
        found["value"] is not None
        and (low is None or found["value"] >= low)
        and (high is None or found["value"] <= high)
    )
    assert met == found["met"] == (what not in recorded["missed"])


def test_limits_are_of_the_table(recorded):
    assert motion.limits(recorded) == recorded["limits"]
    assert {each["what"] for each in recorded["limits"]} == set(ASKED) >= set(recorded["missed"])


@pytest.mark.parametrize("metric", motion.METRICS)
def test_values_lie_in_their_intervals(metric, recorded):
    for name, row in recorded["rows"].items():
        found = row[metric]
        assert found["low"] <= found["value"] <= found["high"], name


def test_the_truth_is_the_truth(recorded):
    assert value(recorded, "truth", "lip_vertex_error_mm") == 0
    for metric in ("aperture_correlation", "aperture_gain", "expression_std", "hands_std", "face_jerk", "body_jerk"):
        assert value(recorded, "truth", metric) == pytest.approx(1, abs=1e-3)
    assert value(recorded, "truth", "bilabials_closed") > 0.97
    assert value(recorded, "truth", "rest_without_speech") > 0.97


def test_metrics_tell_the_sound_from_another(recorded):
    """What another sound gives is no better than chance; who acts the same sound anew agrees with the truth."""
    for chance in ("random clip", "shifted audio"):
        assert abs(value(recorded, chance, "aperture_correlation")) < 0.3
        assert value(recorded, chance, "lip_vertex_error_mm") > value(
            recorded, "second performance", "lip_vertex_error_mm"
        )
    assert value(recorded, "second performance", "aperture_correlation") > 0.9


def test_people_blink(recorded):
    """What is likeliest never does."""
    truth, ours, still = (value(recorded, row, "blinks_per_minute") for row in ("truth", "ours", "mean pose"))
    assert still == 0 and 10 < truth < 30
    assert 0.5 * truth < ours < 2 * truth
    assert value(recorded, "ours", "upper_face_std") > 0.6


def test_hands_that_are_raised_twice_would_be_seen(recorded):
    hands = recorded["raised_hands"]
    assert hands["clips"] >= 10
    twice = hands["shares"]["raised twice"]
    assert twice["beyond_joint_limits"]["value"] > 0.9 and twice["too_far"]["value"] > 0.3
    assert all(each["value"] == 0 for each in hands["shares"]["truth"].values())


def test_sums():
    found = motion_metrics.summed([(1.0, 2.0), (3.0, 2.0), (0, 0), motion_metrics.one(math.nan)])
    assert found["value"] == 1
    assert found["low"] == 0.5
    assert found["high"] == 1.5
    assert motion_metrics.summed([(0.0, 0.0)] * 3) is motion_metrics.summed([]) is None
    assert motion_metrics.summed([(3.0, 4.0)]) == {"value": 0.75}


def test_an_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        found = motion_metrics.summed(map(motion_metrics.one, rng.normal(size=40)))
        covered += found["low"] <= 0 <= found["high"]
    assert 51 <= covered <= 60


def test_distances_are_of_windows_and_of_their_latents():
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(7, 32, 4)) for _ in range(12)]
    moved = [clip + 1 for clip in clips]
    found = motion_metrics.distances(moved, clips, lambda windows: windows[:, 0])
    assert found["fgd"]["value"] == pytest.approx(4)  # four numbers, each 1 farther
    assert found["fgd"]["high"] - found["fgd"]["low"] < 1e-6  # whichever clips are left out
    assert found["fgd_raw"]["value"] == pytest.approx(4 * 32)


def test_the_interval_of_a_distance_is_a_jackknife_over_tenths():
    rng = np.random.default_rng(1)
    clips, still = [rng.normal(3, 1, (5, 32, 1)) for _ in range(20)], [np.zeros((5, 32, 1))] * 20
    found = motion_metrics.distances(clips, still, lambda windows: windows[:, 0])["fgd"]
    kept = [np.concatenate([clip[:, 0] for number, clip in enumerate(clips) if number % 10 != i]) for i in range(10)]
    without = [
        (each**2).mean() + each.var() / (len(each) - 1) for each in kept
    ]  # from 0: the mean's square, and variance
    half = 1.96 * np.sqrt(9 / 10 * np.square(without - np.mean(without)).sum())
    assert (found["high"] - found["low"]) / 2 == pytest.approx(half, rel=1e-3)


def test_lips_are_those_of_the_metric(body):
    rng = np.random.default_rng(0)
    still = smplx.rest_motion(body, 32 + 8)
    expression = rng.uniform(0, 0.3, still.expression.shape).astype(np.float32)
    moving_face = dataclasses.replace(still, expression=expression, body_pose=still.body_pose + np.float32(0.1))
    seen = motion_metrics.look(body, moving_face)
    np.testing.assert_allclose(seen.lips, posed.lip_vertices(body, moving_face), atol=1e-6)
    assert seen.moves["head_std"] == pytest.approx(0, abs=1e-6)
    assert seen.moves["body_jerk"] < 0.1 * seen.moves["face_jerk"]
    assert len(seen.windows) == 1


def examples(rng: np.random.Generator, count: int, weight: np.ndarray | None = None) -> list[Example]:
    """Of 30 frames with two columns of three numbers; packed motion is noise, or linear in sound and face."""
    found = []
    for _ in range(count):
        heard = rng.uniform(size=(30, 2, 3)).astype(np.float32)
        flat = np.pad(heard.reshape(30, 6), ((motion_baselines.BACK, motion_baselines.AHEAD), (0, 0)))
        farthest = flat[:30] + flat[-30:]
        packed = rng.normal(size=(30, 4)) if weight is None else 0.5 + farthest @ weight
        face = rng.normal(size=2).astype(np.float32)
        packed[:, 0] += 0.0 if weight is None else face[1]
        found.append(Example(heard, face, packed.astype(np.float32), 0.0))
    return found


def test_ridge_finds_what_is_linear_and_shrinks_what_is_not():
    rng = np.random.default_rng(0)
    known = examples(rng, 20, rng.normal(size=(6, 4)))
    ridge = motion_baselines.Ridge(known[:16], known[16:18])
    assert ridge.chosen.max() <= 1e-4
    np.testing.assert_allclose(ridge(known[19].heard, known[19].face), known[19].packed, atol=1e-3)
    noise = motion_baselines.Ridge(examples(rng, 16), examples(rng, 8))
    assert np.median(noise.chosen) >= 1
    assert np.abs(noise(known[0].heard, known[0].face)).mean() < 0.2  # 0, its mean, but for noise


@pytest.mark.parametrize("length", [None, 8])
def test_nearest_finds_what_it_knows(length):
    rng = np.random.default_rng(0)
    known = examples(rng, 5)
    reports = []
    found = motion_baselines.nearest(known, [known[3].heard, known[1].heard], length, reports.append)
    np.testing.assert_array_equal(found[0], known[3].packed)
    np.testing.assert_array_equal(found[1], known[1].packed)
    assert reports[-1] == 1


def test_nearest_pieces_may_begin_anywhere():
    known = examples(np.random.default_rng(0), 3)
    cut = np.concatenate([known[2].heard[5:15], known[0].heard[11:21], known[1].heard[20:30]])
    (found,) = motion_baselines.nearest(known, [cut], 10, lambda done: None)
    wanted = np.concatenate([known[2].packed[5:15], known[0].packed[11:21], known[1].packed[20:30]])
    np.testing.assert_array_equal(found, wanted)


def test_arms_that_are_turned_twice_are_too_far(body):
    """A forearm that is raised by 90 degrees is at 180 when that is done once more."""
    still = smplx.rest_motion(body, 2)
    pose = still.body_pose.copy()
    for row, sign in zip(motion_baselines.ELBOWS, (-1, 1), strict=True):
        pose[:, row, 1] = sign * math.pi / 2
    raised = dataclasses.replace(still, body_pose=pose)
    again = motion_reference.twice(raised, smplx.frames_of(raised, np.array([0])))
    assert np.degrees(motion_baselines.bends(raised)) == pytest.approx(90, abs=0.01)
    assert np.degrees(motion_baselines.bends(again)) == pytest.approx(180, abs=0.1)
    assert not motion_reference.too_far(body, raised, math.radians(120)).any()
    assert motion_reference.too_far(body, again, math.radians(120)).all()


def test_wrists_above_the_eyes_are_too_far(body):
    still = smplx.rest_motion(body, 1)
    pose = still.body_pose.copy()
    pose[:, 15, 2] = 1.2  # the left arm, from sideways to upwards
    up = dataclasses.replace(still, body_pose=pose)
    assert motion_reference.too_far(body, up, math.pi).tolist() == [True]
    assert motion_reference.too_far(body, still, math.pi).tolist() == [False]


def test_a_blind_model_is_shown_nothing(body):
    section = Section(size=Size(width=8, heads=2, listener=8), body=body.name, betas=57, expressions=52)
    rng = np.random.default_rng(0)
    still = smplx.rest_motion(body, 1)
    turned = dataclasses.replace(still, body_pose=rng.normal(size=(1, 21, 3)).astype(np.float32))
    batched = dataclasses.replace(
        turned, **{name: array[None] for name, array in vars(turned).items() if name not in ("fps", "body")}
    )
    asked = batched, np.ones((1, 3), np.float32), np.ones((1, 3), bool)
    told, has = Model(section, LogMel()).shown(*asked)
    assert np.abs(told).max() > 0
    assert np.asarray(has).tolist() == [[1, 1, 1]]
    told, has = motion_reference.Blind(section, LogMel()).shown(*asked)
    assert not np.any(told)
    assert not np.any(has)

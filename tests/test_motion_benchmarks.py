"""The arithmetic behind what is told of the motion network, where the answer is known beforehand."""

import contextlib
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pytest import approx

from benchmarks import motion, motion_metrics, motion_people, motion_speech
from benchmarks import motion_ablation as ablation
from benchmarks import motion_reference as references
from benchmarks.motion_baselines import ELBOWS, Case
from configs.motion import get_config
from launch import settings
from tests.data import small
from vlogger_jax.audio.hearing import LogMel
from vlogger_jax.audio.mel import RATE
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.metrics import beats, posed
from vlogger_jax.metrics.aperture import aperture
from vlogger_jax.motion.model import FIELDS, Model, Section
from vlogger_jax.motion.network import Size
from vlogger_jax.motion.packing import BODY, PARTS

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data_pipelines" / "sample" / "mentor_synth"
AT_REST = {name: 0.5 + i / 100 for i, name in enumerate(PARTS)}


@pytest.fixture(scope="module")
def body() -> smplx.BodyModel:
    return model_file.default()


def test_clips_without_a_middle_are_refused_before_anything_is_made(tmp_path):
    """The packaged ones are 96 frames: two ends of 2 s, and nothing between."""
    with pytest.raises(UserError, match=r"96 frames \(4 s\)\. .* 97 frames or more"):
        motion.main(SAMPLE, clips=2, out=tmp_path / "motion.json")


@pytest.mark.parametrize(
    ("test", "train", "said"),
    [
        ((97, 97), (97,), None),
        ((240, 240), (240, 300), None),
        ((240, 96), (240,), "96 frames"),
        ((240,), (240,), "1 test"),
        ((240, 240), (), "0 training"),
        ((240, 200), (240,), "200 to 240"),
        ((240, 240), (240, 200), "training clips of 200"),
    ],
)
def test_clips_that_can_be_measured(test, train, said):
    lengths = {"test": np.array(test, np.int64), "train": np.array(train, np.int64)}
    opened = SimpleNamespace(
        manifest=SimpleNamespace(fps=24.0), clips=lambda split: SimpleNamespace(lengths=lengths[split])
    )
    with pytest.raises(UserError, match=said) if said else contextlib.nullcontext():
        motion._check(SAMPLE, opened)


def test_what_is_of_one_clip_meets_no_limit_of_an_interval():
    value = {"value": 1.0, "low": 0.5, "high": 0.9}
    names = [*motion.LEAST, *(f"{part}_std" for part in ("expression", "head", "hands")), "face_jerk", "body_jerk"]

    def found(other: dict) -> dict:
        return {
            "lip_error_over": {"mean pose": value, **dict.fromkeys(motion.BETTER, other)},
            "rows": {"ours": dict.fromkeys(names, value)},
            "start_from_reference": {"from_1_to_4_s": other},
            "raised_hands": {"shares": {references.TOLD: {"too_far": None}}},
        }

    met = {each["what"]: each["met"] for each in motion.limits(found(value))}
    alone = {each["what"]: each["met"] for each in motion.limits(found({"value": 1.0}))}
    changed = {what for what in met if met[what] != alone[what]}
    assert len(changed) == 1 + len(motion.BETTER) and all("end" in what and met[what] for what in changed)


def talking(body: smplx.BodyModel, opening: np.ndarray, fps: float = 24.0) -> Motion:
    """A jaw that is opened by so much, 0 to 1, in every frame."""
    still = smplx.rest_motion(body, len(opening), fps)
    expression = still.expression.copy()
    expression[:, names.EXPRESSIONS.index("jawOpen")] = opening
    return replace(still, expression=expression, jaw_pose=smplx.arkit_jaw_pose(body, expression))


def held(motion: Motion, samples: int, frames: int) -> Motion:
    """One frame, as samples [samples, frames] that stay as they are."""
    fields = {name: np.repeat(getattr(motion, name)[None].repeat(samples, 0), frames, 1) for name in FIELDS}
    return Motion(betas=np.tile(motion.betas, (samples, 1)), **fields, fps=motion.fps, body=motion.body)


def flat(config) -> dict[str, object]:
    """Values of a config by their names."""
    found = {}
    for name, value in config.items():
        inner = flat(value) if hasattr(value, "items") else {"": value}
        found |= {f"{name}.{key}".rstrip("."): each for key, each in inner.items()}
    return found


def test_the_full_arm_is_the_config_shorter_and_without_averages():
    changes = {"train.seed": 3, "train.steps": 50, "optim.steps": 50, "optim.warmup": 5, "train.ema": 0.98}
    changes |= {"train.batch": 16, "data.frames": 64, "data.shortest": 64, "model.upper_face": None}
    changes |= {"diffusion.grid": "uniform_time"}
    changes |= {f"model.averaged.{part}": 0.0 for part in PARTS} | {f"model.temperature.{part}": 1.0 for part in PARTS}
    assert flat(ablation.config_of("full", 3, 50, AT_REST)) == flat(get_config("size=tiny")) | changes


@pytest.mark.parametrize(
    ("arm", "changes"),
    [
        ("no guidance", {"diffusion.scales": (1.0,)}),
        ("no temporal loss", {f"model.smooths.{part}": 0.0 for part in PARTS}),
        ("no residual", {"model.relative_to": "rest", **{f"model.deviations.{part}": AT_REST[part] for part in BODY}}),
    ],
)
def test_an_arm_changes_what_it_is_named_after(arm, changes):
    full = flat(ablation.config_of("full", 3, 50, AT_REST))
    assert flat(ablation.config_of(arm, 3, 50, AT_REST)) == full | changes
    assert all(full[name] != value for name, value in changes.items())


def test_intervals_of_ablations_are_students():
    values = {"full/0": 1.0, "full/1": 2.0, "full/2": 3.0, "no guidance/0": 70.0, "no guidance/1": 80.0}
    rows = {key: {"jerk_mm": value, "mesh_mm": 10 * value} for key, value in values.items()}
    half = 4.302653 / math.sqrt(3)
    assert ablation.interval(rows, "full", "jerk_mm") == approx((2 - half, 2 + half))
    assert ablation.interval(rows, "full", "mesh_mm") == approx((20 - 10 * half, 20 + 10 * half))
    assert ablation.interval(rows, "no guidance", "jerk_mm") == approx((75 - 5 * 12.706205, 75 + 5 * 12.706205))


@pytest.mark.parametrize(("offset", "more", "less"), [(4.98, "holds", "reversed"), (-4.98, "reversed", "holds")])
def test_verdicts_are_of_intervals_that_do_not_meet(offset, more, less):
    """Three seeds that are 1 apart have intervals of 2.484 either way."""

    def beside(offset: float) -> dict[str, dict[str, float]]:
        keys = [(arm, seed, offset if arm != "full" else 0.0) for arm in ablation.ARMS for seed in range(3)]
        return {f"{arm}/{seed}": dict.fromkeys(ablation.METRICS, seed + by) for arm, seed, by in keys}

    every = dict.fromkeys(ablation.METRICS, more)
    wanted = {"no residual": every, "no temporal loss": every, "no guidance": every | {"jerk_mm": less}}
    assert ablation.verdicts(beside(offset)) == wanted
    undecided = dict.fromkeys(wanted, dict.fromkeys(ablation.METRICS, "undecided"))
    assert ablation.verdicts(beside(offset * 4.96 / 4.98)) == undecided


WORDS = (("b", 1, 1.25), ("a", 1.25, 2), ("m", 2, 2.25), ("a", 2.25, 4), ("p", 4, 4.25), ("a", 4.25, 5))
VOWELS = np.r_[30:48, 54:96, 102:120]
"""Their frames, of `FRAMES`, in which the jaw is opened by `WIDE`."""

FRAMES, WIDE = 144, 0.6
DIPS = np.array([2.5, 3.5])
"""Seconds at which a back that leans forward from second 2 on is slowest."""


@pytest.fixture(scope="module")
def clip(body) -> Case:
    """Closed lips but for three vowels."""
    opening, since = np.zeros(FRAMES), np.maximum(np.arange(FRAMES) / 24 - 2, 0)
    opening[VOWELS] = WIDE
    motion = talking(body, opening)
    motion.body_pose[:, 2, 0] = 0.1 * (since + 0.7 * np.sin(2 * np.pi * since) / (2 * np.pi))
    motion.body_pose[:, 14, 1] = 0.1 * np.sin(np.arange(FRAMES) / 8)
    sound = np.zeros(6 * RATE, np.float32), np.zeros((FRAMES, 4, 2), np.float32)
    spoken = tuple(Phoneme(*word) for word in WORDS)
    reference = smplx.frames_of(motion, np.array([0]))
    return Case(0, SimpleNamespace(motion=motion), *sound, reference, (1.0, 1.0, 1.0), spoken)


@pytest.fixture(scope="module")
def truth(body, clip) -> motion_metrics.Seen:
    return motion_metrics.look(body, clip.clip.motion)


def compared(case: Case, seen, truth, onsets=DIPS):
    return motion_metrics.compare(case, seen, truth, onsets, beats.mean_speeds(truth.placed, 24.0))


def test_the_truth_is_ideal(clip, truth):
    found = compared(clip, truth, truth)
    assert found.keys() == motion_metrics.METRICS.keys()
    assert found["lip_vertex_error_mm"] == found["mean_lip_error_mm"] == (0, 1)
    assert found["aperture_correlation"] == found["aperture_gain"] == (approx(1), 1)
    assert found["bilabials_closed"] == (3, 3)
    assert found["rest_without_speech"] == (41, 41)  # frames 0 to 20 and 124 to 143
    for name in ("expression_std", "head_std", "hands_std", "face_jerk", "body_jerk"):
        assert found[name] == (truth.moves[name], truth.moves[name]) and truth.moves[name] > 0
    # Twelve of thirteen joints are slowest when it sounds; the lowest turns on the spot. Nothing moved 2 s before.
    assert found["beat_consistency_fixed"] == (approx(12 / 13, abs=1e-3), 1)
    assert found["beat_consistency"] == (approx(0, abs=1e-3), 1)


def test_a_mouth_that_is_held_open_is_told(body, clip, truth):
    agape = replace(talking(body, np.full(FRAMES, WIDE)), body_pose=clip.clip.motion.body_pose)
    found = compared(clip, motion_metrics.look(body, agape), truth)
    closed, wide = (posed.lip_vertices(body, talking(body, np.array([each]))) for each in (0.0, WIDE))
    apart = (1 - len(VOWELS) / FRAMES) * 1000 * np.linalg.norm(wide - closed, axis=-1)
    assert found["lip_vertex_error_mm"] == (approx(apart.max(), rel=1e-4), 1)
    assert found["mean_lip_error_mm"] == (approx(apart.mean(), rel=1e-4), 1)
    assert found["aperture_correlation"] == found["aperture_gain"] == (0, 1)
    assert (found["bilabials_closed"], found["rest_without_speech"]) == ((0, 3), (0, 41))
    assert found["expression_std"] == (approx(0, abs=1e-6), truth.moves["expression_std"])
    assert found["face_jerk"][0] < 0.1 * found["face_jerk"][1] and found["face_jerk"][1] == truth.moves["face_jerk"]
    for name in ("head_std", "hands_std", "body_jerk"):
        assert found[name] == (approx(truth.moves[name], rel=1e-3), truth.moves[name])


def test_a_mouth_that_moves_half_as_much_mumbles(clip, truth):
    found = compared(clip, truth._replace(aperture=0.5 * truth.aperture + 1.5), truth)
    assert (found["aperture_gain"], found["aperture_correlation"]) == ((approx(0.5), 1), (approx(1), 1))
    assert (found["bilabials_closed"], found["rest_without_speech"]) == ((0, 3), (41, 41))  # between 1 and 2 mm


def test_a_silent_clip_is_no_case_of_speech(clip, truth):
    found = compared(clip._replace(spoken=()), truth, truth, np.zeros(0))
    for name in ("aperture_correlation", "aperture_gain", "bilabials_closed", "beat_consistency_fixed"):
        assert found[name] == (0, 0)
    assert found["rest_without_speech"] == (FRAMES - len(VOWELS), FRAMES)


@dataclass(frozen=True)
class Parting:
    """A performer whose samples walk away from each other, at the speeds that are given, m/s."""

    speeds: np.ndarray
    asked: list
    fps: float = 24.0

    def perform(self, waveform, reference, take) -> Motion:
        self.asked.append((waveform, take))
        walked = self.speeds[:, None] * np.arange(take.frames) / self.fps
        found = held(reference, len(self.speeds), take.frames)
        return replace(found, transl=(found.transl + walked[..., None] * [0, 0, 1]).astype(np.float32))


def test_samples_part_as_fast_as_they_walk(body, clip, monkeypatch):
    monkeypatch.setattr(references, "DEVIATING", 2)
    speeds = np.linspace(-0.5, 0.6, references.SAMPLES) ** 3
    cases = [clip._replace(number=i, waveform=np.full(9, i, np.float32)) for i in range(4)]
    cases[1], asked, reports = cases[1]._replace(spoken=()), [], []
    found = references.deviations(Parting(speeds, asked), body, cases, 5, reports.append)
    np.testing.assert_allclose(found, [1000 * speeds.std(ddof=1) * np.arange(5)] * 2, atol=1e-3)
    assert [waveform[0] for waveform, _ in asked] == [0, 2] and reports == [0.5, 1.0]
    assert {(take.frames, take.samples, take.start_from_reference) for _, take in asked} == {(97, 24, True)}
    assert len({take.seed for _, take in asked}) == 2
    assert references.deviations(Parting(speeds, []), body, cases[1:2], 5, lambda done: None).shape == (0, 5)


def raising(body: smplx.BodyModel, number: int, heights: dict[int, tuple[float, float]]) -> Case:
    """Arms aside; in some frames those of left and right are turned up, radians, and their elbows bent by 1."""
    motion = smplx.rest_motion(body, 20)
    for frame, angles in heights.items():
        for elbow, shoulder, sign, angle in zip(ELBOWS, (15, 16), (1, -1), angles, strict=True):
            motion.body_pose[frame, shoulder, 2], motion.body_pose[frame, elbow, 1] = sign * angle, -sign
    sound = np.zeros(9, np.float32), np.zeros((20, 4, 2), np.float32)
    made, reference = small.clip(number, "somebody", 20), smplx.frames_of(motion, np.array([10]))
    return Case(number, replace(made, motion=motion), *sound, reference, (1.0, 1.0, 1.0), ())


def test_the_best_frame_has_the_lower_wrist_highest(body):
    case = raising(body, 0, {3: (0.2, 0.2), 5: (0.7, 0.0), 9: (0.3, 0.25), 12: (0.0, 0.7)})
    height, frame = references._most_raised(body, case)
    still = posed.skeleton(body, smplx.rest_motion(body)).positions[0]
    forearm = still[names.JOINTS.index("right_wrist")] - still[names.JOINTS.index("right_elbow")]
    along = forearm[0] * np.cos(1) + forearm[2] * np.sin(1)
    assert frame == 9 and height == approx(forearm[1] * np.cos(0.25) - along * np.sin(0.25), abs=1e-4)


@dataclass(frozen=True)
class Holding:
    """A performer who stays as the reference is; if told nothing of it, with elbows that are bent backwards."""

    model: Model
    asked: list
    fps: float = 24.0

    def perform(self, waveform, reference, take) -> Motion:
        self.asked.append((type(self.model), reference.body_pose[0]))
        found = held(reference, 1, take.frames)
        if isinstance(self.model, references.Blind):
            found.body_pose[..., ELBOWS, 1] = 3.0, -3.0
        return found


@pytest.mark.parametrize(("most", "taken"), [(20, [(2, 7), (0, 12)]), (1, [(2, 7)])])
def test_raised_hands_are_of_the_clips_that_raise_them_most(most, taken, body, monkeypatch):
    monkeypatch.setattr(references, "MOST", most)
    section = Section(size=Size(width=8, heads=2, listener=8), body=body.name, betas=57, expressions=52)
    raised = ({12: (0.3, 0.3)}, {4: (0.8, 0.0)}, {7: (0.4, 0.4), 2: (0.2, 0.2)}, {})
    cases, asked, reports = [raising(body, i, each) for i, each in enumerate(raised)], [], []
    performer = Holding(Model(section, LogMel()), asked)
    found = references.raised(performer, body, cases, 1.2, 0, reports.append)
    assert [kind for kind, _ in asked] == [Model, references.Blind] * len(taken) and reports[-1] == 1
    for (number, frame), (_, pose) in zip(np.repeat(taken, 2, axis=0), asked, strict=True):
        np.testing.assert_array_equal(pose, cases[number].clip.motion.body_pose[frame])
    for row, hits in (("truth", 0), (references.TOLD, 0), (references.NOT_TOLD, 20)):
        assert found[row] == [((hits, 20), (hits, 20))] * len(taken), row
    # Bent by 2 where the truth is bent by 1, by 1 elsewhere.
    assert [up for _, up in found["raised twice"]] == [(len(raised[number]), 20) for number, _ in taken]


def mouth(rng: np.random.Generator) -> np.ndarray:
    """A jaw that opens now and then, 0 to 1, for ten seconds; still in the first four frames."""
    opening = 0.4 + 0.4 * np.convolve(rng.standard_normal(254), np.ones(5) / 5, "valid")
    return np.r_[np.full(4, opening[3]), opening[4:]].clip(0, 1)


def sounding(curve: np.ndarray) -> np.ndarray:
    """A sound that is as loud as the curve is high, a hundredth of it, 25 frames/s."""
    return np.repeat(curve / 100, 640).astype(np.float32)


def listening(sound: np.ndarray, *shown) -> np.ndarray:
    return 100 * sound.reshape(-1, 640).mean(axis=1)


def fitted(body: smplx.BodyModel, opening: np.ndarray) -> SimpleNamespace:
    """What a fit has of that mouth; its first three frames are not good."""
    frames = np.arange(len(opening))
    motion = replace(talking(body, opening, 25.0), transl=np.arange(3 * len(frames), dtype=np.float32).reshape(-1, 3))
    seen = {name: i / 10 + frames / 10**4 for i, name in enumerate(("torso", "left_hand", "right_hand"))}
    return SimpleNamespace(motion=motion, quality=SimpleNamespace(good=frames >= 3, **seen))


@pytest.mark.parametrize("late", [0, 3, -2])
def test_who_says_what_the_sound_says_ranks_first(late, body):
    rng, videos, asked, reports = np.random.default_rng(1), {}, [], []
    for name in ("a", "b"):
        fit = fitted(body, mouth(rng))
        videos[name] = sounding(np.r_[aperture(body, fit.motion), 30 * rng.uniform(size=50)]), fit

    def say(sound, reference, visible):
        asked.append((len(sound), reference.transl.tolist(), approx(visible)))
        return np.roll(listening(sound), late)

    found = motion_people.against(say, body, 25.0, videos, reports.append)
    for clip in found["clips"].values():
        assert clip["frames"] == 250 and clip["lag_frames"] == late and clip["percentile"] == 100
        assert clip["correlation"] > 0.999 > 0.6 > clip["shifted_95"]
        pairs = np.array(clip["curve_or_sound_shifted"])
        np.testing.assert_allclose(pairs[:, 0], pairs[:, 1], atol=0.1 if late else 2e-4)
    pooled = found["pooled"]
    assert "curve" in found["shifted"]
    assert pooled["percentile"] == pooled["percentile_with_excess"] == 100 and pooled["correlation"] > 0.999
    shown = [[9, 10, 11]], (0.0003, 0.1003, 0.2003)
    assert asked == [(640 * frames, *shown) for frames in (300, 250, 250, 250, 250)] * 2 and reports[-1] == 1


def test_who_says_something_else_ranks_anywhere(body):
    rng = np.random.default_rng(2)
    videos = {str(i): (sounding(20 * mouth(rng)), fitted(body, mouth(rng))) for i in range(10)}
    found = motion_people.against(listening, body, 25.0, videos, lambda done: None)
    percentiles = [clip["percentile"] for clip in found["clips"].values()]
    assert 30 < np.mean(percentiles) < 70 and min(percentiles) < 40 and max(percentiles) > 60
    assert 2 < found["pooled"]["percentile"] < 98 and found["pooled"]["correlation"] < 0.4


def test_who_does_not_listen_is_found_out(body):
    """Right whatever the sound, a shifted one too."""
    fit = fitted(body, mouth(np.random.default_rng(3)))
    curve = aperture(body, fit.motion)
    found = motion_people.against(lambda *told: curve, body, 25.0, {"a": (sounding(curve), fit)}, lambda done: None)
    assert found["pooled"]["percentile"] == 100 and found["pooled"]["percentile_with_excess"] < 95
    pairs = np.array(found["clips"]["a"]["curve_or_sound_shifted"])
    assert pairs[:, 1] == approx(1, abs=1e-4)
    assert found["pooled"]["excess_of_shifted_sound"] == approx(1 - pairs[:, 0].mean(), abs=1e-3)


FRAME, PAUSE = 1250, slice(26, 39)
"""Samples of a frame, and frames without a sound, of which 28 to 37 are 0.1 s and more from the ends."""

BASE = np.array([[1.0], [1.0], [1.0], [3.0]])
"""Millimetres at rest, by sample."""


def pulses(levels: np.ndarray) -> np.ndarray:
    """Ten pulses a frame, as high as is given."""
    return np.kron(np.repeat(levels, 10), np.eye(1, FRAME // 10)[0]).astype(np.float32)


@dataclass(frozen=True)
class Said:
    """Somebody whose mouth is opened by the pulses; how far is drawn for each sample."""

    body: smplx.BodyModel
    performer = SimpleNamespace(fps=RATE / FRAME)

    def apertures(self, sound, reference, visible) -> np.ndarray:
        frames = sound.reshape(-1, FRAME).astype(np.float64)
        more = np.random.default_rng(0).uniform(2, 6, (4, 200))[:, : len(frames)]
        return BASE + more * (frames.max(axis=1) + frames.min(axis=1))


CHANGES = {
    "louder": lambda sound, rng: 4 * sound,
    "the other way": lambda sound, rng: -sound,
    "music": lambda sound, rng: sound + pulses(np.ones(len(sound) // FRAME)),
}


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    frames = min(a.shape[1], b.shape[1])
    return np.mean([np.corrcoef(x[:frames], y[:frames])[0, 1] for x, y in zip(a, b, strict=True)])


def test_a_mouth_that_is_a_function_of_the_sound(body, monkeypatch):
    monkeypatch.setattr(motion_speech, "CHANGES", CHANGES)
    rng, said, reports = np.random.default_rng(0), Said(body), []
    levels = {name: rng.uniform(0.4, 1, frames) for name, frames in (("a", 80), ("b", 70), ("c", 90), ("short", 30))}
    levels["c"][:80] = 0.5 * levels["a"] + 0.3
    levels["a"][PAUSE] = levels["b"][PAUSE] = 0
    sounds = {name: pulses(each) for name, each in levels.items()}
    clean = {name: said.apertures(sound, None, None) for name, sound in sounds.items()}
    rows = motion_speech.robust(said, sounds, reports.append)
    assert list(rows) == list(sounds) and reports == sorted(reports) and reports[-1] == approx(1)
    for name, row in rows.items():
        own, quiet = clean[name], name in ("c", "short")
        assert (row["mean_mm"], row["sd_mm"]) == approx((own.mean(), own.std(axis=1).mean()), abs=1e-4)
        for what, sign, ratio in (("louder", 1, 4), ("the other way", -1, -1)):
            assert row["changed"][what]["correlation"] == {"mean": sign, "interval": [sign, sign]}
            changed = BASE + ratio * (own - BASE)
            wanted = (changed.mean(axis=1) / own.mean(axis=1)).mean()
            assert row["changed"][what]["mean_ratio"]["mean"] == approx(wanted, abs=1e-4)
        pairs = [np.corrcoef(own[i], own[j])[0, 1] for i in range(4) for j in range(i)]
        assert row["another_seed"] == approx(np.mean(pairs), abs=1e-4)
        still = tuple(row[key] for key in ("pause_frames", "at_rest", "at_rest_over_music"))
        assert still == ((0, None, None) if quiet else (10, 0.75, 0.0))
        others = [agreement(own, clean[other]) for other in "abc" if other != name]
        assert row.get("another", {}).get("mean") == (None if name == "short" else approx(max(others), abs=1e-4))
    alone = motion_speech.robust(said, {name: sounds[name] for name in ("a", "short")}, lambda done: None)
    assert not any("another" in row for row in alone.values())


def test_sounds_count_the_same_and_pauses_by_their_frames(monkeypatch):
    monkeypatch.setattr(motion_speech, "CHANGES", {"louder": None})

    def row(mean: float, frames: int, rest: float | None, over: float | None, **others) -> dict:
        numbers = {"correlation": {"mean": mean}, "mean_ratio": {"mean": 2 * mean}}
        return dict(changed={"louder": numbers}, pause_frames=frames, at_rest=rest, at_rest_over_music=over, **others)

    rows = {"a": row(0.2, 10, 1.0, 0.4, another={"mean": 0.1}), "b": row(0.4, 30, 0.5, 0.2, another={"mean": 0.3})}
    rows["c"] = row(0.6, 0, None, None)
    found, half = motion_speech.summary(rows), 4.302653 * 0.2 / math.sqrt(3)
    wanted = {"mean": 0.4, "interval": approx([0.4 - half, 0.4 + half], abs=1e-4)}
    assert found["changed"]["louder"]["correlation"] == wanted
    assert found["changed"]["louder"]["mean_ratio"]["mean"] == 0.8
    assert found["another"] == {"mean": 0.2, "interval": approx([0.2 - 1.2706, 0.2 + 1.2706], abs=1e-4)}
    assert [found[key] for key in ("sounds", "pause_frames", "at_rest", "at_rest_over_music")] == [3, 40, 0.625, 0.25]
    alone = motion_speech.summary({"c": rows["c"]})
    assert alone["at_rest"] is alone["at_rest_over_music"] is alone["another"] is None


def test_what_was_compiled_for_tpus_is_the_config_of_today():
    compiled = json.loads((ROOT / "docs" / "results" / "aot_motion.json").read_text())["config"]
    today = json.loads(settings.as_json(get_config("size=paper")))
    compiled["data"]["folder"] = today["data"]["folder"]
    for section in ("data", "model", "diffusion"):
        assert compiled[section] == today[section], section

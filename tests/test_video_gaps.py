"""Control gaps as benchmarks measure them: who is shown whose controls, and where errors count."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

from benchmarks import video_gaps
from benchmarks.concatenated import Concatenated
from benchmarks.video_altered import HANDS, MOUTH, WRISTS, altered, swapped
from benchmarks.video_gaps import Gaps
from data_pipelines.loaders import dataset
from data_pipelines.loaders.frames import Frames, frame_windows
from tests.video import small
from tests.video.answers import COMPOSITE, REFERENCE
from vlogger_jax import scenes
from vlogger_jax.body import model_file, smplx
from vlogger_jax.core.errors import UserError
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import gap
from vlogger_jax.video.conditions import Shown

SAMPLE = Path(__file__).parents[1] / "data_pipelines" / "sample" / "mentor_synth"
SHOWN = Shown(steering=("composite",))
RECIPE = Recipe.of(dict(schedule="linear", prediction="x0", steps=2), conditions=1)


@pytest.fixture(scope="module")
def found():
    windows = frame_windows(dataset.open(SAMPLE), "train", Frames(64))
    return altered(windows, 2, 0, lambda done: None)


def test_one_frame_of_each_clip_and_one_thing_that_is_wrong(found):
    truth = found.truth
    assert len(truth["frames"]) == 2 and (truth["reference"][0] != truth["reference"][1]).any()
    for name in ("frames", "reference", "reference_dense", "reference_label", "reference_matte"):
        for other in (found.face, found.hands):
            np.testing.assert_array_equal(truth[name], other[name])
    for other in (found.face, found.hands):
        changed = (truth["label"] != other["label"]) | (truth["dense"] != other["dense"]).any(axis=-1)
        assert changed.any()
    # Hands do not change with the face.
    hands = np.isin(truth["label"], HANDS)
    np.testing.assert_array_equal(hands, np.isin(found.face["label"], HANDS))
    with pytest.raises(UserError, match="clips, not 99"):
        altered(frame_windows(dataset.open(SAMPLE), "train", Frames(64)), 99, 0, lambda done: None)


def test_what_is_swapped():
    body = model_file.default()
    one, other = smplx.rest_motion(body, 1), smplx.rest_motion(body, 1)
    rng = np.random.default_rng(0)
    poses = ("expression", "jaw_pose", "left_hand_pose", "right_hand_pose", "body_pose", "transl")
    stirred = {name: rng.standard_normal(getattr(one, name).shape).astype(np.float32) for name in poses}
    other = dataclasses.replace(other, **stirred)
    for part, names in (
        ("face", {"expression", "jaw_pose"}),
        ("hands", {"left_hand_pose", "right_hand_pose", "body_pose"}),
    ):
        made = swapped(one, other, part)
        both = {name: (getattr(made, name), getattr(one, name)) for name in vars(one)}
        differ = {name for name, (new, old) in both.items() if np.any(np.asarray(new) != np.asarray(old))}
        assert differ == names
        for name in names - {"body_pose"}:
            np.testing.assert_array_equal(getattr(made, name), getattr(other, name))
    moved = np.flatnonzero((made.body_pose != one.body_pose).any(axis=(0, 2)))
    assert moved.tolist() == sorted(WRISTS)
    assert not one.body_pose.any()


def test_boxes_by_hand():
    """A quarter of their sides is added on each side, one pixel at least, and not beyond the picture."""
    label = np.zeros((3, 1, 12, 12), np.uint8)
    label[0, 0, 4:8, 3:5] = MOUTH[0]
    label[1, 0, 0, 11] = MOUTH[1]
    found = video_gaps._boxes(label, MOUTH)
    wanted = np.zeros_like(found)
    wanted[0, 0, 3:9, 2:6] = wanted[1, 0, 0:2, 10:12] = True
    np.testing.assert_array_equal(found, wanted)
    label[:] = 0
    label[0, 0, 1, 1], label[0, 0, 10, 10] = HANDS
    found = video_gaps._boxes(label, HANDS)
    assert found.sum() == 18 and found[0, 0, 0:3, 0:3].all() and found[0, 0, 9:12, 9:12].all()


def test_rolled_controls_are_of_the_next_and_the_reference_is_ones_own(found):
    rolled = video_gaps._rolled(found.truth)
    np.testing.assert_array_equal(rolled["label"], found.truth["label"][[1, 0]])
    np.testing.assert_array_equal(rolled["reference_dense"], found.truth["reference_dense"])


def test_gaps_of_networks_whose_answers_are_known(found):
    """One that pastes its composite, with right controls and with wrong ones, by hand; one that looks at none."""
    scene_of = jax.jit(scenes.of(model_file.default()))
    gaps = Gaps(COMPOSITE, RECIPE, SHOWN, scene_of, found)({})
    composite = {}
    for name, sample in (found._asdict() | {"all": video_gaps._rolled(found.truth)}).items():
        made = scene_of(sample | {"frames": found.truth["frames"]}).controls.composite
        composite[name] = np.asarray(made, np.float64) / 127.5 - 1
    x0 = found.truth["frames"] / 127.5 - 1
    boxes = {
        "all": np.ones(found.truth["label"].shape, bool),
        "face": video_gaps._boxes(found.truth["label"], MOUTH),
        "hands": video_gaps._boxes(found.truth["label"], HANDS),
    }
    for name, where in boxes.items():
        has = where.any(axis=(1, 2, 3))
        right, wrong = (
            np.array([off[w].mean() for off, w in zip(each[has], where[has], strict=True)])
            for each in (((composite[which] - x0) ** 2).mean(axis=-1) for which in ("truth", name))
        )
        for t in gap.TIMES:
            weight, row = float(RECIPE.objective.weight(np.array([t], np.float32))[0]), gaps[f"{name} {t}"]
            assert row["samples"] == has.sum()
            assert row["gap"] == pytest.approx(weight * (wrong - right).mean(), rel=1e-3)
            assert row["loss"] == pytest.approx(weight * right.mean(), rel=1e-3)
            spread = 1.96 * (wrong - right).std(ddof=1) / np.sqrt(has.sum()) if has.sum() > 1 else np.nan
            assert row["half"] == pytest.approx(weight * spread, rel=1e-3, nan_ok=True)
    for row in Gaps(REFERENCE, RECIPE, SHOWN, scene_of, found)({}).values():
        assert row["gap"] == 0


def test_conditions_beside_x_t_change_nothing_at_first():
    model = small.model(c_out=3, patch=2)
    network = Concatenated.of(model, SHOWN.channels, temporal=False, pictures=(0, 4))
    base = small.parameters(small.network(c_out=3, patch=2))
    params = network.begin(base, network.init(jax.random.key(0)))
    x, t, level = small.normal(2, 1, small.SIZE, small.SIZE, 3), small.times(2), small.times(2)
    seen = small.normal(2, 1, small.SIZE, small.SIZE, SHOWN.channels, seed=3)
    wanted = small.jitted(small.network(c_out=3, patch=2))(base, x, t)
    np.testing.assert_allclose(small.jitted(network)(params, x, t, seen, level), wanted, atol=1e-5)
    stirred = jax.tree.map(lambda leaf: leaf + 0.05, params)
    assert (
        np.abs(
            small.jitted(network)(stirred, x, t, seen, level) - small.jitted(network)(stirred, x, t, -seen, level)
        ).max()
        > 1e-3
    )
    with pytest.raises(ValueError, match="frames do not meet"):
        Concatenated.of(model, SHOWN.channels, temporal=True)

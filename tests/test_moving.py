"""From a bundle and a reference to motion: what it reads, what it refuses, and when hands are held back."""

import dataclasses

import jax
import numpy as np
import pytest

from tests.motion import made
from vlogger_jax import bundle, moving
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.bundle import Training
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.diffusion.stepper import Ddpm, DpmSolver2M
from vlogger_jax.motion.manner import Manner, Strength
from vlogger_jax.motion.perform import Performer, Take
from vlogger_jax.motion.stage import model_of, recipe_of

ALL = (1.0, 1.0, 1.0)
CONFIG = made.config(frames=32, expressions=52) | {"stage": "motion"}


@pytest.fixture(scope="module")
def body():
    return model_file.default()


@pytest.fixture(scope="module")
def params():
    return made.stirred(model_of(CONFIG).init(jax.random.key(0)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, params):
    found = tmp_path_factory.mktemp("bundle")
    training = Training(config=CONFIG, step=7, seed=0)
    bundle.save(found, "motion", {"trainable": params, "frozen": {}}, training, body=made.BODY)
    return found


def posed(body, **turns) -> Motion:
    """At rest, but for joints by name, axis-angles in radians."""
    rest = smplx.rest_motion(body)
    for name, turn in turns.items():
        rest.body_pose[0, names.JOINTS.index(name) - 1] = turn
    return rest


def strengths(body, reference, visible=ALL, manner=None) -> tuple[float, float]:
    found = moving.calm(body, reference, visible, *([manner] if manner else []))
    return found.strength.left, found.strength.right


def test_hands_that_are_seen_and_free_move_as_they_like(body):
    assert strengths(body, smplx.rest_motion(body)) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("visible", "wanted"),
    [
        ((1.0, 0.3, 1.0), (0.1, 1.0)),
        ((1.0, 1.0, 0.59), (1.0, 0.1)),
        ((0.0, 0.61, 0.61), (1.0, 1.0)),
        ((1.0, 0.0, 0.0), (0.1, 0.1)),
    ],
)
def test_hands_that_are_not_seen_are_calm(body, visible, wanted):
    assert strengths(body, smplx.rest_motion(body), visible) == wanted


def test_a_hand_that_holds_something_is_calm(body):
    rest = smplx.rest_motion(body)
    strength = moving.take(body, rest, ALL, holding=(False, True)).manner.strength
    assert (strength.left, strength.right) == (1.0, 0.1)


def test_hands_that_touch_each_other_are_calm(body):
    """Arms forward, in parallel and turned inwards."""
    clasped, apart = (posed(body, left_shoulder=(0, -turn, 0), right_shoulder=(0, turn, 0)) for turn in (1.85, 1.57))
    assert strengths(body, clasped) == (0.1, 0.1)
    assert strengths(body, apart) == (1.0, 1.0)


@pytest.mark.parametrize(
    "turns",
    [
        pytest.param({"left_shoulder": (-0.8, -0.8, 0), "left_elbow": (0, -2.3, 0)}, id="face"),
        pytest.param(
            {"left_shoulder": (0, -1.9, 0), "left_elbow": (0, -1.2, 0), "right_shoulder": (0, 1.57, 0)}, id="arm"
        ),
    ],
)
def test_a_hand_at_the_face_or_on_the_other_arm_is_calm_alone(body, turns):
    assert strengths(body, posed(body, **turns)) == (0.1, 1.0)
    other = {"left": "right", "right": "left"}
    mirrored = {f"{other[name.split('_')[0]]}_{name.split('_')[1]}": (x, -y, -z) for name, (x, y, z) in turns.items()}
    assert strengths(body, posed(body, **mirrored)) == (1.0, 0.1)


def test_what_is_asked_for_counts_on_top(body):
    asked = Manner(strength=Strength(left=0.5, right=0.5, head=0.3), limits=None)
    take = moving.take(body, smplx.rest_motion(body), (1.0, 0.0, 1.0), manner=asked, frames=5, seed=3)
    assert take == Take(
        frames=5,
        seed=3,
        visible=(1.0, 0.0, 1.0),
        manner=dataclasses.replace(asked, strength=Strength(left=0.05, right=0.5, head=0.3)),
    )


def test_a_bundle_performs_as_what_was_saved(folder, params):
    opened = moving.performer(folder)
    direct = Performer(model_of(CONFIG), recipe_of(CONFIG), params, 32, 8)
    assert (opened.window, opened.fps, opened.model.section) == (32, 24.0, direct.model.section)
    jax.tree.map(np.testing.assert_array_equal, opened.params, params)
    reference = made.motion(0, 1, expressions=52, spread=0.2)
    sound = np.random.default_rng(0).normal(0, 0.1, 20000).astype(np.float32)
    found, wanted = (each.perform(sound, reference) for each in (opened, direct))
    assert found.transl.shape == (1, 30, 3)
    jax.tree.map(np.testing.assert_array_equal, found, wanted)


def test_presets(folder):
    usual, fast, faithful = (moving.performer(folder, name).recipe.sampler for name in ("usual", "fast", "faithful"))
    assert (usual.grid.steps, fast.grid.steps, faithful.grid.steps) == (2, 10, 250)
    assert isinstance(usual.stepper, DpmSolver2M) and isinstance(fast.stepper, DpmSolver2M)
    assert isinstance(faithful.stepper, Ddpm)
    with pytest.raises(UserError, match=r"there is no preset 'slow'. Name one of fast, usual, faithful"):
        moving.performer(folder, "slow")


def test_bundles_that_cannot_be_used(tmp_path, params):
    with pytest.raises(UserError, match="is no bundle"):
        moving.performer(tmp_path / "nowhere")
    training = Training(config=CONFIG, step=7, seed=0)
    bundle.save(tmp_path / "toy", "toy", {"trainable": {"w": np.ones(3, np.float32)}}, training)
    with pytest.raises(UserError, match="has no stage 'motion'"):
        moving.performer(tmp_path / "toy")
    other = {**CONFIG, "model": {**CONFIG["model"], "expressions": 51}}
    bundle.save(
        tmp_path / "other", "motion", {"trainable": params, "frozen": {}}, Training(config=other, step=7, seed=0)
    )
    with pytest.raises(UserError):
        moving.performer(tmp_path / "other")


def test_references_of_other_bodies_are_refused(folder):
    reference = dataclasses.replace(made.motion(0, 1, expressions=52), body="smplx-0123456789ab")
    with pytest.raises(UserError, match="of the body 'smplx-0123456789ab', and the motion model of 'default-v1'"):
        moving.performer(folder).perform(None, reference, Take(frames=3))


@pytest.mark.parametrize("section", ["data", "model", "diffusion"])
@pytest.mark.parametrize("instead", [None, "left out"])
def test_a_bundle_whose_config_lacks_a_section_is_refused(tmp_path, params, section, instead):
    config = {name: part for name, part in CONFIG.items() if name != section}
    if instead is None:
        config[section] = None
    bundle.save(tmp_path, "motion", {"trainable": params, "frozen": {}}, Training(config=config, step=7, seed=0))
    with pytest.raises(UserError, match=f"has no section {section}"):
        moving.performer(tmp_path)


def test_the_most_typical_of_some_motions():
    """By hand: the middle one; and one that is odd in a single part is not it, however little that part moves."""
    still = smplx.rest_motion(model_file.default(), frames=3)

    def with_jaw(turn, wave=0.0):
        hand = still.left_hand_pose.copy()
        hand[:, 3, 2] = wave
        return dataclasses.replace(still, jaw_pose=np.full_like(still.jaw_pose, turn), left_hand_pose=hand)

    assert moving.typical([with_jaw(0.0), with_jaw(0.3), with_jaw(0.1)]) == 2
    assert moving.typical([with_jaw(0.1, 1e-3), with_jaw(0.12), with_jaw(0.08), with_jaw(0.1)]) == 3
    assert moving.typical([with_jaw(0.2)]) == 0

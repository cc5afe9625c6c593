import dataclasses

import numpy as np
import pytest

from data_pipelines.avatars import act, style
from tests.avatars import test_acting_truth as truth
from tests.avatars.acted import babble, betas, said
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.body.mouth import Mouth
from vlogger_jax.core.records import Motion

FPS = 24.0
FIELDS = [field.name for field in dataclasses.fields(Motion) if field.name not in ("fps", "body")]


@pytest.fixture(scope="module")
def model():
    return model_file.default()


def performed(model, seed, phonemes=None, frames=240, fps=FPS, **changes):
    rng = np.random.default_rng(seed)
    manner = dataclasses.replace(style.sample(rng), **changes)
    return act.perform(model, betas(seed), babble(seed) if phonemes is None else phonemes, manner, rng, frames, fps)


def aperture(model, motion):
    return Mouth(model, motion.betas).aperture(motion.expression, motion.jaw_pose)


def test_the_same_seed_gives_the_same_bytes(model):
    first, again, other = performed(model, 3), performed(model, 3), performed(model, 4)
    for field in FIELDS:
        assert getattr(first, field).tobytes() == getattr(again, field).tobytes()
        assert getattr(first, field).tobytes() != getattr(other, field).tobytes()


@pytest.mark.parametrize("seed", range(4))
def test_lips_close_on_bilabials_and_rest_in_silence(model, seed):
    phonemes = babble(seed)
    opened = aperture(model, performed(model, seed, phonemes))
    hit = truth.bilabials_hit(opened, phonemes, FPS)
    assert len(hit) > 5 and all(hit)
    still = truth.silent(phonemes, 240, FPS)
    assert still.sum() > 10 and (opened[still] < truth.AT_REST).all()
    assert all(truth.pauses_with_rest(opened, phonemes, FPS))
    assert opened.max() > 0.006


def test_the_measures_can_fail(model):
    """Lips of another sound do not pass for these."""
    phonemes, opened = babble(1), aperture(model, performed(model, 2, babble(2)))
    assert np.mean(truth.bilabials_hit(opened, phonemes, FPS)) < 0.8
    assert (opened[truth.silent(phonemes, 240, FPS)] < truth.AT_REST).mean() < 0.9


def test_takes_differ_but_say_the_same(model):
    """Two performances of one sound: other heads and hands, nearly the same lips."""
    phonemes, manner = babble(6), style.sample(np.random.default_rng(6))
    first, second = (
        act.perform(model, betas(6), phonemes, manner, np.random.default_rng(take), 240, FPS) for take in (0, 1)
    )
    lips = [aperture(model, take) for take in (first, second)]
    assert 0.9 < np.corrcoef(*lips)[0, 1] < 0.9999
    np.testing.assert_allclose(lips[0].mean(), lips[1].mean(), rtol=0.15)
    for field in ("body_pose", "leye_pose"):
        a, b = (getattr(take, field).reshape(240, -1) for take in (first, second))
        moving = a.std(axis=0) > 0.01
        correlation = [np.corrcoef(a[:, i], b[:, i])[0, 1] for i in np.flatnonzero(moving)]
        assert abs(np.mean(correlation)) < 0.5


def test_motion_is_whole_and_within_bounds(model):
    motion = performed(model, 5)
    assert motion.body == model.name and motion.fps == FPS
    for field in FIELDS:
        value = getattr(motion, field)
        assert value.dtype == np.float32 and np.isfinite(value).all()
        assert field == "betas" or len(value) == 240
    assert motion.expression.min() >= 0 and motion.expression.max() <= 1
    np.testing.assert_array_equal(motion.jaw_pose, smplx.arkit_jaw_pose(model, motion.expression).astype(np.float32))
    for found, eye in zip(
        (motion.leye_pose, motion.reye_pose), smplx.arkit_eye_pose(model, motion.expression), strict=True
    ):
        np.testing.assert_array_equal(found, eye)
    assert np.abs(motion.transl).max() < 0.15 and np.rad2deg(np.abs(motion.global_orient).max()) < 15
    legs = [names.JOINTS.index(name) - 1 for name in ("left_hip", "right_hip", "left_knee", "right_ankle")]
    assert motion.body_pose[:, legs].max() == 0


@pytest.mark.parametrize(
    ("phonemes", "frames", "fps"),
    [
        ((), 24, 24.0),
        (said(("", 2.0)), 48, 24.0),
        (said(("p", 0.05)), 1, 24.0),
        (said(("t", 0.1), ("s", 0.2)), 12, 25),
        (said(("a", 0.3)), 10, 30.0),
        (babble(0, 3.0), 300, 60.0),
        (said(("ɑ", 0.0), ("", 0.0), ("m", 0.2)), 5, 24.0),
    ],
)
def test_any_speech_can_be_performed(model, phonemes, frames, fps):
    for seed in range(6):
        motion = performed(model, seed, phonemes, frames, fps)
        assert len(motion.expression) == frames and motion.fps == fps
        assert np.isfinite(smplx.full_pose(motion)).all()


def test_silent_people_keep_their_mouths_shut_and_live(model):
    for seed in range(4):
        motion = performed(model, seed, said(("", 10.0)))
        assert aperture(model, motion).max() < 0.001
        head = names.JOINTS.index("head") - 1
        assert np.rad2deg(np.ptp(motion.body_pose[:, head], axis=0)).max() > 0.5
        blinks = motion.expression[:, names.EXPRESSIONS.index("eyeBlinkLeft")]
        assert blinks.max() > 0.99


def test_even_lips_that_stand_open_close(model):
    """On the one of 600 unusual people whose lips are farthest apart at rest."""
    rest = np.zeros((1, 52), np.float32)
    shape = (1.8 * np.sign(np.random.default_rng(114).standard_normal(57))).astype(np.float32)
    assert Mouth(model, shape).aperture(rest, rest[:, :3])[0] > 0.0008
    manner, phonemes = style.sample(np.random.default_rng(0)), babble(0)
    manner = dataclasses.replace(manner, face=dataclasses.replace(manner.face, mood="surprised"))  # leaves lips alone
    opened = aperture(model, act.perform(model, shape, phonemes, manner, np.random.default_rng(0), 240))
    assert opened[truth.silent(phonemes, 240, FPS)].max() < 0.0004
    assert aperture(model, act.neutral(model, shape, manner))[0] < 0.0004
    assert all(truth.bilabials_hit(opened, phonemes, FPS))


def test_performances_idle_around_the_neutral_pose(model):
    for seed in range(4):
        manner = style.sample(np.random.default_rng(seed))
        neutral = act.neutral(model, betas(seed), manner)
        assert len(neutral.expression) == 1 and aperture(model, neutral)[0] < 0.001
        takes = [
            act.perform(model, betas(seed), said(("", 10.0)), manner, np.random.default_rng(take), 240)
            for take in range(3)
        ]
        mean = np.mean([take.body_pose for take in takes], axis=(0, 1))
        assert np.rad2deg(np.abs(mean - neutral.body_pose[0]).max()) < 9


def test_references_are_as_varied_as_photographs(model):
    apertures, smiles, lids, gaze, hands = [], [], [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        manner = style.sample(rng)
        shot = act.reference(model, betas(seed), manner, rng)
        assert len(shot.expression) == 1
        apertures.append(aperture(model, shot)[0])
        smiles.append(shot.expression[0, names.EXPRESSIONS.index("mouthSmileLeft")])
        lids.append(shot.expression[0, names.EXPRESSIONS.index("eyeBlinkLeft")])
        gaze.append(np.abs(shot.leye_pose[0, 1]))
        hands.append(not np.allclose(shot.left_hand_pose, act.neutral(model, betas(seed), manner).left_hand_pose))
    assert 0.25 < np.mean(np.array(apertures) < 0.001) < 0.75 and max(apertures) > 0.008
    assert 0.15 < np.mean(np.array(smiles) > 0.4) < 0.6
    assert 0.01 < np.mean(np.array(lids) > 0.35) < 0.2
    assert max(gaze) > 0.2 and 0.1 < np.mean(hands) < 0.6


def test_eyes_meet_the_camera_wherever_it_is(model):
    manner = style.sample(np.random.default_rng(0))
    for camera in ((0.0, 0.0), (0.3, -0.1), (-0.25, 0.1)):
        shot = act.neutral(model, betas(0), manner, camera)
        posed = smplx.pose(model, shot)
        turn = posed.joint_rotation[0, names.JOINTS.index("left_eye")]
        direction = turn[:, 2]
        np.testing.assert_allclose(np.arctan2(direction[0], direction[2]), camera[0], atol=0.02)
        np.testing.assert_allclose(np.arcsin(direction[1]), camera[1], atol=0.02)

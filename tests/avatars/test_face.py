import dataclasses

import numpy as np
import pytest

from data_pipelines.avatars import style
from data_pipelines.avatars.acting import eyes, face, rhythm
from data_pipelines.avatars.acting.arkit import column, columns
from tests.avatars.acted import babble, said
from vlogger_jax.body import model_file, rotation, smplx

FPS = 24.0
TIMES = np.arange(240) / FPS
STYLE = dataclasses.replace(style.sample(np.random.default_rng(0)).face, wandering=0.0)


def test_every_mood_has_a_face_of_arkits():
    assert set(face.MOODS) == set(style.MOODS)
    for mood, asked in face.MOODS.items():
        for name, value in asked.items():
            assert columns(name) and 0 < value < 1
        found = face.still_mood(dataclasses.replace(STYLE, mood=mood, strength=0.5))
        assert found.max() == 0.5 * max(asked.values())


def test_moods_drift_about_their_stills():
    for mood in style.MOODS:
        of = dataclasses.replace(STYLE, mood=mood, strength=0.8)
        found = face.mood(of, np.random.default_rng(0), 4800, FPS, np.zeros(4800))
        np.testing.assert_allclose(found.mean(axis=0), face.still_mood(of), atol=0.12)
        moving = face.still_mood(of) > 0
        assert found[:, moving].std(axis=0).min() > 0.005 and found[:, ~moving].max() == 0
        assert np.abs(np.diff(found, axis=0)).max() < 0.03


def test_rounded_lips_leave_no_room_for_a_smile():
    of = dataclasses.replace(STYLE, mood="warm")
    free, rounded = (face.mood(of, np.random.default_rng(0), 240, FPS, np.full(240, value)) for value in (0.0, 1.0))
    smile, cheeks = column("mouthSmileLeft"), column("cheekSquintLeft")
    np.testing.assert_allclose(rounded[:, smile], 0.25 * free[:, smile])
    np.testing.assert_array_equal(rounded[:, cheeks], free[:, cheeks])


def test_brows_rise_with_stress():
    phonemes = babble(0)
    rise, found = 0.0, []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        prosody = rhythm.of(phonemes, rng)
        brows = face.brows(dataclasses.replace(STYLE, brows=1.0, mood="neutral"), prosody, rng, TIMES, FPS)
        found.append(brows[:, column("browInnerUp")])
        near = np.abs(TIMES[:, None] - prosody.stressed).min(axis=1) < 0.1
        rise += found[-1][near].mean() - found[-1][~near].mean()
    assert rise / 20 > 0.02
    assert np.max(found) <= 0.9 and np.min(found) == 0


# Eyes.


def turning(rng, frames=240):
    angles = np.deg2rad([5.0, 15.0, 4.0]) * np.sin(
        np.arange(frames)[:, None] * [0.05, 0.03, 0.04] + rng.uniform(0, 6, 3)
    )
    return rotation.axis_angle_to_matrix(angles)


@pytest.mark.parametrize("camera", [(0.0, 0.0), (0.15, -0.08)])
def test_eyes_stay_on_the_camera_while_the_head_turns(camera):
    head = turning(np.random.default_rng(0))
    left, up = eyes.gaze(STYLE, np.random.default_rng(1), TIMES, head, camera).T
    direction = np.stack([np.sin(left) * np.cos(up), np.sin(up), np.cos(left) * np.cos(up)], axis=-1)
    world = np.einsum("tij,tj->ti", head, direction)
    off = np.stack([np.arctan2(world[:, 0], world[:, 2]) - camera[0], np.arcsin(world[:, 1]) - camera[1]], axis=-1)
    assert np.rad2deg(np.abs(off)).max() < 3.0
    assert np.rad2deg(np.ptp(left)) > 20.0  # the eyes did turn


def test_wandering_eyes_jump_and_hold():
    of = dataclasses.replace(STYLE, wandering=0.5)
    head = np.tile(np.eye(3), (2400, 1, 1))
    found = eyes.gaze(of, np.random.default_rng(0), np.arange(2400) / FPS, head, (0.0, 0.0))
    step = np.rad2deg(np.linalg.norm(np.diff(found, axis=0), axis=-1))
    still = step < 0.01
    assert 0.85 < still.mean() < 0.99  # a jump takes at most two frames of 24 a second
    assert 2.0 < np.rad2deg(np.abs(found[:, 0]).mean()) < 8.0


def test_lids_and_eyeballs_follow_the_same_gaze():
    model = model_file.default()
    gaze = np.deg2rad([[10.0, 5.0], [-20.0, -12.0], [0.0, 0.0]])
    expression = eyes.looking(gaze).astype(np.float32)
    for eye in smplx.arkit_eye_pose(model, expression):
        np.testing.assert_allclose(eye[:, 1], gaze[:, 0], atol=1e-6)
        np.testing.assert_allclose(eye[:, 0], -gaze[:, 1], atol=1e-6)
    assert expression[1, column("eyeLookDownLeft")] > 0.4 and expression[2].max() == 0


@pytest.mark.parametrize("rate", [0.2, 0.4])
def test_blinks_come_at_their_rate_and_close_the_eyes(rate):
    of = dataclasses.replace(STYLE, blink_rate=rate, blink_length=0.2)
    times = np.arange(240 * 60) / FPS
    prosody = rhythm.of(said(("", times[-1])), np.random.default_rng(0))
    shut = eyes.blinks(of, prosody, np.random.default_rng(0), times, FPS)
    begun = np.flatnonzero((shut[1:] > 0.3) & (shut[:-1] <= 0.3))
    np.testing.assert_allclose(len(begun) / times[-1], 1.1 * rate, rtol=0.15)  # one in ten is followed by another
    lasted = np.array([np.argmax(shut[i + 1 :] < 0.1) for i in begun[:-1]]) / FPS
    assert 0.08 < np.median(lasted) < 0.25
    deepest = np.array([shut[i + 1 : i + 8].max() for i in begun])
    assert 0.85 < (deepest > 0.99).mean() < 1.0  # some are only half


def test_a_blink_closes_lids_that_hang_or_are_wide():
    expression = np.zeros((2, 52))
    expression[:, column("eyeWideLeft")] = 0.5
    found = eyes.lids(dataclasses.replace(STYLE, lids=0.2), np.array([0.0, 1.0]), expression)
    np.testing.assert_allclose(found[:, column("eyeBlinkLeft")], [0.2, 1.0])
    np.testing.assert_allclose(found[:, column("eyeWideLeft")], [0.5, 0.1])

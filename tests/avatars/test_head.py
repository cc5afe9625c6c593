import dataclasses

import numpy as np
import pytest

from data_pipelines.avatars import style
from data_pipelines.avatars.acting import head, rhythm, torso
from tests.avatars.acted import babble, said
from vlogger_jax.body import model_file, names, rotation

FPS = 24.0
TIMES = np.arange(240) / FPS
SILENT = said(("", 10.0))


def moved(seed, phonemes=None, **changes):
    rng = np.random.default_rng(seed)
    of = dataclasses.replace(style.sample(rng).head, **changes)
    phonemes = babble(seed) if phonemes is None else phonemes
    prosody = rhythm.of(phonemes, rng)
    return head.posture(of, prosody, rng, TIMES, FPS), prosody, of


def test_heads_move_slowly_and_smoothly():
    """Of people who talk, hardly anything of the head is above 4 Hz."""
    share, speeds = [], []
    for seed in range(12):
        angles = moved(seed)[0].head
        spectrum = np.abs(np.fft.rfft((angles - angles.mean(axis=0)) * np.hanning(240)[:, None], axis=0)) ** 2
        share.append(spectrum[np.fft.rfftfreq(240, 1 / FPS) > 4.0].sum() / spectrum.sum())
        speeds.append(np.rad2deg(np.abs(np.diff(angles, axis=0)).max()) * FPS)
    assert max(share) < 0.01
    assert max(speeds) < 150


def test_heads_nod_on_stress():
    """Pitch is highest (the chin lowest) near stressed vowels, compared with a fifth of a second before."""
    drop = []
    for seed in range(30):
        posture, prosody, _ = moved(seed, nod=1.2, lively=0.5)
        inside = prosody.stressed[(prosody.stressed > 0.5) & (prosody.stressed < 9.5)]
        pitch = [np.interp(inside - lag, TIMES, posture.head[:, 0]) for lag in (0.0, 0.25)]
        drop.append((pitch[0] - pitch[1]).mean())
    assert np.rad2deg(np.mean(drop)) > 0.5
    assert np.mean(np.array(drop) > 0) > 0.7


def test_somebody_silent_still_moves_and_breathes():
    posture, _, of = moved(0, SILENT, breath_rate=0.25)
    assert (np.rad2deg(np.ptp(posture.head, axis=0)) > 1.0).all()
    assert (np.ptp(posture.place, axis=0) > 0.002).all()
    lungs = posture.lungs - posture.lungs.mean()
    frequency = np.fft.rfftfreq(2400, 1 / FPS)[np.abs(np.fft.rfft(lungs, 2400)).argmax()]
    np.testing.assert_allclose(frequency, of.breath_rate, rtol=0.3)
    assert posture.lungs.min() >= 0 and posture.lungs.max() <= 1


def test_breath_is_drawn_before_speech():
    phonemes = said(("", 3.0), ("a", 4.0, 2), ("", 3.0))
    for seed in range(5):
        lungs = moved(seed, phonemes)[0].lungs
        at = np.interp([2.4, 3.0, 6.5], TIMES, lungs)
        assert at[1] > 0.95 and at[1] > at[0] + 0.1 and at[1] > at[2] + 0.3


def test_heads_turn_as_far_as_their_style():
    still, turning = (
        np.mean([np.ptp(moved(seed, turn=np.deg2rad(turn), lively=0.5)[0].head[:, 1]) for seed in range(10)])
        for turn in (2.0, 20.0)
    )
    assert np.rad2deg(still) < 12 < 25 < np.rad2deg(turning)


def test_the_sway_shows_at_the_head():
    def extent(sway):
        return np.mean([np.ptp(moved(seed, sway=sway)[0].place[:, 0]) for seed in range(10)])

    assert extent(0.04) > 2 * extent(0.01)


def test_a_camera_aside_is_faced_half():
    of = style.sample(np.random.default_rng(0)).head
    turned = head.still(of, (0.3, 0.2)).head - head.still(of).head
    np.testing.assert_allclose(turned, [[-0.08, 0.15, 0.0]])
    ahead, aside = (
        head.posture(of, rhythm.of(SILENT, np.random.default_rng(1)), np.random.default_rng(1), TIMES, FPS, camera)
        for camera in ((0.0, 0.0), (0.3, 0.2))
    )
    np.testing.assert_allclose(aside.head - ahead.head, np.broadcast_to(turned, (240, 3)), atol=1e-12)


@pytest.mark.parametrize("axis", range(3))
def test_joints_add_up_to_the_posture(axis):
    """About one axis, rotations of neck and head and of the spine simply add."""
    model = model_file.default()
    angle = np.zeros((2, 3))
    angle[:, axis] = 0.3
    posture = head.Posture(0.5 * angle, angle, np.zeros((2, 3)), np.zeros(2))
    pose = torso.pose(model, posture)
    np.testing.assert_allclose(torso.head_rotation(pose), rotation.axis_angle_to_matrix(1.5 * angle), atol=1e-9)


def test_full_lungs_raise_both_collars():
    model = model_file.default()
    empty, full = (
        torso.pose(model, head.Posture(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros((1, 3)), np.array([lungs])))
        for lungs in (0.0, 1.0)
    )
    raised = (full - empty)[0]
    left, right = (raised[names.JOINTS.index(f"{side}_collar")] for side in ("left", "right"))
    assert left[2] > 0.02 and left[2] == -right[2]
    assert raised[names.JOINTS.index("spine3"), 0] < 0

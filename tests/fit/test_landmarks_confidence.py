"""Confidences and repairs, on points made up."""

import logging

import numpy as np
import pytest

from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import landmarks_confidence
from vlogger_jax.fit.landmarks_confidence import assemble
from vlogger_jax.fit.landmarks_search import Found, Seen

SIZE = (400, 600)
FINGERS = np.stack([np.linspace(0, 80, 21), np.linspace(0, 40, 21), np.zeros(21)], 1)


def ball(yaw: float = 0.0) -> np.ndarray:
    """A face mesh: half a ball of 100 px with the four points that tell its direction, turned to the person's left."""
    y, x = np.stack(np.meshgrid(np.linspace(-80, 80, 22), np.linspace(-60, 60, 22)), -1).reshape(-1, 2)[:478].T
    z = -np.sqrt(np.maximum(100**2 - x**2 - y**2, 0))
    points = np.stack([x, y, z], 1)
    points = points[np.linspace(0, len(points) - 1, 478).astype(int)]
    for index, at in ((33, (-50, -30, -80)), (263, (50, -30, -80)), (10, (0, -80, -60)), (152, (0, 80, -60))):
        points[index] = at
    turn = np.asarray([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    return (points @ turn.T + (300, 200, 0)).astype(np.float32)


def pose(left, right, visible: float = 0.9) -> np.ndarray:
    """Wrists at (x, y), everything else at (100, 100), shoulders 200 px apart."""
    points = np.full((33, 4), 100.0, np.float32)
    points[11, 0] = 300
    points[15, :2], points[16, :2], points[:, 3] = left, right, visible
    return points


def hand(x: float, y: float) -> np.ndarray:
    return (FINGERS + np.asarray([x, y, 0])).astype(np.float32)


def frame(**seen) -> Found:
    seen = {"face": ball(), "pose": pose([400, 300], [200, 300])} | seen
    return Found(Seen(**seen), np.zeros((400, 512), np.uint8), SIZE)


def test_what_is_absent_is_zero_everywhere():
    found = assemble([frame(), frame(face=None, pose=None), frame(left_hand=hand(400, 300))], 25.0)
    assert (found.face_confidence[1] == 0).all()
    assert (found.face[1] == 0).all()
    assert (found.pose_confidence[1] == 0).all()
    assert (found.pose[1] == 0).all()
    assert (found.left_hand_confidence[:2] == 0).all()
    assert (found.left_hand[:2] == 0).all()
    assert (found.left_hand[2] == hand(400, 300)).all()
    assert (found.face[0] == ball()).all()


def test_frames_without_a_face_are_counted(caplog):
    with caplog.at_level(logging.WARNING):
        assemble([frame(), frame(face=None), frame(face=None)], 25.0)
    assert [record.getMessage() for record in caplog.records] == ["no face in 2 of 3 frames, first in frame 1"]


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([frame(face=None)], "the picture of 600 x 400 pixels, only a body"),
        ([frame(face=None, pose=None)], "nor a body"),
        ([frame(face=None)] * 3, "any of the 3 frames"),
    ],
)
def test_no_face_at_all(frames, said):
    with pytest.raises(UserError, match=said):
        assemble(frames, 25.0)


def test_a_turned_face_is_trusted_on_the_side_that_shows():
    frontal = landmarks_confidence.facing(ball()[None])[0]
    assert frontal.mean() > 0.95
    assert frontal[[33, 263, 10, 152]].min() > 0.9
    turned = ball(np.deg2rad(70))
    trust = landmarks_confidence.facing(turned[None])[0]
    assert trust[33] == pytest.approx(1)  # towards the camera: the person's right eye, as they look to their left
    assert trust[263] < 0.3
    assert trust.min() >= landmarks_confidence.FACE_LEAST
    mirrored = turned * (-1, 1, 1)
    mirrored[[33, 263]] = mirrored[[263, 33]]
    again = landmarks_confidence.facing(mirrored[None].astype(np.float32))[0]
    np.testing.assert_allclose(np.delete(again, [33, 263]), np.delete(trust, [33, 263]), atol=0.1)


def test_points_outside_of_the_image_are_guesses():
    inside = assemble([frame(pose=pose([400, 300], [200, 300]))], 25.0)
    outside = assemble([frame(pose=pose([400, 410], [-1, 300]))], 25.0)
    np.testing.assert_allclose(outside.pose_confidence[0, [15, 16]], 0.1 * inside.pose_confidence[0, [15, 16]])
    assert outside.pose_confidence[0, 0] == inside.pose_confidence[0, 0]


def test_a_hand_is_trusted_as_its_wrist_is_visible_and_near():
    near = assemble([frame(left_hand=hand(405, 300))], 25.0).left_hand_confidence[0, 0]
    far = assemble([frame(left_hand=hand(300, 200))], 25.0).left_hand_confidence[0, 0]
    wrists = [400, 300], [200, 300]
    hidden = assemble([frame(left_hand=hand(405, 300), pose=pose(*wrists, visible=0.3))], 25.0).left_hand_confidence[
        0, 0
    ]
    assert near == pytest.approx(0.9)
    assert far < 0.1
    assert hidden == pytest.approx(0.3)
    assert assemble([frame(left_hand=hand(405, 300), pose=None)], 25.0).left_hand_confidence.max() == 0


@pytest.mark.parametrize(("x", "kept", "dropped"), [(395, "left_hand", "right_hand"), (205, "right_hand", "left_hand")])
def test_of_one_hand_taken_for_both_the_nearer_is_kept(x, kept, dropped):
    found = assemble([frame(left_hand=hand(x, 300), right_hand=hand(x + 3, 301))], 25.0)
    assert getattr(found, f"{kept}_confidence").min() > 0.5
    assert getattr(found, f"{dropped}_confidence").max() == 0
    assert (getattr(found, dropped) == 0).all()


def test_two_hands_stay_two():
    found = assemble([frame(left_hand=hand(300, 300), right_hand=hand(240, 300))], 25.0)
    assert found.left_hand_confidence.min() > 0
    assert found.right_hand_confidence.min() > 0


def lefts(xs) -> np.ndarray:
    """Confidences of a left hand that is at these x, with the pose's wrist there too; None where it is not seen."""
    frames = [frame() if x is None else frame(left_hand=hand(x, 300), pose=pose([x, 300], [100, 300])) for x in xs]
    return assemble(frames, 25.0).left_hand_confidence[:, 0]


def test_what_jumps_for_one_frame_is_doubted():
    trust = lefts([400, 402, 404, 520, 408, 410, 412])
    assert trust[3] < 0.4
    assert np.delete(trust, 3) == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize(
    "xs",
    [
        [400, 402, 404, 406, 408],  # slow
        [250, 300, 350, 400, 450],  # fast
        [400, 401, 402, 250, 251, 252],  # a cut
        [400, None, 402, 403, None, 404, 405],
        [400, 401],
        [400],
    ],
)
def test_steady_motion_is_not_doubted(xs):
    trust = lefts(xs)
    there = np.asarray([x is not None for x in xs])
    alone = len(xs) > 2 and xs[1] is None
    assert trust[there][int(alone) :] == pytest.approx(0.9, abs=0.01)
    assert (trust[~there] == 0).all()


def test_a_hand_of_a_single_frame_is_doubted():
    assert lefts([None, 400, None])[1] == pytest.approx(0.9 * landmarks_confidence.ALONE)
    assert lefts([400, None, None, 400]) == pytest.approx([0.18, 0, 0, 0.18])


def test_a_face_that_jumps_for_one_frame_is_doubted():
    frames = [frame(face=ball() + np.float32([120 * (i == 3), 0, 0])) for i in range(7)]
    found = assemble(frames, 25.0)
    assert found.face_confidence[3].max() < 0.6
    assert found.face_confidence[[0, 1, 2, 4, 5, 6]].max(axis=1) == pytest.approx(1)


def test_smoothing_of_the_pose_neither_lags_nor_shrinks_steady_motion():
    x = 100 + 3.0 * np.arange(30)
    found = assemble([frame(pose=pose([a, 300], [a, 200])) for a in x], 30.0)
    np.testing.assert_allclose(found.pose[:, 15, 0], x, atol=1e-3)
    noisy = x + np.random.default_rng(0).normal(0, 2, 30)
    found = assemble([frame(pose=pose([a, 300], [a, 200])) for a in noisy], 30.0)
    assert np.std((found.pose[:, 15, 0] - x)[3:-3]) < 0.65 * np.std((noisy - x)[3:-3])


def test_smoothing_of_the_pose_does_not_mix_in_missing_frames():
    frames = [frame(), frame(pose=None), frame(), frame(pose=None), frame()]
    found = assemble(frames, 30.0)
    np.testing.assert_allclose(found.pose[[0, 2, 4], 15, :2], [[400, 300]] * 3, rtol=1e-5)


def test_smoothing_of_the_pose_stops_at_a_cut():
    x = np.repeat([100.0, 400.0], 5)
    found = assemble([frame(pose=pose([a, 300], [a, 200])) for a in x], 30.0)
    np.testing.assert_allclose(found.pose[:, 15, 0], x, atol=1e-3)

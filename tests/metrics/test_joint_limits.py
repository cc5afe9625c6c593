import math

import numpy as np
import pytest

from vlogger_jax.body import names
from vlogger_jax.metrics.count import Count
from vlogger_jax.metrics.joint_limits import ARMS, HANDS, TOLERANCE, beyond

LIMITS = np.tile(np.deg2rad([-30.0, 60.0]), (55, 3, 1))


@pytest.mark.parametrize("joint", ["left_shoulder", "right_wrist", "left_index1", "right_thumb3"])
@pytest.mark.parametrize(("degrees", "hits"), [(59, 0), (64, 0), (66, 1), (-34, 0), (-36, 1)])
@pytest.mark.parametrize("axis", range(3))
def test_one_joint_about_one_axis_is_enough(joint, degrees, hits, axis):
    pose = np.zeros((4, 55, 3))
    pose[2, names.JOINTS.index(joint), axis] = math.radians(degrees)
    assert beyond(pose, LIMITS) == Count(hits, 4)


def test_frames_count_once():
    pose = np.zeros((4, 55, 3))
    pose[1:3, 16:40] = math.radians(90)
    assert beyond(pose, LIMITS) == Count(2, 4)


def test_only_arms_and_hands_are_looked_at():
    pose = np.full((4, 55, 3), math.radians(90))
    pose[:, ARMS + HANDS] = 0
    assert beyond(pose, LIMITS) == Count(0, 4)
    assert beyond(pose, LIMITS, joints=(15,)) == Count(4, 4)
    assert [names.JOINTS[joint] for joint in ARMS] == [
        f"{side}_{part}" for part in ("shoulder", "elbow", "wrist") for side in ("left", "right")
    ]
    assert len(HANDS) == 30


def test_limits_are_each_joints_own():
    limits, pose = LIMITS.copy(), np.zeros((1, 55, 3))
    limits[18, 1, 1] = -2 * TOLERANCE
    assert beyond(pose, limits) == Count(1, 1)
    assert beyond(np.where(np.arange(55)[:, None] == 18, -3 * TOLERANCE, pose), limits) == Count(0, 1)

import numpy as np
import pytest

from vlogger_jax.body import names, rotation
from vlogger_jax.metrics.gesture_autoencoder.standard import FINGER, POSTURE, TURN, packed, standard
from vlogger_jax.metrics.gesture_windows import pack


def frame(**turned) -> np.ndarray:
    """One frame of the usual posture but for the joints given, axis-angles in degrees."""
    pose = np.zeros((1, 55, 3), np.float32)
    for side, sign in (("left", 1), ("right", -1)):
        for part, (x, y, z) in POSTURE.items():
            pose[0, names.JOINTS.index(f"{side}_{part}")] = x, sign * y, sign * z
    for joint, angles in turned.items():
        pose[0, names.JOINTS.index(joint)] = angles
    pose = np.deg2rad(pose)
    return pack(pose[:, 1:22], pose[:, 25:40], pose[:, 40:])


def test_the_usual_posture_is_0():
    np.testing.assert_allclose(standard(frame()), 0, atol=1e-5)


@pytest.mark.parametrize(
    ("joint", "place", "scale"),
    [
        ("spine2", 1, TURN["spine"]),
        ("head", 6, TURN["head"]),
        ("right_thumb3", 42, FINGER),
        ("left_collar", 4, TURN["collar"]),
    ],
)
def test_a_joint_counts_in_its_own_turns(joint, place, scale):
    """By 2 degrees about y more than usual; the right side mirrors the left."""
    x, y, z = POSTURE.get(joint.rpartition("_")[2], (0, 0, 0))
    usual = (x, -y, -z) if joint.startswith("right") else (x, y, z)
    angles = (usual[0], usual[1] + 2, usual[2])
    found = standard(frame(**{joint: angles})).reshape(43, 6)
    assert np.flatnonzero(np.abs(found).max(axis=-1) > 1e-3).tolist() == [place]
    before, after = (
        rotation.matrix_to_sixd(rotation.axis_angle_to_matrix(np.deg2rad(np.array(each, float))))
        for each in (usual, angles)
    )
    np.testing.assert_allclose(found[place], (after - before) / scale, atol=1e-4)


def test_it_is_undone():
    windows = np.random.default_rng(0).normal(size=(3, 4, 258)).astype(np.float32)
    np.testing.assert_allclose(packed(standard(windows)), windows, atol=1e-5)


def test_every_joint_of_the_table_is_one():
    assert {f"left_{part}" for part in POSTURE} <= set(names.JOINTS)

"""Motions of other programs: one motion, written as each of them would, comes back."""

import dataclasses
import logging
import pickle

import joblib
import numpy as np
import pytest

from vlogger_jax.body import model_file, rotation, smplx
from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import tracks

FRAMES = 5
CAMERA = np.diag([1.0, -1.0, -1.0]).astype(np.float32)
"""Its axes in the world's."""


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def motion(model):
    rng = np.random.default_rng(0)
    still = smplx.rest_motion(model, frames=FRAMES, fps=30.0)
    names = (*tracks._LAYOUT, "transl")
    drawn = {name: rng.normal(0, 0.2, getattr(still, name).shape).astype(np.float32) for name in names}
    drawn["transl"][0] = 0
    return dataclasses.replace(still, **drawn)


def flat(motion, *names):
    return np.concatenate([getattr(motion, name).reshape(FRAMES, -1) for name in names], axis=1)


def seen(motion):
    """In a camera that looks at the world."""
    turned = CAMERA @ rotation.axis_angle_to_matrix(motion.global_orient)
    return rotation.matrix_to_axis_angle(turned), motion.transl @ CAMERA + np.float32([0.1, 0.4, 5])


def same(found, motion, without=(), atol=1e-5):
    assert (found.fps, found.body) == (motion.fps, motion.body)
    for name in (*tracks._LAYOUT, "transl"):
        wanted = getattr(motion, name)
        np.testing.assert_allclose(getattr(found, name), 0 * wanted if name in without else wanted, atol=atol)
    assert not found.expression.any() and not found.betas.any()


def test_beat2(model, motion, tmp_path, caplog):
    arrays = {
        "poses": flat(motion, *tracks._LAYOUT).astype(np.float64),
        "trans": motion.transl + np.float32([0, 1, 2]),
        "betas": np.ones(300),
        "expressions": np.ones((FRAMES, 100)),
        "mocap_frame_rate": np.array(30),
        "model": np.array("smplx2020"),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    with caplog.at_level(logging.WARNING):
        same(tracks.read(tmp_path / "a.npz", model), motion)
    assert caplog.text.count("which are left out") == 1
    assert tracks.is_one(tmp_path / "a.npz")
    assert tracks.read(tmp_path / "a.npz", model, fps=24.0).fps == 24


@pytest.mark.parametrize("folder", [".", "smplx"])
def test_smpler_x(folder, model, motion, tmp_path):
    (tmp_path / folder).mkdir(exist_ok=True)
    orient, place = seen(motion)
    for i in range(FRAMES):
        arrays = {name: getattr(motion, name)[i].reshape(-1, 3) for name in tracks._LAYOUT}
        arrays |= {"global_orient": orient[i, None], "transl": place[i, None], "betas": np.zeros((1, 10))}
        np.savez(tmp_path / folder / f"{i:05}_0.npz", **arrays)
    same(tracks.read(tmp_path, model), motion)
    np.savez(tmp_path / folder / "00000_1.npz", **arrays)
    with pytest.raises(UserError, match="has 2 people"):
        tracks.read(tmp_path, model)


def test_show(model, motion, tmp_path, caplog):
    """Its hands need the licensed model."""
    orient, place = seen(motion)
    held = {"body_pose_axis": motion.body_pose.reshape(FRAMES, 63), "global_orient": orient, "transl": place}
    held |= {name: getattr(motion, name) for name in ("jaw_pose", "leye_pose", "reye_pose")}
    held |= {f"{side}_hand_pose": np.ones((FRAMES, 12), np.float32) for side in ("left", "right")}
    held |= {"width": 1280, "betas": np.ones(300), "focal_length": np.float64(5000)}
    for written in (held, [held]):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(written))
        same(tracks.read(tmp_path / "a.pkl", model), motion, without=("left_hand_pose", "right_hand_pose"))
    assert "the left hand, which stays at rest" in caplog.text


def test_pymaf_x(model, motion, tmp_path):
    """It puts the body's orientation before its other joints, and writes matrices."""
    orient, place = seen(motion)
    body = np.concatenate([orient[:, None], motion.body_pose], axis=1)
    parts = []
    for rows in (slice(0, 2), slice(2, None)):
        part = {name: getattr(motion, name)[rows] for name in ("left_hand_pose", "right_hand_pose")}
        part |= {name: getattr(motion, name)[rows, None] for name in ("jaw_pose", "leye_pose", "reye_pose")}
        part |= {"body_pose": body[rows]}
        parts.append({name: rotation.axis_angle_to_matrix(value) for name, value in part.items()})
        parts[-1]["shape"] = np.zeros((len(parts[-1]["jaw_pose"]), 10))
    joblib.dump({"orig_cam_t": place, "smplx_params": parts, "verts": np.zeros((FRAMES, 4, 3))}, tmp_path / "a.pkl")
    same(tracks.read(tmp_path / "a.pkl", model), motion, atol=1e-4)


def test_multi_hmr(model, motion, tmp_path):
    orient, place = seen(motion)
    joints = flat(motion, "body_pose", "left_hand_pose", "right_hand_pose", "jaw_pose")
    rotvec = np.concatenate([orient, joints], axis=1).reshape(FRAMES, 53, 3)
    people = [{"rotvec": rotvec[i], "transl_pelvis": place[i, None], "scores": np.float32(1)} for i in range(FRAMES)]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(people))
    same(tracks.read(tmp_path / "a.pkl", model), motion, without=("leye_pose", "reye_pose"))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"poses": np.zeros((3, 72))}, "is no motion that is known"),
        ({"poses": np.zeros((0, 165))}, "is no motion that is known"),
        ({"weights": np.zeros(3)}, "is no motion that is known"),
        ({"poses": np.zeros((3, 165)), "trans": np.zeros((2, 3))}, "parts of different lengths"),
        ({"poses": np.zeros((3, 165)), "trans": np.zeros((3, 2))}, "has transl of shape"),
        ({"poses": np.full((3, 165), np.nan)}, "is not a number"),
    ],
)
def test_what_cannot_be_is_one_line(arrays, said, model, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=said):
        tracks.read(tmp_path / "a.npz", model)


def test_an_empty_folder(model, tmp_path):
    with pytest.raises(UserError, match=r"has no \.npz files"):
        tracks.read(tmp_path, model)

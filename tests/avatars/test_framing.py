"""Where the camera stands."""

import dataclasses

import numpy as np
import pytest

from data_pipelines.avatars import framing, identity
from data_pipelines.avatars.framing import SIDE, Framing
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, rotation, smplx

MODEL = model_file.default()
DRAWN = [framing.sample(np.random.default_rng(seed)) for seed in range(400)]


def face(motion, camera):
    """Pixels of the face's skin on the middle line, chin first."""
    skin = np.unique(MODEL.faces[MODEL.labels == names.LABELS.index("face skin")])
    rest = MODEL.v_template[skin] + MODEL.shapedirs[skin] @ motion.betas
    middle = skin[np.abs(rest[:, 0]) < 0.02]
    pixels, depth = cameras.project(camera, smplx.pose(MODEL, motion).vertices[0, middle])
    rest = rest[np.abs(rest[:, 0]) < 0.02]
    return pixels[[rest[:, 1].argmin(), rest[:, 1].argmax()]], depth


def neutral(seed):
    rest = smplx.rest_motion(MODEL)
    return dataclasses.replace(rest, betas=identity.sample(np.random.default_rng(seed), MODEL))


@pytest.mark.parametrize("seed", range(6))
def test_the_face_has_the_height_and_place_asked_for(seed):
    wanted = dataclasses.replace(DRAWN[seed], turn=(0.0, 0.0, 0.0), focal=3.0)
    (chin, top), depth = face(framing.place(MODEL, neutral(seed), wanted), framing.camera(wanted))
    assert (depth > 0).all()
    # Chin and hairline are not equally deep, and the camera is near.
    assert (chin - top)[1] / SIDE == pytest.approx(wanted.face_height, rel=0.12)
    np.testing.assert_allclose((chin + top) / 2 / SIDE, wanted.centre, atol=0.06 * wanted.face_height)


def test_a_turn_turns_the_whole_person_about_the_face():
    base = Framing(face_height=0.3, focal=2.0, centre=(0.5, 0.4), turn=(0.0, 0.0, 0.0))
    turned = dataclasses.replace(base, turn=(0.0, 0.3, 0.0))
    start = neutral(0)
    straight, aside = (framing.place(MODEL, start, f) for f in (base, turned))
    found = rotation.axis_angle_to_matrix(aside.global_orient[0])
    wanted = rotation.matmul(
        rotation.axis_angle_to_matrix(np.float32(turned.turn)), rotation.axis_angle_to_matrix(straight.global_orient[0])
    )
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    first, second = (np.mean(face(m, framing.camera(base))[0], axis=0) for m in (straight, aside))
    np.testing.assert_allclose(first, second, atol=0.02 * SIDE)


def test_placing_is_one_rigid_motion_for_all_frames():
    """Also of a person who has turned and moved: distances between frames stay, and so do poses."""
    rng = np.random.default_rng(0)
    moving = dataclasses.replace(
        smplx.rest_motion(MODEL, frames=4),
        global_orient=rng.normal(0, 0.4, (4, 3)).astype(np.float32),
        transl=rng.normal(0, 0.1, (4, 3)).astype(np.float32),
    )
    placed = framing.place(MODEL, moving, DRAWN[3])
    before, after = (smplx.pose(MODEL, m).joints[:, :55].reshape(-1, 3) for m in (moving, placed))
    turn = rotation.axis_angle_to_matrix(np.float32(DRAWN[3].turn))
    shift = after - before @ turn.T
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=5e-6)


@pytest.mark.parametrize("seed", range(6))
def test_the_way_to_the_camera_leads_to_the_camera(seed):
    f = DRAWN[seed]
    placed = framing.place(MODEL, neutral(0), f)
    skin = np.unique(MODEL.faces[MODEL.labels == names.LABELS.index("face skin")])
    middle = smplx.pose(MODEL, placed).vertices[0, skin].mean(axis=0)
    left, up = framing.towards_camera(f)
    ahead = np.array([np.sin(left) * np.cos(up), np.sin(up), np.cos(left) * np.cos(up)], np.float32)
    way = rotation.axis_angle_to_matrix(placed.global_orient[0]) @ ahead
    assert way @ (-middle / np.linalg.norm(middle)) > np.cos(np.deg2rad(4))


def test_framings_vary_as_they_should():
    heights = np.array([f.face_height for f in DRAWN])
    assert heights.min() >= framing.FACE[0] and heights.max() <= framing.FACE[1]
    low, high = np.log(framing.FACE)
    quarters = np.quantile((np.log(heights) - low) / (high - low), (0.25, 0.5, 0.75))
    np.testing.assert_allclose(quarters, (0.25, 0.5, 0.75), atol=0.08)  # log-uniform
    x = np.array([f.centre[0] for f in DRAWN])
    assert x.std() > 0.04 and abs(x.mean() - 0.5) < 0.02
    for f in DRAWN:
        half = 0.62 * f.face_height
        assert f.centre[0] - 0.5 * half > -0.02 and f.centre[0] + 0.5 * half < 1.02
        assert f.centre[1] - half > -0.12 and f.centre[1] + 0.5 * f.face_height < 1.0


def test_same_seed_same_framing():
    assert framing.sample(np.random.default_rng(7)) == DRAWN[7]

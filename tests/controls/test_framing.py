"""Where the square of a clip lies, and what is cut from pictures and mattes."""

import dataclasses

import numpy as np
import pytest

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.body.camera import Square
from vlogger_jax.controls import framing

SIZE = (300, 500)


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def scene(model):
    """Eleven frames of somebody who walks to the side, so small that all of them fits."""
    motion = smplx.rest_motion(model, frames=11)
    transl = np.zeros((11, 3), np.float32)
    transl[:, 0], transl[:, 2] = np.linspace(-0.3, 0.3, 11), -4
    return dataclasses.replace(motion, transl=transl), cameras.from_focal(400, SIZE)


def pixels(model, motion, camera, label):
    found = cameras.project(camera, smplx.pose(model, motion).vertices)[0]
    return found[:, np.unique(model.faces[model.labels == names.LABELS.index(label)])].reshape(-1, 2)


def holds(square, points):
    low, high = np.array(square[:2]), np.array(square[:2]) + square.side
    return ((points >= low) & (points <= high)).all(axis=-1)


def hands(*which):
    return np.tile(np.array(which, bool), (11, 1))


def test_the_square_holds_the_head_of_every_frame_and_no_more(model, scene):
    square = framing.square(model, *scene, hands(False, False))
    head = np.concatenate([pixels(model, *scene, label) for label in ("face skin", "scalp", "ears")])
    assert holds(square, head).all()
    assert square.side < 1.6 * np.ptp(head, axis=0).max(), "the shoulders are all that is wider"
    shoulders = [names.JOINTS.index(f"{side}_shoulder") for side in ("left", "right")]
    assert holds(square, cameras.project(scene[1], smplx.pose(model, scene[0]).joints[:, shoulders])[0]).all()
    left = framing.square(model, smplx.frames_of(scene[0], slice(0, 1)), scene[1], hands(False, False)[:1])
    assert left.side < square.side


@pytest.mark.parametrize(("side", "label"), [(0, "left hand"), (1, "right hand")])
def test_the_square_holds_hands_that_are_visible(model, scene, side, label):
    hand = pixels(model, *scene, label).reshape(11, -1, 2)
    without = framing.square(model, *scene, hands(False, False))
    visible = np.zeros((11, 2), bool)
    visible[9, side] = True
    square = framing.square(model, *scene, visible)
    assert holds(square, hand[9]).all()
    assert not holds(without, hand[9]).all()


def test_colours_are_means_of_what_they_cover():
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    square = Square(20, 8, 48)
    part = image[8:56, 20:68]
    np.testing.assert_array_equal(framing.cut(image, square, 48), part)
    means = part.reshape(16, 3, 16, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(framing.cut(image, square, 16), means, atol=0.51)


@pytest.mark.parametrize("size", [20, 48, 100])
def test_pictures_and_mattes_are_cut_alike(size):
    """A picture, and a matte of half its size, whose values are coordinates."""
    x = np.tile((np.arange(120) + 0.5) * 2, (100, 1))
    image = np.round(np.repeat(x[..., None], 3, axis=-1)).astype(np.uint8)
    matte = np.round(x[::2, ::2] + 1).astype(np.uint8)
    square = Square(30, 11, 60)
    expected = 2 * (30 + (np.arange(size) + 0.5) * 60 / size)
    np.testing.assert_allclose(framing.cut(image, square, size)[size // 2, :, 0], expected, atol=1.1)
    cut = framing.cut_matte(matte, square, (100, 120), size)
    assert cut.shape == (size, size) and cut.dtype == np.uint8
    np.testing.assert_allclose(cut[size // 2], expected, atol=1.6)


def test_a_matte_that_is_reduced_keeps_its_area():
    matte = 255 * (np.random.default_rng(0).uniform(size=(90, 90)) < 0.3).astype(np.uint8)
    cut = framing.cut_matte(matte, Square(0, 0, 90), (90, 90), 15)
    np.testing.assert_allclose(cut, matte.reshape(15, 6, 15, 6).mean(axis=(1, 3)), atol=1)

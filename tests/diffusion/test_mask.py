"""Masks of training clips: patterns, proportions, and that something is always left to do."""

import jax
import numpy as np
import pytest

from vlogger_jax.core.draw import Draw
from vlogger_jax.diffusion import mask
from vlogger_jax.diffusion.mask import FrameMasks

outside_boxes = jax.jit(mask.outside_boxes, static_argnums=1)
random_boxes = jax.jit(mask.random_boxes, static_argnums=1)
drop_patches = jax.jit(mask.drop_patches, static_argnums=2)


def of(clips, seed=0):
    return Draw.of(jax.random.key(seed), clips)


def drawn(masks, clips, frames, seed=0):
    return np.asarray(jax.jit(lambda draw: masks(draw, frames))(of(clips, seed)))


def test_none():
    assert not drawn(FrameMasks(1, 0, 0, 0), 50, 8).any()


def test_first_frames():
    known = drawn(FrameMasks(0, 1, 0, 0), 4000, 8)
    count = known.sum(axis=1)
    np.testing.assert_array_equal(known, np.arange(8) < count[:, None])
    np.testing.assert_allclose(np.bincount(count, minlength=6) / 4000, [0, 0.25, 0.25, 0.25, 0.25, 0], atol=0.03)


def test_ends():
    np.testing.assert_array_equal(drawn(FrameMasks(0, 0, 1, 0), 3, 5), [[True, False, False, False, True]] * 3)


def test_random_frames():
    known = drawn(FrameMasks(0, 0, 0, 1), 4000, 5)
    counts = np.bincount(known.sum(axis=1), minlength=6) / 4000
    np.testing.assert_allclose(counts, [0, 0.25, 0.25, 0.25, 0.25, 0], atol=0.03)
    np.testing.assert_allclose(known.mean(axis=0), 0.5, atol=0.03)
    np.testing.assert_allclose((known[:, 0] & known[:, 4]).mean(), np.mean([0, 0.1, 0.3, 0.6]), atol=0.03)


def test_proportions():
    known = drawn(FrameMasks(), 8000, 16)
    none = ~known.any(axis=1)
    ends = (known == np.isin(np.arange(16), (0, 15))).all(axis=1)
    first = known[:, 0] & (known == (np.arange(16) < known.sum(axis=1)[:, None])).all(axis=1)
    np.testing.assert_allclose([none.mean(), first.mean(), ends.mean()], [0.4, 0.4, 0.1], atol=0.02)


@pytest.mark.parametrize("frames", [1, 2, 3, 16])
def test_a_frame_is_always_left_to_generate(frames):
    for masks in (FrameMasks(0, 1, 1, 1), FrameMasks(0, 0, 1, 0)):
        assert not drawn(masks, 300, frames).all(axis=1).any()


def test_outside_of_boxes():
    known = outside_boxes(np.array([[[0.25, 0.0, 0.75, 0.5]]]), (4, 8))
    expected = np.ones((4, 8), bool)
    expected[:2, 2:6] = False
    np.testing.assert_array_equal(known[0, 0], expected)


def test_neighbouring_boxes_share_no_pixel():
    boxes = np.array([[0.0, 0, 0.5, 1], [0.5, 0, 1, 1]])
    np.testing.assert_array_equal(np.asarray(outside_boxes(boxes, (3, 7))).sum(axis=0), 1)


def test_random_boxes_lie_inside():
    boxes = np.asarray(random_boxes(of(500), (0.2, 0.5)))
    assert boxes.min() >= 0
    assert boxes.max() <= 1
    side = boxes[:, 2:] - boxes[:, :2]
    assert side.min() > 0.2 - 1e-5
    assert side.max() < 0.5 + 1e-5
    np.testing.assert_allclose(boxes[:, :2].mean(), 0.325, atol=0.02)


def test_mixed():
    frames, boxes = np.zeros((3000, 2), bool), np.ones((3000, 2, 1, 2), bool)
    found = np.asarray(mask.mixed(of(3000), frames, boxes))
    assert found.shape == boxes.shape
    whole = found.reshape(3000, -1)
    assert (whole.all(axis=1) | ~whole.any(axis=1)).all()
    np.testing.assert_allclose(whole[:, 0].mean(), 0.15, atol=0.02)


def test_dropped_patches():
    known = np.ones((20, 3, 10, 12), bool)
    known[:, 0] = False
    shown = np.asarray(jax.jit(lambda known: mask.drop_patches(of(20), known, 4, 0.3))(known))
    assert not shown[:, 0].any()
    np.testing.assert_allclose(shown[:, 1:].mean(), 0.7, atol=0.05)
    patch = shown[:, 1:, 4:8, 8:12]
    assert (patch.all(axis=(2, 3)) | ~patch.any(axis=(2, 3))).all()
    assert (shown[:, 1] != shown[:, 2]).any()
    rates = np.array([0.0, 1.0], np.float32)
    shown = drop_patches(of(2), known[:2], 4, rates)
    np.testing.assert_array_equal(shown[0], known[0])
    assert not shown[1].any()

"""Parts of images and the way back, and masks at another size."""

import numpy as np
import pytest

from vlogger_jax.fit import landmarks_matte, landmarks_views
from vlogger_jax.fit.landmarks_views import Box


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


def test_a_part_inside_is_cut(image):
    part, box = landmarks_views.cut(image, Box(3.2, 4.4, 20.3, 11.6))
    assert box == (3, 4, 20, 12)
    np.testing.assert_array_equal(part, image[4:12, 3:20])


def test_outside_of_the_image_its_border_goes_on(image):
    part, box = landmarks_views.cut(image, Box(-5, -2, 45, 33))
    assert box == (-5, -2, 45, 33)
    np.testing.assert_array_equal(part, np.pad(image, ((2, 3), (5, 5), (0, 0)), mode="edge"))


def test_large_images_are_reduced_by_exact_means(image):
    assert landmarks_views.reduce(image)[1] == 1
    large = np.repeat(np.repeat(image, 101, 0), 101, 1)
    large[::2] //= 2
    found, factor = landmarks_views.reduce(large)
    assert factor == 3
    height, width = (side // 3 for side in large.shape[:2])
    expected = large[: 3 * height, : 3 * width].reshape(height, 3, width, 3, 3).mean((1, 3))
    assert np.abs(found - expected).max() <= 0.5


def test_boxes():
    box = Box(10, 20, 30, 30)
    assert landmarks_views.grown(box, 2, 0.5) == Box(0, 15, 40, 55)
    assert landmarks_views.within(Box(-5, 0, 10, 20), Box(0, 5, 30, 10)) == Box(0, 5, 10, 10)
    assert landmarks_views.around(np.asarray([[1, 5, 9], [3, 2, 9.0]])) == Box(1, 2, 3, 5)
    assert landmarks_views.holds(box, (10.0, 30.0))
    assert not landmarks_views.holds(box, (9.0, 25.0))


def test_a_linear_mask_stays_linear_at_any_size():
    y, x = np.mgrid[0:24, 0:32] + 0.5
    ramp = ((x + 2 * y) / 100).astype(np.float32)
    y, x = (np.mgrid[0:12, 0:64] + 0.5) * np.reshape([2, 0.5], (2, 1, 1))
    found = landmarks_matte.resample(ramp, Box(0, 0, 32, 24), (24, 32), (12, 64))
    np.testing.assert_allclose(found[1:-1, 2:-2], ((x + 2 * y) / 100)[1:-1, 2:-2], atol=1e-6)


def test_a_mask_covers_its_part_only():
    found = landmarks_matte.resample(np.ones((5, 5), np.float32), Box(10, 4, 20, 8), (20, 40), (20, 40))
    assert found.sum() == 40
    assert (found[4:8, 10:20] == 1).all()


def test_only_what_the_person_touches_is_kept():
    mask = np.zeros((60, 100), np.float32)
    mask[10:50, 10:40] = 1
    mask[10:50, 60:90] = 0.8
    box, size = Box(0, 0, 100, 60), (60, 100)
    point = np.asarray([[25.0, 30, 0]])
    found = landmarks_matte.cut_out(mask, box, [point], size, size)
    assert found[10:50, 10:40].min() == 255
    assert found[:, 50:].max() == 0
    unseen = np.asarray([[75.0, 30, 0, 0.1]])  # a point of the pose that is not visible
    np.testing.assert_array_equal(landmarks_matte.cut_out(mask, box, [point, unseen], size, size), found)
    both = landmarks_matte.cut_out(mask, box, [point, np.asarray([[75.0, 30, 0, 0.9]])], size, size)
    assert both[10:50, 60:90].min() == 204
    outside = np.asarray([[-5.0, 30, 0], [300, 30, 0]])
    np.testing.assert_array_equal(landmarks_matte.cut_out(mask, box, [outside], size, size), both)
    assert landmarks_matte.cut_out(None, box, [point], size, (6, 10)).shape == (6, 10)


def test_steadied_mattes():
    rng = np.random.default_rng(0)
    x = np.arange(60)
    outline = np.clip(255 * (30 - x) / 10, 0, 255)
    mattes = [np.rint(np.clip(outline + rng.normal(0, 20, (1, 60)), 0, 255)).astype(np.uint8) for _ in range(9)]
    found = landmarks_matte.steadied(mattes)
    assert found.dtype == np.uint8
    assert (
        np.abs(np.diff(found.astype(float), axis=0)).mean()
        < 0.7 * np.abs(np.diff(np.asarray(mattes, float), axis=0)).mean()
    )
    np.testing.assert_array_equal(found[[0, -1]], [mattes[0], mattes[-1]])
    rushing = [np.where(np.abs(x - 10 * i) < 3, 255, 0).astype(np.uint8)[None] for i in range(5)]
    np.testing.assert_array_equal(landmarks_matte.steadied(rushing), rushing)
    cut = [np.full((1, 60), 255 * (i > 3), np.uint8) for i in range(8)]
    np.testing.assert_array_equal(landmarks_matte.steadied(cut), cut)
    np.testing.assert_array_equal(landmarks_matte.steadied(cut[:1]), cut[:1])

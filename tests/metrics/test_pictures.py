"""Metrics of pictures: closed forms, then skimage."""

import numpy as np
import pytest
import skimage.metrics

from vlogger_jax.metrics.flicker import flicker, seam_ratio
from vlogger_jax.metrics.pixel_error import errors, pooled
from vlogger_jax.metrics.regions import REGIONS, regions
from vlogger_jax.metrics.sharpness import gradient_energy
from vlogger_jax.metrics.structure import ssim

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 256, (3, 24, 24, 3)).astype(np.uint8)
EVERYWHERE = np.ones((3, 24, 24), bool)


def test_psnr_and_l1_by_hand():
    truth = np.full((2, 4, 4, 3), 100, np.uint8)
    predicted = truth.copy()
    predicted[:, :, :2] += 51  # a fifth
    whole = np.ones((2, 4, 4), bool)
    assert errors(predicted, truth, whole).l1 == pytest.approx(0.1)
    assert errors(predicted, truth, whole).psnr == pytest.approx(-10 * np.log10(0.04 / 2))
    left = whole & (np.arange(4) < 2)
    assert errors(predicted, truth, left).psnr == pytest.approx(-10 * np.log10(0.04))
    assert errors(predicted, truth, ~left).psnr == np.inf
    assert np.isnan(errors(predicted, truth, np.zeros_like(whole)).psnr)


def test_psnr_is_skimages_and_errors_pool():
    predicted = RNG.integers(0, 256, TRUTH.shape).astype(np.uint8)
    expected = skimage.metrics.peak_signal_noise_ratio(TRUTH, predicted)
    assert errors(predicted, TRUTH, EVERYWHERE).psnr == pytest.approx(expected)
    parts = [errors(predicted[i], TRUTH[i], EVERYWHERE[i]) for i in range(3)]
    assert pooled(parts).psnr == pytest.approx(expected)
    assert pooled(parts).l1 == pytest.approx(errors(predicted, TRUTH, EVERYWHERE).l1)


def test_ssim_is_one_of_the_same_falls_with_noise_and_is_local():
    assert ssim(TRUTH, TRUTH, EVERYWHERE) == pytest.approx(1)
    noisy = np.clip(TRUTH + RNG.normal(0, 60, TRUTH.shape), 0, 255).astype(np.uint8)
    assert ssim(noisy, TRUTH, EVERYWHERE) < 0.9
    half = TRUTH.copy()
    half[:, :, 12:] = noisy[:, :, 12:]
    left = EVERYWHERE & (np.arange(24) < 5)
    assert ssim(half, TRUTH, left) == pytest.approx(1)
    assert np.isnan(ssim(half, TRUTH, ~EVERYWHERE))


def test_gradient_energy_by_hand():
    ramp = np.broadcast_to((np.arange(8) * 10)[:, None], (1, 8, 8, 3)).astype(np.uint8)
    whole = np.ones((1, 8, 8), bool)
    assert gradient_energy(ramp, whole) == pytest.approx((10 / 255) ** 2 / 2)
    assert gradient_energy(np.swapaxes(ramp, 1, 2), whole) == pytest.approx((10 / 255) ** 2 / 2)
    step = np.zeros((1, 8, 8, 3), np.uint8)
    step[:, :, 4:] = 255
    beside = whole & (np.arange(8) < 4)
    assert gradient_energy(step, beside) == 0  # the step lies between two regions
    assert gradient_energy(step, ~whole) == 0


def test_even_movement_does_not_flicker():
    rising = np.broadcast_to((np.arange(5) * 7)[:, None, None, None], (5, 6, 6, 3)).astype(np.uint8)
    assert flicker(rising, np.ones((5, 6, 6), bool)) == 0
    shaken = rising.copy()
    shaken[2] += 51
    assert flicker(shaken, np.ones((5, 6, 6), bool)) == pytest.approx((0.2 + 0.4 + 0.2) / 3)
    seen = np.ones((5, 6, 6), bool)
    seen[2] = False
    assert np.isnan(flicker(shaken, seen))
    with pytest.raises(ValueError, match="3 frames"):
        flicker(rising[:2], seen[:2])


def test_a_seam_is_what_changes_more_than_elsewhere():
    truth = np.broadcast_to((np.arange(8) * 10)[:, None, None, None], (8, 2, 2, 3)).astype(np.uint8)
    jumping = truth.copy()
    jumping[4:] += 20
    assert seam_ratio(truth, truth, [4]) == pytest.approx(1)
    assert seam_ratio(jumping, truth, [4]) == pytest.approx(3)
    with pytest.raises(ValueError, match="0 of 7 steps"):
        seam_ratio(truth, truth, [])


def test_regions():
    label = np.zeros((2, 128, 128), np.uint8)
    label[:, 20:40, 20:40], label[0, 80:90, 80:90], label[:, 60:70, 60:70] = 1, 16, 13
    matte = np.where(label > 0, 255, 0).astype(np.uint8)
    reference = np.zeros((128, 128), np.uint8)
    reference[100:110, 0:10] = 9
    found = regions(label, matte, reference)
    assert tuple(found) == REGIONS
    assert found["face"].sum() == 2 * 24**2  # two pixels to each side
    assert found["hands"][0].sum() == 14**2 and not found["hands"][1].any()
    np.testing.assert_array_equal(found["body"], label > 0)
    assert found["full"].all()
    np.testing.assert_array_equal(found["foreground"], (label > 0) | (reference > 0))

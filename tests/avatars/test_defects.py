"""Camera defects: nothing at strength 0, and what each promises at others."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.avatars.look import colour, defects

KEY = jax.random.key(0)
SIDE = 40
photograph, develop = jax.jit(defects.photograph), jax.jit(defects.develop)


def picture(seed: int = 0, side: int = SIDE) -> np.ndarray:
    """Smooth colours, sRGB bytes."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(40, 215, (5, 5, 3))
    return np.asarray(jax.image.resize(low, (side, side, 3), "cubic")).clip(0, 255).round().astype(np.uint8)


def light(image: np.ndarray) -> np.ndarray:
    return colour.linear(image / np.float32(255)).astype(np.float32)


def wrong(**strengths: float) -> defects.Defects:
    fields = {name: np.asarray(value, np.float32) for name, value in strengths.items()}
    return dataclasses.replace(defects.none(), **fields)


def test_a_perfect_camera_changes_nothing():
    image = picture()
    np.testing.assert_array_equal(photograph(defects.none(), light(image), KEY), image)


def test_every_strength_changes_something():
    image = picture()
    strengths = {"exposure": 1.2, "vignette": 0.4, "blur": 0.02, "contrast": 1.2, "saturation": 0.5, "gamma": 1.2}
    strengths |= {"sharpen": 1.0, "shrink": 2.0, "quality": 30.0, "shoulder": 0.3}
    for name, strength in strengths.items():
        assert (np.asarray(photograph(wrong(**{name: strength}), light(image), KEY)) != image).any(), name


def test_finest_compression_of_smooth_greys_is_within_a_level():
    grey = np.repeat(picture()[..., :1], 3, axis=-1)
    found = 255 * np.asarray(defects.compressed(grey / np.float32(255), 100.0))
    assert np.abs(found - grey).max() <= 1.0


@pytest.mark.parametrize("side", [16, 17, 40])
def test_compression_keeps_the_shape_and_one_colour(side: int):
    image = np.full((side, side, 3), 0.5, np.float32)
    np.testing.assert_allclose(defects.compressed(image, 50.0), image, atol=4 / 255)


def test_coarser_compression_is_worse():
    image = picture() / np.float32(255)
    noisy = np.clip(image + np.random.default_rng(1).normal(0, 0.1, image.shape), 0, 1).astype(np.float32)
    errors = [float(jnp.abs(defects.compressed(noisy, quality) - noisy).mean()) for quality in (95.0, 60.0, 30.0, 10.0)]
    assert errors == sorted(errors)
    assert errors[-1] > 1.3 * errors[0]


def test_compression_rounds_every_coefficient_of_a_block():
    """One cosine of the luma of one block comes back as a multiple of its step."""
    wave = np.cos(np.pi * 2 * (2 * np.arange(8) + 1) / 16) * 0.5  # the third coefficient along columns
    block = np.tile(0.5 + 0.1 * wave[None, :, None], (8, 1, 3)).astype(np.float32)
    image = np.tile(block, (2, 2, 1))
    found = np.asarray(defects.compressed(image, 50.0))[:8, :8, 0] * 255 - 128
    # Orthonormal: (1 / sqrt 8) (1 / 2) sum f cos.
    before, after = ((255 * values * wave[None]).sum() / 8**0.5 for values in (block[..., 0] - 0.5, (found / 255)))
    assert before % 10 > 1
    assert after == pytest.approx(10 * round(before / 10), abs=0.05)  # T.81 table K.1, row 0, column 2


def test_noise_has_the_strength_asked_for():
    grey = np.full((128, 128, 3), 0.25, np.float32)
    read = dataclasses.replace(defects.none(), noise=np.array([0.02, 0.0], np.float32))
    shot = dataclasses.replace(read, noise=np.array([0.0, 0.04], np.float32))
    for noisy in (read, shot):  # 0.04 * sqrt(0.25) is 0.02 as well
        developed = colour.linear(np.asarray(develop(noisy, grey, KEY)))
        assert developed.std() == pytest.approx(0.02, rel=0.03)
        assert developed.mean() == pytest.approx(0.25, abs=0.002)


def test_noise_depends_on_the_key_alone():
    noisy = dataclasses.replace(defects.none(), noise=np.array([0.02, 0.02], np.float32))
    first, again, other = (np.asarray(photograph(noisy, light(picture()), jax.random.key(seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


def test_blur_spreads_a_point_as_a_gaussian():
    matrix = np.asarray(defects.blur_matrix(41, 2.0))
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, rtol=1e-6)
    row, step = matrix[20], np.arange(41) - 20
    assert (row * step**2).sum() == pytest.approx(4.0, rel=1e-3)
    np.testing.assert_array_equal(defects.blur_matrix(9, 0.0), np.eye(9))


@pytest.mark.parametrize("times", [1.3, 2.0, 3.7])
def test_shrinking_keeps_ramps_and_loses_detail(times: float):
    matrix = np.asarray(defects.shrink_matrix(48, times))
    ramp = np.arange(48.0)
    inner = slice(6, -6)
    np.testing.assert_allclose((matrix @ ramp)[inner], ramp[inner], atol=0.35 * times)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, rtol=1e-5)
    fastest = (-1.0) ** np.arange(48)
    assert np.abs((matrix @ fastest)[inner]).max() < 0.85
    np.testing.assert_allclose(defects.shrink_matrix(12, 1.0), np.eye(12), atol=1e-6)


def test_vignette_darkens_corners_only():
    white = np.full((33, 33, 3), 0.5, np.float32)
    found = colour.linear(np.asarray(develop(wrong(vignette=0.4), white, KEY)))
    assert found[16, 16, 0] == pytest.approx(0.5, rel=1e-3)
    assert found[0, 0, 0] == pytest.approx(0.3, rel=1e-3)


def test_a_quarter_of_all_clips_is_clean():
    drawn = [defects.sample(np.random.default_rng(seed)) for seed in range(400)]
    clean = np.mean([d.quality > 100 and d.noise.max() == 0 and d.blur == 0 and d.shrink == 1 for d in drawn])
    assert 0.2 < clean < 0.4
    assert all(d.shrink >= 1 and 30 <= d.quality <= 101 and d.saturation >= 0 for d in drawn)

"""Textures: the statistics they are drawn for, no seams, and lookups against what they must return."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.avatars.look import background, colour, textures

SEEDS = range(6)


@pytest.mark.parametrize("slope", [0.5, 1.0, 1.5])
def test_noise_falls_off_with_its_slope(slope: float):
    field = textures.noise(np.random.default_rng(3), slope, 256)[..., 0]
    power = np.abs(np.fft.fft2(field)) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    bins = np.geomspace(0.02, 0.4, 12)
    bands = [(frequency >= low) & (frequency < high) for low, high in itertools.pairwise(bins)]
    mean = [power[band].mean() for band in bands]
    fitted = np.polyfit(np.log(np.sqrt(bins[:-1] * bins[1:])), np.log(mean), 1)[0]
    assert fitted == pytest.approx(-2 * slope, abs=0.12)
    assert field.mean() == pytest.approx(0.0, abs=1e-5)
    assert field.std() == pytest.approx(1.0, abs=1e-4)


def test_dead_leaves_have_edges_as_photographs_do():
    """Differences of neighbours are mostly nothing and sometimes large; their spectrum falls like 1/f^2."""
    kurtosis, slopes = [], []
    for seed in SEEDS:
        grey = textures.leaves(np.random.default_rng(seed), 256).mean(axis=-1)
        step = np.diff(grey, axis=1).ravel()
        kurtosis.append(((step - step.mean()) ** 4).mean() / step.var() ** 2)
        power = (np.abs(np.fft.fft2(grey - grey.mean())) ** 2)[1:60, 0]
        slopes.append(np.polyfit(np.log(np.arange(1, 60)), np.log(power + 1e-9), 1)[0])
    assert np.median(kurtosis) > 8  # 3 for noise
    assert -3.0 < np.median(slopes) < -1.0


@pytest.mark.parametrize("draw", {*textures.PATTERNS, textures.leaves}, ids=lambda draw: draw.__name__)
def test_textures_repeat_without_a_seam(draw):
    for seed in SEEDS:
        image = np.clip(draw(np.random.default_rng(seed)), 0, 1)
        assert image.shape == (textures.SIDE, textures.SIDE, 3)
        for axis in (0, 1):
            step = np.abs(np.diff(image, axis=axis)).mean(axis=(1 - axis, 2))
            seam = np.abs(image.take(0, axis) - image.take(-1, axis)).mean()
            assert seam <= step.max() + 0.02, seed


def test_prints_have_something_and_leave_something():
    shares = [textures.print_of(np.random.default_rng(seed))[1].mean() for seed in range(24)]
    assert min(shares) > 0.02
    assert max(shares) < 0.95


def ramp_atlas() -> jnp.ndarray:
    """Two textures: one grey ramp, one of one colour; as `lookup` takes them."""
    x = np.mgrid[: textures.SIDE, : textures.SIDE][1] / textures.SIDE
    table = textures.stack([np.repeat(x[..., None], 3, -1), np.full((textures.SIDE, textures.SIDE, 3), 0.4)])
    texels = table.astype(np.float32) / 255
    return jnp.asarray(np.concatenate([colour.linear(texels[..., :3]), texels[..., 3:]], axis=-1))


def test_lookup_is_exact_at_texels_and_linear_between():
    atlas = ramp_atlas()
    middle = (np.array([10.0, 10.5, 11.0]) + 0.5) / textures.SIDE
    where = np.stack([middle, np.full(3, 0.3)], axis=-1).astype(np.float32)
    found = np.asarray(textures.lookup(atlas, jnp.zeros(3, jnp.int32), where, jnp.ones(3)))[:, 0]
    row = np.asarray(atlas[0, 38 * textures.SIDE :, 0])
    np.testing.assert_allclose(found, [row[10], (row[10] + row[11]) / 2, row[11]], rtol=1e-4)


def test_lookup_repeats_and_averages():
    atlas = ramp_atlas()
    where = np.array([[0.3, 0.2], [1.3, 0.2], [-0.7, -0.8]], np.float32)
    found = np.asarray(textures.lookup(atlas, jnp.zeros(3, jnp.int32), where, jnp.ones(3)))
    np.testing.assert_allclose(found, np.broadcast_to(found[:1], found.shape), atol=1e-4)
    coarse = np.asarray(textures.lookup(atlas, jnp.zeros(3, jnp.int32), where, jnp.full(3, 8.0)))
    smallest = np.asarray(atlas[0, -256:, 0]).reshape(16, 16)
    assert smallest.min() <= coarse[0, 0] <= smallest.max()
    np.testing.assert_allclose(coarse[0, 0], found[0, 0], atol=0.03)


def test_one_colour_looks_the_same_from_everywhere():
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((50, 3)).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    place = rng.uniform(-1, 1, (50, 3)).astype(np.float32)
    found = textures.triplanar(
        ramp_atlas(), jnp.ones(50, jnp.int32), place, normal, jnp.full(50, 0.1), jnp.full(50, 1e-3)
    )
    np.testing.assert_allclose(found, np.broadcast_to([*3 * [colour.linear(np.array(0.4))], 1.0], (50, 4)), atol=2e-3)


def test_backgrounds_are_pictures_and_differ():
    seen = [background.draw(np.random.default_rng(seed)) for seed in range(12)]
    for image in seen:
        assert image.shape == (background.SIDE, background.SIDE, 3)
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert image.max() <= 1
    means = np.stack([image.mean(axis=(0, 1)) for image in seen])
    assert np.linalg.norm(means[:, None] - means[None], axis=-1)[np.triu_indices(12, 1)].min() > 0
    np.testing.assert_array_equal(seen[0], background.draw(np.random.default_rng(0)))

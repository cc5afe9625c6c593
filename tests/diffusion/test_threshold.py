"""Thresholds of x_0."""

import jax.numpy as jnp
import numpy as np

from vlogger_jax.diffusion.denoise import Denoised
from vlogger_jax.diffusion.threshold import Clip, Dynamic, thresholded


def test_clip():
    np.testing.assert_array_equal(Clip()(jnp.array([[-3.0, 0.5, 2.0]])), [[-1, 0.5, 1]])
    np.testing.assert_array_equal(Clip(2)(jnp.array([[-3.0, 0.5, 2.0]])), [[-2, 0.5, 2]])


def test_dynamic_by_hand():
    x0 = jnp.linspace(0, 4, 101)[None]
    found = Dynamic(0.5)(x0)
    np.testing.assert_allclose(found, np.minimum(x0, 2) / 2, atol=1e-6)


def test_what_is_in_range_is_left_alone():
    x0 = jnp.linspace(-0.99, 0.99, 50)[None]
    np.testing.assert_array_equal(Dynamic()(x0), x0)


def test_a_bound_on_what_is_divided_by():
    np.testing.assert_allclose(Dynamic(0.9, 1.5)(jnp.array([[6.0, -6, 0.75]])), [[1, -1, 0.5]], atol=1e-6)


def test_one_number_a_clip_and_not_a_frame_or_a_batch():
    """A dark frame of a bright clip is darkened with it; another clip is not."""
    bright, dark = jnp.full((4, 4, 3), 3.0), jnp.full((4, 4, 3), 0.6)
    clips = jnp.stack([jnp.stack([bright, dark]), jnp.stack([dark, dark])])
    found = Dynamic(0.75)(clips)
    np.testing.assert_allclose(found[0, 0], 1, atol=1e-6)
    np.testing.assert_allclose(found[0, 1], 0.2, atol=1e-6)
    np.testing.assert_array_equal(found[1], clips[1])


def test_motion_and_video_of_the_same_numbers_are_the_same():
    x0 = 3 * jnp.asarray(np.random.default_rng(0).standard_normal((2, 4, 12)), jnp.float32)
    np.testing.assert_array_equal(Dynamic()(x0.reshape(2, 4, 2, 2, 3)).reshape(x0.shape), Dynamic()(x0))


def test_the_variance_is_kept():
    fraction = jnp.ones((1, 2))
    denoise = thresholded(lambda x, t: Denoised(3 * x, fraction), Clip())
    found = denoise(jnp.array([[0.1, 1.0]]), jnp.ones(1))
    np.testing.assert_allclose(found.x0, [[0.3, 1]], rtol=1e-6)
    assert found.fraction is fraction

"""Pictures of samples: what is where in them, and that a training may make them."""

import jax
import numpy as np
import pytest

from vlogger_jax.video import picture


@pytest.fixture(autouse=True)
def _as_in_a_training():
    with jax.transfer_guard("disallow"):
        yield


def test_pictures_of_a_base_stand_in_full_rows():
    samples = np.linspace(-1, 1, 19, dtype=np.float32)[:, None, None, None, None] * np.ones((1, 1, 2, 2, 3), np.float32)
    found = picture.gallery({}, samples)
    assert found.shape == (4, 16, 3)
    np.testing.assert_array_equal(found[::2, ::2, 0].ravel(), np.round((samples[:16, 0, 0, 0, 0] + 1) * 127.5))
    assert picture.gallery({}, samples[:3]).shape == (2, 6, 3)


def test_strips_have_the_truth_above_what_was_sampled():
    reference, frames = np.full((2, 2, 2, 3), 9, np.uint8), np.full((2, 3, 2, 2, 3), 7, np.uint8)
    found = picture.strips(dict(reference=reference, frames=frames), np.full((2, 3, 2, 2, 3), -1, np.float32))
    assert found.shape == (8, 8, 3)
    np.testing.assert_array_equal(found[::2, ::2, 0], [[9, 7, 7, 7], [255, 0, 0, 0]] * 2)

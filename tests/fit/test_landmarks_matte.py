"""What is kept of a mask."""

import numpy as np
import pytest

from vlogger_jax.fit import landmarks_matte
from vlogger_jax.fit.landmarks_views import Box

SIDE = 40


def matte(mask, at=(20, 20)):
    points = [np.array([[*at, 0.0]])]
    return landmarks_matte.cut_out(mask, Box(0, 0, SIDE, SIDE), points, (SIDE, SIDE), (SIDE, SIDE))


@pytest.mark.parametrize("faint", [1, 10, 25])
def test_the_fringe_of_the_person_is_kept_and_no_more(faint):
    """Hair fades out over some pixels; what is farther is background that was taken for a person a little."""
    mask = np.full((SIDE, SIDE), faint / 255, np.float32)
    mask[15:26, 15:26] = 1
    found = matte(mask)
    assert (found[15:26, 15:26] == 255).all()
    assert (found[20, 11:15] == faint).all() and (found[26:30, 20] == faint).all()
    assert (found[20, :11] == 0).all() and (found[30:, 20] == 0).all()


def test_what_is_not_connected_belongs_to_somebody_else():
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[15:26, 15:26] = mask[:5, :5] = 1
    assert matte(mask)[:5, :5].max() == 0
    assert matte(mask, at=(2, 2))[20, 20] == 0
    assert matte(mask, at=(35, 5))[[2, 20], [2, 20]].tolist() == [255, 255]  # on nobody: all of it

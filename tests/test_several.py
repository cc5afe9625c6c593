"""Where videos differ, in numbers and colours."""

import numpy as np
import pytest

from vlogger_jax import several


def test_deviations_by_hand():
    pictures = np.zeros((2, 1, 2, 3), np.uint8)
    pictures[1, 0, 1] = (102, 102, 102)
    np.testing.assert_allclose(several.deviation(pictures), [[0, 0.4 / np.sqrt(2)]])
    pictures[1, 0, 1] = (102, 0, 0)
    np.testing.assert_allclose(several.deviation(pictures), [[0, 0.4 / np.sqrt(6)]])


@pytest.mark.parametrize(
    ("value", "colour"),
    [(0, (0, 0, 255)), (0.5, (128, 255, 128)), (1, (255, 0, 0)), (7, (255, 0, 0)), (-1, (0, 0, 255))],
)
def test_colours_from_blue_to_red(value, colour):
    assert tuple(several.hot(np.full((1, 1), value, float))[0, 0]) == colour

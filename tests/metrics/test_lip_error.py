import numpy as np
import pytest

from vlogger_jax.metrics.lip_error import lip_vertex_error, mean_lip_error


def test_one_vertex_that_is_off():
    truth = np.random.default_rng(0).normal(size=(4, 5, 3))
    predicted = truth.copy()
    predicted[2, 3] += (0.003, 0, 0.004)
    assert lip_vertex_error(predicted, truth) == pytest.approx(5 / 4)
    assert mean_lip_error(predicted, truth) == pytest.approx(5 / 20)


def test_the_vertex_farthest_off_counts_frame_by_frame():
    truth = np.zeros((2, 2, 3), np.float32)
    predicted = np.float32([[[0.001, 0, 0], [0, 0.002, 0]], [[0, 0, 0.004], [0.003, 0, 0]]])
    assert lip_vertex_error(predicted, truth) == pytest.approx(3, rel=1e-6)
    assert mean_lip_error(predicted, truth) == pytest.approx(2.5, rel=1e-6)
    assert lip_vertex_error(truth, truth) == 0


def test_a_shift_is_its_length_for_both():
    truth = np.random.default_rng(1).normal(size=(6, 7, 3))
    shifted = truth + np.array([0.001, -0.002, 0.002])
    assert lip_vertex_error(shifted, truth) == pytest.approx(3)
    assert mean_lip_error(shifted, truth) == pytest.approx(3)
    assert lip_vertex_error(truth, shifted) == lip_vertex_error(shifted, truth)

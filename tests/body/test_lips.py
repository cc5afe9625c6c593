"""How lips move to first order, against the body itself."""

import dataclasses

import numpy as np
import pytest

from vlogger_jax.body import lips, model_file, names, smplx

SMALL = 1e-3


@pytest.fixture(scope="module")
def model():
    return model_file.default()


def moved(model, **fields) -> np.ndarray:
    """Metres that the lips move from rest."""
    rest = smplx.rest_motion(model)
    shown = smplx.pose(model, dataclasses.replace(rest, **fields)).vertices[0]
    return (np.asarray(shown) - np.asarray(smplx.pose(model, rest).vertices[0]))[lips.vertices(model)]


def test_lips_are_what_is_labelled_so(model):
    found = lips.vertices(model)
    labelled = np.asarray(model.faces)[np.asarray(model.labels) == names.LABELS.index("lips")]
    assert set(found) == set(labelled.ravel())
    assert len(set(found)) == len(found)
    low, high = np.ptp(np.asarray(model.v_template)[found], axis=0)[:2]
    assert 0.03 < low < 0.08 and 0.005 < high < 0.04


@pytest.mark.parametrize("name", ["jawOpen", "mouthPucker", "mouthSmileLeft", "mouthUpperUpRight"])
def test_expressions(model, name):
    column = names.EXPRESSIONS.index(name)
    expression = np.zeros((1, model.num_expression), np.float32)
    expression[0, column] = 0.5
    wanted = moved(model, expression=expression) / 0.5
    np.testing.assert_allclose(lips.directions(model)[..., column], wanted, atol=2e-6)
    assert np.abs(wanted).max() > 1e-3


@pytest.mark.parametrize("axis", range(3))
def test_the_jaw(model, axis):
    turn = np.zeros((1, 3), np.float32)
    turn[0, axis] = SMALL
    wanted = (moved(model, jaw_pose=turn) - moved(model, jaw_pose=-turn)) / (2 * SMALL)
    np.testing.assert_allclose(lips.directions(model)[..., model.num_expression + axis], wanted, atol=1e-3)
    assert np.abs(wanted).max() > 0.03


def test_its_columns_are_the_first_of_packed_motion(model):
    found = lips.directions(model)
    assert found.shape == (len(lips.vertices(model)), 3, model.num_expression + 3)
    assert found.dtype == np.float32
    assert (found[..., names.EXPRESSIONS.index("eyeBlinkLeft")] == 0).all()

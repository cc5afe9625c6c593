"""The G-buffer's look-ups, against values that can be computed from the posed mesh."""

import numpy as np
import pytest

from docs.figures import controls as figure
from tests.controls import pictures
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.records import BACKGROUND


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def scene(model):
    vertices, view = figure.posed_frames(model)[:2], figure.camera()
    return vertices, view, figure.on_host(gbuffers.render(vertices, model.faces, view))


def test_background_is_marked_and_nothing_else_is(scene):
    _, _, found = scene
    assert found.face_index.dtype == np.uint16 and found.bary.dtype == np.uint8
    share = gbuffers.covered(found).mean()
    assert 0.1 < share < 0.6
    assert (found.bary[~gbuffers.covered(found)] == 0).all()
    assert found.face_index[gbuffers.covered(found)].max() < BACKGROUND


def test_interpolated_positions_project_to_their_own_pixels(model, scene):
    """A pixel's own point lies in the pixel: within half of it, but for the rounding of bary to 1/255 of a face."""
    vertices, view, found = scene
    world = pictures.interpolate(found, model.faces, vertices)
    pixels, _ = cameras.project(view, world.reshape(2, -1, 3))
    h, w = view.size
    centres = np.stack(np.meshgrid(np.arange(w) + 0.5, np.arange(h) + 0.5), axis=-1).reshape(-1, 2)
    inside = gbuffers.covered(found).reshape(2, -1)
    error = np.abs(pixels - centres)[inside]
    assert error.max() < 0.05


def test_dense_is_canonical_and_survives_packing(model):
    dense = gbuffers.canonical(model)
    assert np.abs(dense).max() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(gbuffers.unpack_dense(gbuffers.pack_dense(dense)), dense, atol=2e-5)
    centred = model.v_template - (model.v_template.min(axis=0) + model.v_template.max(axis=0)) / 2
    extent = gbuffers.extent(model)
    np.testing.assert_allclose(dense * extent.scale, centred, atol=1e-6)
    assert float(extent.scale) == pytest.approx(np.ptp(model.v_template, axis=0).max() / 2)
    packed = gbuffers.pack_dense(dense)
    np.testing.assert_allclose(gbuffers.metres(packed, extent), model.v_template, atol=0.51 * gbuffers.quantum(extent))
    assert gbuffers.quantum(extent) < 3e-5

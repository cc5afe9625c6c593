"""The overlay: the body where the camera sees it, points where they are, lines as long as the error."""

import dataclasses

import numpy as np
import pytest

from tests import cli_files
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, smplx
from vlogger_jax.fit import overlay
from vlogger_jax.fit import points as body_points


@pytest.mark.parametrize(
    ("size", "expected", "reduced", "enlarged"),
    [
        ((512, 512), (512, 512), 1, 1),
        ((256, 250), (768, 750), 1, 3),
        ((600, 540), (600, 540), 1, 1),
        ((1138, 640), (1138, 640), 1, 1),
        ((1920, 1080), (960, 540), 2, 1),
        ((2161, 3841), (432, 768), 5, 1),
        ((96, 128), (576, 768), 1, 6),
        ((1, 4000), (1, 4000), 1, 1),
    ],
)
def test_size(size, expected, reduced, enlarged):
    assert overlay.size_of(size) == (expected, reduced, enlarged)


@pytest.fixture(scope="module")
def drawn():
    """A grey clip, its landmarks (12 pixels to the right of the fit's), its fit and its overlay."""
    model, fit = model_file.default(), cli_files.fit(frames=2, size=(96, 128))
    marks = cli_files.landmarks(frames=2, size=(96, 128))
    points = body_points.reduce(model)
    fitted = cameras.project(fit.camera, body_points.place(points, fit.motion)[0])[0]
    face = marks.face.copy()
    face[..., :2] = fitted[:, :478] + np.float32([12, 0])
    marks = dataclasses.replace(
        marks,
        face=face,
        **{
            f"{name}_confidence": 0 * getattr(marks, f"{name}_confidence")
            for name in ("pose", "left_hand", "right_hand")
        },
    )
    frames = [np.full((96, 128, 3), 100 + i, np.uint8) for i in range(2)]
    return model, fit, marks, list(overlay.draw(model, fit, marks, iter(frames)))


def test_the_body_is_tinted_and_nothing_else(drawn):
    model, fit, _, images = drawn
    assert [image.shape for image in images] == [(6 * 96, 6 * 128, 3)] * 2
    pixels = 6 * cameras.project(fit.camera, smplx.pose(model, fit.motion).vertices[0])[0]
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    changed = (images[0] != 100).any(axis=-1)
    columns = np.flatnonzero(changed.any(axis=0))
    assert abs(columns[0] - max(low[0], 0)) < 2 and abs(columns[-1] + 1 - min(high[0], 6 * 128)) < 2
    assert (images[1][~changed] == 101).all()


def test_lines_are_as_long_as_the_error(drawn):
    _, _, marks, images = drawn
    dots = (images[0] == overlay.DOTS["face"]).all(axis=-1)
    lines = (images[0] == overlay.MISS).all(axis=-1)
    seen = 6 * body_points.ibug(marks.face)[0, :, :2]
    assert all(dots[int(y), int(x)] for x, y in seen)
    assert np.flatnonzero(lines.any(axis=0))[0] == pytest.approx(np.floor(seen[:, 0].min() - 6 * 12), abs=1)
    assert not (images[0] == overlay.DOTS["joint"]).all(axis=-1).any()  # not confident


def test_the_matte_is_outlined():
    matte = np.zeros((10, 20), np.uint8)
    matte[2:8, 5:15] = 255
    outline = overlay._outline(matte, (20, 40))
    assert outline[4, 10:30].all() and outline[4:16, 10].all() and not outline[6:14, 12:28].any()
    assert outline.sum() == 2 * (12 + 20) - 4
    assert not overlay._outline(np.full((10, 20), 255, np.uint8), (20, 40)).any()


def test_points_far_outside_of_the_picture_are_left_out():
    canvas = np.zeros((20, 20, 3), np.uint8)
    far = np.array([[1e9, -1e9], [np.nan, 3], [5, 5], [19.9, 19.9]])
    overlay._mark(canvas, far, far[[2, 2, 2, 3]], np.ones(4, bool), 4)
    assert np.argwhere(canvas.any(axis=-1)).tolist() == [[5, 5], [19, 19]]

"""The aperture against pictures of the mouth, in which teeth and cavity show exactly where lips are apart."""

import dataclasses

import numpy as np
import pytest

from tests.avatars.acted import betas
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, raster, smplx
from vlogger_jax.body.mouth import COLUMNS, Mouth
from vlogger_jax.core.records import Camera

SIDE, PIXEL = 200, 0.0004  # of pictures, pixels; metres
INSIDE = [names.LABELS.index(name) for name in ("upper teeth", "lower teeth", "tongue", "mouth cavity")]
SHAPES = (
    {},
    {"jawOpen": 0.1},
    {"jawOpen": 0.5},
    {"jawOpen": 0.2, "mouthPucker": 0.5, "mouthFunnel": 0.4},
    {"jawOpen": 0.06, "mouthUpperUp": 0.5, "mouthLowerDown": 0.4},
    {"jawOpen": 0.15, "mouthSmile": 0.7, "mouthStretch": 0.3},
    {"mouthPress": 0.6, "mouthRollUpper": 0.3, "mouthRollLower": 0.3, "jawOpen": 0.05},
    {"jawOpen": 0.6, "mouthClose": 0.6},
    {"mouthFunnel": 0.7},
    {"mouthRollLower": 0.5, "mouthUpperUp": 0.4, "jawOpen": 0.08},
)


@pytest.fixture(scope="module")
def model():
    return model_file.default()


def arkit(*shapes):
    found = np.zeros((len(shapes), 52), np.float32)
    for row, shape in zip(found, shapes, strict=True):
        for name, value in shape.items():
            for whole in (name, f"{name}Left", f"{name}Right"):
                if whole in names.EXPRESSIONS:
                    row[names.EXPRESSIONS.index(whole)] = value
    return found


def seen(model, shape, expression):
    """Height of what is seen between the lips, metres, in each column of pixels; and the lips' own columns."""
    motion = dataclasses.replace(
        smplx.rest_motion(model),
        betas=shape,
        expression=expression[None],
        jaw_pose=smplx.arkit_jaw_pose(model, expression[None]).astype(np.float32),
    )
    vertices = smplx.pose(model, motion).vertices[0]
    labels = np.asarray(model.labels)
    lips = vertices[np.unique(np.asarray(model.faces)[labels == names.LABELS.index("lips")])]
    far = 20.0  # metres, so that lines of sight are parallel
    camera = Camera(
        focal=np.asarray(far / PIXEL, np.float32),
        principal=np.full(2, SIDE / 2, np.float32),
        rotation=cameras.FACING,
        translation=(np.array([0, 0, far]) - cameras.FACING @ lips.mean(axis=0)).astype(np.float32),
        size=(SIDE, SIDE),
    )
    pixels, depth = cameras.project(camera, vertices)
    face = np.asarray(raster.rasterize(pixels[None], depth[None], model.faces, size=camera.size).face_index[0])
    inside = np.isin(np.where(face >= 0, labels[face], 0), INSIDE)
    left, right = lips[:, 0].min(), lips[:, 0].max()
    x = (left + right) / 2 + COLUMNS[1:-1] * (right - left) / 2
    return PIXEL * inside.sum(axis=0)[((x - lips[:, 0].mean()) / PIXEL + SIDE / 2).astype(int)]


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_the_aperture_is_what_a_picture_shows(model, seed):
    shape = np.zeros(57, np.float32) if seed is None else betas(seed)
    expression = arkit(*SHAPES)
    found = Mouth(model, shape).aperture(expression, smplx.arkit_jaw_pose(model, expression))
    pictured = np.array([seen(model, shape, row).max() for row in expression])
    # The picture misses the outermost columns, where the mouth is narrowest, and counts whole pixels.
    np.testing.assert_allclose(found, pictured, atol=2.5 * PIXEL)
    assert pictured.max() > 0.012 and pictured.min() == 0


def test_landmarks_of_the_inner_lips_are_not_the_aperture(model):
    """Why there is this module: at rest the lips of most people touch, and their landmarks do not."""
    rest = np.zeros((1, 52), np.float32)
    apertures = np.array([Mouth(model, betas(seed)).aperture(rest, rest[:, :3])[0] for seed in range(40)])
    assert (apertures < 0.001).all()
    posed = smplx.pose(model, smplx.rest_motion(model)).joints[0]
    assert np.linalg.norm(posed[76 + 62 - 17] - posed[76 + 66 - 17]) > 0.001


def test_the_jaw_opens_and_mouth_close_closes(model):
    mouth = Mouth(model, betas(2))
    opening = arkit(*({"jawOpen": jaw} for jaw in np.linspace(0, 1, 11)))
    jaw = smplx.arkit_jaw_pose(model, opening)
    gap = mouth.gap(opening, jaw)
    assert (np.diff(gap) > 0.001).all()
    np.testing.assert_array_equal(mouth.aperture(opening, jaw), np.maximum(gap, 0))
    closed = opening.copy()
    closed[:, names.EXPRESSIONS.index("mouthClose")] = opening[:, names.EXPRESSIONS.index("jawOpen")]
    assert np.abs(mouth.gap(closed, jaw) - gap[0]).max() < 0.001


def test_frames_do_not_depend_on_each_other(model):
    mouth = Mouth(model, betas(3))
    expression = np.random.default_rng(0).uniform(0, 0.3, (7, 52)).astype(np.float32)
    jaw = smplx.arkit_jaw_pose(model, expression)
    alone = [mouth.gap(expression[i : i + 1], jaw[i : i + 1])[0] for i in range(7)]
    np.testing.assert_allclose(mouth.gap(expression, jaw), alone, atol=1e-7)

"""The poses of jaw and eyes that ARKit's coefficients imply, seen on the default body."""

import dataclasses

import jax
import numpy as np
import pytest

from tests.body import official_layout
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.core.errors import UserError


def arkit(*batch, **coefficients):
    expression = np.zeros((*batch, 52), np.float32)
    for name, value in coefficients.items():
        expression[..., names.EXPRESSIONS.index(name)] = value
    return expression


@pytest.fixture(scope="module")
def body():
    return model_file.default()


def test_jaw_open_turns_the_jaw(body):
    pose = smplx.arkit_jaw_pose(body, arkit(2, jawOpen=0.5, jawLeft=1))
    np.testing.assert_allclose(pose, [[0.5 * body.jaw_open_angle, 0, 0]] * 2, rtol=1e-6)
    assert pose.dtype == np.float32


@pytest.mark.parametrize(
    ("way", "axis", "sign_left", "sign_right", "angle"),
    [
        ("Up", 1, 1, 1, smplx.LOOK_UP_DOWN),
        ("Down", 1, -1, -1, smplx.LOOK_UP_DOWN),
        ("In", 0, -1, 1, smplx.LOOK_SIDEWAYS),
        ("Out", 0, 1, -1, smplx.LOOK_SIDEWAYS),
    ],
)
@pytest.mark.parametrize("amount", [0.4, 1.0])
def test_arkits_eyes_look_where_they_say(body, way, axis, sign_left, sign_right, angle, amount):
    """The irises of the default body move as named, each side by its own coefficient, by the whole angle."""
    rest = smplx.rest_motion(body)
    for side, sign, other in (("Left", sign_left, "right"), ("Right", sign_right, "left")):
        leye, reye = smplx.arkit_eye_pose(body, arkit(1, **{f"eyeLook{way}{side}": amount}))
        posed = smplx.pose(body, dataclasses.replace(rest, leye_pose=leye, reye_pose=reye))
        gaze = gaze_of(body, posed, side.lower())
        assert sign * gaze[axis] > 0
        np.testing.assert_allclose(np.arcsin(abs(gaze[axis])), amount * angle, atol=0.02)
        np.testing.assert_allclose(gaze_of(body, posed, other), [0, 0, 1], atol=0.01)


def gaze_of(body, posed, side):
    """From the eye's joint to the middle of its iris."""
    iris = np.unique(body.faces[body.labels == names.LABELS.index("iris")])
    iris = iris[body.lbs_weights[iris, names.JOINTS.index(f"{side}_eye")] > 0.99]
    gaze = posed.vertices[0, iris].mean(axis=0) - posed.joints[0, names.JOINTS.index(f"{side}_eye")]
    return gaze / np.linalg.norm(gaze)


def test_looks_combine_batch_and_trace(body):
    expression = arkit(2, 3, eyeLookUpLeft=1, eyeLookOutLeft=0.5, eyeLookInLeft=0.25, eyeLookDownRight=0.1)
    eyes = smplx.arkit_eye_pose(body, expression)
    left = (-smplx.LOOK_UP_DOWN, 0.25 * smplx.LOOK_SIDEWAYS, 0)
    for eye, traced, expected in zip(
        eyes,
        jax.jit(lambda e: smplx.arkit_eye_pose(body, e))(expression),
        (left, (0.1 * smplx.LOOK_UP_DOWN, 0, 0)),
        strict=True,
    ):
        assert eye.dtype == np.float32
        np.testing.assert_allclose(eye, np.broadcast_to(expected, (2, 3, 3)), atol=1e-6)
        np.testing.assert_allclose(traced, eye, atol=1e-6)


@pytest.mark.parametrize("read", [smplx.arkit_jaw_pose, smplx.arkit_eye_pose])
def test_what_is_not_arkits_is_refused(body, tmp_path, read):
    official_layout.write(tmp_path / "small.npz", 0, columns=20, vertices=60)
    model = model_file.load(tmp_path / "small.npz")
    with pytest.raises(UserError, match=rf"the body '{model.name}' has no ARKit expression (jawOpen|eyeLookDownLeft)"):
        read(model, np.zeros((2, 10), np.float32))
    with pytest.raises(UserError, match="expression holds 51 numbers, but the body 'default-v1' takes 52"):
        read(body, np.zeros((2, 51), np.float32))

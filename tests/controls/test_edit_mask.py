"""The edit mask against its definition, pixel by pixel."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from docs.figures import poses
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, smplx
from vlogger_jax.controls import edit_mask
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.errors import UserError

SIZE, DISTANCE = 96, 2.2
RAISED = {**poses.RELAXED_ARMS, "left_shoulder": (10, -40, -60), "left_elbow": (20, -120, 0)}


@pytest.fixture(scope="module")
def model():
    return model_file.default()


def body_view():
    """Head, arms and chest."""
    view = cameras.from_focal(SIZE * DISTANCE / 0.95, (SIZE, SIZE))
    return dataclasses.replace(view, principal=np.array([SIZE / 2, SIZE * 0.62], np.float32))


def face_view():
    """The face alone, so that an open mouth is many pixels."""
    view = cameras.from_focal(SIZE * DISTANCE / 0.35, (SIZE, SIZE))
    return dataclasses.replace(view, principal=np.array([SIZE / 2, SIZE * 1.3], np.float32))


def person(model, joints=None, expression=None, right=0.0):
    placed = np.array([[right, 0, -DISTANCE]], np.float32)
    return dataclasses.replace(poses.make(model, joints or poses.RELAXED_ARMS, expression), transl=placed)


def clip(*frames):
    """Frames of one motion after each other."""
    varying = [f.name for f in dataclasses.fields(frames[0]) if f.name not in ("betas", "fps", "body")]
    return dataclasses.replace(
        frames[0], **{name: np.concatenate([getattr(frame, name) for frame in frames]) for name in varying}
    )


def oracle(model, a, b, view):
    """Masks [t, h, w], and how many faces of each frame are edited."""
    bodies = [np.asarray(smplx.pose(model, motion).vertices) for motion in (a, b)]
    pixels = [np.asarray(cameras.project(view, body)[0], np.float64) for body in bodies]
    seen = [np.asarray(gbuffers.render(body, model.faces, view).face_index) for body in bodies]
    masks, counts = [], []
    for frame in range(len(bodies[0])):
        way = pixels[0][frame] - pixels[1][frame]
        moved = np.hypot(way[:, 0], way[:, 1]) > 0.5
        edited = np.flatnonzero([any(moved[corner] for corner in face) for face in np.asarray(model.faces)])
        touched = np.isin(seen[0][frame], edited) | np.isin(seen[1][frame], edited)
        masks.append(ndimage.binary_dilation(touched, np.ones((5, 5), bool)))
        counts.append(len(edited))
    return np.stack(masks), counts


@pytest.mark.parametrize("turn", [False, True], ids=["forth", "back"])
def test_an_opened_mouth(model, turn):
    a, b = person(model), person(model, expression={"jawOpen": 0.7})
    check(model, *((b, a) if turn else (a, b)), face_view(), low=0.02, high=0.6)


@pytest.mark.parametrize("turn", [False, True], ids=["forth", "back"])
def test_a_raised_arm(model, turn):
    a, b = person(model), person(model, RAISED)
    check(model, *((b, a) if turn else (a, b)), body_view(), low=0.02, high=0.5)


def test_every_frame_has_its_own_mask(model):
    a = clip(person(model), person(model), person(model))
    b = clip(person(model), person(model, RAISED), person(model, expression={"jawOpen": 0.7}))
    mask = np.asarray(edit_mask.edit_mask(model, a, b, body_view()))
    expected, _ = oracle(model, a, b, body_view())
    np.testing.assert_array_equal(mask, expected)
    assert not mask[0].any() and mask[1].sum() > mask[2].sum() > 0


def check(model, a, b, view, low, high):
    mask = np.asarray(edit_mask.edit_mask(model, a, b, view))
    expected, _ = oracle(model, a, b, view)
    assert mask.dtype == bool and low < mask.mean() < high
    np.testing.assert_array_equal(mask, expected)


def nudged(model, pixels):
    view = body_view()
    return person(model), person(model, right=pixels * DISTANCE / float(view.focal)), view


def test_less_than_half_a_pixel_is_no_edit(model):
    a, b, view = nudged(model, 0.4)
    expected, edited = oracle(model, a, b, view)
    assert edited == [0] and not expected.any()
    assert not np.asarray(edit_mask.edit_mask(model, a, b, view)).any()


def test_more_than_half_a_pixel_of_all_edits_the_whole_body(model):
    a, b, view = nudged(model, 0.6)
    expected, edited = oracle(model, a, b, view)
    assert edited == [len(model.faces)]
    mask = np.asarray(edit_mask.edit_mask(model, a, b, view))
    np.testing.assert_array_equal(mask, expected)
    body = np.asarray(gbuffers.covered(gbuffers.render(smplx.pose(model, a).vertices, model.faces, view)))
    assert mask[body].all()


def test_motions_of_different_lengths_are_refused(model):
    one = person(model)
    with pytest.raises(UserError, match="1 and 2 frames"):
        edit_mask.edit_mask(model, one, clip(one, one), body_view())

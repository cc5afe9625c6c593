"""Perturbations: reproducible, of the stated size, constant plus drift, and sometimes none."""

import dataclasses

import numpy as np
import pytest

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, rotation, smplx
from vlogger_jax.controls import perturb as P
from vlogger_jax.core.errors import UserError

FRAMES = 400
AMOUNT = P.Perturbation()


@pytest.fixture(scope="module")
def motion():
    still = smplx.rest_motion(model_file.default(), frames=FRAMES)
    return dataclasses.replace(still, transl=still.transl + np.array([0, 0, -2], np.float32))


def disc(frames=3, size=64, radius=20.0):
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    soft = np.clip(radius - np.hypot(x, y) + 0.5, 0, 1)
    return np.repeat(np.round(255 * soft).astype(np.uint8)[None], frames, axis=0)


def whole(matte, amount, rng):
    """`perturb_matte` of all frames of a clip."""
    return P.perturb_matte(matte, amount, rng, np.arange(len(matte)), len(matte))


def test_the_same_seed_gives_the_same_and_another_seed_another(motion):
    one, again, other = (P.perturb_motion(motion, AMOUNT, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.body_pose, again.body_pose)
    assert np.abs(one.body_pose - other.body_pose).max() > 0.01


BODY = np.array([[AMOUNT.spine if n.startswith("spine") or n == "neck" else AMOUNT.body] for n in names.JOINTS[1:22]])
"""Degrees of each joint of `body_pose`."""


def test_offset_and_drift_have_their_sizes(motion):
    """Over many clips the offset has the stated deviation, and drift half of that with the stated memory."""
    errors = np.stack([P.perturb_motion(motion, AMOUNT, np.random.default_rng(seed)).body_pose for seed in range(12)])
    errors = (errors / np.deg2rad(BODY)).reshape(12, FRAMES, -1)
    offset, drift = errors.mean(axis=1), errors - errors.mean(axis=1, keepdims=True)
    assert offset.std() == pytest.approx(1.0, rel=0.1)
    assert drift.std() == pytest.approx(AMOUNT.drift, rel=0.1)
    memory = (drift[:, 1:] * drift[:, :-1]).mean() / (drift**2).mean()
    assert memory == pytest.approx(AMOUNT.memory, abs=0.05)


@pytest.fixture(scope="module")
def errors():
    """What is added to each field over 1000 clips of 3 frames that are not at rest: {name: [1000, ...]}."""
    rng = np.random.default_rng(5)
    short = smplx.rest_motion(model_file.default(), frames=3)
    names = [field.name for field in dataclasses.fields(short) if field.name not in ("fps", "body")]
    base = {name: rng.uniform(-0.5, 0.5, getattr(short, name).shape).astype(np.float32) for name in names}
    found = [
        P.perturb_motion(dataclasses.replace(short, **base), AMOUNT, np.random.default_rng([11, seed]))
        for seed in range(1000)
    ]
    return {name: np.stack([getattr(each, name) for each in found]) - base[name] for name in names}


@pytest.mark.parametrize(
    ("field", "sd"),
    [
        ("expression", AMOUNT.expression),
        ("global_orient", np.deg2rad(AMOUNT.root)),
        ("body_pose", np.deg2rad(BODY)),
        ("jaw_pose", np.deg2rad(AMOUNT.jaw)),
        ("leye_pose", np.deg2rad(AMOUNT.eyes)),
        ("reye_pose", np.deg2rad(AMOUNT.eyes)),
        ("left_hand_pose", np.deg2rad(AMOUNT.hands)),
        ("right_hand_pose", np.deg2rad(AMOUNT.hands)),
        ("transl", np.array([AMOUNT.across, AMOUNT.across, AMOUNT.along])),
    ],
)
def test_every_field_is_off_by_its_own_deviation(errors, field, sd):
    """On every axis: offset and drift together, and the drift alone as steps between frames."""
    error = errors[field]
    axis = (0, 1) if error.ndim == 3 or np.ndim(sd) == 2 else (0, 1, 2)
    whole, step = error.std(axis=axis), (error[:, 1:] - error[:, :-1]).std(axis=axis)
    np.testing.assert_allclose(whole, sd * np.hypot(1, AMOUNT.drift) * np.ones(whole.shape), rtol=0.1)
    np.testing.assert_allclose(step, sd * AMOUNT.drift * np.sqrt(2 - 2 * AMOUNT.memory) * np.ones(step.shape), rtol=0.1)
    columns = error[:, 0].reshape(len(error), -1)
    among = np.corrcoef(columns.T) - np.eye(columns.shape[1])
    assert np.abs(among).max() < 0.2, "every axis has an error of its own"


def test_betas_are_off_by_theirs_without_drift(errors):
    assert errors["betas"].std() == pytest.approx(AMOUNT.betas, rel=0.05)


def test_both_sides_have_errors_of_their_own(errors):
    for left, right in (("leye_pose", "reye_pose"), ("left_hand_pose", "right_hand_pose")):
        assert abs(np.corrcoef(errors[left].ravel(), errors[right].ravel())[0, 1]) < 0.1


def test_shapes_types_and_what_is_no_array_are_kept(motion):
    found = P.perturb_motion(motion, AMOUNT, np.random.default_rng(0))
    for field in dataclasses.fields(motion):
        one, other = getattr(motion, field.name), getattr(found, field.name)
        if field.name in ("fps", "body"):
            assert one == other
        else:
            assert one.shape == other.shape and other.dtype == np.float32, field.name


NOTHING = P.Perturbation(
    **dict.fromkeys((field.name for field in dataclasses.fields(AMOUNT) if field.name not in ("drift", "memory")), 0.0)
)
"""No error at all, of no clip exact."""

VIEW = cameras.from_focal(400.0, (256, 256))


def eyes_and_head(motion):
    """The middle between the eyes [t, 3], metres, and the head's orientation in the world [t, 3, 3]."""
    posed = smplx.pose(model_file.default(), motion)
    joints = [names.JOINTS.index(f"{side}_eye") for side in ("left", "right")]
    return posed.joints[:, joints].mean(axis=1), posed.joint_rotation[:, names.JOINTS.index("head")]


def test_nothing_is_nothing(motion):
    short = smplx.frames_of(motion, slice(0, 3))
    found, camera, exact = P.perturb(model_file.default(), short, VIEW, NOTHING, np.random.default_rng(3))
    assert not exact and float(camera.focal) == 400.0
    for name in ("body_pose", "transl", "betas", "global_orient"):
        np.testing.assert_allclose(getattr(found, name), getattr(short, name), atol=2e-6)


def test_a_wrong_focal_length_hides_behind_a_wrong_distance(motion):
    """The face stays where it was in the picture, and of its size: only perspective tells."""
    amount = dataclasses.replace(NOTHING, focal=0.05)
    short = smplx.frames_of(motion, slice(0, 2))
    found, camera, _ = P.perturb(model_file.default(), short, VIEW, amount, np.random.default_rng(3))
    factor = float(camera.focal) / 400.0
    assert abs(factor - 1) > 0.005
    before, after = eyes_and_head(short)[0], eyes_and_head(found)[0]
    np.testing.assert_allclose(cameras.project(VIEW, before)[0], cameras.project(camera, after)[0], atol=1e-2)
    np.testing.assert_allclose(after[:, 2], factor * before[:, 2], rtol=1e-5)


def test_the_face_is_off_by_what_fits_are(motion):
    """However wrong the body is, the eyes stay within `across`, the head's orientation within `head`."""
    amount = dataclasses.replace(AMOUNT, exact=0.0, focal=0.0, drift=0.5)
    short = smplx.frames_of(motion, slice(0, 4))
    where, head = eyes_and_head(short)
    off, turned = [], []
    for seed in range(150):
        found, _, _ = P.perturb(model_file.default(), short, VIEW, amount, np.random.default_rng([4, seed]))
        eyes, world = eyes_and_head(found)
        off.append(eyes - where)
        turned.append(rotation.matrix_to_axis_angle(np.swapaxes(head, -1, -2) @ world))
    spread = np.hypot(1, amount.drift)
    size = np.array([amount.across, amount.across, amount.along]) * spread
    np.testing.assert_allclose(np.std(off, axis=(0, 1)), size, rtol=0.15)
    np.testing.assert_allclose(np.rad2deg(np.std(turned, axis=(0, 1))), amount.head * spread, rtol=0.15)


@pytest.mark.parametrize("how", ["turned", "moved"])
def test_a_camera_that_is_not_at_rest_is_refused(motion, how):
    """Its line of sight is not the world's z, along which the person is moved."""
    view = cameras.from_focal(400.0, (256, 256))
    if how == "turned":
        c, s = np.cos(0.1), np.sin(0.1)
        turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)
        view = dataclasses.replace(view, rotation=turn @ view.rotation)
    else:
        view = dataclasses.replace(view, translation=np.array([0, 0, 0.1], np.float32))
    with pytest.raises(UserError):
        P.perturb_camera(view, AMOUNT, np.random.default_rng(0))


def _first(motion):
    return {
        field.name: getattr(motion, field.name)[:1]
        for field in dataclasses.fields(motion)
        if not field.metadata.get("static") and field.name != "betas"
    }


def test_mattes_are_eroded_and_dilated_alike():
    areas = []
    for seed in range(40):
        found = whole(disc(), AMOUNT, np.random.default_rng(seed))
        assert found.dtype == np.uint8 and found.shape == (3, 64, 64)
        areas.append(found.astype(float).sum() / disc().sum())
    assert min(areas) < 0.985 and max(areas) > 1.015
    assert np.mean(areas) == pytest.approx(1.0, abs=0.02)


def test_a_matte_moved_by_nothing_is_itself():
    none = dataclasses.replace(AMOUNT, matte=0.0, ragged=0.0)
    np.testing.assert_allclose(whole(disc(), none, np.random.default_rng(0)), disc(), atol=1)
    hard = (disc() > 127).astype(np.uint8) * 255
    np.testing.assert_array_equal(whole(hard, none, np.random.default_rng(0)), hard)


RAMP = 24
"""Pixels across the edge of `ramp`."""


def ramp(height, width, frames=1):
    """Person on the left, nobody on the right, and between them an edge as soft as hair's."""
    column = np.arange(width) + 0.5 - width / 2
    line = np.round(255 * np.clip(0.5 - column / RAMP, 0, 1)).astype(np.uint8)
    return np.broadcast_to(line, (frames, height, width)).copy()


def edges(matte):
    """Where the edge of `ramp` lies in each row, pixels, [t, h]."""
    return matte.sum(axis=-1, dtype=np.float64) / 255


def test_a_soft_edge_moved_by_nothing_is_itself():
    none = dataclasses.replace(AMOUNT, matte=0.0, ragged=0.0)
    found = whole(ramp(64, 128), none, np.random.default_rng(0))
    np.testing.assert_allclose(found.astype(int), ramp(64, 128), atol=1)


def test_a_moved_soft_edge_is_the_same_edge_elsewhere():
    """Neither steeper nor flatter, nor cut off: the ramp, shifted."""
    shifted, before = dataclasses.replace(AMOUNT, matte=4.0, ragged=0.0), ramp(64, 256)
    way = []
    for seed in range(12):
        found = whole(before, shifted, np.random.default_rng(seed))
        way.append((edges(found) - edges(before)).mean())
        line = 255 * np.clip(0.5 - (np.arange(256) + 0.5 - 128 - way[-1]) / RAMP, 0, 1)
        # Linear interpolation rounds the ramp's two corners off by a quarter of its step.
        np.testing.assert_allclose(found[0].astype(int), np.broadcast_to(line, (64, 256)), atol=3.5)
        inner = (line > 16) & (line < 239)
        np.testing.assert_allclose(
            found[0][:, inner].astype(int), np.broadcast_to(line[inner], (64, inner.sum())), atol=1.5
        )
    assert min(way) < -2 and max(way) > 2


@pytest.mark.parametrize("width", [256, 512])
def test_shifts_are_in_pixels_of_a_picture_256_wide(width):
    """Twice as many pixels where there are twice as many."""
    even, before = dataclasses.replace(AMOUNT, ragged=0.0), ramp(32, width)
    way = [(edges(whole(before, even, np.random.default_rng([3, s]))) - edges(before)).mean() for s in range(200)]
    assert np.std(way) == pytest.approx(AMOUNT.matte * width / 256, rel=0.15)
    assert abs(np.mean(way)) < 0.3 * np.std(way)


@pytest.mark.parametrize("width", [256, 512])
def test_ragged_edges_are_uneven_and_drift(width):
    before = ramp(width, width, frames=2)
    for ragged in (0.0, AMOUNT.ragged):
        amount = dataclasses.replace(AMOUNT, matte=0.0, ragged=ragged)
        way = [edges(whole(before, amount, np.random.default_rng(seed))) - edges(before) for seed in range(6)]
        size = np.std(way) * 256 / width
        drift = np.std(np.diff(way, axis=1)) * 256 / width
        if ragged:  # interpolation between the coarse errors takes some of their size
            assert 0.5 * ragged < size < 1.2 * ragged
            assert 0.1 * ragged < drift < 0.5 * ragged
            assert np.std(way, axis=-1).min() * 256 / width > 0.3 * ragged, "uneven along the edge, not moved as one"
        else:
            assert size < 0.05


@pytest.mark.parametrize("value", [0, 255])
def test_mattes_without_an_edge_stay_whole(value):
    matte = np.full((2, 16, 16), value, np.uint8)
    np.testing.assert_array_equal(whole(matte, AMOUNT, np.random.default_rng(0)), matte)


def test_a_frame_comes_out_alike_in_any_company():
    clip = np.concatenate([disc(radius=radius) for radius in (15.0, 18.0, 21.0)])
    rows = np.array([7, 0, 4])
    found = P.perturb_matte(clip[rows], AMOUNT, np.random.default_rng(2), rows, len(clip))
    np.testing.assert_array_equal(found, whole(clip, AMOUNT, np.random.default_rng(2))[rows])


def test_mattes_of_one_clip_are_moved_alike_at_every_size():
    way = []
    for width in (64, 256):
        before = ramp(width, width, frames=2)
        way.append((edges(whole(before, AMOUNT, np.random.default_rng(9))) - edges(before)) * 256 / width)
    coarse = way[1].reshape(2, 64, 4).mean(axis=-1)
    assert np.abs(way[0] - coarse).mean() < 0.25 and np.std(coarse) > 0.2


def test_one_clip_in_five_stays_exact(motion):
    short, model = dataclasses.replace(motion, **_first(motion)), model_file.default()
    found = [P.perturb(model, short, VIEW, AMOUNT, np.random.default_rng([7, seed])) for seed in range(200)]
    assert np.mean([exact for _, _, exact in found]) == pytest.approx(AMOUNT.exact, abs=0.07)
    for moved, camera, exact in found:
        assert (moved is short and camera is VIEW) == exact
        assert exact or (moved.body_pose != short.body_pose).all()

"""Perturbations: reproducible, of the stated size, constant plus drift, and sometimes none."""

import dataclasses

import numpy as np
import pytest

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, smplx
from vlogger_jax.controls import perturb as P

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


def test_the_same_seed_gives_the_same_and_another_seed_another(motion):
    one, again, other = (P.perturb_motion(motion, AMOUNT, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.body_pose, again.body_pose)
    assert np.abs(one.body_pose - other.body_pose).max() > 0.01


def test_offset_and_drift_have_their_sizes(motion):
    """Over many clips the offset has the stated deviation, and drift half of that with the stated memory."""
    errors = np.stack(
        [P.perturb_motion(motion, AMOUNT, np.random.default_rng(seed)).body_pose for seed in range(12)]
    ).reshape(12, FRAMES, -1)
    offset, drift = errors.mean(axis=1), errors - errors.mean(axis=1, keepdims=True)
    sd = np.deg2rad(AMOUNT.body)
    assert offset.std() == pytest.approx(sd, rel=0.1)
    assert drift.std() == pytest.approx(AMOUNT.drift * sd, rel=0.1)
    memory = (drift[:, 1:] * drift[:, :-1]).mean() / (drift**2).mean()
    assert memory == pytest.approx(AMOUNT.memory, abs=0.05)


def test_betas_belong_to_the_clip_and_legs_keep_their_shape(motion):
    found = P.perturb_motion(motion, AMOUNT, np.random.default_rng(0))
    assert found.betas.shape == motion.betas.shape
    assert (found.fps, found.body) == (motion.fps, motion.body)
    assert found.transl.dtype == np.float32


def test_a_wrong_focal_length_hides_behind_a_wrong_distance(motion):
    """The person stays the same size in the picture: only perspective tells."""
    view = cameras.from_focal(400.0, (256, 256))
    seen, moved = P.perturb_camera(view, motion, AMOUNT, np.random.default_rng(3))
    assert abs(float(seen.focal) / 400.0 - 1) > 0.005
    model = model_file.default()
    before, after = (
        cameras.project(c, smplx.pose(model, dataclasses.replace(m, **_first(m))).joints)[0][0, :2]
        for c, m in ((view, motion), (seen, moved))
    )
    assert np.linalg.norm(before - after, axis=-1).max() < 1.5


def _first(motion):
    return {
        field.name: getattr(motion, field.name)[:1]
        for field in dataclasses.fields(motion)
        if not field.metadata.get("static") and field.name != "betas"
    }


def test_mattes_are_eroded_and_dilated_alike():
    areas = []
    for seed in range(40):
        found = P.perturb_matte(disc(), AMOUNT, np.random.default_rng(seed))
        assert found.dtype == np.uint8 and found.shape == (3, 64, 64)
        areas.append(found.astype(float).sum() / disc().sum())
    assert min(areas) < 0.985 and max(areas) > 1.015
    assert np.mean(areas) == pytest.approx(1.0, abs=0.02)


def test_a_matte_moved_by_nothing_is_itself():
    none = dataclasses.replace(AMOUNT, matte=0.0, ragged=0.0)
    np.testing.assert_allclose(P.perturb_matte(disc(), none, np.random.default_rng(0)), disc(), atol=1)
    hard = (disc() > 127).astype(np.uint8) * 255
    np.testing.assert_array_equal(P.perturb_matte(hard, none, np.random.default_rng(0)), hard)


@pytest.mark.parametrize("value", [0, 255])
def test_mattes_without_an_edge_stay_whole(value):
    matte = np.full((2, 16, 16), value, np.uint8)
    np.testing.assert_array_equal(P.perturb_matte(matte, AMOUNT, np.random.default_rng(0)), matte)


def test_one_clip_in_five_stays_exact(motion):
    view, matte = cameras.from_focal(400.0, (256, 256)), disc(1)
    short = dataclasses.replace(motion, **_first(motion))
    exact = [P.perturb(short, view, matte, AMOUNT, np.random.default_rng([7, seed]))[0] is short for seed in range(300)]
    assert np.mean(exact) == pytest.approx(AMOUNT.exact, abs=0.07)

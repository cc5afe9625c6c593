import dataclasses

import numpy as np
import pytest

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, smplx
from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import quality, result
from vlogger_jax.fit.result import Fit, Quality


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(0)
    motion = smplx.rest_motion(model_file.default(), frames=3, fps=30000 / 1001)
    motion = dataclasses.replace(motion, expression=rng.uniform(0, 1, motion.expression.shape).astype(np.float32))
    parts = {
        name: rng.uniform(0, 1, 3).astype(np.float32)
        for name in ("reprojection", "face", "torso", "left_hand", "right_hand", "jitter", "inside")
    }
    parts["reprojection"][1] = np.inf
    return Fit(
        motion=motion,
        camera=cameras.from_focal(500.0, (48, 64)),
        matte=rng.integers(0, 256, (3, 48, 64), np.uint8),
        quality=Quality(good=np.array([True, False, True]), **parts),
    )


@pytest.fixture
def file(fit, tmp_path):
    path = tmp_path / "fit.npz"
    result.save(path, fit)
    return path


def changed(path, **changes):
    with np.load(path) as file:
        arrays = dict(file.items())
    for name, value in changes.items():
        if value is None:
            del arrays[name.replace("__", ".")]
        else:
            arrays[name.replace("__", ".")] = value
    np.savez_compressed(path, **arrays)


def test_what_is_saved_is_loaded(fit, file):
    again = result.load(file)
    for part in ("motion", "camera", "quality"):
        for name, value in vars(getattr(fit, part)).items():
            found = getattr(getattr(again, part), name)
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(found, value)
                assert found.dtype == value.dtype
            else:
                assert found == value and type(found) is type(value)
    np.testing.assert_array_equal(again.matte, fit.matte)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": np.asarray("vlogger.landmarks")}, "vlogger.landmarks"),
        ({"version": np.asarray(2)}, "version 2"),
        ({"version": np.asarray("two")}, "version two"),
        ({"format": None}, "nothing"),
        ({"motion__betas": None}, "damaged"),
        ({"motion__transl": np.zeros((4, 3), np.float32)}, "damaged"),
        ({"motion__transl": np.zeros((3, 3))}, "damaged"),
        ({"camera__size": np.asarray([48, 64, 3])}, "damaged"),
        ({"motion__fps": np.asarray(-1.0)}, "damaged"),
        ({"camera__focal": np.asarray(-5, np.float32)}, "damaged"),
        ({"matte": np.zeros((3, 1, 1), np.uint8)}, "damaged"),
        ({"matte": np.zeros((2, 48, 64), np.uint8)}, "damaged"),
        ({"quality__good": np.array([True])}, "damaged"),
        ({"motion__jaw_pose": np.full((3, 3), np.nan, np.float32)}, "damaged"),
        ({"quality__face": np.array([object()] * 3)}, "not a fit"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(file, changes, message):
    changed(file, **changes)
    with pytest.raises(UserError, match=message):
        result.load(file)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 not a zip at all"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"not a fit|is empty"):
        result.load(path)
    with pytest.raises(UserError, match="does not exist"):
        result.load(tmp_path / "missing.npz")
    with pytest.raises(UserError):
        result.load(tmp_path)


def test_every_truncation_is_refused(file):
    whole = file.read_bytes()
    for part in np.linspace(0, len(whole) - 1, 20).astype(int):
        file.write_bytes(whole[:part])
        with pytest.raises(UserError):
            result.load(file)


def test_jerk_is_the_third_derivative():
    time = np.arange(20) / 25.0
    cubic = np.stack([2.0 * time**3, -(time**2)], axis=-1)[:, None]
    np.testing.assert_allclose(quality.jerk(cubic, 25.0), 12.0, rtol=1e-4)
    assert (quality.jerk(cubic[:3], 25.0) == 0).all() and len(quality.jerk(cubic[:1], 25.0)) == 1

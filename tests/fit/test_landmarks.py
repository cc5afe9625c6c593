"""The file of landmarks: what is written is read back, and what is broken is refused in one line."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import landmarks
from vlogger_jax.fit.landmarks import POINTS, Landmarks

ARRAYS = [*POINTS, *(f"{name}_confidence" for name in POINTS)]


def make(frames: int = 2, size: tuple[int, int] = (40, 30), fps: float = 25.0, seed: int = 0) -> Landmarks:
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, count in POINTS.items():
        arrays[name] = rng.normal(20, 10, (frames, count, 3)).astype(np.float32)
        arrays[f"{name}_confidence"] = rng.random((frames, count), np.float32)
    matte = rng.integers(0, 256, (frames, *landmarks.matte_size(size)), np.uint8)
    return Landmarks(**arrays, matte=matte, fps=fps, size=size)


@pytest.fixture
def raw(tmp_path) -> dict[str, np.ndarray]:
    landmarks.save(tmp_path / "good.npz", make())
    with np.load(tmp_path / "good.npz") as file:
        return {name: file[name] for name in file.files}


def refused(path: Path, raw: dict[str, np.ndarray], **changes) -> str:
    """The one line that reading a changed file gives; a change to None removes the key."""
    np.savez(path, **{name: value for name, value in (raw | changes).items() if value is not None})
    with pytest.raises(UserError) as error:
        landmarks.load(path)
    assert "\n" not in str(error.value)
    return str(error.value)


@settings(max_examples=25)
@given(
    frames=st.integers(1, 4),
    size=st.tuples(st.integers(1, 2000), st.integers(1, 2000)),
    fps=st.floats(0.01, 1000),
    face=st.data(),
)
def test_what_is_saved_is_loaded(tmp_path_factory, frames, size, fps, face):
    made = make(frames, size, fps)
    drawn = face.draw(hnp.arrays(np.float32, (frames, 1, 3), elements=st.floats(-1e6, 1e6, width=32)))
    made.face[:, :1] = drawn
    path = tmp_path_factory.getbasetemp() / "round.npz"
    landmarks.save(path, made)
    found = landmarks.load(path)
    assert (found.fps, found.size) == (made.fps, made.size)
    for name in (*ARRAYS, "matte"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name))
        assert getattr(found, name).dtype == getattr(made, name).dtype


def test_saving_replaces_at_once_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")
    landmarks.save(str(path), make())
    assert landmarks.load(str(path)).size == (40, 30)
    assert [found.name for found in tmp_path.iterdir()] == ["a.npz"]


def test_saving_nowhere_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        landmarks.save(tmp_path / "missing" / "a.npz", make())


def test_a_file_written_by_hand(tmp_path, raw):
    """Other precisions are welcome, the matte may be missing, keys of one's own are ignored."""
    del raw["matte"]
    raw |= {name: raw[name].astype(np.float64) for name in ARRAYS}
    raw |= {"fps": np.asarray(30), "size": np.asarray([1000, 500], np.int32), "note": np.asarray("mine")}
    np.savez(tmp_path / "own.npz", **raw)
    found = landmarks.load(tmp_path / "own.npz")
    assert found.face.dtype == np.float32
    assert found.fps == 30.0
    assert found.matte.shape == (2, 512, 256)
    assert (found.matte == 255).all()


@pytest.mark.parametrize("name", [*ARRAYS, "fps", "size"])
def test_a_missing_key(tmp_path, raw, name):
    assert f"lacks {name}" in refused(tmp_path / "a.npz", raw, **{name: None})


@pytest.mark.parametrize("name", ARRAYS)
def test_wrong_arrays(tmp_path, raw, name):
    path = tmp_path / "a.npz"
    assert name in refused(path, raw, **{name: raw[name][..., :-1]})
    if name != "face":
        assert name in refused(path, raw, **{name: raw[name][:1]})
    assert name in refused(path, raw, **{name: raw[name].astype(str)})
    for value in (np.nan, np.inf):
        broken = raw[name].copy()
        broken.flat[5] = value
        assert "NaN" in refused(path, raw, **{name: broken})
    assert "NaN" in refused(path, raw, **{name: np.full(raw[name].shape, 1e200)})


def test_wrong_confidence(tmp_path, raw):
    assert "within 0 and 1" in refused(tmp_path / "a.npz", raw, face_confidence=raw["face_confidence"] + 1)


def test_no_frames(tmp_path, raw):
    empty = {name: raw[name][:0] for name in (*ARRAYS, "matte")}
    assert "no frames" in refused(tmp_path / "a.npz", raw, **empty)
    assert "no frames" in refused(tmp_path / "a.npz", raw, face=np.asarray(1.0))


@pytest.mark.parametrize(
    "matte", [np.zeros((2, 40, 31), np.uint8), np.zeros((2, 40, 30)), np.zeros((1, 40, 30), np.uint8)]
)
def test_wrong_mattes(tmp_path, raw, matte):
    assert "matte" in refused(tmp_path / "a.npz", raw, matte=matte)


@pytest.mark.parametrize("fps", [0, -1, np.nan, np.inf, [25, 25], "25"])
def test_wrong_frame_rates(tmp_path, raw, fps):
    assert "fps" in refused(tmp_path / "a.npz", raw, fps=np.asarray(fps))


@pytest.mark.parametrize("size", [[0, 3], [-1, 3], [3], [3, 4, 5], [3.0, 4.0], "3x4"])
def test_wrong_sizes(tmp_path, raw, size):
    assert "size" in refused(tmp_path / "a.npz", raw, size=np.asarray(size))


@pytest.mark.parametrize("version", [0, 2, 1.5, "1", [1], None])
def test_other_versions(tmp_path, raw, version):
    found = refused(tmp_path / "a.npz", raw, version=None if version is None else np.asarray(version))
    assert "version" in found


@pytest.mark.parametrize("kind", ["vlogger.fit", 3, ["vlogger.landmarks"], None])
def test_other_formats(tmp_path, raw, kind):
    found = refused(tmp_path / "a.npz", raw, format=None if kind is None else np.asarray(kind))
    assert "vlogger.landmarks" in found


def test_pickles_are_refused(tmp_path, raw):
    path = tmp_path / "a.npz"
    assert "is not a file of landmarks" in refused(path, raw, face=np.asarray([{}], object))


def test_files_that_are_no_npz(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(UserError, match="does not exist"):
        landmarks.load(path)
    with pytest.raises(UserError, match="is a folder"):
        landmarks.load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="a pipe"):
        landmarks.load(tmp_path / "pipe")
    for content in (b"", b"hello", b"PK\x03\x04broken"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"is empty|is not a file of landmarks"):
            landmarks.load(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(UserError, match="is not a file of landmarks"):
        landmarks.load(path)
    with zipfile.ZipFile(path, "w") as archive:  # a header that asks for 73 TiB
        head = "{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,), }".ljust(117) + "\n"
        archive.writestr("face.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
    with pytest.raises(UserError, match="is not a file of landmarks"):
        landmarks.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("face.npy", b"nonsense")
    with pytest.raises(UserError):
        landmarks.load(path)


@pytest.mark.parametrize("at", [0.2, 0.5, 0.9, 0.999])
def test_damaged_files(tmp_path, at):
    path = tmp_path / "a.npz"
    landmarks.save(path, make())
    data = path.read_bytes()
    path.write_bytes(data[: int(at * len(data))])
    with pytest.raises(UserError):
        landmarks.load(path)
    middle = int(at * len(data))
    path.write_bytes(data[:middle] + bytes(byte ^ 255 for byte in data[middle : middle + 20]) + data[middle + 20 :])
    with pytest.raises(UserError):
        landmarks.load(path)


def test_importing_the_module_does_not_import_mediapipe():
    code = "import sys; import vlogger_jax.fit.landmarks; assert 'mediapipe' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

"""Files that appear whole or not at all."""

import errno
import os
import resource

import numpy as np
import pytest

from vlogger_jax.core.errors import UserError
from vlogger_jax.media import atomic
from vlogger_jax.media.video_writer import Writer

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def test_the_file_appears_at_the_end(tmp_path):
    path = tmp_path / "x.npz"
    with atomic.replacing(path) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".npz"
        np.savez(temporary, a=1)
        assert not path.exists()
    assert np.load(path, allow_pickle=False)["a"] == 1
    assert os.listdir(tmp_path) == ["x.npz"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with atomic.replacing(tmp_path / "x"):
        pass
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, OSError, MemoryError])
@pytest.mark.parametrize("before", [None, b"old"])
def test_whatever_ends_the_block_leaves_things_as_they_were(tmp_path, error, before):
    path = tmp_path / "x.bin"
    if before:
        path.write_bytes(before)
    with pytest.raises(error), atomic.replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert os.listdir(tmp_path) == (["x.bin"] if before else [])
    assert not before or path.read_bytes() == before


def test_links_are_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    real, link = tmp_path / "folder" / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    with atomic.replacing(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and real.read_text() == "new"


@pytest.mark.parametrize(
    "name", ["missing/x.mp4", ".", "..", "folder", "file/x.mp4", "pipe", "a\0b", "n" * 300, "loop"]
)
def test_bad_targets_are_refused_before_work_starts(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(os.listdir())
    with pytest.raises(UserError) as caught, atomic.replacing(name):
        pytest.fail("work started")
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir()) == before


def test_devices_are_never_replaced():
    with pytest.raises(UserError, match="device"), atomic.replacing("/dev/null"):
        pass


@pytest.mark.skipif(ROOT, reason="root may do anything")
@pytest.mark.parametrize("mode", [0o500, 0o400])
def test_no_permission(tmp_path, mode):
    folder = tmp_path / "closed"
    folder.mkdir(mode=mode)
    with pytest.raises(UserError), atomic.replacing(folder / "x"):
        pass
    read_only = tmp_path / "read_only"
    read_only.touch(0o400)
    with pytest.raises(UserError, match="write-protected"), atomic.replacing(read_only):
        pass


@pytest.fixture
def small_disk(monkeypatch):
    """Files may not grow beyond 20 kB."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_a_full_disk_is_a_user_error(tmp_path, small_disk):
    with pytest.raises(UserError, match="space"), atomic.replacing(tmp_path / "x") as temporary:
        temporary.write_bytes(bytes(100_000))
    assert os.listdir(tmp_path) == []


def test_errors_about_other_files_pass(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "other"))
    with pytest.raises(OSError) as caught, atomic.replacing(tmp_path / "x"):
        raise full
    assert caught.value is full and os.listdir(tmp_path) == []


def test_a_disk_that_fills_up_while_a_video_is_written(tmp_path, small_disk):
    noise = np.random.default_rng(0).integers(0, 256, (30, 96, 96, 3), np.uint8)
    with pytest.raises(UserError, match="space"), Writer(tmp_path / "x.mp4", 25) as writer:
        for frame in noise:
            writer.write(frame)
    assert os.listdir(tmp_path) == []

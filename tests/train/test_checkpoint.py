"""Checkpoints: what comes back, what is refused, what a death at any moment leaves."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding

from tests.train.regression import Problem, on
from vlogger_jax.core.errors import UserError
from vlogger_jax.train import checkpoint
from vlogger_jax.train.checkpoint import Checkpoints, sums


def tree(mesh=None, wide=64):
    """Arrays of many kinds."""
    made = {
        "key": jax.random.key(3),
        "step": jnp.int32(7),
        "params": {"wide": jax.random.normal(jax.random.key(0), (wide, 96)), "half": jnp.ones((16, 3), jnp.bfloat16)},
        "opt": (jnp.arange(24.0).reshape(8, 3), [jnp.asarray([True, False])]),
    }
    return jax.device_put(made, shardings(made, mesh or on(1)))


def shardings(made, mesh):
    def place(leaf):
        split = leaf.ndim == 2 and leaf.shape[0] % mesh.size == 0
        return NamedSharding(mesh, jax.P("data") if split else jax.P())

    return jax.tree.map(place, made)


def abstract(made, mesh=None):
    places = shardings(made, mesh or on(1))
    return jax.tree.map(lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), made, places)


def plain(made):
    return [
        np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x)
        for x in jax.tree.leaves(made)
    ]


def same(a, b) -> bool:
    return all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(plain(a), plain(b), strict=True))


def saved(folder, steps, **more) -> Checkpoints:
    checkpoints = Checkpoints(folder, **more)
    for step in steps:
        checkpoints.save(step, tree())
    checkpoints.wait()
    return checkpoints


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A folder with checkpoints 2, 4 and 6; not to be written to."""
    folder = tmp_path_factory.mktemp("three")
    saved(folder, (2, 4, 6)).close()
    return folder


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_comes_back_to_the_bit_on_any_mesh(three, devices):
    mesh = on(devices)
    found = Checkpoints(three).restore(abstract(tree(), mesh))
    assert same(found, tree())
    assert jax.tree.all(jax.tree.map(lambda x, place: x.sharding == place, found, shardings(tree(), mesh)))
    assert float(jax.random.uniform(found["key"])) == float(jax.random.uniform(jax.random.key(3)))


def test_what_was_saved_on_a_mesh_comes_back_on_one_device(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, tree(on(8)))
    checkpoints.wait()
    assert same(checkpoints.restore(abstract(tree())), tree())


def test_the_memory_of_what_is_being_saved_may_be_given_away(tmp_path):
    problem, checkpoints = Problem(wide=4_000), Checkpoints(tmp_path)
    with jax.set_mesh(problem.mesh):
        state, kept = problem.init(), None
        for number in range(3):
            batch = problem.put({"x": np.ones((8, 4), np.float32), "y": np.ones(8, np.float32)})
            checkpoints.save(number + 1, state)
            if number == 1:
                kept = jax.device_get(state.trainable)
            state, _ = problem.step(state, {}, batch)
    checkpoints.wait()
    assert np.array_equal(jax.device_get(checkpoints.restore(problem.abstract, 2).trainable)["wide"], kept["wide"])


def test_the_newest_are_kept_and_latest_is_the_last(tmp_path):
    assert Checkpoints(tmp_path / "empty").latest() is None
    assert saved(tmp_path, (1, 5, 20, 100), keep=2).steps() == [20, 100]
    assert Checkpoints(tmp_path).latest() == 100


def test_a_step_is_saved_once_and_none_before_it(tmp_path):
    checkpoints = saved(tmp_path, (5,))
    checkpoints.save(5, jax.tree.map(lambda x: x, tree(wide=32)))
    checkpoints.wait()
    assert same(checkpoints.restore(abstract(tree())), tree())
    with pytest.raises(UserError, match="has a checkpoint of step 5, and step 4 was to be saved"):
        checkpoints.save(4, tree())


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda t: t | {"more": jnp.ones(2)}, "missing: more"),
        (lambda t: {name: part for name, part in t.items() if name != "opt"}, "unknown: opt/0, opt/1/0"),
        (lambda t: t | {"params": {**t["params"], "wide": jnp.ones((65, 96))}}, r"params/wide \[64, 96\] instead of"),
        (lambda t: t | {"step": jnp.float32(0)}, "1 arrays of other digits: step is int32, not float32"),
        (lambda t: t | {"key": jnp.zeros(2, jnp.int32)}, "key is uint32, not int32"),
    ],
)
def test_another_trainings_checkpoint_is_refused_by_name(three, change, said):
    with pytest.raises(UserError, match=said):
        Checkpoints(three).restore(abstract(change(tree())))


def test_an_unknown_step_is_refused(three, tmp_path):
    with pytest.raises(UserError, match=r"no checkpoint of step 3\. There are: 2, 4, 6"):
        Checkpoints(three).restore(abstract(tree()), 3)
    with pytest.raises(UserError, match="there is no checkpoint in"):
        Checkpoints(tmp_path).restore(abstract(tree()))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def biggest(folder: Path) -> Path:
    return max(files(folder), key=lambda path: path.stat().st_size)


def flipped(path: Path, where: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(where * (len(data) - 1))] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: flipped(biggest(folder), 0.4),  # which Orbax does not notice
        lambda folder: biggest(folder).unlink(),
        lambda folder: biggest(folder).write_bytes(biggest(folder).read_bytes()[:1000]),
        lambda folder: (folder / "state" / "manifest.ocdbt").unlink(),
        lambda folder: (folder / "state" / "_METADATA").write_text("{"),
    ],
    ids=["a bit", "a file", "cut short", "the manifest", "the description"],
)
def test_a_damaged_checkpoint_is_named_and_so_is_the_intact_one_before(three, tmp_path, harm, capfd):
    shutil.copytree(three, tmp_path, dirs_exist_ok=True)
    harm(tmp_path / "6")
    flipped(biggest(tmp_path / "4"), 0.4)
    with pytest.raises(UserError, match=r"6 is damaged: .* the one of step 2 is intact"):
        Checkpoints(tmp_path).restore(abstract(tree()))
    assert "Traceback" not in capfd.readouterr().err


def test_where_no_checkpoint_is_intact_it_says_so(three, tmp_path):
    shutil.copytree(three / "2", tmp_path / "2")
    flipped(biggest(tmp_path / "2"), 0.5)
    with pytest.raises(UserError, match="there is none that is intact"):
        Checkpoints(tmp_path).restore(abstract(tree()))


def test_sums_change_with_every_bit_and_with_the_order(rng=np.random.default_rng(0)):  # noqa: B008
    for dtype in (np.float32, jnp.bfloat16, np.int32, np.uint8, np.float16):
        x = rng.integers(0, 200, (5, 7)).astype(dtype)
        mine = int(sums([jnp.asarray(x)])[0])
        for at in range(x.size * x.dtype.itemsize):
            changed = bytearray(x.tobytes())
            changed[at] ^= 1 << rng.integers(8)
            other = np.frombuffer(bytes(changed), x.dtype).reshape(x.shape)
            assert int(sums([jnp.asarray(other)])[0]) != mine
        assert int(sums([jnp.asarray(x[::-1].copy())])[0]) != mine
        assert int(sums([jnp.asarray(np.ascontiguousarray(x.T.reshape(5, 7)))])[0]) != mine
    assert np.array_equal(sums(jax.tree.leaves(tree(on(8)))), sums(jax.tree.leaves(tree())))


def test_frozen_parameters_are_kept_once(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.frozen({}) == {}
    checkpoints.keep_frozen({})
    assert not (tmp_path / checkpoint.FROZEN).exists()
    frozen = tree()["params"]
    checkpoints.keep_frozen(frozen)
    checkpoints.keep_frozen(jax.tree.map(jnp.zeros_like, frozen))
    checkpoints.save(3, tree())
    checkpoints.close()
    again = Checkpoints(tmp_path)
    assert again.steps() == [3]
    assert same(again.frozen(abstract(frozen, on(8))), frozen)
    with pytest.raises(UserError, match="missing: more"):
        again.frozen(abstract(frozen | {"more": jnp.ones(2)}))
    flipped(biggest(tmp_path / checkpoint.FROZEN), 0.4)
    with pytest.raises(UserError, match="frozen is damaged"):
        again.frozen(abstract(frozen))


def test_what_was_not_written_to_its_end_is_cleared_away_by_the_training_and_by_nobody_else(tmp_path):
    saved(tmp_path, (2,)).close()
    halves = [tmp_path / "4.orbax-checkpoint-tmp", tmp_path / "frozen.orbax-checkpoint-tmp"]
    for half in halves:
        (half / "state").mkdir(parents=True)
        (half / "state" / "manifest.ocdbt").write_bytes(b"half")
    again = Checkpoints(tmp_path)
    assert again.steps() == [2]
    assert same(again.restore(abstract(tree())), tree())
    again.wait()
    again.close()
    assert all(half.exists() for half in halves)  # another process may be writing them
    again.save(4, tree())
    again.keep_frozen(tree()["params"])
    again.wait()
    assert same(again.restore(abstract(tree()), 4), tree())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "4", "frozen"]
    assert not Checkpoints(tmp_path / "none").steps() and not (tmp_path / "none").exists()


def test_a_disk_that_takes_no_more_is_told_of_at_the_next_call(tmp_path, caplog):
    checkpoints = saved(tmp_path, (2,))
    limits, before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        with pytest.raises(UserError, match=r"could not be written: .*See to the disk"):
            checkpoints.save(4, tree())
            checkpoints.wait()
        checkpoints.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert "Traceback" not in caplog.text and "failed" not in caplog.text
    again = Checkpoints(tmp_path)
    assert again.latest() == 2
    assert same(again.restore(abstract(tree())), tree())


@pytest.mark.parametrize(
    "error, said",
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), r"No space left on device\. Make room \(\d.* GB are free\)"),
        (ValueError("RESOURCE_EXHAUSTED: x: No space left on device [1]"), r": No space left on device\. Make room"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "Disk quota exceeded. Make room"),
        (PermissionError(errno.EACCES, "Permission denied", "f"), "Permission denied: 'f'. See to the disk"),
    ],
)
def test_room_is_asked_for_where_there_is_none(tmp_path, monkeypatch, error, said):
    def fails():
        raise RuntimeError("a thread failed") from error

    checkpoints = Checkpoints(tmp_path)
    monkeypatch.setattr(checkpoints, "_open", fails)
    with pytest.raises(UserError, match=said):
        checkpoints.save(1, tree())


def test_some_are_kept(tmp_path):
    with pytest.raises(UserError, match="0 checkpoints were to be kept"):
        Checkpoints(tmp_path, keep=0)


READS = """
import jax, sys
from jax.sharding import SingleDeviceSharding
from vlogger_jax.core.errors import UserError
from vlogger_jax.train.checkpoint import Checkpoints
here = SingleDeviceSharding(jax.devices()[0])
try:
    Checkpoints(sys.argv[1]).restore({n: jax.ShapeDtypeStruct((9, 2000), "float32", sharding=here) for n in "abc"})
except UserError as error:
    print(error)
"""


def test_a_process_that_finds_damage_says_nothing_else(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {name: jax.random.normal(jax.random.key(i), (9, 2000)) for i, name in enumerate("abc")})
    checkpoints.close()
    biggest(tmp_path / "1").unlink()
    found = subprocess.run([sys.executable, "-c", READS, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "1 is damaged" in found.stdout and found.stderr == ""


def test_saving_does_not_wait_for_the_disk(tmp_path, monkeypatch):
    allowed, began = threading.Event(), time.monotonic()
    checkpoints = Checkpoints(tmp_path)
    manager = checkpoints._open()._manager
    finalize = manager._finalize

    def held(*args, **kwargs):
        assert allowed.wait(30)
        return finalize(*args, **kwargs)

    monkeypatch.setattr(manager, "_finalize", held)
    checkpoints.save(1, tree())
    assert time.monotonic() - began < 20
    assert not (tmp_path / "1").exists()
    allowed.set()
    checkpoints.wait()
    assert (tmp_path / "1").exists()


SAVES = """
import jax, jax.numpy as jnp, sys
from vlogger_jax.train.checkpoint import Checkpoints
checkpoints = Checkpoints(sys.argv[1], keep=2)
start = checkpoints.latest() or 0
for step in range(start + 1, 10_000):
    checkpoints.save(step, {"x": jnp.full((400, 1000), step, jnp.float32), "y": jnp.full(3, step)})
    print(step, flush=True)
"""


@pytest.mark.slow
def test_death_while_writing_leaves_the_checkpoint_before(tmp_path):
    seed = int(time.time())
    print("seed", seed)
    rng = np.random.default_rng(seed)
    for _ in range(10):
        process = subprocess.Popen([sys.executable, "-c", SAVES, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        told = process.stdout.readline()
        assert told, process.wait()
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.wait()
        checkpoints = Checkpoints(tmp_path, keep=2)
        for step in checkpoints.steps()[-2:]:  # one before them may be half deleted
            form = {"x": jax.ShapeDtypeStruct((400, 1000), jnp.float32), "y": jax.ShapeDtypeStruct((3,), jnp.int32)}
            form = jax.tree.map(here, form)
            found = checkpoints.restore(form, step)
            assert np.all(jax.device_get(found["x"]) == step)
    checkpoints.save(10_000, {"x": jnp.zeros((400, 1000)), "y": jnp.zeros(3)})
    checkpoints.wait()
    assert len(checkpoints.steps()) == len(list(tmp_path.iterdir())) == 2


def here(x):
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=jax.sharding.SingleDeviceSharding(jax.devices()[0]))

"""Several processes as one. What needs them is marked `multihost`; the order of rows has a closed form."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding

from tests.parallel import noisy
from vlogger_jax.core.constrain import AXES
from vlogger_jax.core.errors import EXIT_PREEMPTED, UserError
from vlogger_jax.parallel import distributed, mesh
from vlogger_jax.parallel.mesh import MeshConfig

ROOT = Path(__file__).parents[2]
TOLD = (distributed.ADDRESS, distributed.COUNT, distributed.NUMBER)


@pytest.fixture(autouse=True)
def told_nothing(monkeypatch: pytest.MonkeyPatch):
    for name in TOLD:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list:
    """What JAX would have been started with."""
    calls = []
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(jax.distributed, "initialize", lambda *args, **kwargs: calls.append((args, kwargs)))
    return calls


def test_a_laptop_starts_nothing(started: list):
    distributed.start()
    assert started == []


def test_one_process_of_one_starts_nothing(started: list, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(distributed.ADDRESS, "localhost:1234")
    monkeypatch.setenv(distributed.COUNT, "1")
    distributed.start()
    assert started == []


def test_the_environment_is_read_and_arguments_come_first(started: list, monkeypatch: pytest.MonkeyPatch):
    for name, value in zip(TOLD, ("localhost:1234", "4", "3"), strict=True):
        monkeypatch.setenv(name, value)
    distributed.start(heartbeat=7)
    distributed.start("other:1", process=0)
    beats = [{"heartbeat_timeout_seconds": 7}, {"heartbeat_timeout_seconds": distributed.HEARTBEAT}]
    assert started == [(("localhost:1234", 4, 3), beats[0]), (("other:1", 4, 0), beats[1])]


@pytest.mark.parametrize(
    "given, message",
    [
        (("localhost:1", None, None), "JAX_NUM_PROCESSES and JAX_PROCESS_ID is not set"),
        ((None, "2", "0"), "JAX_COORDINATOR_ADDRESS is not set"),
        (("localhost:1", "2", "two"), "JAX_PROCESS_ID is 'two'"),
        (("localhost:1", "2", "2"), "JAX_NUM_PROCESSES=2 JAX_PROCESS_ID=2 cannot be"),
        (("localhost", "2", "0"), "JAX_COORDINATOR_ADDRESS=localhost .* cannot be"),
    ],
)
def test_half_an_environment_is_refused(given: tuple, message: str, started: list, monkeypatch: pytest.MonkeyPatch):
    for name, value in zip(TOLD, given, strict=True):
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message):
        distributed.start()
    assert started == []


def test_a_tpu_is_asked_for_its_machines(started: list, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(distributed, "_on_tpu", lambda: True)
    distributed.start()
    assert started == [((), {"heartbeat_timeout_seconds": distributed.HEARTBEAT})]

    def lost(**_: object) -> None:
        raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr(jax.distributed, "initialize", lost)
    with pytest.raises(UserError, match=r"machines were not found: coordinator.* JAX_NUM_PROCESSES=1 where there"):
        distributed.start()


def test_alone_all_agree_nobody_waits_and_nobody_is_preempted():
    distributed.agree("config", "text")
    distributed.barrier("here")
    assert distributed.preempted(3) is False


def test_rows_of_one_process_are_its_samples_in_order():
    assert distributed.numbers(16, mesh.make(MeshConfig())).tolist() == list(range(16))


@pytest.mark.parametrize(
    "owners, expected",
    [
        ([0, 0, 1, 1], [0, 2, 4, 6, 1, 3, 5, 7]),
        ([0, 1, 0, 1], [0, 2, 1, 3, 4, 6, 5, 7]),
        ([1, 0, 0, 1], [1, 3, 0, 2, 4, 6, 5, 7]),
        ([5, 5, 3, 3], [1, 3, 5, 7, 0, 2, 4, 6]),
    ],
)
def test_rows_are_numbered_by_who_read_them(owners: list[int], expected: list[int], monkeypatch: pytest.MonkeyPatch):
    """Two samples a part; process p of n has read samples p, p + n, ..."""
    monkeypatch.setattr(distributed, "_owners", lambda on: (np.array(owners), sorted(set(owners))))
    assert distributed.numbers(8, mesh.make(MeshConfig(data=4, context=2))).tolist() == expected


def test_a_batch_that_does_not_divide_is_refused(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UserError, match="a batch of 12 does not divide by the mesh's 8 parts"):
        distributed.numbers(12, mesh.make(MeshConfig()))
    monkeypatch.setattr(distributed, "_owners", lambda on: (np.array([0, 0, 1]), [0, 1]))
    with pytest.raises(UserError, match="different numbers of devices"):
        distributed.numbers(12, mesh.make(MeshConfig()))


def test_a_batch_is_split_over_batch_and_frames_by_explicit_transfers_alone():
    on = mesh.make(MeshConfig(data=2, fsdp=2, context=2))
    batch = noisy.local()
    with jax.transfer_guard("disallow"):
        placed = distributed.place_batch(batch, on, noisy.FRAMED)
    for name, spec in {"x": jax.P(("data", "fsdp"), "context"), "scale": jax.P(("data", "fsdp"))}.items():
        assert placed[name].sharding.is_equivalent_to(NamedSharding(on, spec), batch[name].ndim)
        np.testing.assert_array_equal(placed[name], batch[name])


def alone() -> tuple[float, np.ndarray]:
    """Mean and losses of one device."""
    on = Mesh(np.array(jax.devices()[:1]).reshape(1, 1, 1), AXES)
    with jax.set_mesh(on):
        mean, losses = noisy.losses(distributed.place_batch(noisy.local(), on, noisy.FRAMED), np.arange(noisy.BATCH))
    return float(mean), np.asarray(losses)


def test_a_mesh_that_mixes_up_rows_gives_samples_the_same_losses():
    order = np.random.default_rng(0).permutation(noisy.BATCH)
    on = mesh.make(MeshConfig(data=2, fsdp=2, context=2))
    batch = {name: array[order] for name, array in noisy.local().items()}
    with jax.set_mesh(on):
        _, losses = noisy.losses(distributed.place_batch(batch, on, noisy.FRAMED), order)
    np.testing.assert_allclose(np.asarray(losses)[np.argsort(order)], alone()[1], rtol=1e-5)


# Two processes of two devices each.


def together(what: str, folder: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "launch.local_multihost", "--processes", "2", "--devices", "2", "--"]
    command += [sys.executable, "-m", "tests.parallel.together", what, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def found(folder: Path) -> list:
    return [np.load(folder / f"{i}.npz") for i in range(2)]


@pytest.mark.multihost
def test_processes_agree_or_say_who_does_not(tmp_path: Path):
    run = together("agreed", tmp_path)
    output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output
    results = found(tmp_path)
    for result in results:
        assert result["count"] == 2 and result["devices"].tolist() == [2, 4]
        assert str(result["differs"]) == (
            "the code of process 1 differs from that of process 0. Start all with the same."
        )
    assert results[0]["waited"] > 0.5


@pytest.mark.multihost
def test_two_processes_give_each_sample_the_loss_that_one_gives(tmp_path: Path):
    run = together("batches", tmp_path)
    output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output
    mean, losses = alone()
    for result in found(tmp_path):
        for name in ("data", "context", "alternating"):
            order = result[f"{name}_order"]
            assert sorted(order) == list(range(noisy.BATCH))
            np.testing.assert_allclose(result[f"{name}_losses"][np.argsort(order)], losses, rtol=1e-5)
            np.testing.assert_allclose(result[f"{name}_mean"], mean, rtol=1e-5)
        assert result["alternating_order"].tolist() != result["data_order"].tolist()
        assert "context=4 splits frames over processes" in str(result["apart"])
        assert "context=4 splits frames over processes" in str(result["placed_apart"])
        assert "context=4 splits frames over hosts of 2 devices" in str(result["made_apart"])


@pytest.mark.multihost
def test_preempted_processes_end_at_the_same_step(tmp_path: Path):
    run = together("preempted", tmp_path)
    waiting = time.monotonic() + 60
    while len(list(tmp_path.glob("*.running"))) < 2 and run.poll() is None and time.monotonic() < waiting:
        time.sleep(0.1)
    run.send_signal(signal.SIGTERM)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == EXIT_PREEMPTED, output
    steps = [int(result["step"]) for result in found(tmp_path)]
    assert steps[0] == steps[1] > 4

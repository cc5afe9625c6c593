"""Several processes as one: starting, batches that are read by all of them, and agreement between them.

Of one process alone every function here does nothing, or what is plain.
"""

import functools
import hashlib
import logging
import os
import signal
import threading
import types
from collections.abc import Mapping

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding

from vlogger_jax.core.constrain import CONTEXT
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Int
from vlogger_jax.parallel.split import FRAMES, SAMPLES

log = logging.getLogger(__name__)

ADDRESS, COUNT, NUMBER = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
"""The environment that `start` reads and `launch.local_multihost` sets: host:port of process 0, how many, which."""

HEARTBEAT = 100
"""Seconds of silence after which a process counts as dead, and all others end."""


def start(
    address: str | None = None, processes: int | None = None, process: int | None = None, heartbeat: int = HEARTBEAT
) -> None:
    """Make the processes of a run one, before anything touches a device; call it once, first.

    They are told by arguments, by the environment (`ADDRESS`, `COUNT`, `NUMBER`), or by the machine where that is a
    TPU. Without any of these, or where the number of processes is 1, there is nothing to do.

    Raises:
        UserError: if what is told is incomplete, or a TPU cannot find its other machines.
    """
    told = {
        ADDRESS: address or os.environ.get(ADDRESS),
        COUNT: os.environ.get(COUNT) if processes is None else processes,
        NUMBER: os.environ.get(NUMBER) if process is None else process,
    }
    count = _number(COUNT, told[COUNT])
    if count == 1:
        return
    if any(value is not None for value in told.values()):
        missing = [name for name, value in told.items() if value is None]
        if missing:
            raise UserError(f"{' and '.join(missing)} is not set, but others of its kind are", "Set all three or none")
        number = _number(NUMBER, told[NUMBER])
        if count < 1 or not 0 <= number < count or ":" not in told[ADDRESS]:
            raise UserError(
                f"{ADDRESS}={told[ADDRESS]} {COUNT}={count} {NUMBER}={number} cannot be",
                "Give host:port, how many, and a number from 0",
            )
        _claim_sigterm()
        jax.distributed.initialize(told[ADDRESS], count, number, heartbeat_timeout_seconds=heartbeat)
    elif _on_tpu():
        _claim_sigterm()
        try:
            jax.distributed.initialize(heartbeat_timeout_seconds=heartbeat)
        except (ValueError, RuntimeError, OSError) as error:
            raise UserError(
                f"the TPU's other machines were not found: {error}",
                f"Set {ADDRESS}, {COUNT} and {NUMBER}; {COUNT}=1 where there are none",
            ) from error
    else:
        return
    log.info("process %d of %d", jax.process_index(), jax.process_count())


def _claim_sigterm() -> None:
    """Let others see that SIGTERM is taken: JAX is about to catch it (`preempted`), which Python does not notice.

    Without this, `console.progress` finds the default, puts an end of its own there, and nothing would be saved.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, where: types.FrameType | None) -> None:
    raise SystemExit(128 + number)  # where JAX's preemption service is switched off


def _on_tpu() -> bool:
    # JAX itself sets this on machines with a TPU, unless the user has.
    return (jax.config.jax_platforms or "").split(",")[0] == "tpu"


def _number(name: str, value: str | int | None) -> int | None:
    try:
        return None if value is None else int(value)
    except ValueError as error:
        raise UserError(f"{name} is {value!r}", "Give a whole number") from error


def place_batch(batch: Mapping[str, np.ndarray], mesh: Mesh, framed: frozenset[str]) -> dict[str, jax.Array]:
    """The arrays of all processes' batches, samples split over the mesh's batch and frames over its context.

    Args:
        batch: of this process, [b, ...]; all have equally many samples.
        framed: names of those that are [b, t, ...].

    Returns:
        Arrays [b · processes, ...]; `numbers` tells which sample each row is.
    """
    places = {True: NamedSharding(mesh, FRAMES), False: NamedSharding(mesh, SAMPLES)}
    count = len(_owners(mesh)[1])
    # Of several processes JAX takes this for an implicit transfer; it is what the guard is to let pass.
    with jax.transfer_guard_host_to_device("allow"):
        return {
            name: jax.make_array_from_process_local_data(
                places[name in framed], array, (array.shape[0] * count, *array.shape[1:])
            )
            for name, array in batch.items()
        }


def numbers(batch: int, mesh: Mesh) -> Int[np.ndarray, "b"]:
    """Which sample of a batch of `batch` each row of `place_batch`'s arrays is.

    Of n processes number p reads samples p, p + n, ... in order (`data_pipelines.loaders.order.Order`), and its rows
    are those of its devices, in the order of the mesh. On a TPU these need not be neighbours: the ring through the 16
    chips of a v5e visits hosts in the order 0, 0, 1, 1, 1, 1, 0, 2, ...

    Raises:
        UserError: if frames are split over processes, or the batch does not divide.
    """
    owners, processes = _owners(mesh)
    if batch % len(owners):
        raise UserError(f"a batch of {batch} does not divide by the mesh's {len(owners)} parts", "Give a multiple")
    rows = np.repeat(owners, batch // len(owners))
    found = np.empty(batch, np.int32)
    for place, process in enumerate(processes):
        held = np.flatnonzero(rows == process)
        if len(held) * len(processes) != batch:
            raise UserError("processes have different numbers of devices", "Start all on machines of one kind")
        found[held] = place + len(processes) * np.arange(len(held))
    return found


@functools.lru_cache(maxsize=8)  # asked at every step
def _owners(mesh: Mesh) -> tuple[Int[np.ndarray, "n"], list[int]]:
    """The process that each part of the batch is of, and all processes.

    A process is given whole clips, so all parts of their frames are its own.
    """
    of = np.vectorize(lambda device: device.process_index, otypes=[int])(mesh.devices)
    of = of.reshape(-1, mesh.shape[CONTEXT])
    if (of != of[:, :1]).any():
        raise UserError(
            f"context={mesh.shape[CONTEXT]} splits frames over processes",
            "Give a context that divides the devices of one process",
        )
    return of[:, 0], sorted(set(of[:, 0].tolist()))


def fetch(array: jax.Array) -> np.ndarray:
    """The whole of an array whose parts lie on devices of all processes; all must call this."""
    if jax.process_count() == 1:
        return np.asarray(jax.device_get(array))
    return np.asarray(multihost_utils.process_allgather(array, tiled=True))


def agree(name: str, text: str) -> None:
    """See that all processes have the same `text`, e.g. their config or code, called `name`; all must call this.

    Raises:
        UserError: in all of them, naming those that differ from process 0.
    """
    if jax.process_count() == 1:
        return
    digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
    all_of_them = multihost_utils.process_allgather(digest)
    differing = np.flatnonzero((all_of_them != all_of_them[0]).any(axis=1))
    if differing.size:
        named = ", ".join(map(str, differing))
        raise UserError(f"the {name} of process {named} differs from that of process 0", "Start all with the same")


def barrier(name: str) -> None:
    """Wait until all processes are here; they must come to barriers in the same order."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def preempted(step: int) -> bool:
    """Whether all processes shall save and end after `step`, because one of them got SIGTERM.

    All ask at every step. JAX agrees with them on a step that none has passed yet. Of a process of its own this is
    always False: what it does about signals is its own affair.
    """
    return jax.distributed.is_initialized() and multihost_utils.reached_preemption_sync_point(step)

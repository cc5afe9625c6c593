"""What `test_distributed` runs as several processes: `python -m tests.parallel.together WHAT FOLDER`.

Each writes what it found to FOLDER/NUMBER.npz.
"""

import sys
import time
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from tests.parallel import noisy
from vlogger_jax import console
from vlogger_jax.core.constrain import AXES
from vlogger_jax.core.errors import EXIT_PREEMPTED, UserError
from vlogger_jax.parallel import distributed, mesh
from vlogger_jax.parallel.mesh import MeshConfig


def refused(call) -> str:
    try:
        call()
    except UserError as error:
        return str(error)
    return ""


def agreed(folder: Path) -> dict:
    me = jax.process_index()
    distributed.agree("config", "the same")
    if me == 1:
        time.sleep(1.0)
    begun = time.monotonic()
    distributed.barrier("slow one")
    return {
        "differs": refused(lambda: distributed.agree("code", f"of {me}")),
        "waited": time.monotonic() - begun,
        "count": jax.process_count(),
        "devices": [jax.local_device_count(), jax.device_count()],
    }


def batches(folder: Path) -> dict:
    """The same losses on meshes of several layouts, in the order of samples."""
    alternating = sorted(jax.devices(), key=lambda device: (device.id % 2, device.process_index))
    meshes = {
        "data": mesh.make(MeshConfig()),
        "context": mesh.make(MeshConfig(context=2)),
        "alternating": Mesh(np.array(alternating).reshape(2, 2, 1), AXES),
    }
    found = {}
    for name, on in meshes.items():
        order = distributed.numbers(noisy.BATCH, on)
        with jax.set_mesh(on), jax.transfer_guard("disallow"):
            batch = distributed.place_batch(noisy.local(jax.process_index(), jax.process_count()), on, noisy.FRAMED)
        with jax.set_mesh(on):
            mean, losses = noisy.losses(batch, order)
        found |= {f"{name}_order": order, f"{name}_mean": float(mean)}
        found[f"{name}_losses"] = multihost_utils.process_allgather(losses, tiled=True)
    apart = Mesh(np.array(jax.devices()).reshape(1, 1, 4), AXES)
    found["apart"] = refused(lambda: distributed.numbers(noisy.BATCH, apart))
    found["placed_apart"] = refused(lambda: distributed.place_batch(noisy.local(0, 2), apart, noisy.FRAMED))
    found["made_apart"] = refused(lambda: mesh.make(MeshConfig(context=4)))
    return found


def preempted(folder: Path) -> dict:
    step = 0
    with console.progress() as begin:  # which takes SIGTERM where nobody else does
        begin("training")
        while not distributed.preempted(step):
            step += 1
            if step == 5:
                (folder / f"{jax.process_index()}.running").touch()
            time.sleep(0.05 * (1 + jax.process_index()))
    return {"step": step}


def main() -> int:
    what, folder = sys.argv[1], Path(sys.argv[2])
    distributed.start(heartbeat=10)
    found = {"agreed": agreed, "batches": batches, "preempted": preempted}[what](folder)
    np.savez(folder / f"{jax.process_index()}.npz", **found)
    distributed.barrier("written")
    return EXIT_PREEMPTED if what == "preempted" else 0


if __name__ == "__main__":
    sys.exit(main())

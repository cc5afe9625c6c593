"""Compiling for TPUs that are not there, on any Linux machine that has the wheel `libtpu`.

The compiler's word is final: a program that it compiles fits into the chips' memory, as laid out there. How fast it
would run it does not say.
"""

import dataclasses
import importlib.util
import os
import sys
import time
from pathlib import Path
from typing import Any

import jax
from jax.experimental import topologies

from vlogger_jax.core.errors import UserError
from vlogger_jax.parallel import collectives

# Nothing is asked of a machine's own TPUs or of the cloud; the last two keep libtpu from complaining that they are not
# there.
ENVIRONMENT = {
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-16",
    "TPU_WORKER_HOSTNAMES": "localhost",
}

BESIDE = Path(sys.prefix) / "libtpu"
"""Where `make setup-aot` puts libtpu: beside the environment, not in it."""

UNPRINTABLE = "async-update instruction"
FULL = "RESOURCE_EXHAUSTED"


@dataclasses.dataclass(frozen=True)
class Chip:
    """A kind of TPU.

    Attributes:
        memory: bytes of HBM that the compiler gives a program (libtpu 0.0.52), of each device.
        devices: that a chip has.
        options: of `jax.experimental.topologies.get_topology_desc`.
    """

    memory: int
    devices: int = 1
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


_GIB = 2**30

CHIPS = {
    "v4": Chip(int(30.75 * _GIB), options={"chip_config_name": "megacore"}),
    "v5e": Chip(int(15.75 * _GIB)),
    "v5p": Chip(int(95.73 * _GIB)),
    "v6e": Chip(int(31.24 * _GIB)),
    "tpu7x": Chip(int(94.74 * _GIB), devices=2),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """What the compiler makes of a program.

    Attributes:
        seconds: that compiling took, without tracing.
        memory: bytes of HBM of a device at the peak, arguments and results included; None where it does not fit.
        available: bytes of HBM of a device that programs get.
        arguments, results: bytes of a device; a donated argument is a result's memory.
        flops: of a device, as XLA counts them: what is inside of a loop counts once, however often it runs.
        traffic: what devices tell each other; what is inside of a loop counts once. None where the compiler cannot
            write down what it made.
        refusal: the compiler's words where the program does not fit, else "".
    """

    seconds: float
    memory: int | None
    available: int
    arguments: int = 0
    results: int = 0
    flops: float = 0.0
    traffic: tuple[collectives.Traffic, ...] | None = ()
    refusal: str = ""

    @property
    def fits(self) -> bool:
        """Whether each device has the memory for it."""
        return not self.refusal


def chip(topology: str) -> Chip:
    """What the chips of a topology such as `v5e:4x4` are.

    Raises:
        UserError: if they are of no kind that is known here.
    """
    kind = topology.partition(":")[0]
    if kind not in CHIPS:
        raise UserError(f"there are no chips {kind!r}", f"Name a topology of {', '.join(CHIPS)}, such as v5e:4x4")
    return CHIPS[kind]


def devices(topology: str, slices: int = 1) -> list[jax.Device]:
    """Devices to compile for, never to run on; those of `slices` such topologies.

    Sets what it lacks of `ENVIRONMENT`.

    Raises:
        UserError: if there is no libtpu, or no such topology.
    """
    options = dict(chip(topology).options)
    _find_libtpu()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if slices > 1:
        options["num_slices"] = slices
    try:
        return list(topologies.get_topology_desc(platform="tpu", topology_name=topology, **options).devices)
    except jax.errors.JaxRuntimeError as error:
        fix = "Name one that TPUs come in, such as v5e:4x4 or v5p:2x2x2"
        raise UserError(f"there is no topology {topology!r}: {_first_line(error)}", fix) from error


def _find_libtpu() -> None:
    if not _has_libtpu():
        # jax has imported whatever was called so.
        sys.modules.pop("libtpu", None)
        if str(BESIDE) not in sys.path:
            sys.path.append(str(BESIDE))
        importlib.invalidate_caches()
    if not _has_libtpu():
        raise UserError("compiling for TPUs needs libtpu", "Run `make setup-aot`, or install jax[tpu]")


def _has_libtpu() -> bool:
    """Whether what would be imported has the library: a folder that is merely called so is a package, too."""
    try:
        found = importlib.util.find_spec("libtpu")
    except ValueError:  # of a module that was put there by hand, without a spec
        return False
    return found is not None and any(
        (Path(folder) / "libtpu.so").is_file() for folder in found.submodule_search_locations or ()
    )


def compiled(
    lowered: jax.stages.Lowered, available: int, axes: dict[str, int], slices: int = 1, effort: float = 0.0
) -> Report:
    """Compile a program that was lowered for `devices` and say what became of it.

    Args:
        available: bytes of HBM of each device.
        axes: names and sizes of the mesh that it was lowered for.
        slices: that the outermost of them is over.
        effort: XLA's, for a fast program: 0 as ever; -1 compiles networks of many layers in half of the time, to
            programs of the same memory and FLOPs that are slower.
    """
    begun = time.monotonic()
    try:
        program = lowered.compile(compiler_options={"exec_time_optimization_effort": effort} if effort else None)
    except jax.errors.JaxRuntimeError as error:
        if FULL not in str(error):
            raise
        return Report(seconds=time.monotonic() - begun, memory=None, available=available, refusal=_first_line(error))
    seconds = time.monotonic() - begun
    memory, cost = program.memory_analysis(), program.cost_analysis()
    return Report(
        seconds=seconds,
        memory=memory.peak_memory_in_bytes,
        available=available,
        arguments=memory.argument_size_in_bytes,
        results=memory.output_size_in_bytes,
        flops=float(cost["flops"]),
        traffic=_traffic(program, axes, slices),
    )


def _traffic(program: jax.stages.Compiled, axes: dict[str, int], slices: int) -> tuple[collectives.Traffic, ...] | None:
    try:
        text = program.as_text()
    except jax.errors.JaxRuntimeError as error:
        # libtpu 0.0.52 makes asynchronous operations that jaxlib 0.10.2 refuses to print.
        if UNPRINTABLE not in str(error):
            raise
        return None
    return collectives.summary(collectives.read(text, axes, slices))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]

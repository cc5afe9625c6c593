"""The mesh: which device computes which samples and which frames.

One device is a mesh of (1, 1, 1), so a laptop and a pod take the same path. Axes are of the Auto type: what is not
inside `parallel.split` is partitioned by the compiler.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh

from vlogger_jax.core.constrain import AXES, CONTEXT, DATA, FSDP
from vlogger_jax.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """How devices are shared out. One of `data`, `fsdp` and `context` may be -1: what the others leave.

    Attributes:
        data: parts of the batch; what a pod has most of.
        fsdp: parts that each of these is cut into. Optimizer and averages are cut over both, so it matters where a
            number of devices in one factor divides no dimension of a parameter.
        context: parts of a clip's frames; they lie on one host.
        slices: groups of devices with a network of their own between them; -1: as many as there are. The outermost
            part of `data` goes over the network that connects them.
    """

    data: int = -1
    fsdp: int = 1
    context: int = 1
    slices: int = -1

    def __post_init__(self) -> None:
        given = (self.data, self.fsdp, self.context)
        if any(size < 1 and size != -1 for size in (*given, self.slices)) or given.count(-1) > 1:
            raise UserError(
                f"the mesh is {_named(given)} slices={self.slices}", "Give sizes of 1 or more, one of them -1"
            )

    def sizes(self, devices: int) -> tuple[int, int, int]:
        """Of the axes data, fsdp and context, on so many devices.

        Raises:
            UserError: if they cannot be shared out so.
        """
        given = (self.data, self.fsdp, self.context)
        known = math.prod(size for size in given if size != -1)
        sizes = tuple(devices // known if size == -1 else size for size in given)
        if math.prod(sizes) != devices:
            fix = "Give sizes whose product that is, or divides it where one is -1"
            raise UserError(f"a mesh of {_named(given)} does not divide {devices} devices", fix)
        return sizes


def make(config: MeshConfig, devices: Iterable[Any] | None = None) -> Mesh:
    """The mesh of all devices, or of those given.

    Raises:
        UserError: if they do not divide as `config` says, are of another number of slices, or frames would be split
            over hosts.
    """
    arranged = arrange(config, jax.devices() if devices is None else devices)
    return Mesh(arranged, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def arrange(config: MeshConfig, devices: Iterable[Any]) -> np.ndarray:
    """The devices as an array [data, fsdp, context]; `make` says what it raises."""
    devices = list(devices)
    data, fsdp, context = config.sizes(len(devices))
    slices = _groups(devices, "slice_index")
    if config.slices not in (-1, len(slices)):
        raise UserError(
            f"slices={config.slices}, and the devices are of {len(slices)}", f"Set slices to {len(slices)} or -1"
        )
    if data % len(slices):
        raise UserError(f"data={data} does not divide by the {len(slices)} slices", "Give a multiple, or -1")
    shape = (data // len(slices), fsdp, context)
    return np.concatenate([_within_slice(shape, group) for group in slices])


def _within_slice(shape: tuple[int, int, int], devices: list[Any]) -> np.ndarray:
    context = shape[-1]
    arranged = mesh_utils.create_device_mesh(shape, devices, allow_split_physical_axes=True)
    if all(len(_groups(group, "process_index")) == 1 for group in arranged.reshape(-1, context)):
        return arranged
    # What suits the network best may split a clip's frames over hosts, which read no frames of each other's samples.
    hosts = _groups(devices, "process_index")
    if any(len(host) % context for host in hosts):
        raise UserError(
            f"context={context} splits frames over hosts of {len(hosts[0])} devices",
            "Give a context that divides the devices of a host",
        )
    ordered = itertools.chain.from_iterable(sorted(host, key=_along_a_snake) for host in hosts)
    return np.array(list(ordered), object).reshape(shape)


def _groups(devices: Iterable[Any], attribute: str) -> list[list[Any]]:
    """`devices` by their `attribute`, in its order; those of most platforms have no slices, so are of one."""

    def number(device: Any) -> int:
        return getattr(device, attribute, 0)

    return [list(group) for _, group in itertools.groupby(sorted(devices, key=number), number)]


def _along_a_snake(device: Any) -> tuple[int, ...]:
    """Sorts the chips of a TPU host so that each is the neighbour of the one before."""
    x, y, z = getattr(device, "coords", (0, 0, 0))
    y_back, x_back = z % 2, (y + z) % 2
    return (z, -y if y_back else y, -x if x_back else x, device.id)


def check(mesh: Mesh, batch: int, frames: int | None = None) -> None:
    """Whether `batch` samples of `frames` frames each can be split over `mesh`.

    Raises:
        UserError: saying what does not divide.
    """
    parts = mesh.shape[DATA] * mesh.shape[FSDP]
    if batch < 1 or batch % parts:
        raise UserError(
            f"a batch of {batch} does not divide by data={mesh.shape[DATA]} x fsdp={mesh.shape[FSDP]}",
            f"Give a multiple of {parts}",
        )
    if frames is not None and frames % mesh.shape[CONTEXT]:
        raise UserError(
            f"clips of {frames} frames do not divide by context={mesh.shape[CONTEXT]}",
            f"Give a multiple of {mesh.shape[CONTEXT]}, or a smaller context",
        )


def _named(sizes: tuple[int, int, int]) -> str:
    return " ".join(f"{axis}={size}" for axis, size in zip(AXES, sizes, strict=True))

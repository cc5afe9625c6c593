"""Meshes: sizes, slices outermost, frames on one host and between neighbours, and what cannot be split."""

from types import SimpleNamespace
from typing import Any

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st
from jax.sharding import AxisType

from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.constrain import AXES
from vlogger_jax.core.errors import UserError
from vlogger_jax.parallel import mesh
from vlogger_jax.parallel.mesh import MeshConfig


def device(number: int, process: int = 0, **more: Any) -> SimpleNamespace:
    return SimpleNamespace(id=number, process_index=process, platform="cpu", device_kind="cpu", **more)


def pod(side: int, host: int = 2) -> list[SimpleNamespace]:
    """`side` x `side` chips numbered row by row, as a v5e's are, of hosts of `host` x `host` chips."""
    return [
        device(i, (i // side // host) * (side // host) + i % side // host, coords=(i % side, i // side, 0))
        for i in range(side * side)
    ]


def processes(devices: np.ndarray) -> np.ndarray:
    return np.vectorize(lambda device: device.process_index, otypes=[int])(devices)


def test_one_device_is_a_mesh_too():
    made = mesh.make(MeshConfig(), jax.devices()[:1])
    assert dict(made.shape) == {"data": 1, "fsdp": 1, "context": 1}


def test_all_devices_are_used_and_axes_are_automatic():
    made = mesh.make(MeshConfig(context=2))
    assert made.axis_names == AXES
    assert made.devices.shape == (4, 1, 2)
    assert set(made.devices.flat) == set(jax.devices())
    assert made.axis_types == (AxisType.Auto,) * 3


@pytest.mark.parametrize(
    "given, sizes",
    [
        (dict(), (8, 1, 1)),
        (dict(fsdp=2), (4, 2, 1)),
        (dict(data=2, context=-1), (2, 1, 4)),
        (dict(data=1, fsdp=-1, context=4), (1, 2, 4)),
        (dict(data=2, fsdp=2, context=2), (2, 2, 2)),
    ],
)
def test_one_size_may_be_what_the_others_leave(given: dict[str, int], sizes: tuple[int, ...]):
    assert MeshConfig(**given).sizes(8) == sizes


@pytest.mark.parametrize("given", [dict(data=3), dict(context=3), dict(data=2), dict(fsdp=16), dict(data=16)])
def test_sizes_that_do_not_divide_are_refused(given: dict[str, int]):
    with pytest.raises(UserError, match="does not divide 8 devices"):
        mesh.make(MeshConfig(**given))


@pytest.mark.parametrize("given", [dict(data=0), dict(fsdp=-2), dict(data=-1, fsdp=-1), dict(slices=0)])
def test_sizes_that_mean_nothing_are_refused(given: dict[str, int]):
    with pytest.raises(UserError, match="the mesh is data="):
        MeshConfig(**given)


def test_a_config_is_read_strictly():
    assert from_mapping(MeshConfig, {"context": 2}) == MeshConfig(context=2)
    with pytest.raises(UserError, match="contxt"):
        from_mapping(MeshConfig, {"contxt": 2})


def test_slices_are_the_outermost_part_of_data():
    devices = [device(i, i // 2, slice_index=i % 2) for i in range(8)]  # listed alternately
    arranged = mesh.arrange(MeshConfig(data=4, fsdp=2), devices)
    assert arranged.shape == (4, 2, 1)
    assert [{device.slice_index for device in row.flat} for row in arranged] == [{0}, {0}, {1}, {1}]


def test_slices_that_are_not_there_or_do_not_divide_are_refused():
    devices = [device(i, slice_index=i // 4) for i in range(8)]
    mesh.arrange(MeshConfig(slices=2), devices)
    with pytest.raises(UserError, match="slices=1, and the devices are of 2"):
        mesh.arrange(MeshConfig(slices=1), devices)
    with pytest.raises(UserError, match="slices=2, and the devices are of 1"):
        mesh.arrange(MeshConfig(slices=2), jax.devices())
    with pytest.raises(UserError, match="data=1 does not divide by the 2 slices"):
        mesh.arrange(MeshConfig(data=1, fsdp=8), devices)


@pytest.mark.parametrize("context", [1, 2, 4])
def test_frames_stay_on_one_host(context: int):
    arranged = mesh.arrange(MeshConfig(context=context), pod(4))
    assert len({device.id for device in arranged.flat}) == 16
    for clip in processes(arranged).reshape(-1, context):
        assert len(set(clip)) == 1


def test_frames_travel_between_neighbours_only():
    arranged = mesh.arrange(MeshConfig(context=4), pod(4))
    places = np.array([device.coords for device in arranged.flat]).reshape(4, 4, 3)
    np.testing.assert_array_equal(np.abs(np.diff(places, axis=1)).sum(axis=-1), 1)


def test_the_order_of_devices_stays_where_it_is_good_already():
    arranged = mesh.arrange(MeshConfig(context=2), pod(4))
    assert [device.id for device in arranged.flat] == list(range(16))


def test_frames_over_hosts_are_refused():
    with pytest.raises(UserError, match="context=8 splits frames over hosts of 4 devices"):
        mesh.arrange(MeshConfig(context=8), pod(4))


@hypothesis.given(
    host=st.sampled_from([(1, 1), (1, 2), (2, 2), (2, 4)]),
    hosts=st.integers(1, 6),
    seed=st.integers(0, 99),
    data=st.data(),
)
@hypothesis.settings(max_examples=30)
def test_every_device_has_one_place(host: tuple[int, int], hosts: int, seed: int, data: st.DataObject):
    count = host[0] * host[1]
    devices = [device(i, i // count, coords=(i % host[0], i % count // host[0], 0)) for i in range(hosts * count)]
    np.random.default_rng(seed).shuffle(devices)
    context = data.draw(st.sampled_from([c for c in (1, 2, 4, 8) if count % c == 0]))
    arranged = mesh.arrange(MeshConfig(context=context), devices)
    assert sorted(device.id for device in arranged.flat) == list(range(len(devices)))
    assert all(len(set(clip)) == 1 for clip in processes(arranged).reshape(-1, context))


def test_batch_and_frames_are_checked_and_named():
    made = mesh.make(MeshConfig(data=2, fsdp=2, context=2))
    mesh.check(made, 8, 6)
    mesh.check(made, 4)
    with pytest.raises(UserError, match=r"a batch of 6 does not divide by data=2 x fsdp=2. Give a multiple of 4"):
        mesh.check(made, 6)
    with pytest.raises(UserError, match="a batch of 0"):
        mesh.check(made, 0)
    with pytest.raises(UserError, match=r"clips of 5 frames do not divide by context=2"):
        mesh.check(made, 4, 5)


@pytest.mark.aot
@pytest.mark.parametrize("topology, slices", [("v5e:4x4", 1), ("v5e:4x4", 2), ("v5p:4x4x4", 1), ("v6e:8x8", 1)])
def test_real_machines_keep_frames_on_one_host(topology: str, slices: int):
    from vlogger_jax.parallel import aot

    devices = aot.devices(topology, slices)
    for context in (1, 2, 4):
        made = mesh.make(MeshConfig(context=context), devices)
        assert sorted(device.id for device in made.devices.flat) == sorted(device.id for device in devices)
        clips = made.devices.reshape(-1, context)
        assert all(len({device.process_index for device in clip}) == 1 for clip in clips)
        places = np.array([device.coords for device in clips.flat]).reshape(*clips.shape, 3)
        np.testing.assert_array_equal(np.abs(np.diff(places, axis=1)).sum(axis=-1), 1)
    with pytest.raises(UserError, match="splits frames over hosts"):
        mesh.make(MeshConfig(context=16), devices)

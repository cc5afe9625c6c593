"""The text of compiled programs is read as the compiler wrote it: lines below are its own, shortened."""

import pytest

from vlogger_jax.parallel.collectives import SLICES, Collective, read, summary

SLICED = {"data": 4, "fsdp": 1, "context": 2}
AXES = {"data": 4, "fsdp": 1, "context": 4}

GATHER = """
%fused (p: bf16[2]) -> bf16[2] {
  ROOT %all-gather.5 = bf16[2,16,64,64,3]{3,2,4,1,0:T(8,128)(2,1)S(1)} all-gather(%param), channel_id=1,\
 replica_groups=mesh['axis_0'=4,'axis_1'=4] {'axis_1'}, dimensions={1}, use_global_device_ids=true,\
 metadata={op_name="jit(f)/reduce-scatter(" stack_frame_id=2}
}
"""
HALO = """  %collective-permute-start = (bf16[2,1,8,128]{3,2,1,0:T(8,128)(2,1)S(1)}, bf16[2,1,8,128]{3,2,1,0:T(8,128)},\
 u32[]{:S(2)}, u32[]{:S(2)}) collective-permute-start(%x), channel_id=1, source_target_pairs={{0,1},{1,2},{2,3},{4,5}}
  %collective-permute-done = bf16[2,1,8,128]{3,2,1,0} collective-permute-done(%collective-permute-start)"""
SUM = """  %all-reduce.3 = (bf16[3,128]{1,0:T(4,128)(2,1)}, f32[]{:T(128)}, f32[4]{0}, pred[5]{0}, f32[1]{0},\
 /*index=5*/s8[3,1]{1,0}) all-reduce(%a, %b, %c, %d, %e, /*index=5*/%f), channel_id=1,\
 replica_groups={{0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}}, to_apply=%add"""


def one(line: str, axes: dict[str, int] = AXES) -> Collective:
    (found,) = read(line, axes)
    return found


def test_a_gather_of_frames():
    assert one(GATHER) == Collective("all-gather", ((2, 16, 64, 64, 3),), 2 * 16 * 64 * 64 * 3 * 2, ("context",), True)


def test_what_is_begun_is_counted_once_and_only_what_arrives():
    assert one(HALO) == Collective("collective-permute", ((2, 1, 8, 128),), 2 * 8 * 128 * 2, ("context",), True)
    line = (
        "  %ag = (f32[4,8]{1,0}, f32[2]{0}, f32[16,8]{1,0}, f32[8]{0}) all-gather-start(%x, %y), replica_groups={{0,1}}"
    )
    assert one(line).arrays == ((16, 8), (8,))
    nested = "  %ag = ((f32[4,8]{1,0}), f32[16,8]{1,0}) all-gather-start(%x), replica_groups={{0,1}}, dimensions={0}"
    assert one(nested).bytes == 16 * 8 * 4
    line = "  %ar = (f32[4]{0}, f32[2]{0}) all-reduce-start(%x, %y), replica_groups={{0,4},{1,5}}, to_apply=%add"
    assert one(line) == Collective("all-reduce", ((4,), (2,)), 24, ("data",), False)


def test_a_sum_of_many_arrays():
    found = one(SUM)
    assert found.arrays == ((3, 128), (), (4,), (5,), (1,), (3, 1))
    assert found.bytes == 3 * 128 * 2 + 4 + 16 + 5 + 4 + 3
    assert (found.axes, found.frames) == (("data", "context"), False)


@pytest.mark.parametrize(
    ("groups", "axes"),
    [
        ("{{0,1,2,3},{4,5,6,7}}", ("context",)),
        ("{{0,4,8,12},{1,5,9,13}}", ("data",)),
        ("{{0,8},{1,9}}", ("data",)),
        ("{}", ("data", "context")),
        ("[4,4]<=[16]", ("context",)),
        ("[4,4]<=[4,4]T(1,0)", ("data",)),
        ("[2,8]<=[16]", ("data", "context")),
        ("[8,2]<=[2,2,4]T(0,2,1)", ("data",)),
        ("mesh['axis_0'=4,'axis_1'=4] {'axis_1'}", ("context",)),
        ("mesh['axis_0'=4,'axis_1'=4] {'axis_0'}", ("data",)),
        ("mesh['a'=4,'b'=4] {'a','b'}", ("data", "context")),
        ("mesh['a'=16] {'a':(4)4}", ("context",)),
        ("mesh['a'=16] {'a':(1)2}", ("data",)),
        ("mesh['a'=16] {'a':(2)4}", ("data", "context")),
        ("mesh['a'=4,'b'=4], device_ids=([4,4]T(1,0)) {'a'}", ("data", "context")),
    ],
)
def test_who_takes_part(groups, axes):
    line = f"  %x = f32[8]{{0}} all-gather(%y), channel_id=3, replica_groups={groups}, dimensions={{0}}"
    found = one(line)
    assert found.axes == axes
    assert found.frames == ("context" in axes)


def test_nothing_goes_along_an_axis_of_one():
    line = "  %x = f32[8]{0} all-gather(%y), replica_groups={{0,1},{2,3}}, dimensions={0}"
    assert one(line, {"data": 4, "fsdp": 1, "context": 1}).axes == ("data",)
    assert one(line, {"data": 1, "fsdp": 4, "context": 1}).axes == ("fsdp",)


@pytest.mark.parametrize(
    ("kind", "frames"),
    [
        ("all-to-all", True),
        ("ragged-all-to-all", True),
        ("collective-broadcast", True),
        ("reduce-scatter", False),
        ("all-reduce", False),
    ],
)
def test_sums_carry_no_frames(kind, frames):
    found = one(f"  %x = f32[8]{{0}} {kind}(%y), replica_groups={{{{0,1,2,3}}}}")
    assert (found.kind, found.axes, found.frames) == (kind, ("context",), frames)


def test_the_parts_of_one_collective_are_one():
    line = (
        "  %all-gather.{i} = bf16[128,512]{{1,0}} all-gather(%p), channel_id=25, replica_groups={{{{0,4,8,12}}}},"
        ' dimensions={{1}}, frontend_attributes={{chain_id="{chain}"}}'
    )
    text = "\n".join(line.format(i=i, chain=chain) for i, chain in enumerate([10, 10, 2, 10, 2]))
    assert len(read(text, AXES)) == 2
    assert len(read(f"{text}\n{GATHER}\n{GATHER}", AXES)) == 4


def test_other_lines_are_none():
    text = """
  %psum.1 = bf16[2]{0} get-tuple-element(%all-reduce.3), index=2, metadata={op_name="all-gather(x"}
  %fusion = bf16[2,16]{1,0} fusion(%all-gather.5), kind=kLoop, calls=%async_collective_fusion
  %all-reduce-scatter.1 = f32[8]{0} fusion(%x), kind=kCustom
  %s = (f32[2]{0}, u32[], token[]) send(%x, %t), channel_id=1, is_host_transfer=true
"""
    assert read(text, AXES) == []
    assert read("", AXES) == []


def test_several_slices():
    text = """
  %s = f32[32,128]{1,0:T(8,128)} reduce-scatter(%f), channel_id=1, replica_groups={{0,1,2,3}}, dimensions={0}
  %send = (f32[4,8,128]{2,1,0:T(8,128)}, u32[], token[]) send(%b, %a), channel_id=2, is_host_transfer=true,\
 frontend_attributes={_xla_megascale_target="{1,2}x{0:3}",_xla_megascale_transfer_type="ALL_REDUCE"}
  %g = f32[128,128]{1,0:T(8,128)S(1)} all-gather(%r), channel_id=1, replica_groups={{0,1,2,3}}, dimensions={0}
  %k = f32[8,4]{1,0} all-gather(%q), replica_groups={{0,1},{2,3}}, dimensions={1}"""
    scattered, between, end, keys = read(text, SLICED, slices=2)
    assert (scattered.kind, scattered.axes, scattered.frames) == ("reduce-scatter", ("data", "context"), False)
    assert between == Collective("all-reduce", ((4, 8, 128),), 4 * 8 * 128 * 4, SLICES, False)
    assert (end.axes, end.frames) == (("data", "context"), False)
    assert (keys.axes, keys.frames) == (("context",), True)
    # One sum has one end: whatever else is gathered is not of it.
    assert [each.frames for each in read(f"{text}\n{text.splitlines()[3]}", SLICED, slices=2)][2:] == [
        False,
        True,
        True,
    ]


def test_frames_of_all_samples_gathered_on_several_slices():
    text = """
  %send = (f32[2,8,128,128]{3,2,1,0:T(8,128)}, u32[], token[]) send(%sin.0, %a), channel_id=2, is_host_transfer=true,\
 frontend_attributes={_xla_megascale_target="{1,2}x{0:3}",_xla_megascale_transfer_type="ALL_GATHER"}
  %all-gather.9 = f32[2,4,2,8,128,128]{5,4,3,2,1,0:T(8,128)S(1)} all-gather(%bitcast), channel_id=1,\
 replica_groups={{0,1,2,3}}, dimensions={1}, use_global_device_ids=true"""
    between, inside = read(text, SLICED, slices=2)
    assert (between.kind, between.axes) == ("all-gather", SLICES)
    assert (inside.axes, inside.frames) == (("data", "context"), True)


def test_the_summary_adds_up():
    rows = summary(read("\n".join([GATHER, HALO, SUM, HALO]), AXES))
    assert [(row.kind, row.count, row.frames) for row in rows] == [
        ("all-gather", 1, True),
        ("collective-permute", 2, True),
        ("all-reduce", 1, False),
    ]
    assert rows[1].bytes == 2 * 2 * 8 * 128 * 2 and rows[1].largest == (2, 1, 8, 128)
    assert rows[2].largest == (3, 128)
    assert summary([]) == ()

"""Which frames are stored and where: by hand, and as laws over all plans."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipelines.plan import Plan, Table
from data_pipelines.schema import CHUNK
from vlogger_jax.core.errors import UserError

PLANS = st.builds(Plan, st.none() | st.integers(1, 70), st.integers(1, 40))


@pytest.mark.parametrize(
    ("plan", "runs"),
    [
        (Plan(), [(0, 240)]),
        (Plan(240), [(0, 240)]),
        (Plan(8), [(116, 124)]),
        (Plan(16), [(0, 8), (232, 240)]),
        (Plan(18, 16), [(0, 16), (238, 240)]),
        (Plan(3, 1), [(0, 1), (119, 120), (239, 240)]),
        (Plan(999, 5), [(0, 240)]),
    ],
)
def test_runs_of_a_clip_of_ten_seconds(plan, runs):
    assert [(run.start, run.stop) for run in plan.runs(240)] == runs


def test_chunks_never_cross_runs():
    assert [list(chunk) for chunk in Plan(11, 10).chunks(30)] == [[*range(8)], [8, 9], [29]]


@given(PLANS, st.integers(1, 300))
def test_runs_are_in_order_apart_and_as_many_frames_as_asked(plan, length):
    runs = plan.runs(length)
    frames = [frame for run in runs for frame in run]
    assert frames == sorted(set(frames)) and frames[0] >= 0 and frames[-1] < length
    assert len(frames) == min(length, plan.frames or length)
    assert all(len(run) <= plan.run for run in runs) or len(runs) == 1
    chunks = plan.chunks(length)
    assert [frame for chunk in chunks for frame in chunk] == frames
    assert all(1 <= len(chunk) <= CHUNK for chunk in chunks)


@given(PLANS, st.lists(st.integers(1, 90), min_size=1, max_size=8), st.integers(1, 20))
def test_a_table_counts_what_the_plan_stores(plan, lengths, count):
    table = Table(plan, np.array(lengths))
    chunks = [(clip, chunk) for clip, length in enumerate(lengths) for chunk in plan.chunks(length)]
    assert table.first_chunk[-1] == len(chunks)
    for position, (clip, chunk) in enumerate(chunks):
        for row, frame in enumerate(chunk):
            assert table.locate(clip, frame) == (position, row)
    windows = table.windows(count)
    expected = [
        (clip, run, number)
        for clip, length in enumerate(lengths)
        for run in plan.runs(length)
        for number in range(len(run) // count)
    ]
    assert [windows[i] for i in range(len(windows))] == expected


def test_what_is_not_stored_is_not_found():
    table = Table(Plan(4, 1), np.array([30, 30]))
    with pytest.raises(KeyError):
        table.locate(1, 2)
    with pytest.raises(IndexError):
        table.windows(1)[8]


@pytest.mark.parametrize("wrong", [(0, 8), (-1, 8), (8, 0)])
def test_plans_of_nothing_are_refused(wrong):
    with pytest.raises(UserError):
        Plan(*wrong)

"""Frames to a constant rate, without any codec."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlogger_jax.media import timing

RATES = st.sampled_from([12, 15, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 120]).map(timing.exact_rate)


def constant(frames, rate):
    return [(i / rate, (i + 1) / rate, i) for i in range(frames)]


def resampled(shown, rate, start=Fraction(0), duration=None, slack=Fraction(0)):
    return list(timing.at_rate(iter(shown), rate, start, duration, slack))


@given(frames=st.integers(1, 300), source=RATES, target=RATES, start=st.integers(0, 10**6))
def test_the_frame_on_display_is_given(frames, source, target, start):
    lasts = frames / source
    start = lasts * start / (10**6 + 1)
    got = resampled(constant(frames, source), target, start)
    assert len(got) == max(1, int((lasts - start) * target + Fraction(1, 2)))
    assert got == [min(int((start + i / target) * source), frames - 1) for i in range(len(got))]


@given(frames=st.integers(1, 300), rate=RATES)
def test_a_constant_rate_passes_as_it_is(frames, rate):
    assert resampled(constant(frames, rate), rate) == list(range(frames))


@given(frames=st.integers(1, 300), rate=RATES)
def test_rounded_timestamps_pass_as_they_are(frames, rate):
    """Matroska and Flash count in milliseconds."""
    tick = Fraction(1, 1000)
    shown = [(round(b / tick) * tick, round(e / tick) * tick, i) for b, e, i in constant(frames, rate)]
    if tick * 4 <= 1 / rate:
        assert resampled(shown, rate, slack=tick) == list(range(frames))


@given(lengths=st.lists(st.integers(1, 400), min_size=1, max_size=60), target=RATES, limit=st.integers(0, 3000))
def test_any_lengths(lengths, target, limit):
    begins = [Fraction(sum(lengths[:i]), 1000) for i in range(len(lengths) + 1)]
    shown = [(begins[i], begins[i + 1], i) for i in range(len(lengths))]
    got = resampled(shown, target)
    assert len(got) == timing.count(begins[-1], target)
    assert got == [max(k for k in range(len(lengths)) if begins[k] <= i / target) for i in range(len(got))]
    duration = Fraction(limit, 1000)
    assert resampled(shown, target, duration=duration) == got[: timing.count(duration, target)]


def test_it_reads_no_further_than_it_must():
    def shown():
        yield from constant(12, Fraction(25))
        pytest.fail("read too far")

    assert resampled(shown(), Fraction(25), duration=Fraction(10, 25)) == list(range(10))


def test_frames_that_go_back_in_time_are_left_out():
    shown = [(Fraction(t), Fraction(t + 1), t) for t in (0, 1, 1, 0, 2)]
    assert resampled(shown, Fraction(1)) == [0, 1, 2]

"""Frames a second, exactly, and how many frames a time has."""

from fractions import Fraction

from vlogger_jax.core.errors import UserError

Rate = float | int | Fraction
"""Frames/s."""

HIGHEST_RATE = 1000


def exact_rate(fps: Rate) -> Fraction:
    """The rate that is meant: 29.97 is 30000/1001, and likewise 23.976, 59.94 and 119.88.

    Raises:
        UserError: if `fps` is not above 0 and at most 1000 frames/s.
    """
    if not 0 < fps <= HIGHEST_RATE:
        raise UserError(f"fps is {float(fps):g}", f"Give a rate above 0 and up to {HIGHEST_RATE} frames/s")
    rate = Fraction(fps).limit_denominator(100_000)
    television = Fraction(round(fps * 1.001) * 1000, 1001)
    # 23.976 is off by 1e-6 of the rate; a rate as it is measured (29.969) keeps its value.
    near = abs(rate - television) < Fraction(2, 10**5) * television
    rate = television if near and rate.denominator != 1 else rate
    if rate <= 0:
        raise UserError(f"fps is {float(fps):g}", "Give a rate of at least one frame in a day")
    return rate


def count(duration: Fraction, rate: Fraction) -> int:
    """How many frames of `rate` last `duration` seconds: the nearest whole number, at least one."""
    return max(1, int(duration * rate + Fraction(1, 2)))

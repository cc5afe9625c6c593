"""Frames of any timestamps, to a constant rate. All arithmetic on time is exact."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.rate import HIGHEST_RATE, Rate, count, exact_rate

__all__ = ["HIGHEST_RATE", "LONGEST_GAP", "Rate", "at_rate", "check_part", "count", "exact_rate", "seconds"]

T = TypeVar("T")

LONGEST_GAP = Fraction(600)
"""Seconds; a file whose clock jumps by more is damaged, and nothing is shown or silent for so long."""

_LONGEST = 1e9  # s that are taken for a part of a file


def check_part(start: float | int | Fraction, duration: float | int | Fraction | None) -> None:
    """Raise UserError if one cannot `start` there, or give `duration` (None for all), both in seconds."""
    for name, value in (("start", start), ("duration", 0 if duration is None else duration)):
        if not 0 <= value < _LONGEST:
            advice = f"Give less than {_LONGEST:g} seconds" if value > 0 else "Give seconds, 0 or more"
            raise UserError(f"{name} is {value} s", advice)


def seconds(time: float | int | Fraction) -> Fraction:
    """A time in seconds as a fraction, to the microsecond: 0.1 is 1/10."""
    return Fraction(time).limit_denominator(10**6)


def at_rate(
    shown: Iterable[tuple[Fraction, Fraction, T]],
    rate: Fraction,
    start: Fraction,
    duration: Fraction | None,
    slack: Fraction,
) -> Iterator[T]:
    """What is on display at `start`, `start` + 1/rate, ...: of the items begun by then, the last.

    Args:
        shown: (begin, end, item) in seconds, in order of time; an item stays until the next one begins, so only
            the last end counts.
        rate: items/s to give.
        start: seconds.
        duration: seconds, or None for all; what lasts to the end gives `count(end - start, rate)` items.
        slack: seconds by which an item may begin late and still be taken: timestamps are rounded.
    """
    i, end, begun = 0, Fraction(0), None
    held: list[T] = []  # the item on display
    taken: list[T] = []  # the one that output i shows, which must not be given before half of it is known to last
    limit = None if duration is None else count(duration, rate)
    for begin, until, item in shown:
        if begun is not None and begin <= begun:
            continue
        begun, end = begin, until
        held = held or [item]
        while limit is None or i < limit:
            if not taken:
                if start + i / rate < begin - slack:
                    taken = held
                else:
                    break
            if start + (i + Fraction(1, 2)) / rate > end:
                break
            yield taken[0]
            taken, i = [], i + 1
        held = [item]
        if i == limit:
            return
    while held and (start + (i + Fraction(1, 2)) / rate <= end or (i == 0 and start < end)) and i != limit:
        yield (taken or held)[0]
        taken, i = [], i + 1

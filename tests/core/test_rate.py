"""The rates that are meant, and how many frames a time has."""

from fractions import Fraction

import pytest

from vlogger_jax.core import rate as rates
from vlogger_jax.core.errors import UserError


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (23.976, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (119.88, Fraction(120000, 1001)),
        (30000 / 1001, Fraction(30000, 1001)),
        (24, Fraction(24)),
        (25.0, Fraction(25)),
        (12.5, Fraction(25, 2)),
        (29.9, Fraction(299, 10)),
        (29.969, Fraction(29969, 1000)),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (0.1, Fraction(1, 10)),
    ],
)
def test_exact_rate(fps, rate):
    assert rates.exact_rate(fps) == rate


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1e9, 1e-9])
def test_impossible_rates(fps):
    with pytest.raises(UserError, match=r"^fps is "):
        rates.exact_rate(fps)


@pytest.mark.parametrize(("seconds", "frames"), [(0, 1), (Fraction(1, 48), 1), (Fraction(3, 48), 2), (1, 24)])
def test_counts_round_halves_up_to_at_least_one(seconds, frames):
    assert rates.count(Fraction(seconds), Fraction(24)) == frames

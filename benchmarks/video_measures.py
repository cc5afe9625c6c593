"""What is measured of frames that a clip should show, pooled over clips, with intervals; and who is better than whom.

Numbers of clips are sums over pixels. They are pooled before they become decibels or ratios, and intervals are 95 %
ones of bootstraps over clips; two rows are compared by the same resamples of the same clips.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.video_clips import Case
from vlogger_jax.core.typing import Array, Float, UInt8
from vlogger_jax.metrics.flicker import flicker, seam_ratio
from vlogger_jax.metrics.pixel_error import errors
from vlogger_jax.metrics.regions import REGIONS
from vlogger_jax.metrics.sharpness import gradient_energy
from vlogger_jax.metrics.structure import ssim

SUMS = ("squared", "absolute", "numbers", "ssim", "pixels", "energy", "true_energy", "flicker", "true_flicker")
"""Of a clip and a region: the columns of all tables here. Energies and flicker are means times the pixels."""

RESAMPLES = 2000

Found = dict[str, float | None]
"""`value`, `low` and `high`; None where nothing was to be measured."""


def _column(sums: Float[np.ndarray, "*b c"], name: str) -> Float[np.ndarray, "*b"]:
    return sums[..., SUMS.index(name)]


def _ratio(one: str, other: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda sums: _column(sums, one) / _column(sums, other)


def psnr(sums: Float[np.ndarray, "*b c"]) -> Float[np.ndarray, "*b"]:
    """Decibels, of sums over any clips."""
    return -10 * np.log10(_column(sums, "squared") / _column(sums, "numbers"))


METRICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "psnr": psnr,
    "l1": _ratio("absolute", "numbers"),
    "ssim": _ratio("ssim", "pixels"),
    "sharpness": _ratio("energy", "true_energy"),
    "flicker": _ratio("flicker", "true_flicker"),
}
"""Of sums over any clips. Sharpness and flicker are over those of the truth."""


def of_clip(frames: UInt8[Array, "t h w 3"], clip: Case) -> dict[str, np.ndarray]:
    """The `SUMS` of each region."""
    found = {}
    for name in REGIONS:
        where = clip.regions[name]
        off, pixels = errors(frames, clip.truth, where), int(where.sum())
        means = (
            ssim(frames, clip.truth, where),
            *(gradient_energy(each, where) for each in (frames, clip.truth)),
            *(flicker(each, where) for each in (frames, clip.truth)),
        )
        alike, *others = (0.0 if np.isnan(mean) else mean * pixels for mean in means)
        found[name] = np.array([off.squared, off.absolute, off.count, alike, pixels, *others])
    return found


def table(clips: Sequence[Mapping[str, np.ndarray]]) -> dict[str, Float[np.ndarray, "n c"]]:
    """`of_clip` of many clips, by region."""
    return {name: np.stack([clip[name] for clip in clips]) for name in REGIONS}


def resamples(count: int) -> np.ndarray:
    """How often each of `count` clips is in each resample, always the same."""
    rng = np.random.default_rng(0)
    return rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)


def interval(value: float | np.floating, drawn: Float[np.ndarray, "r"]) -> Found:
    """A value and the middle 95 % of those of resamples."""
    if not np.isfinite(value):
        return dict(value=None, low=None, high=None)
    low, high = np.quantile(drawn[np.isfinite(drawn)], (0.025, 0.975))
    return dict(value=float(value), low=float(low), high=float(high))


def summary(sums: Float[np.ndarray, "n c"]) -> dict[str, Found]:
    """All `METRICS`, of all clips together."""
    drawn = resamples(len(sums)) @ sums
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: interval(metric(sums.sum(axis=0)), metric(drawn)) for name, metric in METRICS.items()}


def gain(ours: Float[np.ndarray, "n"], theirs: Float[np.ndarray, "n"]) -> Found:
    """By how many decibels ours are better, of sums of squared errors in the same pixels of the same clips."""
    counts = resamples(len(ours))
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(_decibels(theirs.sum(), ours.sum()), _decibels(counts @ theirs, counts @ ours))


def _decibels(theirs: np.ndarray, ours: np.ndarray) -> np.ndarray:
    return 10 * np.log10(theirs / ours)


def said(found: Found) -> str:
    """Of a gain that is expected: "reproduced", "not" where it is a loss, "undecided" where its interval holds 0."""
    if found["value"] is None or found["low"] <= 0 <= found["high"]:
        return "undecided"
    return "reproduced" if found["value"] > 0 else "not"


def seams(length: int, frames: int, overlap: int) -> list[int]:
    """Numbers of the frames that begin a window, but for the first one."""
    return list(range(frames, length, frames - overlap))


def seam(clips: Sequence[np.ndarray], truths: Sequence[np.ndarray], frames: int, overlap: int) -> Found:
    """The mean of `metrics.flicker.seam_ratio` over clips."""
    each = np.array(
        [seam_ratio(one, truth, seams(len(truth), frames, overlap)) for one, truth in zip(clips, truths, strict=True)]
    )
    return interval(each.mean(), resamples(len(each)) @ each / len(each))


def squares(sums: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    """Squared errors of each clip, by region, as they are kept: enough to compare rows by."""
    return {name: [float(f"{value:.6g}") for value in _column(rows, "squared")] for name, rows in sums.items()}


def compared(row: Mapping[str, Any], other: Mapping[str, Any], condition: str, region: str) -> Found:
    """`gain` of one row over another, both as they are kept."""
    return gain(*(np.array(each[condition]["squares"][region]) for each in (row, other)))

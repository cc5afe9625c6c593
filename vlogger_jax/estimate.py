"""How long a video will take, told before it is begun, and asked about where that is long.

Seconds were measured on two CPU cores (`python -m benchmarks.generate`) with the packaged networks, and are scaled by
how fast this machine multiplies matrices; with other networks they are not right.
"""

import dataclasses
import sys
import time
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import typer

from vlogger_jax.core.errors import UserError

SPEED = 480e9
"""Floating point operations a second of the machine on which the following was measured, in a product of matrices."""

BEGIN = 20.0
"""Seconds until the first frame: reading, finding and fitting the person, compiling."""

MOVING = 0.005
"""Seconds a frame for motion and controls."""

JOINING = 0.15
"""Seconds a frame and million pixels of the portrait for its detail, joining and encoding."""

NETWORKS: Mapping[str, Mapping[int, float]] = {
    "fast": {64: 0.02, 256: 0.35},
    "usual": {64: 0.026, 256: 0.75},
    "faithful": {64: 2.05, 256: 45.0},
}
"""Seconds a frame, by preset and pixels to a side; of 256 pixels from the floating point operations, not measured."""

LONG = 600.0
"""Seconds from which one is asked."""

_SIDE = 1536


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What is to be expected.

    Attributes:
        frames: of all videos together.
        seconds: for all of it, with files of compiled programs or without.
    """

    frames: int
    seconds: float

    def __str__(self) -> str:
        return f"about {spoken(self.seconds)} for {self.frames} frames"


def of(preset: str, size: int, frames: int, pixels: int, speed: float | None = None) -> Estimate:
    """Of a video, or of several.

    Args:
        preset: of `filming.PRESETS`.
        size: of the networks' frames, pixels to a side.
        frames: to be made, of all videos together.
        pixels: of the portrait.
        speed: of the machine; None: it is measured, in a tenth of a second.
    """
    known = NETWORKS[preset]
    nearest = min(known, key=lambda each: abs(each - size))
    network = known[nearest] * (size / nearest) ** 2
    frame = MOVING + network + JOINING * pixels / 1e6
    return Estimate(frames, (BEGIN + frames * frame) * SPEED / (speed or measured()))


def measured() -> float:
    """Floating point operations a second, in the best of three products of matrices."""
    product, x = jax.jit(jnp.matmul), jnp.ones((_SIDE, _SIDE), jnp.float32)
    product(x, x).block_until_ready()
    best = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        product(x, x).block_until_ready()
        best = min(best, time.perf_counter() - begun)
    return 2 * _SIDE**3 / best


def agree(estimate: Estimate, yes: bool) -> None:
    """Tell it; where it is long, ask whether that is all right.

    Args:
        yes: it is, whatever it is.

    Raises:
        UserError: if nobody can be asked.
        typer.Abort: if they would rather not.
    """
    print(f"this will take {estimate}", file=sys.stderr)
    if yes or estimate.seconds <= LONG:
        return
    if not sys.stdin.isatty():
        raise UserError(f"it would take {estimate}", "Say --yes if that is all right, or give a shorter sound")
    typer.confirm("Go on?", abort=True, err=True)


def spoken(seconds: float) -> str:
    """As people say it: "40 s", "3 min", "2.5 h"."""
    if seconds < 90:
        return f"{max(round(seconds, -1), 10):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

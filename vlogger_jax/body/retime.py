"""Motion at another frame rate: rotations along the shortest way, all else in a straight line."""

import dataclasses
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from vlogger_jax.body import rotation, smplx
from vlogger_jax.core.rate import Rate, exact_rate
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Float

ROTATIONS = (
    "global_orient",
    "body_pose",
    "jaw_pose",
    "leye_pose",
    "reye_pose",
    "left_hand_pose",
    "right_hand_pose",
)
STRAIGHT = ("expression", "transl")


def stream(parts: Iterable[Motion], fps: Rate, frames: int | None = None) -> Iterator[Motion]:
    """A motion that comes in parts, [t, ..], at `fps`; frame i is at i / fps s.

    Args:
        frames: how many; after the last of `parts` it stays as it is. None: as long as there is motion.
    """
    rate, made, begun = exact_rate(fps), 0, 0
    kept: Motion | None = None
    for part in parts:
        kept = part if kept is None else smplx.joined(kept, part)
        step = exact_rate(kept.fps) / rate
        # Frames that have a frame after them, or are one.
        last = begun + len(kept.transl) - 1
        until = int(last / step) + 1
        if frames is not None:
            until = min(until, frames)
        if until > made:
            yield _at(kept, [i * step - begun for i in range(made, until)], rate)
            made = until
        dropped = min(max(int(made * step) - begun, 0), len(kept.transl) - 1)
        kept, begun = smplx.frames_of(kept, slice(dropped, None)), begun + dropped
    if kept is not None and frames is not None and made < frames:
        yield _at(kept, [Fraction(len(kept.transl) - 1)] * (frames - made), rate)


def _at(motion: Motion, places: list[Fraction], rate: Fraction) -> Motion:
    """At places between frames, from 0 to the last one."""
    end = len(motion.transl) - 1
    first = np.array([min(int(place), end) for place in places])
    second = np.minimum(first + 1, end)
    share = np.array([float(place - int(place)) for place in places], np.float32)
    changed = {name: _straight(getattr(motion, name), first, second, share) for name in STRAIGHT}
    changed |= {name: _turned(getattr(motion, name), first, second, share) for name in ROTATIONS}
    return dataclasses.replace(motion, fps=float(rate), **changed)


def _straight(
    values: Float[np.ndarray, "t *d"], first: np.ndarray, second: np.ndarray, share: np.ndarray
) -> Float[np.ndarray, "n *d"]:
    share = share.reshape(-1, *(1,) * (values.ndim - 1))
    return (1 - share) * values[first] + share * values[second]


def _turned(
    values: Float[np.ndarray, "t *d"], first: np.ndarray, second: np.ndarray, share: np.ndarray
) -> Float[np.ndarray, "n *d"]:
    one, other = (rotation.axis_angle_to_quaternion(values[which]) for which in (first, second))
    share = np.broadcast_to(share.reshape(-1, *(1,) * (values.ndim - 2)), one.shape[:-1])
    turned = rotation.quaternion_to_axis_angle(rotation.slerp(one, other, share)).astype(values.dtype)
    # To the bit where nothing is between.
    still = (share == 0)[..., None]
    return np.where(still, values[first], turned)

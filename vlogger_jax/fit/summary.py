"""A fit in a few lines: what was seen, how well it fits, what is wrong and what to do about it."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vlogger_jax.core.typing import Bool, Float
from vlogger_jax.fit import quality
from vlogger_jax.fit.result import Fit

SEEN = 0.25
"""Confidence above which a part counts as seen in a frame."""


def lines(path: Path, fit: Fit, how: str) -> list[str]:
    """The lines about the fit written to `path`; `how` says where the focal length is from."""
    measured, count = fit.quality, len(fit.quality.good)
    face = np.isfinite(measured.reprojection)
    focal = float(fit.camera.focal)
    angle = math.degrees(2 * math.atan(math.hypot(*fit.camera.size) / 2 / focal))
    distance = -float(np.median(fit.motion.transl[:, 2]))
    shares = {"face": face, "torso": measured.torso > SEEN}
    shares |= {f"{side} hand": getattr(measured, f"{side}_hand") > SEEN for side in ("left", "right")}
    error = float(measured.reprojection[face].mean())
    return [
        f"{path}: {count_text(count)}, {count / fit.motion.fps:.2f} s, body {fit.motion.body}",
        f"lens: focal length {focal:.0f} pixels ({angle:.0f} degrees from corner to corner), {how}; "
        f"the person is {distance:.2f} m away",
        f"error: {error:.1%} of the distance between the eyes' outer corners, on average",
        f"seen: {', '.join(f'{part} {np.mean(share):.0%}' for part, share in shares.items())}"
        + (" of the frames" if count > 1 else ""),
        f"good: {math.floor(1000 * np.mean(measured.good) + 1e-6) / 10:g}%"  # 100% if all are
        + (" of the frames" if count > 1 else ""),
        *_doubts(measured.reprojection, measured.inside, face),
    ]


def _doubts(
    error: Float[np.ndarray, "t"], inside: Float[np.ndarray, "t"], face: Bool[np.ndarray, "t"]
) -> Iterator[str]:
    """What is wrong, and what to do about it."""
    limit = f"{quality.GOOD:.0%}"
    if not face.all():
        which = count_text(int((~face).sum())) + f" of {len(face)} (first: frame {int(np.argmin(face))})"
        yield f"low quality: no face in {which}. Cut them off with --start and --duration, or use another recording."
    if (cut := face & (inside < quality.INSIDE)).any():
        which = count_text(int(cut.sum())) + f" of {len(face)} (first: frame {int(np.argmax(cut))})"
        yield f"low quality: part of the face is outside of the picture in {which}; it is guessed there."
    if (face & (error >= quality.GOOD)).any():
        bad = face & (error >= quality.GOOD)
        which = count_text(int(bad.sum())) + f" of {len(face)} (worst: frame {int(np.where(bad, error, 0).argmax())})"
        yield (
            f"low quality: error above {limit} in {which}. Look at --overlay: red lines show what does not fit. "
            "A larger, sharper face that looks towards the camera helps; so does the true --focal."
        )


def count_text(count: int) -> str:
    """A number of frames in words."""
    return "1 frame" if count == 1 else f"{count} frames"

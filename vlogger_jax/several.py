"""Several videos of one portrait and one sound, and where they differ (paper figure 5)."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vlogger_jax.console import Report
from vlogger_jax.controls import show
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float, UInt8
from vlogger_jax.media import image_file
from vlogger_jax.pipeline import Generation

SECONDS = (1, 2, 3, 4)
"""At which the paper shows how far the videos have gone apart."""

HOTTEST = 0.2
"""Standard deviation of colours, of 1, that is shown as red; nothing is blue."""


def save(generations: Sequence[Generation], paths: Sequence[Path], heat: Path, report: Report) -> None:
    """Write the videos, which are made side by side, in memory that does not grow; and a picture of where they differ.

    The picture shows the portrait, and beside it each pixel's deviation of colours over the videos after 1, 2, 3 and 4
    seconds, as far as they last; of shorter ones, in their last frame.

    Args:
        generations: of one portrait, of one length.
        paths: of the videos, .mp4.
        heat: of the picture, .png.

    Raises:
        UserError: if something cannot be written, or there are fewer than 2.
    """
    if len(generations) < 2:
        raise UserError("one video does not differ from itself", "Ask for 2 samples or more")
    first = generations[0]
    asked = [round(second * first.motion.fps) for second in SECONDS]
    shown = [number for number in asked if number < len(first)] or [len(first) - 1]
    maps, made = [], 0
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(each.writer(path)) for each, path in zip(generations, paths, strict=True)]
        for parts in zip(*(each.windows() for each in generations), strict=True):
            for frames in zip(*parts, strict=True):
                for writer, frame in zip(writers, frames, strict=True):
                    writer.write(frame)
                if made in shown:
                    maps.append(hot(deviation(np.stack(frames)) / HOTTEST))
                made += 1
            report(made / len(first))
        image_file.write(heat, show.joined([first.portrait.picture, *maps], axis=1))


def deviation(pictures: UInt8[np.ndarray, "s h w 3"]) -> Float[np.ndarray, "h w"]:
    """Of each pixel over `s` pictures: the root of the mean variance of red, green and blue, each of 0 to 1."""
    return np.sqrt((pictures / 255).var(axis=0, ddof=1).mean(axis=-1))


def hot(values: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Colours from blue, 0, by cyan, green and yellow to red, 1 or more: those of the paper's figure."""
    centres = np.array([0.75, 0.5, 0.25])
    share = 1.5 - np.abs(4 * (np.clip(values, 0, 1)[..., None] * 0.75 + 0.125 - centres))
    return np.round(np.clip(share, 0, 1) * 255).astype(np.uint8)

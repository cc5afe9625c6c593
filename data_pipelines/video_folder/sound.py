"""The sound of a piece of video, if somebody can be heard in it."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from data_pipelines.recipe import Unusable
from data_pipelines.schema import RATE
from data_pipelines.video_folder.files import FPS
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Int
from vlogger_jax.media import audio_file, video_file

_BLOCK = RATE // 20
_LOUD = 95  # per cent of the blocks are not as loud as what is measured


def read(path: Path, start: int, frames: int) -> Int[np.ndarray, "s"]:
    """The sound that begins with frame `start` and lasts `frames`, `RATE` samples/s; less where it ends earlier.

    Raises:
        Unusable: if there is none, or it cannot be decoded.
    """
    try:
        if not video_file.probe(path).has_audio:
            raise Unusable("no sound")
        duration = Fraction(samples(frames), RATE)
        waveform = audio_file.read(path, RATE, start=Fraction(start) / Fraction(FPS), duration=duration)
    except UserError as error:
        raise Unusable("sound cannot be decoded") from error
    return np.rint(32767 * np.clip(waveform, -1, 1)).astype(np.int16)


def samples(frames: int) -> int:
    """How many samples last as long as so many frames."""
    return round(Fraction(frames * RATE) / Fraction(FPS))


def level(waveform: Int[np.ndarray, "s"]) -> float:
    """How loud it is where it is loud: of blocks of 50 ms, decibels below full scale."""
    blocks = np.pad(waveform, (0, -len(waveform) % _BLOCK)).reshape(-1, _BLOCK).astype(np.float64) / 32767
    power = np.percentile((blocks**2).mean(axis=1), _LOUD) if len(blocks) else 0.0
    return float(10 * np.log10(max(power, 1e-12)))

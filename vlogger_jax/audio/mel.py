"""Sound to what the motion network hears: four columns of log-mel power a video frame.

Column k of frame i looks at the 40 ms around sample round((i + k/4)·16000/fps), halves up. Centres are computed in
whole numbers, so that frame and sound do not drift apart, however long they last. A column is a Hann window of 640
samples (the periodic one, whose peak is at the centre), zero-padded to an FFT of 1024, power, 80 Slaney bands over
0-8 kHz, and log(max(x, 1e-5)); what is before and after the sound is silence. Where centres coincide this is the log of
`librosa.feature.melspectrogram`.
"""

import functools
import math
from fractions import Fraction
from types import ModuleType

import jax
import numpy as np

from vlogger_jax.core import rate as rates
from vlogger_jax.core.records import AudioFeatures
from vlogger_jax.core.typing import Array, Float32, Int, namespace

RATE = 16000
"""Samples/s."""

COLUMNS = 4
"""In a frame."""

BANDS = 80
FFT = 1024
WINDOW = 640
"""Samples: 40 ms."""

FLOOR = 1e-5

_BLOCK = 256  # frames that numpy takes at a time: about 3 MB each for windows, indices and spectra


def mel(waveform: Float32[Array, "*b s"], fps: rates.Rate) -> AudioFeatures:
    """The features of a whole sound: max(1, round(s·fps/16000)) frames.

    numpy takes blocks, so that an hour needs little more than its result; JAX, under `jit` with `fps` static, all at
    once (10 KB a frame).

    Args:
        waveform: 16,000 samples/s, in [-1, 1].
        fps: frames/s; 29.97 means 30000/1001, as everywhere.

    Raises:
        UserError: if `fps` is not above 0 and at most 1000 frames/s.
    """
    rate = rates.exact_rate(fps)
    xp, samples = namespace(waveform), waveform.shape[-1]
    frames = frame_count(samples, rate)
    if xp is np:
        features = np.empty((*waveform.shape[:-1], frames, COLUMNS, BANDS), np.float32)
        for first in range(0, frames, _BLOCK):
            centres = _centres(first, min(first + _BLOCK, frames), rate)
            begin = max(0, int(centres[0, 0]) - WINDOW // 2)
            heard = waveform[..., begin : int(centres[-1, -1]) + WINDOW // 2]
            features[..., first : first + _BLOCK, :, :] = _log_mel(np, heard, centres - begin)
    else:
        with jax.default_matmul_precision("highest"):
            features = _log_mel(xp, waveform, _centres(0, frames, rate))
    return AudioFeatures(mel=features, fps=float(rate))


class Stream:
    """The same features of a sound that is still being heard, to the bit, however it is cut.

    Frame i comes when 20 ms after the centre of its last column have been heard, (i + 3/4)/fps s + 20 ms into the
    sound. What is kept does not grow.
    """

    def __init__(self, fps: rates.Rate):
        """Hear nothing yet.

        Raises:
            UserError: if `fps` is not above 0 and at most 1000 frames/s.
        """
        self._rate = rates.exact_rate(fps)
        self._kept = np.zeros(0, np.float32)
        self._begin = 0  # sample that `_kept` begins with
        self._frames = 0  # given
        self._finished = False

    def push(self, samples: Float32[np.ndarray, "s"]) -> Float32[np.ndarray, "t 4 80"]:
        """The frames, often none, that can be told now that `samples` (16,000/s) have been heard.

        Raises:
            ValueError: after `finish`.
        """
        if self._finished:
            raise ValueError("the sound has been finished; a new one is a new Stream")
        self._kept = np.concatenate([self._kept, samples])
        heard = self._begin + len(self._kept)
        # Column n is centred at floor(n step + 1/2), which is at most h where n < (h + 1/2) / step.
        columns = math.ceil((heard - WINDOW // 2 + Fraction(1, 2)) / _step(self._rate))
        return self._until(columns // COLUMNS)

    def finish(self) -> Float32[np.ndarray, "t 4 80"]:
        """The remaining frames: the sound has ended."""
        if self._finished:
            raise ValueError("the sound has been finished already")
        self._finished = True
        return self._until(frame_count(self._begin + len(self._kept), self._rate))

    def _until(self, frames: int) -> Float32[np.ndarray, "t 4 80"]:
        """Those before number `frames` that have not been given."""
        parts = [np.zeros((0, COLUMNS, BANDS), np.float32)]
        while self._frames < frames:
            centres = _centres(self._frames, min(self._frames + _BLOCK, frames), self._rate)
            parts.append(_log_mel(np, self._kept, centres - self._begin))
            self._frames += len(centres)
        wanted = int(_centres(self._frames, self._frames + 1, self._rate)[0, 0]) - WINDOW // 2 - self._begin
        dropped = min(max(wanted, 0), len(self._kept))
        self._kept, self._begin = self._kept[dropped:].copy(), self._begin + dropped
        return np.concatenate(parts)


def frame_count(samples: int, rate: Fraction) -> int:
    """How many frames a sound of 16,000 samples/s has."""
    return rates.count(Fraction(samples, RATE), rate)


def _centres(first: int, end: int, rate: Fraction) -> Int[np.ndarray, "t 4"]:
    """The samples that the columns of frames `first` to `end` are centred at."""
    columns = np.arange(COLUMNS * first, COLUMNS * end, dtype=np.int64)
    step = _step(rate)
    return ((2 * step.numerator * columns + step.denominator) // (2 * step.denominator)).reshape(-1, COLUMNS)


def _step(rate: Fraction) -> Fraction:
    """Samples from one column's centre to the next."""
    return Fraction(RATE, COLUMNS) / rate


def _log_mel(
    xp: ModuleType, waveform: Float32[Array, "*b s"], centres: Int[np.ndarray, "t 4"]
) -> Float32[Array, "*b t 4 80"]:
    """The columns centred at these samples of a waveform that silence surrounds."""
    samples = waveform.shape[-1]
    if not samples:
        waveform, samples = xp.zeros((*waveform.shape[:-1], 1), np.float32), 1
    index = xp.asarray(centres.astype(np.int32))[..., None] + xp.arange(-WINDOW // 2, WINDOW // 2, dtype=np.int32)
    heard = xp.where((index >= 0) & (index < samples), waveform[..., xp.clip(index, 0, samples - 1)], np.float32(0))
    spectrum = xp.fft.rfft(heard * _hann(), n=FFT)
    # A matrix product a frame, always of one shape: one for all would round differently for another number of frames.
    power = xp.matmul(spectrum.real**2 + spectrum.imag**2, _filters())
    return xp.log(xp.maximum(power, np.float32(FLOOR)))


@functools.cache
def _hann() -> Float32[np.ndarray, "640"]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


@functools.cache
def _filters() -> Float32[np.ndarray, "513 80"]:
    """Slaney's triangles (Auditory Toolbox, 1998), each of area 1.

    A mel is 200/3 Hz up to 1 kHz; from there 27 mels are a factor of 6.4.
    """
    top = 15 + 27 * math.log(RATE / 2 / 1000) / math.log(6.4)
    mels = np.linspace(0, top, BANDS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * math.log(6.4) / 27))
    hertz = np.arange(FFT // 2 + 1)[:, None] * RATE / FFT
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (hertz - low) / (centre - low), (high - hertz) / (high - centre)
    return (np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)).astype(np.float32)

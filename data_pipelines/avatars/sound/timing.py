"""Changes of a voice that move its phonemes in time; each returns speech whose phonemes have moved along."""

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from data_pipelines.avatars.sound import RATE
from data_pipelines.avatars.sound.spectrum import smooth_noise
from vlogger_jax.audio.speech import Phoneme, Speech
from vlogger_jax.core.typing import Float

HOP = 256
SEARCH = 90
"""Samples by which `stretch` moves its windows of 2 * HOP to fit: half a period at 89 Hz. Small enough that the windows
stay in order at a stretch of 0.8."""


def retime(
    phonemes: tuple[Phoneme, ...], before: Float[np.ndarray, "n"], after: Float[np.ndarray, "n"]
) -> tuple[Phoneme, ...]:
    """Phonemes moved by the piecewise linear map from `before` to `after`, rising seconds; beyond them, by a shift."""
    times = np.array([(phoneme.start, phoneme.end) for phoneme in phonemes]).reshape(-1, 2)
    moved = np.interp(times, before, after)
    moved += np.minimum(times - before[0], 0) + np.maximum(times - before[-1], 0)
    return tuple(
        phoneme._replace(start=start, end=end) for phoneme, (start, end) in zip(phonemes, moved.tolist(), strict=True)
    )


def tract(speech: Speech, factor: float | int) -> Speech:
    """The speech of a vocal tract `factor` times shorter, at `RATE`: everything faster and higher by it.

    Who wants formants to move alone asks the engine for the rate and the pitch divided by `factor`.
    """
    waveform = soxr.resample(speech.waveform, speech.rate * factor, RATE, "HQ")
    ends = np.array((0.0, len(speech.waveform) / speech.rate))
    return Speech(waveform, RATE, retime(speech.phonemes, ends, ends / factor))


def wander(speech: Speech, drift: float | int, jitter: float | int, rng: np.random.Generator) -> Speech:
    """Speech whose pace, and with it the pitch, wanders.

    Args:
        drift: standard deviation of the relative speed's slow part (below 3 Hz).
        jitter: of its fast part (below 80 Hz), from one period of the voice to the next.
    """
    samples = len(speech.waveform)
    # At half the pace, the slowest there is, all is read in twice the time.
    longest = 2 * samples
    speed = drift * smooth_noise(longest, 3.0, rng) + jitter * smooth_noise(longest, 80.0, rng)
    read = np.cumsum(np.maximum(1 + speed, 0.5)) - 1
    read = read[: max(1, int(np.searchsorted(read, samples - 1, side="right")))]
    waveform = ndimage.map_coordinates(speech.waveform, read[None], order=3, mode="nearest")
    phonemes = retime(speech.phonemes, read / speech.rate, np.arange(len(read)) / speech.rate)
    return Speech(waveform.astype(np.float32), speech.rate, phonemes)


def stretch(speech: Speech, factor: float | int) -> Speech:
    """Speech `factor` (0.8 to 1.25) times as long at the same pitch, by WSOLA (Verhelst and Roelands, 1993).

    Windows are taken where they continue the one before best; phonemes follow the windows.
    """
    padding = 2 * HOP + SEARCH
    samples = round(len(speech.waveform) * factor)
    count = samples // HOP + 2
    sound = np.pad(speech.waveform, (padding, padding + 4 * HOP))
    energy = np.cumsum(np.pad(sound.astype(np.float64) ** 2, (1, 0)))
    energy = np.sqrt(energy[2 * HOP :] - energy[: -2 * HOP] + 1e-9)
    # Window k is centred on sample k * HOP of the result.
    wanted = np.minimum(
        np.rint(np.arange(count) * HOP / factor).astype(int) - HOP + padding, len(sound) - padding - HOP
    )
    starts = wanted.copy()
    for k in range(1, count):
        follow = starts[k - 1] + HOP
        low = wanted[k] - SEARCH
        likeness = np.correlate(sound[low : low + 2 * SEARCH + 2 * HOP], sound[follow : follow + 2 * HOP], "valid")
        starts[k] = low + int((likeness / energy[low : low + len(likeness)]).argmax())
    window = np.hanning(2 * HOP + 1)[:-1].astype(np.float32)
    pieces = sliding_window_view(sound, 2 * HOP)[starts] * window
    result = np.zeros((count + 1) * HOP, np.float32)
    result[: count * HOP] += pieces[:, :HOP].ravel()
    result[HOP:] += pieces[:, HOP:].ravel()
    before = (starts + HOP - padding) / speech.rate
    phonemes = retime(speech.phonemes, before, np.arange(count) * HOP / speech.rate)
    # The last window reaches beyond the sound, and so do the phonemes that it moves.
    last = samples / speech.rate
    phonemes = tuple(p._replace(start=min(p.start, last), end=min(p.end, last)) for p in phonemes)
    return Speech(result[HOP : HOP + samples], speech.rate, phonemes)

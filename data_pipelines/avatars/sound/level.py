"""How loud sounds are: mixing at a ratio, clipping, gain."""

import numpy as np

from vlogger_jax.core.typing import Bool, Float32


def power(waveform: Float32[np.ndarray, "s"], where: Bool[np.ndarray, "s"]) -> float:
    """Mean square over the samples of `where`; 0 if there are none."""
    return float(np.mean(waveform[where].astype(np.float64) ** 2)) if where.any() else 0.0


def scaled_noise(
    speech: Float32[np.ndarray, "s"], spoken: Bool[np.ndarray, "s"], noise: Float32[np.ndarray, "s"], snr_db: float
) -> Float32[np.ndarray, "s"]:
    """`noise` at the level that is `snr_db` below `speech` where it is spoken; below a power of 1 if nothing is."""
    reference = power(speech, spoken) or 1.0
    everywhere = np.ones(len(noise), bool)
    return noise * np.float32(np.sqrt(reference / power(noise, everywhere)) * 10 ** (-snr_db / 20))


def clip(waveform: Float32[np.ndarray, "s"], depth_db: float | int) -> Float32[np.ndarray, "s"]:
    """`waveform` cut off `depth_db` below its peak."""
    limit = np.abs(waveform).max(initial=0) * np.float32(10 ** (-depth_db / 20))
    return np.clip(waveform, -limit, limit)


def to_peak(waveform: Float32[np.ndarray, "s"], peak_db: float | int) -> Float32[np.ndarray, "s"]:
    """`waveform` scaled so that its peak is `peak_db` over 1; silence stays silent."""
    peak = float(np.abs(waveform).max(initial=0))
    return waveform * np.float32(10 ** (peak_db / 20) / peak) if peak else waveform

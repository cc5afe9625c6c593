"""Sounds to numpy and back, mono."""

import logging
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soxr

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float32
from vlogger_jax.media import atomic, reading, timing

log = logging.getLogger(__name__)

_RATES = (1000, 768_000)
# Shares of the channels of surround sound in mono, as a stereo listener hears them (ITU-R BS.775), halved.
_SHARES = {"FL": 0.5, "FR": 0.5, "FC": 0.7071, "BL": 0.3536, "BR": 0.3536, "SL": 0.3536, "SR": 0.3536, "BC": 0.3536}
_LOW = "LFE"
_MOST_PLANES = 7  # of more, PyAV 18.1 does not find the end, and crashes
_JITTER = Fraction(1, 100)  # s by which timestamps may differ from the samples counted before these are moved


def read(path: str | Path, rate: int = 16000, track: int | None = None) -> Float32[np.ndarray, "s"]:
    """The sound of a file (wav, mp3, m4a, ogg, flac, a video, ...), mono, in [-1, 1].

    Channels are averaged; surround sound is mixed as for stereo (centre louder, low-frequency channel left out). Only
    if a sample then exceeds 1, the whole sound is scaled down to a peak of 1. Of a video, sample 0 is heard when the
    first frame is shown: what is before is cut, and a sound that begins later is preceded by silence, as gaps are
    filled. n samples at another rate become round(n rate / theirs).

    Args:
        path: a sound or a video.
        rate: samples/s to give.
        track: which of several sound tracks, from 0; the file's default by default.

    Raises:
        UserError: if there is no such sound, it is empty, it cannot be decoded, or a sample is not finite.
    """
    if not _RATES[0] <= rate <= _RATES[1]:
        raise UserError(f"{rate} samples/s cannot be", f"Give a rate from {_RATES[0]} to {_RATES[1]}")
    begin = reading.origin(path)
    with reading.container(path, "a sound") as opened:
        stream = _track(opened, track, path)
        blocks = list(_blocks(opened, stream, begin, path))
        theirs = stream.rate
    waveform = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if not len(waveform):
        raise UserError(f"{path} holds no sound: it lasts 0 s", "Give a sound that lasts longer")
    if not np.isfinite(waveform).all():
        raise UserError(f"{path} holds samples that are not numbers", "Export the sound again")
    if theirs != rate:
        samples = max(1, (2 * len(waveform) * rate + theirs) // (2 * theirs))
        waveform = soxr.resample(waveform, theirs, rate, "VHQ")[:samples]
        waveform = np.pad(waveform, (0, samples - len(waveform)))
    peak = float(np.abs(waveform).max())
    return np.ascontiguousarray(waveform / np.float32(peak) if peak > 1 else waveform, dtype=np.float32)


def write(path: str | Path, waveform: Float32[np.ndarray, "s"], rate: int = 16000) -> None:
    """Write a mono wav of 16 bits a sample, whole or not at all; what is beyond [-1, 1] is clipped.

    Args:
        path: ends in .wav.
        waveform: in [-1, 1].
        rate: samples/s.

    Raises:
        UserError: if `path` cannot be written or is no wav, or `waveform` is empty or not finite.
    """
    if Path(path).suffix.lower() != ".wav":
        raise UserError(f"{path} does not end in .wav", "Sounds are written as wav only")
    check(waveform, rate)
    integers = np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype("<i2")
    with atomic.replacing(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(integers.tobytes())


def check(waveform: Float32[np.ndarray, "s"], rate: int) -> None:
    """Raise UserError if a waveform to be written is empty or not finite, or `rate` (samples/s) cannot be."""
    if not _RATES[0] <= rate <= _RATES[1]:
        raise UserError(f"{rate} samples/s cannot be", f"Give a rate from {_RATES[0]} to {_RATES[1]}")
    if not len(waveform):
        raise UserError("the sound to be written lasts 0 s", "Give a longer one, or none")
    if not np.isfinite(waveform).all():
        raise UserError("the sound to be written holds samples that are not numbers", "Look for what made them")


def _track(opened: av.container.InputContainer, track: int | None, path: str | Path) -> av.AudioStream:
    streams = opened.streams.audio
    if not streams:
        raise UserError(f"{path} has no sound", "Give a file with a sound track")
    if track is not None and not 0 <= track < len(streams):
        raise UserError(f"{path} has {len(streams)} sound tracks, no number {track}", "They are counted from 0")
    default = [stream for stream in streams if stream.disposition & av.stream.Disposition.default]
    stream = [*default, *streams][0] if track is None else streams[track]
    if stream.codec_context is None or not stream.rate:
        raise UserError(f"the sound of {path} is of no known kind", "Convert it to wav")
    return stream


def _blocks(
    opened: av.container.InputContainer, stream: av.AudioStream, begin: Fraction | None, path: str | Path
) -> Iterator[np.ndarray]:
    """Mono samples at the stream's own rate, without gaps, from time `begin` of the file or its first sample."""
    done = 0
    for frame in reading.decoded(opened, stream):
        if frame.sample_rate != stream.rate:
            raise UserError(f"{path} changes its sample rate", "Convert it to wav")
        try:
            block = _mono(frame)
        except av.FFmpegError as error:
            raise UserError(f"the sound of {path} is of no known kind", "Convert it to wav") from error
        if frame.pts is not None:
            time = frame.pts * Fraction(frame.time_base)
            begin = time if begin is None else begin
            gap = time - begin - Fraction(done, stream.rate)
            if abs(gap) > timing.LONGEST_GAP:
                log.debug("%s: the clock of the sound jumps by %.0f s, ignored", path, gap)
            elif abs(gap) > _JITTER or not done:
                missing = round(gap * stream.rate)
                if missing > 0:
                    yield np.zeros(missing, np.float32)
                block = block[max(-missing, 0) :]
                done += max(missing, 0)
        yield block
        done += len(block)


def _mono(frame: av.AudioFrame) -> np.ndarray:
    """The samples of a frame, its channels mixed."""
    channels = frame.layout.channels
    if frame.format.name.startswith("s64") or (frame.format.is_planar and len(channels) > _MOST_PLANES):
        [frame] = av.AudioResampler("flt", frame.layout, frame.sample_rate).resample(frame)
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(channels)).T
    if samples.dtype.kind == "u":
        samples = (samples.astype(np.float32) - 128) / 128
    elif samples.dtype.kind == "i":
        samples = samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    names = [channel.name for channel in channels]
    if len(names) > 2 and all(name in _SHARES or name == _LOW for name in names):
        shares = np.array([_SHARES.get(name, 0.0) for name in names], np.float32)
    else:
        shares = np.full(len(names), 1 / len(names), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later, with its name
        return (shares @ samples).astype(np.float32)

"""Sounds to numpy and back, mono."""

import contextlib
import logging
import math
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
# Seconds by which timestamps may differ from the samples counted before these are moved: those of Ogg Vorbis are up to
# 10 ms off where its blocks change their length.
_JITTER = Fraction(1, 20)
# Containers that time sound by its samples, so that a place that was sought is as exact as one that was counted to.
_EXACT = ("flac", "mov,mp4,m4a,3gp,3g2,mj2", "wav")
_LEAD = 2  # s read before a part: decoders and resampling need what came before
_SEEK_FROM = 10  # s; what begins earlier is read from the beginning


def read(
    path: str | Path,
    rate: int = 16000,
    track: int | None = None,
    start: float | int | Fraction = 0,
    duration: float | int | Fraction | None = None,
) -> Float32[np.ndarray, "s"]:
    """The sound of a file (wav, mp3, m4a, ogg, flac, a video, ...), mono, in [-1, 1].

    Channels are averaged; surround sound is mixed as for stereo (centre louder, low-frequency channel left out). Only
    if a sample then exceeds 1, all that is given is scaled down to a peak of 1. Of a video, sample 0 is heard when the
    first frame is shown: what is before is cut, and a sound that begins later is preceded by silence, as gaps are
    filled. n samples at another rate become round(n rate / theirs).

    Of a part, the samples are those of the whole from round(`start` rate) on; memory does not grow with what is before
    and after. It may be shorter than `duration`, or empty, if the sound ends earlier.

    Args:
        path: a sound or a video.
        rate: samples/s to give.
        track: which of several sound tracks, from 0; the file's default that can be decoded by default.
        start: seconds to leave out.
        duration: seconds to give; all by default.

    Raises:
        UserError: if there is no such sound, it is empty, it cannot be decoded, a sample is not finite, or a number
            cannot be.
    """
    rate = _check_rate(rate)
    timing.check_part(start, duration)
    first = round(timing.seconds(start) * rate)
    last = None if duration is None else first + round(timing.seconds(duration) * rate)
    end = None if last is None else Fraction(last, rate)
    waveform, theirs, skipped = _part(path, track, Fraction(first, rate), end)
    if not skipped and not len(waveform):
        raise UserError(f"{path} holds no sound: it lasts 0 s", "Give a sound that lasts longer")
    if not np.isfinite(waveform).all():
        raise UserError(f"{path} holds samples that are not numbers", "Export the sound again")
    samples = (2 * (skipped + len(waveform)) * rate + theirs) // (2 * theirs)
    samples = samples if skipped else max(1, samples)
    before = skipped * rate // theirs
    if theirs != rate and len(waveform):
        waveform = soxr.resample(waveform, theirs, rate, "VHQ")[: samples - before]
        waveform = np.pad(waveform, (0, samples - before - len(waveform)))
    waveform = waveform[max(first - before, 0) : None if last is None else max(last - before, 0)]
    peak = float(np.abs(waveform).max(initial=0))
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
    waveform = np.asarray(waveform, np.float32)
    integers = np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype("<i2")
    with atomic.replacing(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(int(rate))
        file.writeframes(integers.tobytes())


def check(waveform: Float32[np.ndarray, "s"], rate: int) -> None:
    """Refuse a waveform that cannot be written.

    Raises:
        ValueError: if it is not one row of floating-point numbers: integers have another scale.
        UserError: if it is empty or not finite, or `rate` (samples/s) cannot be.
    """
    if waveform.ndim != 1 or not np.issubdtype(waveform.dtype, np.floating):
        raise ValueError(f"a waveform is mono, floats (s,), not {waveform.dtype} {waveform.shape}")
    _check_rate(rate)
    if not len(waveform):
        raise UserError("the sound to be written lasts 0 s", "Give a longer one, or none")
    if not np.isfinite(waveform).all():
        raise UserError("the sound to be written holds samples that are not numbers", "Look for what made them")


def _check_rate(rate: int) -> int:
    """`rate`, in samples/s, if it can be."""
    if not _RATES[0] <= rate <= _RATES[1] or rate != int(rate):
        raise UserError(f"{rate} samples/s cannot be", f"Give a rate from {_RATES[0]} to {_RATES[1]}, a whole number")
    return int(rate)


def _track(opened: av.container.InputContainer, track: int | None, path: str | Path) -> av.AudioStream:
    streams = opened.streams.audio
    if not streams:
        raise UserError(f"{path} has no sound", "Give a file with a sound track")
    if track is not None and not 0 <= track < len(streams):
        raise UserError(f"{path} has {len(streams)} sound tracks, no number {track}", "They are counted from 0")
    stream = [*reading.sound_streams(opened), *streams][0] if track is None else streams[track]
    if stream.codec_context is None or not stream.rate:
        raise UserError(f"the sound of {path} is of no known kind", "Convert it to wav")
    return stream


def _part(path: str | Path, track: int | None, start: Fraction, end: Fraction | None) -> tuple[np.ndarray, int, int]:
    """(samples, their rate, how many were left out before) of a sound from about `start` to about `end`, seconds.

    What is left out is whole seconds, so that it is a whole number of samples of any rate.
    """
    begin = reading.origin(path)
    skip = max(0, math.floor(start) - _LEAD)
    if start > _SEEK_FROM:
        begin = _first(path, track) if begin is None else begin
    with reading.container(path, "a sound") as opened:
        stream = _track(opened, track, path)
        theirs = stream.rate
        limit = math.inf if end is None else (math.ceil(end) + _LEAD) * theirs
        sought = begin is not None and start > _SEEK_FROM and _seek(opened, stream, begin + skip - _LEAD)
        kept, done = [], skip * theirs if sought else 0
        for position, block in _blocks(opened, stream, begin, path, sought):
            done = position + len(block)
            if done > skip * theirs:
                if not kept and position > skip * theirs:  # sought, and the sound begins later
                    kept.append(np.zeros(position - skip * theirs, np.float32))
                kept.append(block[max(0, skip * theirs - position) :])
            if done >= limit:
                break
    waveform = np.concatenate(kept) if kept else np.zeros(0, np.float32)
    return waveform, theirs, min(done, skip * theirs)


def _first(path: str | Path, track: int | None) -> Fraction | None:
    """When the first sample is heard, seconds on the file's own clock."""
    with reading.container(path, "a sound") as opened:
        frame = next(reading.decoded(opened, _track(opened, track, path)), None)
        return None if frame is None or frame.pts is None else frame.pts * Fraction(frame.time_base)


def _seek(opened: av.container.InputContainer, stream: av.AudioStream, time: Fraction) -> bool:
    """Go to or before `time`, seconds on the file's own clock, if that is as exact as reading up to it."""
    if opened.format.name not in _EXACT or stream.time_base * stream.rate != 1:
        return False
    with contextlib.suppress(av.FFmpegError):
        opened.seek(int(time / Fraction(stream.time_base)), stream=stream)
        return True
    return False


def _blocks(
    opened: av.container.InputContainer,
    stream: av.AudioStream,
    begin: Fraction | None,
    path: str | Path,
    sought: bool = False,
) -> Iterator[tuple[int, np.ndarray]]:
    """(position, mono samples) at the stream's own rate, without gaps.

    Positions count from time `begin` of the file, or its first sample; those of a stream that was `sought` in begin
    later.
    """
    done = None if sought else 0
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
            if done is None:
                done = max(0, round((time - begin) * stream.rate))
            gap = time - begin - Fraction(done, stream.rate)
            if abs(gap) > timing.LONGEST_GAP:
                log.debug("%s: the clock of the sound jumps by %.0f s, ignored", path, gap)
            elif abs(gap) > _JITTER or not done:
                missing = round(gap * stream.rate)
                if missing > 0:
                    yield done, np.zeros(missing, np.float32)
                block = block[max(-missing, 0) :]
                done += max(missing, 0)
        done = done or 0
        yield done, block
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

"""Videos to numpy: what a file holds, its frames at any constant rate, a short clip with its sound.

Time 0 is when the first frame is shown, for frames and sound alike, whatever the file's own clock says.
"""

import itertools
import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Clip
from vlogger_jax.core.typing import UInt8
from vlogger_jax.media import audio_file, pixels, reading, timing, video_info
from vlogger_jax.media.video_info import VideoInfo

log = logging.getLogger(__name__)

CLIP_RATE = 16000
"""Samples/s of a `Clip`'s waveform."""

_HDR = {16: "PQ", 18: "HLG"}  # transfer curves, by their number in H.273


def probe(path: str | Path) -> VideoInfo:
    """What `path` holds. Decodes one frame; a file with no duration in its header is read through, but not decoded.

    Raises:
        UserError: if it is not a video that can be decoded.
    """
    return video_info.examine(path).info


def frames(
    path: str | Path,
    fps: timing.Rate | None = None,
    start: float | int | Fraction = 0.0,
    duration: float | int | Fraction | None = None,
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The frames of a video at a constant rate, sRGB, one after the other: memory does not grow with length.

    Output frame i is the last source frame shown at or before `start` + i / fps seconds; of d seconds,
    max(1, round(d fps)) frames are given. So a file of constant rate gives each frame once at its own rate, and a
    damaged one what can be decoded, with a warning in the log.

    Args:
        path: a video.
        fps: frames/s to give; the file's own average by default. 29.97 stands for 30000/1001, and so on.
        start: seconds after the first frame.
        duration: seconds; all of the video by default, and no more than there is.

    Raises:
        UserError: at the call, if the file is no video that can be decoded, or the numbers cannot be.
    """
    source = video_info.examine(path)
    rate = source.info.rate if fps is None else timing.exact_rate(fps)
    timing.check_part(start, duration)
    if start and start >= source.info.duration:
        raise UserError(f"{path} ends after {source.info.duration:.2f} s, before {start} s", "Start earlier")
    begin, length = timing.seconds(start), None if duration is None else timing.seconds(duration)
    return _frames(Path(path), source, rate, begin, length)


def read_clip(
    path: str | Path,
    fps: timing.Rate | None = None,
    start: float | int | Fraction = 0.0,
    duration: float | int | Fraction | None = None,
) -> Clip:
    """A short video in memory, as `frames` gives it, with its sound, mono at 16 kHz (None if it has none).

    The sound is cut or padded with silence to as long as the frames. Takes 3 bytes a pixel, twice while reading: 10 s
    at 24 frames/s of 512 x 512 pixels are 189 MB, of 1920 x 1080 pixels 1.5 GB. Longer ones are for `frames`.

    Raises:
        UserError: as `frames`; or if the sound cannot be decoded.
    """
    info = probe(path)
    rate = info.rate if fps is None else timing.exact_rate(fps)
    stacked = np.stack(list(frames(path, rate, start, duration)))
    waveform = None
    if info.has_audio:
        samples = round(len(stacked) / rate * CLIP_RATE)
        waveform = audio_file.read(path, CLIP_RATE, start=start, duration=Fraction(samples, CLIP_RATE))
        waveform = np.pad(waveform, (0, samples - len(waveform)))
    return Clip(frames=stacked, waveform=waveform, fps=float(rate))


def _frames(
    path: Path, source: video_info.Source, rate: Fraction, start: Fraction, duration: Fraction | None
) -> Iterator[np.ndarray]:
    # A tick as long as a good part of a frame is exact (AVI counts in frames); a fine one was rounded to.
    slack = source.tick if source.tick * 4 <= 1 / source.info.rate else Fraction(0)
    reformatter = VideoReformatter()
    given = 0
    shown = _shown(path, source, start)
    for frame in timing.at_rate(shown, rate, start, duration, slack):
        if not given and frame.color_trc in _HDR:
            log.warning("%s is HDR (%s): its colours come out flat", path, _HDR[frame.color_trc])
        yield pixels.to_rgb(frame, source.display, reformatter)
        given += 1
    if not given:
        raise UserError(f"{path} is damaged: nothing can be decoded after {float(start):g} s", "Start earlier")
    lasts = source.info.duration - float(start)
    missing = (lasts if duration is None else min(float(duration), lasts)) - float(given / rate)
    if missing > max(0.5, 2 / source.info.rate):
        log.warning("%s ends %.1f s earlier than it says: it is damaged or incomplete", path, missing)


def _shown(
    path: Path, source: video_info.Source, start: Fraction
) -> Iterator[tuple[Fraction, Fraction, av.VideoFrame]]:
    """(begin, end, frame) from one shown at `start` on, or before it; seconds."""
    begin, length, jumped = None, 1 / source.info.rate, Fraction(0)
    for frame in _decoded(path, source, start):
        following = Fraction(0) if begin is None else begin + length
        time = following if frame.pts is None else _begin(frame, source) - jumped
        if begin is not None and time - begin > timing.LONGEST_GAP:
            if not jumped:
                log.warning("%s is damaged: its clock jumps by %.0f s, ignored", path, time - begin)
            jumped += time - following
            time = following
        begin = time
        yield begin, begin + _lasts(frame, begin, source), frame


def _lasts(frame: av.VideoFrame, begin: Fraction, source: video_info.Source) -> Fraction:
    """Seconds that `frame`, shown from `begin` on, is shown if it is the last."""
    length = 1 / source.info.rate
    if source.last is not None:
        return source.end - begin if source.last <= begin < source.end else length
    lasts = (frame.duration or 0) * source.tick
    return lasts if 0 < lasts <= timing.LONGEST_GAP else length


def _decoded(path: Path, source: video_info.Source, start: Fraction) -> Iterator[av.VideoFrame]:
    if start > 0:
        with reading.container(path, "a video") as opened:
            stream = reading.video_stream(opened)
            try:
                opened.seek(int((source.origin + start) / source.tick), stream=stream)
            except av.FFmpegError as error:
                log.debug("%s cannot be sought in (%s): read from the beginning", path, error.strerror)
            else:
                found = _decoder(opened, stream)
                first = next(found, None)
                if first is not None and first.pts is not None and _begin(first, source) <= start:
                    yield from itertools.chain([first], found)
                    return
    with reading.container(path, "a video") as opened:
        yield from _decoder(opened, reading.video_stream(opened))


def _decoder(opened: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    stream.thread_type = "AUTO"
    return reading.decoded(opened, stream)


def _begin(frame: av.VideoFrame, source: video_info.Source) -> Fraction:
    return frame.pts * source.tick - source.origin

"""What a video file is, from its header and its first frame."""

import dataclasses
import logging
from fractions import Fraction
from pathlib import Path

import av

from vlogger_jax.core.errors import UserError
from vlogger_jax.media import pixels, reading, timing

log = logging.getLogger(__name__)

_SOME_RATE = Fraction(25)  # of a stream that does not even imply one
_LOWEST_RATE = Fraction(1, 60)  # of what moves


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What a video file says about itself.

    Attributes:
        size: (height, width) in pixels as displayed: turned, and with square pixels.
        rate: frames/s on average, exact.
        duration: seconds that its frames are shown.
        frames: about how many there are.
        has_audio: whether there is a sound track.
        codec: of the frames, by FFmpeg's name.
        rotation: clockwise degrees by which decoded frames are turned for display: 0, 90, 180 or 270.
    """

    size: tuple[int, int]
    rate: Fraction
    duration: float
    frames: int
    has_audio: bool
    codec: str
    rotation: int

    @property
    def fps(self) -> float:
        """Frames/s on average."""
        return float(self.rate)


@dataclasses.dataclass(frozen=True)
class Source:
    """What reading the frames needs to know.

    Attributes:
        display: how decoded frames are shown.
        origin: when the first frame is shown, seconds on the file's own clock.
        tick: seconds between two timestamps.
        end: seconds from `origin` until the last frame is no more shown.
        last: when the last frame is shown, seconds from `origin`, where frames are stored in another order than shown
            and at no constant rate; the durations of single frames are then no good. Else None.
    """

    info: VideoInfo
    display: pixels.Display
    origin: Fraction
    tick: Fraction
    end: Fraction
    last: Fraction | None


def examine(path: str | Path) -> Source:
    """Decode one frame of a video; read it through, without decoding, if its header gives no rate or duration.

    Raises:
        UserError: if it is not a video that can be decoded.
    """
    with reading.container(path, "a video") as opened:
        stream = reading.video_stream(opened)
        if stream is None:
            what = "a sound without pictures" if opened.streams.audio else "no video"
            raise UserError(f"{path} is {what}", "Give a video")
        if stream.codec_context is None:
            raise UserError(f"{path} is a video of no known kind", "Convert it to mp4 (H.264)")
        pixels.check_size((stream.height, stream.width), str(path))
        frame = next(reading.decoded(opened, stream), None)
        if frame is None:
            raise UserError(f"{path} is damaged: no frame of it can be decoded", "Copy or export it again")
        display = pixels.display(stream, frame)
        has_audio, codec = bool(reading.sound_streams(opened)), stream.codec_context.codec.canonical_name
        tick = Fraction(stream.time_base)
        origin = reading.begin(stream, frame)
        rate, length = _average_rate(stream), _length(opened, stream, origin)
        counted = stream.frames
        last, length = _tail(opened, stream, origin, length)
        if counted and length and last and rate and rate != stream.base_rate:
            rate = min((counted / length).limit_denominator(100_000), Fraction(timing.HIGHEST_RATE))
    if rate is None or length is None:
        rate, length, counted = _read_through(path, rate)
    if rate < _LOWEST_RATE:
        raise UserError(f"{path} says that each frame lasts {float(1 / rate):.0f} s", "Export it again")
    info = VideoInfo(
        size=display.size,
        rate=rate,
        duration=float(length),
        frames=counted or timing.count(length, rate),
        has_audio=has_audio,
        codec=codec,
        rotation=display.rotation,
    )
    return Source(info, display, origin, tick, length, last)


def _average_rate(stream: av.VideoStream) -> Fraction | None:
    average, base = stream.average_rate, stream.base_rate
    if not average or not 0 < average <= timing.HIGHEST_RATE:
        return None
    # Containers that count in milliseconds give an average that is a little off; the base rate is not.
    return base if base and abs(base / average - 1) < Fraction(5, 10_000) else average


def _length(opened: av.container.InputContainer, stream: av.VideoStream, origin: Fraction) -> Fraction | None:
    """Seconds from `origin` to the end that the header gives."""
    if stream.duration and stream.duration > 0:
        return stream.duration * Fraction(stream.time_base)
    if opened.duration and opened.duration > 0:
        end = Fraction(opened.duration + (opened.start_time or 0), av.time_base)
        return end - origin if end > origin else None
    return None


def _tail(
    opened: av.container.InputContainer, stream: av.VideoStream, origin: Fraction, length: Fraction | None
) -> tuple[Fraction | None, Fraction | None]:
    """(`Source.last`, `length` corrected), from the last group of pictures; `stream` is sought in.

    The header of an mp4 counts in the order of decoding: a frame's duration, and that of all, are differences of the
    times of decoding. At a constant rate these are right, and nothing is read.
    """
    if not stream.duration or not stream.codec_context.has_b_frames or stream.average_rate == stream.base_rate:
        return None, length
    packets = []
    try:
        opened.seek(stream.duration + (stream.start_time or 0), stream=stream)
        packets = [packet for packet in opened.demux(stream) if packet.size and packet.pts is not None]
    except av.FFmpegError as error:
        log.debug("%s: its end cannot be read (%s)", opened.name, error.strerror)
    if not packets:
        return None, length
    tick = Fraction(stream.time_base)
    last = max(packet.pts for packet in packets) * tick - origin
    typical = 1 / Fraction(stream.average_rate)
    # What was stored last has no difference to be taken for its duration.
    lasts = (packets[-1].duration or 0) * tick
    lasts = lasts if 0 < lasts <= timing.LONGEST_GAP else typical
    return last, length if length and 0 < length - last <= 2 * lasts else last + lasts


def _read_through(path: str | Path, rate: Fraction | None) -> tuple[Fraction, Fraction, int]:
    """(rate, duration, number of frames) from the packets of a file whose header lacks one of the first two."""
    with reading.container(path, "a video") as opened:
        stream = reading.video_stream(opened)
        times = []
        try:
            times = [packet.pts for packet in opened.demux(stream) if packet.size]
        except av.FFmpegError as error:
            log.warning("%s is damaged: %s", path, error.strerror)
        stamps = [time for time in times if time is not None]
        spread = (max(stamps) - min(stamps)) * Fraction(stream.time_base) if stamps else Fraction(0)
    count = max(len(times), 1)
    if rate is None:
        rate = (count - 1) / spread if spread > 0 and count > 1 else _SOME_RATE
        rate = min(rate.limit_denominator(100_000), Fraction(timing.HIGHEST_RATE))
    return rate, spread + 1 / rate if spread else count / rate, count

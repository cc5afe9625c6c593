"""Opening what a person names: every way in which a file can be unusable ends in one line that says so.

The content decides what a file is, never its name. Of what FFmpeg can open only containers of videos and sounds are let
in: playlists would open other files, and plain text would be drawn as a terminal.
"""

import contextlib
import logging
import os
import stat
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.frame
import av.stream

from vlogger_jax.core.errors import UserError

log = logging.getLogger(__name__)

_FORMATS = (
    "3g2,3gp,aac,ac3,aiff,amr,asf,au,avi,caf,dv,eac3,flac,flv,gif,h264,hevc,ivf,m4a,matroska,mj2,mov,mp3,mp4,mpeg,"
    "mpegts,mpegvideo,mxf,nut,obu,ogg,rm,w64,wav,webm,wtv,wv,yuv4mpegpipe"
)
_SIGNATURES = (  # offset, bytes, what it is
    (0, b"\x89PNG", "a picture"),
    (0, b"\xff\xd8\xff", "a picture"),
    (0, b"GIF8", "a picture"),
    (0, b"BM", "a picture"),
    (0, b"II*\0", "a picture"),
    (0, b"MM\0*", "a picture"),
    (8, b"WEBP", "a picture"),
    (4, b"ftypavi", "a picture"),
    *((4, b"ftyp" + brand, "a HEIC picture") for brand in (b"hei", b"hev", b"mif1", b"msf1")),
    (4, b"ftypM4A", "a sound"),
    (8, b"WAVE", "a sound"),
    (0, b"ID3", "a sound"),
    (0, b"fLaC", "a sound"),
    (0, b"OggS", "a sound"),
    (4, b"ftyp", "a video"),
    (8, b"AVI ", "a video"),
    (0, b"\x1aE\xdf\xa3", "a video"),
)


def file(path: str | Path, kind: str) -> Path:
    """`path`, if it is a file with something in it that may be read; `kind` is what is wanted, as in "a video".

    Raises:
        UserError: if it is not.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UserError(f"{path} is a folder", f"Give {kind}")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
            raise UserError(f"{path} is a device or a pipe", f"Give {kind} in an ordinary file")
        with path.open("rb") as opened:
            empty = not opened.read(1)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist", f"Give the path of {kind}") from error
    except PermissionError as error:
        raise UserError(f"{path} may not be read", "Permit reading it, or give another file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{str(path)!r} cannot be read: {reason}", f"Give the path of {kind}") from error
    if empty:
        raise UserError(f"{path} is empty", f"Give {kind}")
    return path


def nature(path: Path) -> str | None:
    """What the first bytes of a file say it is: "a picture", "a HEIC picture", "a sound", "a video", or None."""
    with path.open("rb") as opened:
        head = opened.read(16)
    return next((name for offset, magic, name in _SIGNATURES if head[offset:].startswith(magic)), None)


@contextlib.contextmanager
def container(path: str | Path, kind: str) -> Iterator[av.container.InputContainer]:
    """An open video or sound; `kind` is what is wanted of it, as in "a video".

    Raises:
        UserError: if `path` is no such file.
    """
    path = file(path, kind)
    found = nature(path)
    if found in ("a picture", "a HEIC picture") and not _is_animated(path):
        raise UserError(f"{path} is {found}, not {kind}", f"Give {kind} here; pictures are read as pictures only")
    try:
        # An absolute path: FFmpeg would take `a:b.mp4` for a protocol.
        opened = av.open(
            os.path.abspath(path),
            metadata_errors="replace",
            container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
        )
    except av.FFmpegError as error:
        if found is None:
            raise UserError(f"{path} is not {kind} of a known format", f"Give {kind}, such as mp4 or wav") from error
        raise UserError(f"{path} is damaged or incomplete: {error.strerror}", "Copy or export it again") from error
    with opened:
        yield opened


def video_stream(opened: av.container.InputContainer) -> av.VideoStream | None:
    """The stream of moving pictures, if there is one: the cover of a sound is none."""
    still = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    moving = [stream for stream in opened.streams.video if not stream.disposition & still]
    return next((stream for stream in moving if stream.disposition & av.stream.Disposition.default), [*moving, None][0])


def sound_streams(opened: av.container.InputContainer) -> list[av.AudioStream]:
    """The sound tracks that FFmpeg has a decoder for, the file's default ones first."""
    known = [stream for stream in opened.streams.audio if stream.codec_context is not None and stream.rate]
    return sorted(known, key=lambda stream: not stream.disposition & av.stream.Disposition.default)


def decoded(opened: av.container.InputContainer, stream: av.stream.Stream) -> Iterator[av.frame.Frame]:
    """The frames of a stream. What cannot be decoded is left out, with one warning in the log."""
    if stream.codec_context is None:  # FFmpeg has no decoder for it
        return
    packets = opened.demux(stream)
    warned = False
    while True:
        packet, problem = None, None
        frames: list[av.frame.Frame] = []
        try:
            packet = next(packets, None)
            frames = packet.decode() if packet else []
        except IndexError:  # PyAV's, when a stream that was not there at the beginning turns up
            problem = "a stream appears in the middle"
        except av.FFmpegError as error:
            problem = error.strerror
        if problem and not warned:
            log.warning("%s is damaged (%s): what can be decoded is used", opened.name, problem)
            warned = True
        if problem and packet is None:  # the container itself ends here; the decoder may still hold frames
            frames = _held(stream)
        yield from frames
        if packet is None:
            return


def origin(path: str | Path) -> Fraction | None:
    """When the first frame of a video is shown, seconds on the file's own clock; None if nothing moves in it."""
    with container(path, "a video or a sound") as opened:
        stream = video_stream(opened)
        if stream is None:
            return None
        return begin(stream, next(decoded(opened, stream), None))


def begin(stream: av.VideoStream, frame: av.VideoFrame | None) -> Fraction:
    """When `frame`, the first of `stream`, is shown, seconds on the file's own clock."""
    ticks = stream.start_time if frame is None or frame.pts is None else frame.pts
    return (ticks or 0) * Fraction(stream.time_base)


def _held(stream: av.stream.Stream) -> list[av.frame.Frame]:
    try:
        return stream.decode(None)
    except av.FFmpegError as error:
        log.debug("nothing left in the decoder: %s", error)
        return []


def _is_animated(path: Path) -> bool:
    with path.open("rb") as opened:
        if not opened.read(4).startswith(b"GIF8"):
            return False
    try:
        with av.open(os.path.abspath(path), container_options={"format_whitelist": "gif"}) as gif:
            return sum(1 for packet in gif.demux(video=0) if packet.size) > 1
    except av.FFmpegError:
        return False

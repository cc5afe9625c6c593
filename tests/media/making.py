"""Small videos and sounds of every kind, made with PyAV; frames carry their own number in their pixels."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

BITS = 10
EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def numbered(number: int, height: int = 16, block: int = 8) -> np.ndarray:
    """A picture of 10 blocks, white where the number's bit is 1."""
    bits = [255 * (number >> bit & 1) for bit in range(BITS)]
    return np.repeat(np.tile(np.repeat(np.uint8(bits), block), (height, 1))[..., None], 3, axis=-1)


def number(frame: np.ndarray) -> int:
    """The number that `numbered` put there."""
    columns = (np.arange(BITS) * 2 + 1) * frame.shape[1] // (2 * BITS)
    return sum(1 << bit for bit, value in enumerate(frame[frame.shape[0] // 2, columns, 0]) if value > 127)


def clicks(seconds: float, rate: int) -> np.ndarray:
    """Short clicks at irregular times, so that a shift shows once."""
    waveform = np.zeros(round(seconds * rate), np.float32)
    times = 0.02 + np.cumsum(np.random.default_rng(7).uniform(0.05, 0.13, 2000))
    for time in times[times < seconds - 0.02]:
        begin = round(time * rate)
        waveform[begin : begin + rate // 1000] = 0.8
    return waveform


def lag(waveform: np.ndarray, reference: np.ndarray, rate: int) -> float:
    """Seconds by which `waveform` is later than `reference`."""
    length = 2 * max(len(waveform), len(reference))
    product = np.fft.rfft(waveform, length) * np.conj(np.fft.rfft(reference, length))
    best = int(np.fft.irfft(product, length).argmax())
    return (best if best < length // 2 else best - length) / rate


def video(
    path: Path,
    times: Iterable[Fraction | float],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: Fraction | int = 25,
    container: str | None = None,
    rotation: int = 0,
    mirrored: bool = False,
    aspect: Fraction | None = None,
    matrix: int | None = None,
    full_range: bool = False,
    pictures: Iterable[np.ndarray] | None = None,
    sounds: Iterable[tuple[np.ndarray, int, float]] = (),
    options: dict[str, str] | None = None,
    movflags: str = "faststart",
    time_base: Fraction | None = None,
) -> Path:
    """A video with a frame at each of `times` (s); `sounds` are (waveform, rate, when it begins in s)."""
    times = [Fraction(time).limit_denominator(10**6) for time in times]
    frames = list(pictures) if pictures is not None else [numbered(i) for i in range(len(times))]
    time_base = time_base or Fraction(1, 90_000)
    is_mp4 = (container or path.suffix[1:]) in ("mp4", "mov")
    muxer = {"options": {"movflags": movflags}} if is_mp4 and movflags else {}
    with av.open(str(path), "w", format=container, **muxer) as opened:
        stream = opened.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = time_base
        if matrix is not None:
            stream.codec_context.colorspace = matrix
            stream.codec_context.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation or mirrored:
            stream.set_display_rotation(rotation, hflip=mirrored)
        tracks = [
            (opened.add_stream("aac", rate=hertz, layout="mono"), waveform, hertz, begin)
            for waveform, hertz, begin in sounds
        ]
        for time, picture in zip(times, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format=pixel_format,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.JPEG if full_range else ColorRange.MPEG,
                dst_colorspace=matrix or Colorspace.ITU601,
                interpolation=EXACT,
            )
            frame.pts, frame.time_base = round(time / time_base), time_base
            opened.mux(stream.encode(frame))
        opened.mux(stream.encode(None))
        for track, waveform, hertz, begin in tracks:
            frame = av.AudioFrame.from_ndarray(waveform[None].astype(np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = hertz, round(begin * hertz), Fraction(1, hertz)
            opened.mux(track.encode(frame))
            opened.mux(track.encode(None))
    return path


def evenly(frames: int, rate: Fraction | float) -> list[Fraction]:
    """The times of `frames` frames at `rate` frames/s."""
    return [i / Fraction(rate) for i in range(frames)]

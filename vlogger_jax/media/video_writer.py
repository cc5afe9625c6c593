"""Numpy to videos: H.264 and AAC in an mp4, frame by frame, whole or not at all."""

import contextlib
import types
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soxr
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float32, UInt8
from vlogger_jax.media import atomic, audio_file, pixels, timing, video_info

# AAC delays sound by one of its frames. Players that ignore the note that says so are 21 ms late at this rate, 64 ms
# at 16 kHz.
_AAC_RATE = 48_000
_AAC_FRAME = Fraction(1024, _AAC_RATE)
_AAC_BITS = 192_000  # FFmpeg's encoder on speech: 37 to 54 dB of signal to noise; at 128,000 28 to 41


class Writer:
    """Writes a video one frame at a time; nothing is under its name until all of it is.

        with Writer("out.mp4", fps=24, waveform=speech) as writer:
            for frame in frames:
                writer.write(frame)

    The file is yuv420p in BT.709, tagged so, with its index in front. Frames of odd height or width get their last row
    or column twice, since yuv420p has none. The sound is cut or padded with silence to as long as the frames. When the
    block ends the file is examined before it gets its name. If the block ends with an exception, Ctrl-C included,
    nothing is left behind, and what was under the name before stays.
    """

    def __init__(
        self,
        path: str | Path,
        fps: timing.Rate,
        size: tuple[int, int] | None = None,
        waveform: Float32[np.ndarray, "s"] | None = None,
        rate: int = 16000,
        crf: int = 18,
        lossless: bool = False,
    ):
        """Check everything that can be known beforehand; the file is begun by `with`.

        Args:
            path: ends in .mp4.
            fps: frames/s; 29.97 stands for 30000/1001, and so on.
            size: (height, width) of the frames in pixels; by default that of the first.
            waveform: the sound, mono, in [-1, 1] (clipped to it), or None.
            rate: of `waveform`, samples/s.
            crf: x264's constant rate factor, 0 (largest) to 51 (worst).
            lossless: keep every pixel exactly, of any size, as RGB: large, and few players show it.

        Raises:
            UserError: if the path, a number or the sound cannot be.
        """
        if Path(path).suffix.lower() != ".mp4":
            raise UserError(f"{path} does not end in .mp4", "Videos are written as mp4 only")
        if not 0 <= crf <= 51:
            raise UserError(f"crf is {crf}", "Give a number from 0 (best) to 51 (worst)")
        if waveform is not None:
            audio_file.check(waveform, rate)
        self._path = Path(path)
        self._fps = timing.exact_rate(fps)
        self._size = size
        self._options = {"qp": "0"} if lossless else {"crf": str(crf)}
        self._lossless = lossless
        self._sound = None if waveform is None else _Sound(waveform, rate)
        self._reformatter = VideoReformatter()
        self._written = self._heard = 0

    def __enter__(self) -> "Writer":
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(self._file())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def write(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Append a frame, sRGB.

        Raises:
            UserError: if frames of this size cannot be written.
            ValueError: if it differs in size from `size` or the frames before.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[-1] != 3 or not frame.size:
            raise ValueError(f"a frame is uint8 (h, w, 3), not {frame.dtype} {frame.shape}")
        self._size = self._size or frame.shape[:2]
        if frame.shape[:2] != self._size:
            raise ValueError(f"frame {self._written} has size {frame.shape[:2]}; expected {self._size}")
        if not self._written:
            self._begin()
        converted = self._convert(frame)
        converted.pts, converted.time_base = self._written, 1 / self._fps
        self._opened.mux(self._video.encode(converted))
        self._written += 1
        if self._sound:
            self._write_sound(self._sound.until(self._written / self._fps))

    @contextlib.contextmanager
    def _file(self) -> Iterator[None]:
        with atomic.replacing(self._path) as temporary:
            self._opened = av.open(str(temporary), "w", format="mp4", options={"movflags": "faststart"})
            try:
                yield
                if not self._written:
                    raise RuntimeError(f"no frame was written to {self._path}")
                if self._sound:
                    self._write_sound(self._sound.until(self._written / self._fps, last=True))
                    self._opened.mux(self._audio.encode(None))
                self._opened.mux(self._video.encode(None))
            except BaseException:
                # Closing writes the index, of a file that is being thrown away.
                with contextlib.suppress(av.FFmpegError):
                    self._opened.close()
                raise
            self._opened.close()
            self._examine(temporary)

    def _begin(self) -> None:
        height, width = self._coded_size()
        pixels.check_size((height, width), str(self._path))
        codec = "libx264rgb" if self._lossless else "libx264"
        self._video = self._opened.add_stream(codec, rate=self._fps, options=self._options)
        self._video.height, self._video.width = height, width
        self._video.pix_fmt = "rgb24" if self._lossless else "yuv420p"
        context = self._video.codec_context
        context.time_base = 1 / self._fps
        context.gop_size = max(1, round(2 * self._fps))  # players seek to every other second
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        context.colorspace = pixels.RGB if self._lossless else Colorspace.ITU709
        context.color_range = ColorRange.JPEG if self._lossless else ColorRange.MPEG
        if self._sound:
            self._audio = self._opened.add_stream("aac", rate=_AAC_RATE, layout="mono", bit_rate=_AAC_BITS)

    def _coded_size(self) -> tuple[int, int]:
        height, width = self._size
        return (height, width) if self._lossless else (height + height % 2, width + width % 2)

    def _convert(self, frame: np.ndarray) -> av.VideoFrame:
        if self._lossless:
            return av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        height, width = self._coded_size()
        padded = np.pad(frame, ((0, height - frame.shape[0]), (0, width - frame.shape[1]), (0, 0)), mode="edge")
        return pixels.to_yuv420(padded, self._reformatter)

    def _write_sound(self, samples: np.ndarray) -> None:
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _AAC_RATE, self._heard, Fraction(1, _AAC_RATE)
        self._heard += len(samples)
        self._opened.mux(self._audio.encode(frame))

    def _examine(self, path: Path) -> None:
        """Raise RuntimeError if the finished file is not what was to be written."""
        lasts = self._written / self._fps
        wanted = {"streams": ["video", "audio"] if self._sound else ["video"], "codec": "h264"}
        wanted |= {"size": self._coded_size(), "frames": self._written, "sound": bool(self._sound)}
        with av.open(str(path)) as opened:
            found = {"streams": [stream.type for stream in opened.streams]}
            lengths = [float(stream.duration * stream.time_base) for stream in opened.streams]
            starts = [float(stream.start_time * stream.time_base) for stream in opened.streams]
        info = video_info.examine(path).info
        found |= {"codec": info.codec, "size": info.size, "frames": info.frames, "sound": info.has_audio}
        wrong = [f"{key} {found[key]}, not {wanted[key]}" for key in wanted if found[key] != wanted[key]]
        slack = (1 / (2 * self._fps), _AAC_FRAME)
        for length, begin, allowed in zip(lengths, starts, slack, strict=False):
            if abs(length - lasts) > allowed or abs(begin) > 0.001:
                wrong.append(f"a stream from {begin:.4f} s that lasts {length:.4f} s, not {float(lasts):.4f} s")
        if wrong:
            raise RuntimeError(f"{self._path} did not come out as written: {'; '.join(wrong)}")


class _Sound:
    """A waveform handed out piece by piece, at the rate of the file's sound."""

    def __init__(self, waveform: np.ndarray, rate: int):
        self._waveform, self._rate = waveform, rate
        self._resampler = soxr.ResampleStream(rate, _AAC_RATE, 1, dtype="float32", quality="VHQ")
        self._taken = self._given = 0

    def until(self, time: Fraction, last: bool = False) -> np.ndarray:
        """What is ready of the sound up to `time` seconds; all of it, and no more, the `last` time."""
        end = round(time * self._rate)
        piece = self._waveform[self._taken : end]
        piece = np.clip(np.pad(piece, (0, end - self._taken - len(piece))), -1, 1).astype(np.float32)
        self._taken = end
        samples = self._resampler.resample_chunk(piece, last=last)
        if last:
            rest = round(time * _AAC_RATE) - self._given
            samples = np.pad(samples[:rest], (0, max(rest - len(samples), 0)))
        self._given += len(samples)
        return samples

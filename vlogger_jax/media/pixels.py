"""Between the pixels of a video codec and sRGB: colour matrix and range, display aspect, rotation, mirroring.

Videos that do not say how their colours were made are read as BT.709 where they are larger than standard definition,
else as BT.601, as players do. Transfer curves are left alone: HDR (PQ, HLG) comes out flat, not tone mapped.
"""

import dataclasses
import math
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import UInt8

MAX_PIXELS = 1 << 26
"""A frame's; 8K is half of it."""
MAX_SIDE = 16384

# Without these two swscale is off by up to 4 levels on flat colours, 1.3 on average and towards black.
_EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

RGB = 0
"""The colour matrix of frames that are RGB already."""

_KNOWN = {RGB, *(int(space) for space in Colorspace), 6}  # 6 is BT.601 again, for 60 Hz
_BT2020 = {10, 14}  # constant luminance and ICtCp; swscale knows the common one only


@dataclasses.dataclass(frozen=True)
class Display:
    """How decoded frames are shown.

    Attributes:
        scaled: (height, width) after the pixels were made square, before turning.
        turn: (((a, b), (c, d))): a step right in the decoded frame goes (a, b) right and down on display, a step down
            (c, d); entries -1, 0, 1.
    """

    scaled: tuple[int, int]
    turn: tuple[tuple[int, int], tuple[int, int]]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) on display, pixels."""
        return self.scaled if self.turn[0][0] else self.scaled[::-1]

    @property
    def rotation(self) -> int:
        """Clockwise degrees by which decoded frames are turned, mirrored ones after mirroring: 0, 90, 180 or 270."""
        (a, b), (c, d) = self.turn
        mirrored = a * d - b * c < 0
        return round(math.degrees(math.atan2(-b, -a) if mirrored else math.atan2(b, a))) % 360


def display(stream: av.VideoStream, frame: av.VideoFrame) -> Display:
    """How the frames of `stream` are shown, of which `frame` is the first.

    Raises:
        UserError: if they are too large.
    """
    aspect = stream.sample_aspect_ratio or Fraction(1)
    scaled = frame.height, max(1, round(frame.width * aspect)) if aspect > 0 else frame.width
    check_size(scaled, stream.container.name)
    return Display(scaled, _turn(frame))


def check_size(size: tuple[int, int], name: str) -> None:
    """Raise UserError if frames of `size` (height, width) are too large to be worked with."""
    if max(size) > MAX_SIDE or size[0] * size[1] > MAX_PIXELS:
        raise UserError(f"{name} has frames of {size[1]} x {size[0]} pixels", "Scale it down first; 8K is the limit")


def to_rgb(frame: av.VideoFrame, shown: Display, reformatter: VideoReformatter) -> UInt8[np.ndarray, "h w 3"]:
    """A decoded frame as it is shown, sRGB."""
    if frame.colorspace in _BT2020:
        frame.colorspace = Colorspace.BT2020
    elif frame.colorspace not in _KNOWN or frame.colorspace == 2:
        frame.colorspace = Colorspace.ITU709 if frame.width >= 1280 or frame.height > 576 else Colorspace.ITU601
    height, width = shown.scaled
    # Where only chroma is enlarged, bicubic takes twice the time for a difference of 0.03 levels.
    same = (height, width) == (frame.height, frame.width)
    converted = reformatter.reformat(
        frame,
        width,
        height,
        "rgb24",
        dst_color_range=ColorRange.JPEG,
        interpolation=_EXACT | (Interpolation.BILINEAR if same else Interpolation.BICUBIC),
    ).to_ndarray()
    (a, b), (c, d) = shown.turn
    if a:
        return np.ascontiguousarray(converted[::d, ::a])
    return np.ascontiguousarray(converted.transpose(1, 0, 2)[::b, ::c])


def to_yuv420(rgb: UInt8[np.ndarray, "h w 3"], reformatter: VideoReformatter) -> av.VideoFrame:
    """An sRGB image of even size as BT.709 yuv420p of limited range."""
    return reformatter.reformat(
        av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24"),
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
        interpolation=_EXACT | Interpolation.BICUBIC,
    )


def _turn(frame: av.VideoFrame) -> tuple[tuple[int, int], tuple[int, int]]:
    """The display matrix of a frame, to the nearest quarter turn."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return ((1, 0), (0, 1))
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(matrix), np.int32)[:5])
    if abs(a) >= abs(b):
        return ((-1 if a < 0 else 1, 0), (0, -1 if d < 0 else 1))
    return ((0, -1 if b < 0 else 1), (-1 if c < 0 else 1, 0))

"""Colours between codecs and sRGB against their definition, without a codec in between."""

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, VideoReformatter

from vlogger_jax.media import pixels

COLOURS = np.random.default_rng(0).integers(0, 256, (200, 3), np.uint8)
KR, KB = 0.2126, 0.0722  # BT.709


def defined_yuv(rgb):
    """Y, Cb and Cr of limited range, not rounded."""
    r, g, b = np.moveaxis(rgb / 255, -1, 0)
    luma = KR * r + (1 - KR - KB) * g + KB * b
    blue, red = (b - luma) / (2 * (1 - KB)), (r - luma) / (2 * (1 - KR))
    return np.stack([16 + 219 * luma, 128 + 224 * blue, 128 + 224 * red], axis=-1)


def defined_rgb(yuv):
    luma, blue, red = (yuv[..., 0] - 16) / 219, (yuv[..., 1] - 128) / 224, (yuv[..., 2] - 128) / 224
    r, b = luma + 2 * (1 - KR) * red, luma + 2 * (1 - KB) * blue
    g = (luma - KR * r - KB * b) / (1 - KR - KB)
    return 255 * np.clip(np.stack([r, g, b], axis=-1), 0, 1)


def planes(frame):
    return np.stack([np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[0, 0] for plane in frame.planes]).astype(
        float
    )


def test_to_yuv():
    reformatter = VideoReformatter()
    flat = [np.full((16, 16, 3), colour, np.uint8) for colour in COLOURS]
    off = np.stack([planes(pixels.to_yuv420(image, reformatter)) for image in flat]) - defined_yuv(COLOURS)
    assert np.abs(off).max() < 1.1
    assert np.abs(off.mean(axis=0)).max() < 0.15


@pytest.mark.parametrize("larger", [False, True])
def test_to_rgb(larger):
    """`larger`: pixels are made square."""
    reformatter = VideoReformatter()
    yuv = np.rint(defined_yuv(COLOURS))
    shown = pixels.Display((16, 24 if larger else 16), ((1, 0), (0, 1)))
    off = []
    for values, wanted in zip(yuv, defined_rgb(yuv), strict=True):
        data = np.concatenate([np.full(n, v, np.uint8) for n, v in zip((256, 64, 64), values, strict=True)])
        frame = av.VideoFrame.from_ndarray(data.reshape(24, 16), format="yuv420p")
        frame.colorspace, frame.color_range = 1, ColorRange.MPEG
        off.append(pixels.to_rgb(frame, shown, reformatter)[8, 8] - wanted)
    assert np.abs(off).max() < 1.6
    assert np.abs(np.mean(off, axis=0)).max() < 0.2

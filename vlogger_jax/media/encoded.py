"""Pictures as bytes in memory, for records: JPEG for colours, PNG for masks."""

import io

import numpy as np
from PIL import Image

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import UInt8

JPEG = dict(format="JPEG", quality=95, subsampling=0)
"""How Pillow writes colours: full chroma, so that lips keep theirs."""

PNG = dict(format="PNG", compress_level=9)

_FORMATS = ("JPEG", "PNG")


def jpeg(rgb: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """An sRGB picture as JPEG of quality 95."""
    return _saved(rgb, JPEG)


def png(grey: UInt8[np.ndarray, "h w"]) -> bytes:
    """A mask as PNG, without loss."""
    return _saved(grey, PNG)


def decode(data: bytes) -> UInt8[np.ndarray, "h w *c"]:
    """What `jpeg` or `png` was given, JPEG's loss aside: [h, w, 3] or [h, w].

    Raises:
        UserError: if it is neither, or damaged.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise UserError(f"a picture in a record is damaged: {error}", "Make or download the record again") from error


def _saved(pixels: np.ndarray, options: dict) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, **options)
    return file.getvalue()

"""Pictures to numpy and back."""

import contextlib
import importlib
import io
import logging
import struct
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, JpegImagePlugin, UnidentifiedImageError

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import UInt8
from vlogger_jax.media import atomic, encoded, reading

log = logging.getLogger(__name__)

# What Pillow's decoders let out when a file is damaged; the AVIF one a RuntimeError.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, LookupError, TypeError, RuntimeError)
_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning, OverflowError, MemoryError)
_FORMATS = {".png": dict(format="PNG"), ".jpg": encoded.JPEG, ".jpeg": encoded.JPEG}


_LARGEST_JPEG = 4  # times the limit of other pictures; progressive ones are held whole, 6 bytes a pixel


class Picture(NamedTuple):
    """A picture as it is shown.

    Attributes:
        rgb: sRGB.
        alpha: 255 is opaque; None if the file has none.
        focal_35mm: focal length in millimetres on 35 mm film, if the camera wrote it down.
    """

    rgb: UInt8[np.ndarray, "h w 3"]
    alpha: UInt8[np.ndarray, "h w"] | None
    focal_35mm: float | None


def read(path: str | Path) -> Picture:
    """A picture, turned as its EXIF data says, its colours converted to sRGB; of an animation the first frame.

    Grey, palettes, CMYK, 16 bits a channel and floats (black 0, white 1) are converted. The colour of transparent
    pixels is what the file holds, not blended with anything. HEIC is read if the package pillow_heif is there. A JPEG
    of more than about 90 million pixels is read at half its size, with a warning in the log.

    Raises:
        UserError: if it is not a picture that can be decoded, or too large.
    """
    path = reading.file(path, "a picture")
    nature = reading.nature(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with _open(path, nature) as image:
                image.load()
                focal = _focal_35mm(image)
                image = ImageOps.exif_transpose(image)
                rgb, alpha = _split(image, path)
    except _TOO_LARGE as error:
        raise UserError(
            f"{path} is too large a picture", "Scale it down first; 90 million pixels are the limit"
        ) from error
    except _DAMAGED as error:
        if nature == "a HEIC picture" and not _reads_heic():
            advice = "Convert it to JPEG or PNG, or pip install pillow_heif"
            raise UserError(f"{path} is a HEIC picture, which is not read", advice) from error
        if nature in ("a video", "a sound"):
            raise UserError(f"{path} is {nature}, not a picture", "Give a picture, such as png or jpg") from error
        if nature is None:
            raise UserError(f"{path} is not a picture of a known format", "Give a picture as png or jpg") from error
        if isinstance(error, UnidentifiedImageError):
            what = f"{path} is a picture of a kind that is not read, or a damaged one"
            raise UserError(what, "Export it again, as png or jpg") from error
        raise UserError(f"{path} is a damaged or incomplete picture", "Copy or export it again") from error
    return Picture(rgb, alpha, focal)


def _open(path: Path, nature: str | None) -> Image.Image:
    if nature == "a HEIC picture":
        _reads_heic()
    try:
        return Image.open(path)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        with path.open("rb") as opened:
            if opened.read(3) != b"\xff\xd8\xff":
                raise
        image = _reduced_jpeg(path)
        if image is None:
            raise
        return image


def _reduced_jpeg(path: Path) -> Image.Image | None:
    """A JPEG that is too large, at half its size, which takes no more memory than that; None if that is no use."""
    image = JpegImagePlugin.JpegImageFile(path)
    width, height = image.size
    if width * height > _LARGEST_JPEG * Image.MAX_IMAGE_PIXELS:
        image.close()
        return None
    image.draft(None, (width // 2, height // 2))
    log.warning("%s: %d x %d pixels are read as %d x %d", path, width, height, *image.size)
    return image


def _reads_heic() -> bool:
    """Whether Pillow can read HEIC, by a package that not everybody has."""
    with contextlib.suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener()
        return True
    return False


def write(path: str | Path, rgb: UInt8[np.ndarray, "h w 3"]) -> None:
    """Write an sRGB picture as PNG or JPEG (quality 95, full chroma), by its suffix, whole or not at all.

    Raises:
        UserError: if `path` cannot be written or has another suffix.
    """
    options = _FORMATS.get(Path(path).suffix.lower())
    if options is None:
        raise UserError(f"{path} is neither .png nor .jpg", "Pictures are written as these")
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[-1] != 3 or not rgb.size:
        raise ValueError(f"a picture is uint8 (h, w, 3), not {rgb.dtype} {rgb.shape}")
    with atomic.replacing(path) as temporary:
        Image.fromarray(np.ascontiguousarray(rgb)).save(temporary, **options)


def _focal_35mm(image: Image.Image) -> float | None:
    """What the camera wrote, unless the picture is of another shape: a part has another angle of view."""
    written = image.getexif().get_ifd(ExifTags.IFD.Exif)
    focal = written.get(ExifTags.Base.FocalLengthIn35mmFilm)
    if not isinstance(focal, int | float) or focal <= 0:
        return None
    taken = [written.get(tag) for tag in (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)]
    if all(isinstance(side, int) and side > 0 for side in taken):
        shape, now = max(taken) / min(taken), max(image.size) / min(image.size)
        if not 0.99 < shape / now < 1.01:
            return None
    return float(focal)


def _split(image: Image.Image, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """(rgb, alpha) of a picture of any mode."""
    if image.mode.startswith(("I", "F")):
        return np.repeat(_eight_bits(np.asarray(image), image.mode)[..., None], 3, axis=-1), None
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.array(image.getchannel("A"))
        image = image.convert("RGB")
    return np.array(_to_srgb(image, path)), alpha


def _eight_bits(values: np.ndarray, mode: str) -> np.ndarray:
    white = 1.0 if mode == "F" else 65535.0
    scaled = np.nan_to_num(values.astype(np.float64) / white, nan=0.0)
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def _to_srgb(image: Image.Image, path: Path) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile:
        image = image if image.mode in ("RGB", "L", "CMYK", "LAB") else image.convert("RGB")
        try:
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            log.warning("%s: its colour profile cannot be used (%s), sRGB is assumed", path, error)
    return image.convert("RGB")

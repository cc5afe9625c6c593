"""Pictures of any format and mode, as they are shown."""

import io
import os
import struct
import sys
import types
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from vlogger_jax.core.errors import UserError
from vlogger_jax.media import image_file

ORIENTATION = 0x0112


def picture(height=24, width=36):
    """Smooth and without symmetry."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x / width, 255 * y / height, 255 * x * y / (height * width)], -1).astype(np.uint8)


def near(found, wanted, allowed):
    assert found.shape == wanted.shape and found.dtype == np.uint8
    assert np.abs(found.astype(int) - wanted).max() <= allowed


@pytest.mark.parametrize(
    ("format_", "options", "allowed"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", dict(compression="tiff_lzw"), 0),
        ("PPM", {}, 0),
        ("TGA", {}, 0),
        ("WEBP", dict(lossless=True), 0),
        ("WEBP", dict(quality=95), 16),
        ("JPEG", dict(quality=98, subsampling=0), 4),
        ("JPEG", dict(quality=98, progressive=True, subsampling=0), 4),
        ("JPEG2000", {}, 2),
        ("AVIF", dict(quality=100), 6),
    ],
)
@pytest.mark.parametrize("name", ["x", "x.png", "x.mp4"])
def test_formats_by_content(tmp_path, format_, options, allowed, name):
    Image.fromarray(picture()).save(tmp_path / name, format=format_, **options)
    found = image_file.read(tmp_path / name)
    near(found.rgb, picture(), allowed)
    assert found.alpha is None and found.focal_35mm is None


@pytest.mark.parametrize(
    "mode", ["L", "LA", "RGBA", "P", "P with a transparent entry", "1", "CMYK", "LAB", "I;16", "I", "F"]
)
def test_modes(tmp_path, mode):
    grey = Image.fromarray(picture()[..., 0])
    colour = Image.fromarray(picture())
    alpha = Image.fromarray(picture()[..., 1])
    wanted, has_alpha, suffix, allowed = np.repeat(picture()[..., :1], 3, -1), False, "png", 0
    if mode == "L":
        image = grey
    elif mode == "LA":
        image, has_alpha = Image.merge("LA", [grey, alpha]), True
    elif mode == "RGBA":
        image, wanted, has_alpha = Image.merge("RGBA", [*colour.split(), alpha]), picture(), True
    elif mode == "1":
        image, wanted = grey.convert("1", dither=Image.Dither.NONE), (wanted > 127).astype(np.uint8) * 255
    elif mode in ("I;16", "I"):
        image = Image.fromarray(picture()[..., 0].astype(np.uint16 if mode == "I;16" else np.int32) * 257)
        suffix = "png" if mode == "I;16" else "tiff"
    elif mode == "F":
        image, suffix = Image.fromarray(picture()[..., 0].astype(np.float32) / 255), "tiff"
    elif mode.startswith("P"):
        image, wanted, allowed = colour.quantize(256), picture(), 40
    else:
        image, wanted, suffix, allowed = (
            colour.convert(mode),
            np.asarray(colour.convert(mode).convert("RGB")),
            "tiff",
            2,
        )
    if "transparent" in mode:
        image.save(tmp_path / "x.png", transparency=0)
        found = image_file.read(tmp_path / "x.png")
        near(found.rgb, wanted, allowed)
        assert set(np.unique(found.alpha)) == {0, 255}
        return
    image.save(tmp_path / f"x.{suffix}")
    found = image_file.read(tmp_path / f"x.{suffix}")
    near(found.rgb, wanted, allowed)
    assert (found.alpha is not None) == has_alpha
    if has_alpha:
        np.testing.assert_array_equal(found.alpha, picture()[..., 1])


def test_16_bits_are_scaled_not_clipped(tmp_path):
    values = np.linspace(0, 65535, 24 * 36).reshape(24, 36).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "x.png")
    np.testing.assert_array_equal(image_file.read(tmp_path / "x.png").rgb[..., 1], np.rint(values / 257))


def test_16_bits_of_colour(tmp_path):
    """Pillow writes none, so the file is made chunk by chunk."""
    values = picture().astype(">u2") * 257
    lines = b"".join(b"\0" + line.tobytes() for line in values)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 36, 24, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(data)
    near(image_file.read(tmp_path / "x.png").rgb, picture(), 1)


TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation(tmp_path, orientation, format_):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = dict(quality=98, subsampling=0) if format_ == "JPEG" else dict(lossless=True) if format_ == "WEBP" else {}
    Image.fromarray(picture()).save(tmp_path / "x", format=format_, exif=exif, **options)
    near(image_file.read(tmp_path / "x").rgb, TURNS[orientation](picture()), 4)


@pytest.mark.parametrize(("written", "found"), [(26, 26.0), (0, None), (None, None)])
def test_focal_length(tmp_path, written, found):
    exif = Image.Exif()
    if written is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = written
    exif[ORIENTATION] = 6
    Image.fromarray(picture()).save(tmp_path / "x.jpg", exif=exif)
    assert image_file.read(tmp_path / "x.jpg").focal_35mm == found


@pytest.mark.parametrize(("taken", "found"), [((4000, 3000), 26.0), ((3000, 4000), 26.0), ((4000, 2000), None)])
def test_the_focal_length_of_a_part_is_not_the_cameras(tmp_path, taken, found):
    """Editors leave what the camera wrote when they cut a picture; scaling and turning change nothing."""
    exif = Image.Exif()
    written = exif.get_ifd(ExifTags.IFD.Exif)
    written[ExifTags.Base.FocalLengthIn35mmFilm] = 26
    written[ExifTags.Base.ExifImageWidth], written[ExifTags.Base.ExifImageHeight] = taken
    Image.new("RGB", (80, 60)).save(tmp_path / "x.jpg", exif=exif)
    assert image_file.read(tmp_path / "x.jpg").focal_35mm == found


def test_the_first_frame_of_an_animation(tmp_path):
    frames = [Image.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (40, 200)]
    for format_ in ("GIF", "WEBP", "PNG"):
        frames[0].save(tmp_path / "x", format=format_, save_all=True, append_images=frames[1:], duration=100)
        near(image_file.read(tmp_path / "x").rgb, np.full((8, 8, 3), 40), 3)


def test_an_srgb_profile_changes_nothing(tmp_path):
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(picture()).save(tmp_path / "x.png", icc_profile=data)
    near(image_file.read(tmp_path / "x.png").rgb, picture(), 1)


def test_another_profile_is_converted(tmp_path):
    """sRGB with its red and green primaries exchanged: red is then green."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    Image.fromarray(picture()).save(tmp_path / "x.png", icc_profile=bytes(data))
    near(image_file.read(tmp_path / "x.png").rgb, picture()[..., [1, 0, 2]], 2)


@pytest.mark.parametrize("data", [b"nonsense", b"\0" * 200])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_broken_profile_is_left_out_with_a_warning(tmp_path, caplog, data, mode):
    Image.fromarray(picture()).convert(mode).save(tmp_path / "x.png", icc_profile=data)
    near(
        image_file.read(tmp_path / "x.png").rgb, np.asarray(Image.fromarray(picture()).convert(mode).convert("RGB")), 0
    )
    assert "profile" in caplog.text


def test_a_profile_of_another_kind_is_left_out(tmp_path):
    """A profile of RGB in a grey picture."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(picture()[..., 0]).save(tmp_path / "x.png", icc_profile=data)
    near(image_file.read(tmp_path / "x.png").rgb, np.repeat(picture()[..., :1], 3, -1), 0)


@pytest.mark.parametrize(("suffix", "allowed"), [("png", 0), ("PNG", 0), ("jpg", 4), ("jpeg", 4)])
def test_write(tmp_path, suffix, allowed):
    path = tmp_path / f"x.{suffix}"
    image_file.write(path, picture())
    near(image_file.read(path).rgb, picture(), allowed)
    image_file.write(path, picture()[:, ::-1])
    near(image_file.read(path).rgb, picture()[:, ::-1], allowed)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["x.webp", "x", "missing/x.png", ".", "x.mp4"])
def test_write_refuses(tmp_path, name):
    with pytest.raises(UserError):
        image_file.write(tmp_path / name, picture())
    assert os.listdir(tmp_path) == []


def test_an_interrupted_write_leaves_things_as_they_were(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"old")

    def save(self, file, **options):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(KeyboardInterrupt):
        image_file.write(path, picture())
    assert os.listdir(tmp_path) == ["x.png"] and path.read_bytes() == b"old"


def test_a_huge_picture_is_refused_by_its_header(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "BMP")
    for width in (10_000, 100_000):
        data = bytearray(buffer.getvalue())
        data[18:26] = width.to_bytes(4, "little") + (10_000).to_bytes(4, "little")
        (tmp_path / "x.bmp").write_bytes(data)
        with pytest.raises(UserError, match="too large"):
            image_file.read(tmp_path / "x.bmp")


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_beyond_the_limit_is_read_at_half_its_size(tmp_path, monkeypatch, caplog, progressive):
    large = picture(200, 300)
    Image.fromarray(large).save(tmp_path / "x.jpg", quality=98, subsampling=0, progressive=progressive)
    for limit in (50_000, 20_000):  # Pillow warns of the one, refuses the other
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        caplog.clear()
        near(image_file.read(tmp_path / "x.jpg").rgb, large.reshape(100, 2, 150, 2, 3).mean((1, 3)), 6)
        assert "300 x 200 pixels are read as 150 x 100" in caplog.text
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with pytest.raises(UserError, match="too large"):
        image_file.read(tmp_path / "x.jpg")


def test_heic_is_read_if_somebody_can(tmp_path, monkeypatch):
    """By a stand-in for the package, whose pictures are PNG after the signature."""
    png = io.BytesIO()
    Image.fromarray(picture()).save(png, "PNG")
    head = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    (tmp_path / "x.heic").write_bytes(head + png.getvalue())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UserError, match=r"HEIC picture, which is not read.*pillow_heif"):
        image_file.read(tmp_path / "x.heic")

    def opener(file, name):
        return Image.open(io.BytesIO(file.read()[len(head) :]))

    def register():
        Image.register_open("HEIF", opener, lambda start: start[4:12] == b"ftypheic")

    monkeypatch.setitem(sys.modules, "pillow_heif", types.SimpleNamespace(register_heif_opener=register))
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    near(image_file.read(tmp_path / "x.heic").rgb, picture(), 0)


def test_a_tiff_of_a_rare_kind_is_not_called_damaged(tmp_path):
    """Three channels of 32-bit floats, entry by entry."""
    entries = [(256, 3, 2), (257, 3, 2), (258, 3, 32), (259, 3, 1), (262, 3, 2), (273, 4, 200), (277, 3, 3)]
    entries += [(278, 3, 2), (279, 4, 48), (339, 3, 3)]
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    data += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    (tmp_path / "x.tif").write_bytes(data.ljust(200, b"\0") + bytes(48))
    with pytest.raises(UserError, match="of a kind that is not read"):
        image_file.read(tmp_path / "x.tif")


@pytest.mark.media
def test_real_portraits(media):
    for path in sorted((media / "portraits").iterdir()):
        found = image_file.read(path)
        assert found.rgb.shape[0] >= 1000 and 20 < found.rgb.mean() < 235

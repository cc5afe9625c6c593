"""Whatever is given that cannot be read ends in one line for the user, and nothing else."""

import os
import struct

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.media.making import clicks, evenly, video
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import audio_file, image_file, video_file

READERS = {
    "frames": lambda path: list(video_file.frames(path)),
    "clip": video_file.read_clip,
    "probe": video_file.probe,
    "sound": audio_file.read,
    "picture": image_file.read,
}
VIDEO = ("frames", "clip", "probe")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A video with sound, a silent one, a sound and pictures, as bytes by name."""
    folder = tmp_path_factory.mktemp("good")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    video(folder / "mp4", evenly(25, 25), container="mp4", sounds=[(clicks(1, 48_000), 48_000, 0)])
    video(folder / "late", evenly(25, 25), container="mp4", movflags="", sounds=[(clicks(1, 48_000), 48_000, 0)])
    video(folder / "mkv", evenly(25, 25), container="matroska", sounds=[(clicks(1, 48_000), 48_000, 0)])
    video(folder / "silent", evenly(5, 25), container="mp4")
    soundfile.write(folder / "wav", clicks(0.5, 16_000), 16_000, format="WAV")
    soundfile.write(folder / "flac", clicks(0.5, 16_000), 16_000, format="FLAC")
    soundfile.write(folder / "mp3", clicks(0.5, 16_000), 16_000, format="MP3")
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"):
        Image.fromarray(noise).save(folder / kind.lower(), format=kind)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(readers, path):
    before = sorted(os.listdir(path.parent)) if path.parent.is_dir() else None
    for name in readers:
        with pytest.raises(UserError) as caught:
            READERS[name](path)
        message = str(caught.value)
        assert "\n" not in message and str(path.name) in message and len(message) < 300 + len(str(path))
    assert before is None or sorted(os.listdir(path.parent)) == before
    return message


TEXT = b"#EXTM3U\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n"
CONTENT = {
    "empty": b"",
    "one_byte": b"x",
    "text": b"Dear reader,\nthis is no recording.\n" * 50,
    "playlist": TEXT,
    "concat": b"ffconcat version 1.0\nfile other.mp4\n",
    "session": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 96\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "html": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "zeros": bytes(5000),
    "noise": np.random.default_rng(0).bytes(5000),
    "zip": b"PK\x03\x04" + bytes(100),
    "only_ftyp": b"\0\0\0\x18ftypisom\0\0\x02\0isommp42",
    "only_riff": b"RIFF\x24\0\0\0WAVE",
    "only_png": b"\x89PNG\r\n\x1a\n",
    "only_jpeg": b"\xff\xd8\xff\xe0",
    "only_ebml": b"\x1aE\xdf\xa3" + bytes(40),
    "only_ogg": b"OggS" + bytes(60),
    "only_id3": b"ID3\x03\0\0\0\0\0\x0a" + bytes(20),
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
}


@pytest.mark.parametrize("suffix", ["", ".mp4", ".wav", ".png", ".txt", ".m3u8"])
@pytest.mark.parametrize("content", CONTENT)
def test_content_that_is_nothing(tmp_path, content, suffix):
    path = tmp_path / f"{content}{suffix}"
    path.write_bytes(CONTENT[content])
    refused(READERS, path)


@pytest.mark.parametrize(
    "name", ["missing.mp4", "missing/x.mp4", "folder", "pipe", "loop", "a\0b", "n" * 300, "file/x.mp4", "-", "%d.png"]
)
def test_paths_that_are_no_file(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    for reader in READERS.values():
        with pytest.raises(UserError) as caught:
            reader(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "", ".", "http://127.0.0.1/x.mp4", "concat:a|b", "pipe:0"])
def test_devices_and_addresses(path):
    for reader in READERS.values():
        with pytest.raises(UserError):
            reader(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path, good):
    path = tmp_path / "x.mp4"
    path.write_bytes(good["mp4"])
    path.chmod(0)
    assert "may not be read" in refused(READERS, path)


@pytest.mark.parametrize("kept", [1, 5, 12, 40, 100, 0.1, 0.3])
def test_a_truncated_video(tmp_path, good, kept):
    data = good["mp4"]
    path = tmp_path / "x.mp4"
    path.write_bytes(data[: kept if isinstance(kept, int) else int(len(data) * kept)])
    refused(READERS, path)


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.7])
def test_a_recording_that_was_never_finished(tmp_path, good, kept):
    """Its index would have come last."""
    path = tmp_path / "x.mp4"
    path.write_bytes(good["late"][: int(len(good["late"]) * kept) - 300])
    assert "damaged" in refused(VIDEO, path)


@pytest.mark.parametrize("name", ["wav", "flac", "mp3"])
@pytest.mark.parametrize("kept", [3, 11, 20, 43])
def test_a_truncated_sound(tmp_path, good, name, kept):
    path = tmp_path / f"x.{name}"
    path.write_bytes(good[name][:kept])
    refused(READERS, path)


@pytest.mark.parametrize("name", ["png", "jpeg", "gif", "webp", "bmp", "tiff", "avif"])
@pytest.mark.parametrize("kept", [3, 20, 0.1, 0.5, 0.9])
def test_a_truncated_picture(tmp_path, good, name, kept):
    data = good[name]
    path = tmp_path / f"x.{name}"
    path.write_bytes(data[: kept if isinstance(kept, int) else int(len(data) * kept)])
    refused(READERS, path)


@pytest.mark.parametrize("name", ["png", "jpeg", "gif", "webp", "bmp", "tiff", "avif"])
def test_a_picture_is_no_video_and_no_sound(tmp_path, good, name):
    path = tmp_path / "x.mp4"
    path.write_bytes(good[name])
    assert "is a picture" in refused((*VIDEO, "sound"), path)


@pytest.mark.parametrize("name", ["mp4", "mkv", "silent"])
def test_a_video_is_no_picture(tmp_path, good, name):
    path = tmp_path / "x.png"
    path.write_bytes(good[name])
    assert "is a video, not a picture" in refused(["picture"], path)


@pytest.mark.parametrize("name", ["wav", "flac", "mp3"])
def test_a_sound_is_no_video_and_no_picture(tmp_path, good, name):
    path = tmp_path / "x.mp4"
    path.write_bytes(good[name])
    assert "sound without pictures" in refused(VIDEO, path)
    refused(["picture"], path)
    assert len(audio_file.read(path))


@pytest.mark.parametrize("name", ["mp4", "mkv", "late"])
@pytest.mark.parametrize("suffix", ["", ".txt", ".wav", ".png", ".m3u8"])
def test_a_video_of_a_wrong_name_is_read(tmp_path, good, name, suffix):
    path = tmp_path / f"a:b {suffix}"
    path.write_bytes(good[name])
    assert len(video_file.read_clip(path).frames) == 25


def test_a_silent_video_has_no_sound(tmp_path, good):
    path = tmp_path / "x.mp4"
    path.write_bytes(good["silent"])
    assert "no sound" in refused(["sound"], path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_samples_that_are_not_numbers(tmp_path, value, subtype):
    samples = np.zeros(1000)
    samples[500] = value
    soundfile.write(tmp_path / "x.wav", samples, 16_000, subtype=subtype)
    assert "not numbers" in refused(["sound"], tmp_path / "x.wav")


def test_a_sound_of_no_length(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros(0), 16_000)
    assert "0 s" in refused(["sound"], tmp_path / "x.wav")


def test_integers_of_64_bits(tmp_path, good):
    data = bytearray(good["wav"])
    data[32:36] = struct.pack("<HH", 8, 64)
    (tmp_path / "x.wav").write_bytes(data)
    assert np.isfinite(audio_file.read(tmp_path / "x.wav")).all()


@pytest.mark.parametrize(("at", "value"), [(22, 0), (24, 0), (34, 0), (20, 0xFFFF), (34, 7), (22, 0xFFFF)])
def test_an_impossible_wav_header(tmp_path, good, at, value):
    data = bytearray(good["wav"])
    data[at : at + 2] = struct.pack("<H", value)
    path = tmp_path / "x.wav"
    path.write_bytes(data)
    try:
        assert np.isfinite(audio_file.read(path)).all()
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("size", [(65_535, 65_535), (20_000, 64), (0, 0)])
def test_a_video_of_absurd_size(tmp_path, good, size):
    """The size is in the header of the track's sample description."""
    data = bytearray(good["mp4"])
    at = data.index(b"avc1", data.index(b"stsd")) + 28
    data[at : at + 4] = struct.pack(">HH", size[1], size[0])
    path = tmp_path / "x.mp4"
    path.write_bytes(data)
    try:
        video_file.read_clip(path)  # what the frames themselves say holds
    except UserError as error:
        assert "\n" not in str(error)


def test_huge_frames_are_refused(tmp_path):
    header = b"YUV4MPEG2 W100000 H1000 F25:1 Ip A1:1 C420jpeg\nFRAME\n"
    (tmp_path / "x.y4m").write_bytes(header + bytes(1000))
    refused(VIDEO, tmp_path / "x.y4m")


@pytest.mark.parametrize("name", ["mp4", "late", "mkv", "wav", "flac", "mp3", "png", "jpeg", "gif", "webp", "tiff"])
@pytest.mark.parametrize("seed", range(4))
def test_random_damage_raises_nothing_else(tmp_path, good, name, seed):
    rng = np.random.default_rng([seed, len(name)])
    data = bytearray(good[name])
    for _ in range(1 + 4 * seed):
        data[int(rng.integers(len(data) if seed % 2 else min(len(data), 700)))] = int(rng.integers(256))
    path = tmp_path / "x"
    path.write_bytes(data)
    for reader in READERS.values():
        try:
            reader(path)
        except UserError as error:
            assert "\n" not in str(error)

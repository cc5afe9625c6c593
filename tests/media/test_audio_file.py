"""Sounds of any format, rate and number of channels."""

import inspect
import io
import os
import wave
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import wavfile

from tests.media.making import clicks, evenly, lag, numbered, video
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import audio_file, video_file


def tone(seconds, rate, hertz=440.0):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (np.uint8, 1 / 128),
        (np.int16, 1 / 32768),
        (np.int32, 1e-6),
        (np.float32, 0),
        (np.float64, 1e-7),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_of_every_depth(tmp_path, kind, error, channels):
    x = tone(0.2, 16_000)
    if kind == np.uint8:
        stored = np.rint(x * 127 + 128).astype(np.uint8)
    elif np.issubdtype(kind, np.integer):
        stored = np.rint(x * float(np.iinfo(kind).max)).astype(kind)
    else:
        stored = x.astype(kind)
    wavfile.write(tmp_path / "x.wav", 16_000, stored if channels == 1 else np.stack([stored] * 2, -1))
    np.testing.assert_allclose(audio_file.read(tmp_path / "x.wav"), x, atol=error)


FORMATS = [("WAV", "PCM_24"), ("WAVEX", "PCM_16"), ("WAV", "ULAW"), ("W64", "DOUBLE"), ("AIFF", "PCM_24")]
FORMATS += [("AU", "PCM_16"), ("CAF", "DOUBLE"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS")]
FORMATS += [("MP3", "MPEG_LAYER_III")]


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
def test_formats(tmp_path, container, subtype):
    x = clicks(1.0, 48_000) + 0.1 * tone(1.0, 48_000)
    path = tmp_path / "x.anything"  # the content decides
    soundfile.write(path, x, 48_000, format=container, subtype=subtype)
    found = audio_file.read(path, 48_000)
    exact = subtype in ("PCM_24", "PCM_16", "DOUBLE")
    assert abs(len(found) - len(x)) <= (0 if exact else 2400)
    assert abs(lag(found, x, 48_000)) < 0.001
    if exact:
        np.testing.assert_allclose(found, x, atol=1e-4)


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_ogg_of_every_rate(tmp_path, rate, channels):
    """Its timestamps stumble where the blocks change their length; the samples do not."""
    x = clicks(2.0, rate) + 0.05 * np.random.default_rng(0).normal(size=2 * rate).astype(np.float32)
    soundfile.write(tmp_path / "x.ogg", np.stack([x] * channels, -1), rate, format="OGG", subtype="VORBIS")
    found = audio_file.read(tmp_path / "x.ogg", rate)
    assert len(found) == len(x)
    assert lag(found, x, rate) == 0


def long_sound(path, rate, seconds=40):
    """A click every 50 to 130 ms, and a tone that rises."""
    x = clicks(seconds, rate) * 0.5 + 0.3 * np.sin(np.arange(seconds * rate) ** 2 / rate / 50).astype(np.float32)
    if path.suffix in (".mp4", ".mkv"):
        times = [Fraction(1, 2), *(Fraction(1, 2) + i for i in range(1, seconds))]
        return video(path, times, rate=1, sounds=[(x.astype(np.float32), rate, 0)])
    kind = "FLOAT" if path.suffix == ".wav" else None
    soundfile.write(path, x, rate, subtype=kind)
    return path


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "mp4", "mkv"])
@pytest.mark.parametrize(("theirs", "ours"), [(16_000, 16_000), (44_100, 16_000), (48_000, 16_000), (44_100, 22_050)])
def test_a_part_is_a_part_of_the_whole(tmp_path, suffix, theirs, ours):
    path = long_sound(tmp_path / f"x.{suffix}", theirs)
    whole = audio_file.read(path, ours)
    for start, duration in [(0, 1), (3.7, 0.5), (12.3, 1.1), (20, 4), (31.237, None), (38.9, 30), (20, 0), (50, 1)]:
        first = round(Fraction(start).limit_denominator(10**6) * ours)
        last = None if duration is None else first + round(Fraction(duration).limit_denominator(10**6) * ours)
        found = audio_file.read(path, ours, start=start, duration=duration)
        wanted = whole[first:last]
        assert found.shape == wanted.shape, (start, duration)
        # An AAC decoder makes some noise of its own, another one after seeking.
        np.testing.assert_allclose(found, wanted, atol=0.05 if suffix == "mp4" else 2e-5, err_msg=f"{start} {duration}")
        assert not len(found) or lag(found, wanted, ours) == 0


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp4"])
def test_a_part_is_sought(tmp_path, monkeypatch, suffix):
    """What is far before it is not decoded."""
    path, decoded = long_sound(tmp_path / f"x.{suffix}", 16_000, 60), []
    mono = audio_file._mono
    monkeypatch.setattr(audio_file, "_mono", lambda frame: decoded.append(frame.samples) or mono(frame))
    assert len(audio_file.read(path, start=40, duration=1)) == 16_000
    assert sum(decoded) < 10 * 16_000


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_parts_of_a_sound_that_begins_late(tmp_path, suffix):
    x = clicks(5, 48_000)
    path = video(tmp_path / f"x.{suffix}", range(40), rate=1, sounds=[(x, 48_000, 30)])
    whole = audio_file.read(path)
    assert np.abs(whole[: 16_000 * 29]).max() == 0 and abs(lag(whole[16_000 * 30 :], clicks(5, 16_000), 16_000)) < 0.001
    for start in (5, 20, 28.5, 31):
        found = audio_file.read(path, start=start, duration=3)
        np.testing.assert_allclose(found, whole[round(start * 16_000) :][:48_000], atol=0.05)


@pytest.mark.parametrize(
    "numbers", [dict(start=-1), dict(duration=-1), dict(start=np.nan), dict(duration=np.inf), dict(start=1e30)]
)
def test_parts_that_cannot_be(tmp_path, numbers):
    audio_file.write(tmp_path / "x.wav", np.zeros(100, np.float32))
    with pytest.raises(UserError, match=r"Give seconds|Give less"):
        audio_file.read(tmp_path / "x.wav", **numbers)


def spoiled(path, first):
    """A video with two sound tracks, of which nobody knows what the first (or both) is."""
    tracks = [(clicks(1.0, 48_000), 48_000, 0)] * 2
    data = video(path, evenly(25, 25), sounds=tracks, container="matroska").read_bytes()
    assert data.count(b"A_AAC") == 2
    path.write_bytes(data.replace(b"A_AAC", b"A_XYZ", 1 if first else 2))
    return path


def test_a_track_of_no_known_kind_is_passed_over(tmp_path):
    path = spoiled(tmp_path / "x.mkv", True)
    assert lag(audio_file.read(path), clicks(1.0, 16_000), 16_000) == pytest.approx(0, abs=0.001)
    assert video_file.probe(path).has_audio
    with pytest.raises(UserError, match="no known kind"):
        audio_file.read(path, track=0)


def test_only_tracks_of_no_known_kind(tmp_path):
    path = spoiled(tmp_path / "x.mkv", False)
    assert not video_file.probe(path).has_audio
    assert video_file.read_clip(path).waveform is None
    with pytest.raises(UserError, match="no known kind"):
        audio_file.read(path)


def test_m4a(tmp_path):
    x = clicks(1.0, 44_100)
    with av.open(str(tmp_path / "x.m4a"), "w") as opened:
        stream = opened.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(x[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44_100, 0, Fraction(1, 44_100)
        opened.mux([*stream.encode(frame), *stream.encode(None)])
    assert abs(lag(audio_file.read(tmp_path / "x.m4a", 44_100), x, 44_100)) < 0.001


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    samples=st.integers(1, 30_000),
    theirs=st.sampled_from([8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 12_345]),
    ours=st.sampled_from([16_000, 22_050, 48_000]),
)
def test_lengths_are_exact(tmp_path, samples, theirs, ours):
    soundfile.write(tmp_path / "x.wav", np.zeros(samples, np.float32), theirs)
    wanted = samples if theirs == ours else max(1, int(Fraction(samples * ours, theirs) + Fraction(1, 2)))
    assert len(audio_file.read(tmp_path / "x.wav", ours)) == wanted


@pytest.mark.parametrize("theirs", [8000, 22_050, 44_100, 48_000, 96_000])
def test_resampling_keeps_a_tone(tmp_path, theirs):
    soundfile.write(tmp_path / "x.wav", tone(1, theirs), theirs, subtype="FLOAT")
    found, wanted = audio_file.read(tmp_path / "x.wav"), tone(1, 16_000)
    assert np.abs(found - wanted)[500:-500].max() < 1e-4


def test_resampling_lets_nothing_alias(tmp_path):
    soundfile.write(tmp_path / "x.wav", tone(1, 48_000, 11_000), 48_000, subtype="FLOAT")
    assert np.abs(audio_file.read(tmp_path / "x.wav"))[500:-500].max() < 1e-4


@pytest.mark.parametrize("channels", [2, 3, 4, 5, 6, 7, 8, 10, 16])
def test_any_number_of_channels(tmp_path, channels):
    x = 0.5 * tone(0.1, 16_000)
    soundfile.write(tmp_path / "x.wav", np.stack([x] * channels, -1), 16_000, subtype="FLOAT")
    found = audio_file.read(tmp_path / "x.wav")
    gain = float(found @ x / (x @ x))
    np.testing.assert_allclose(found, gain * x, atol=1e-5)
    assert 0.9 < gain < 3.5


@pytest.mark.parametrize("channels", [3, 8, 9, 12, 24])
def test_many_channels_apart_from_each_other(tmp_path, channels):
    """Vorbis decodes to one block of memory a channel; PyAV crashes on more than 7 of them."""
    x = 0.5 * tone(0.3, 48_000)
    soundfile.write(tmp_path / "x.ogg", np.stack([x] * channels, -1), 48_000, format="OGG", subtype="VORBIS")
    found = audio_file.read(tmp_path / "x.ogg", 48_000)[: len(x)]
    gain = float(found @ x[: len(found)] / (x @ x))
    assert np.abs(found - gain * x[: len(found)]).mean() < 0.05 and 0.9 < gain < 3.5


def test_stereo_is_averaged(tmp_path):
    left, right = tone(0.1, 16_000), tone(0.1, 16_000, 700)
    soundfile.write(tmp_path / "x.wav", np.stack([left, right], -1), 16_000, subtype="FLOAT")
    np.testing.assert_allclose(audio_file.read(tmp_path / "x.wav"), (left + right) / 2, atol=1e-6)


def test_the_voice_in_the_centre_of_surround_sound_stays_loud(tmp_path):
    stored = np.zeros((1600, 6), np.float32)
    stored[:, 2] = tone(0.1, 16_000)
    stored[:, 3] = 0.9  # the low-frequency channel
    soundfile.write(tmp_path / "x.wav", stored, 16_000, subtype="FLOAT", format="WAVEX")
    np.testing.assert_allclose(audio_file.read(tmp_path / "x.wav"), 0.7071 * stored[:, 2], atol=1e-4)


def test_what_is_too_loud_is_scaled_as_a_whole(tmp_path):
    x = 5 * tone(0.1, 16_000)
    soundfile.write(tmp_path / "x.wav", x, 16_000, subtype="FLOAT")
    np.testing.assert_allclose(audio_file.read(tmp_path / "x.wav"), x / np.abs(x).max(), atol=1e-6)


def test_a_sound_with_a_picture_on_its_cover_is_a_sound(tmp_path):
    x, cover, mp3 = clicks(0.5, 44_100), io.BytesIO(), io.BytesIO()
    Image.fromarray(np.full((40, 40, 3), 99, np.uint8)).save(cover, "JPEG")
    soundfile.write(mp3, x, 44_100, format="MP3", subtype="MPEG_LAYER_III")
    picture = b"\0image/jpeg\0\3\0" + cover.getvalue()
    tag = b"APIC" + len(picture).to_bytes(4, "big") + b"\0\0" + picture
    length = bytes(len(tag) >> shift & 127 for shift in (21, 14, 7, 0))
    path = tmp_path / "x.mp3"
    path.write_bytes(b"ID3\3\0\0" + length + tag + mp3.getvalue())
    with av.open(str(path)) as opened:
        assert len(opened.streams.video) == 1  # the cover
    assert lag(audio_file.read(path, 44_100), x, 44_100) == pytest.approx(0, abs=0.001)
    with pytest.raises(UserError, match="a sound without pictures"):
        video_file.probe(path)


def test_gaps_stay_gaps(tmp_path):
    """Two sounds with a pause between their timestamps."""
    x = clicks(0.5, 48_000)
    path = tmp_path / "x.mkv"
    with av.open(str(path), "w") as opened:
        stream = opened.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for begin in (0, 48_000):
            for i in range(0, len(x), 1000):
                block = np.rint(x[i : i + 1000] * 32767).astype(np.int16)[None]
                frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 48_000, begin + i, Fraction(1, 48_000)
                opened.mux(stream.encode(frame))
        opened.mux(stream.encode(None))
    found = audio_file.read(path, 48_000)
    assert abs(len(found) - 72_000) < 100
    assert np.abs(found[24_500:47_500]).max() == 0
    assert abs(lag(found[48_000:], x, 48_000)) < 0.002


@given(x=st.lists(st.integers(-32768, 32767), min_size=1, max_size=300), rate=st.sampled_from([8000, 16_000, 44_100]))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_write_is_exact_to_16_bits(tmp_path, x, rate):
    waveform = np.array(x, np.float32) / 32768
    audio_file.write(tmp_path / "x.wav", waveform, rate)
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, rate)
    np.testing.assert_array_equal(audio_file.read(tmp_path / "x.wav", rate), waveform)
    assert os.listdir(tmp_path) == ["x.wav"]


def test_write_clips(tmp_path):
    audio_file.write(tmp_path / "x.wav", np.array([2, -2, 0], np.float32))
    np.testing.assert_allclose(audio_file.read(tmp_path / "x.wav"), [1, -1, 0], atol=1e-4)


@pytest.mark.parametrize("bad", [[], [np.nan], [0, np.inf], [-np.inf]])
def test_write_refuses(tmp_path, bad):
    (tmp_path / "x.wav").write_bytes(b"old")
    with pytest.raises(UserError):
        audio_file.write(tmp_path / "x.wav", np.array(bad, np.float32))
    with pytest.raises(UserError, match="wav"):
        audio_file.write(tmp_path / "x.mp3", np.zeros(10, np.float32))
    assert os.listdir(tmp_path) == ["x.wav"] and (tmp_path / "x.wav").read_bytes() == b"old"


@pytest.mark.parametrize(
    "wrong", [np.zeros(9, np.int16), np.zeros((9, 2), np.float32), np.zeros((), np.float32), np.zeros(9, bool)]
)
def test_write_takes_one_row_of_floats_only(wrong):
    """Where types are not checked, as they are in tests."""
    with pytest.raises(ValueError, match="mono, floats"):
        inspect.unwrap(audio_file.check)(wrong, 16_000)


@pytest.mark.parametrize("rate", [22_050.5, float("nan"), float("inf")])
def test_rates_are_whole_numbers(rate):
    with pytest.raises(UserError, match="a whole number"):
        inspect.unwrap(audio_file._check_rate)(rate)


@pytest.mark.parametrize("rate", [0, -1, 999, 10**7])
def test_impossible_rates(tmp_path, rate):
    audio_file.write(tmp_path / "x.wav", np.zeros(100, np.float32))
    for call in (
        lambda: audio_file.read(tmp_path / "x.wav", rate),
        lambda: audio_file.write("y.wav", np.zeros(9, "f4"), rate),
    ):
        with pytest.raises(UserError):
            call()


def test_the_sound_of_a_video_before_its_first_frame_is_cut(tmp_path):
    sound = clicks(1.0, 48_000)
    path = video(
        tmp_path / "x.mkv",
        [t + Fraction(1, 2) for t in evenly(10, 25)],
        sounds=[(sound, 48_000, 0)],
        container="matroska",
    )
    assert abs(lag(audio_file.read(path, 48_000), sound[24_000:], 48_000)) < 0.002


def test_a_sound_that_ends_before_the_first_frame(tmp_path):
    path = video(
        tmp_path / "x.mkv",
        [t + 2 for t in evenly(10, 25)],
        sounds=[(clicks(0.5, 48_000), 48_000, 0)],
        container="matroska",
        pictures=[numbered(1)] * 10,
    )
    with pytest.raises(UserError, match="lasts 0 s"):
        audio_file.read(path)


def test_a_truncated_wav_gives_what_it_has(tmp_path):
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(1, 16_000), 16_000, format="WAV")
    (tmp_path / "x.wav").write_bytes(buffer.getvalue()[:16_044])
    np.testing.assert_allclose(audio_file.read(tmp_path / "x.wav"), tone(1, 16_000)[:8000], atol=1e-4)


@pytest.mark.media
def test_real_sounds(media):
    for path in sorted((media / "audio").glob("*.wav")):
        found = audio_file.read(path)
        info = soundfile.info(path)
        assert len(found) == round(info.frames * 16_000 / info.samplerate)
        assert 0.05 < np.abs(found).max() <= 1

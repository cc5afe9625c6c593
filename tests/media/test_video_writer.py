"""What is written is read back: frames, colours, rate, sound; or nothing is left behind."""

import os
import resource
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.media.making import clicks, lag, number, numbered
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import audio_file, timing, video_file, video_writer
from vlogger_jax.media.video_writer import Writer

RATES = (12, 15, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 120)


def write(path, frames, fps, **options):
    with Writer(path, fps, **options) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.mark.parametrize("fps", RATES)
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.integers(1, 200), rate=st.sampled_from([16_000, 22_050, 48_000]), sound=st.floats(0.2, 3))
def test_round_trip(tmp_path, fps, frames, rate, sound):
    exact = timing.exact_rate(fps)
    lasts = frames / exact
    waveform = clicks(lasts * Fraction(sound), rate)
    waveform = waveform if len(waveform) else None
    path = write(tmp_path / "x.mp4", (numbered(i) for i in range(frames)), fps, waveform=waveform, rate=rate)
    info = video_file.probe(path)
    assert (info.rate, info.frames, info.size) == (exact, frames, (16, 80))
    assert abs(info.duration - lasts) < 1 / (2 * exact)
    assert [number(frame) for frame in video_file.frames(path)] == list(range(frames))
    target = Fraction(24)
    assert sum(1 for _ in video_file.frames(path, target)) == timing.count(lasts, target)
    assert info.has_audio == (waveform is not None)
    if waveform is not None:
        back = audio_file.read(path, 48_000)
        assert abs(len(back) - lasts * 48_000) <= 1024
        if np.any(waveform[: int(lasts * rate)]):
            original = np.repeat(waveform, 3) if rate == 16_000 else waveform
            back = back if rate != 22_050 else audio_file.read(path, rate)
            original = original[: len(back)]
            assert abs(lag(back, original, rate if rate != 16_000 else 48_000)) < 0.01


def test_the_length_of_the_sound_is_that_of_the_frames(tmp_path):
    tone = (np.sin(np.arange(32_000) * 0.1) * np.minimum(np.arange(32_000) / 4000, 0.5)).astype(np.float32)
    for seconds in (0.5, 1, 2):
        clip = video_file.read_clip(
            write(tmp_path / "x.mp4", [numbered(1)] * int(seconds * 24), 24, waveform=tone[:16_000])
        )
        assert len(clip.waveform) == seconds * 16_000
        heard = min(len(clip.waveform), 16_000)
        assert np.abs(clip.waveform[: heard - 400] - tone[: heard - 400]).max() < 0.05
        assert np.abs(clip.waveform[16_400:]).max(initial=0) < 0.01


COLOURS = [(0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
COLOURS += [(0, 255, 255), (255, 0, 255), (224, 172, 140), (60, 20, 10), (10, 20, 60), (1, 2, 3), (250, 251, 252)]


def test_colours_come_back_and_are_tagged(tmp_path):
    path = write(tmp_path / "x.mp4", [np.full((32, 32, 3), colour, np.uint8) for colour in COLOURS], 24, crf=10)
    for frame, colour in zip(video_file.frames(path), COLOURS, strict=True):
        assert np.abs(frame.astype(int) - colour).max() <= 3
    with av.open(str(path)) as opened:
        frame = next(opened.decode(video=0))
        assert (frame.format.name, frame.colorspace, frame.color_range) == ("yuv420p", 1, 1)
        assert (frame.color_primaries, frame.color_trc) == (1, 1)
        for i, frame in enumerate(opened.decode(video=0), start=1):
            r, g, b = (value / 255 for value in COLOURS[i])  # BT.709, limited range, by its definition
            luma = 0.2126 * r + 0.7152 * g + 0.0722 * b
            wanted = (16 + 219 * luma, 128 + 224 * (b - luma) / 1.8556, 128 + 224 * (r - luma) / 1.5748)
            planes = [np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[8, 8] for plane in frame.planes]
            assert np.abs(np.array(planes, float) - wanted).max() <= 2


def test_the_index_comes_first(tmp_path):
    data = write(tmp_path / "x.mp4", [numbered(i) for i in range(30)], 24).read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("fps", [12, 25])
def test_players_can_seek_to_every_other_second(tmp_path, fps):
    path = write(tmp_path / "x.mp4", [numbered(1)] * 8 * fps, fps)
    with av.open(str(path)) as opened:
        packets = [packet for packet in opened.demux(video=0) if packet.size]
        keys = [float(packet.pts * packet.time_base) for packet in packets if packet.is_keyframe]
    assert keys == pytest.approx([0, 2, 4, 6])


@pytest.mark.parametrize("size", [(33, 47), (32, 47), (33, 48), (1, 1), (2, 2), (1, 64), (100, 3)])
def test_odd_sizes_repeat_their_edge(tmp_path, size):
    height, width = size
    ramp = np.broadcast_to(np.linspace(40, 200, width, dtype=np.uint8)[:, None], (height, width, 3))
    frame = next(video_file.frames(write(tmp_path / "x.mp4", [ramp] * 3, 25, crf=5)))
    assert frame.shape == (height + height % 2, width + width % 2, 3)
    padded = np.pad(ramp, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(int)
    assert np.abs(frame - padded).max() <= 6


@pytest.mark.parametrize("size", [(33, 47), (64, 64), (1, 1)])
def test_lossless_is_exact(tmp_path, size):
    noise = np.random.default_rng(0).integers(0, 256, (7, *size, 3), np.uint8)
    path = write(tmp_path / "x.mp4", noise, 25, lossless=True)
    np.testing.assert_array_equal(np.stack(list(video_file.frames(path))), noise)


def test_frames_may_be_views(tmp_path):
    frame = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)[::2, ::-2]
    path = write(tmp_path / "x.mp4", [frame], 25, lossless=True)
    np.testing.assert_array_equal(next(video_file.frames(path)), frame)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("after", [0, 1, 60])
@pytest.mark.parametrize("before", [None, b"the old video"])
def test_an_end_in_the_middle_leaves_things_as_they_were(tmp_path, error, after, before):
    path = tmp_path / "x.mp4"
    if before:
        path.write_bytes(before)
    with pytest.raises(error), Writer(path, 25, waveform=clicks(3, 16_000)) as writer:
        for i in range(after):
            writer.write(numbered(i))
        raise error
    assert os.listdir(tmp_path) == (["x.mp4"] if before else [])
    assert not before or path.read_bytes() == before


def test_an_old_video_is_replaced(tmp_path):
    write(tmp_path / "x.mp4", [numbered(1)], 25)
    write(tmp_path / "x.mp4", [numbered(2)], 25)
    assert number(next(video_file.frames(tmp_path / "x.mp4"))) == 2
    assert os.listdir(tmp_path) == ["x.mp4"]


@pytest.mark.parametrize(
    "options",
    [
        dict(path="x.avi"),
        dict(path="x"),
        dict(path="missing/x.mp4"),
        dict(path="."),
        dict(fps=0),
        dict(fps=float("nan")),
        dict(fps=-24.0),
        dict(crf=52),
        dict(waveform=np.zeros(0, np.float32)),
        dict(waveform=np.full(10, np.nan, np.float32)),
        dict(waveform=np.full(10, np.inf, np.float32)),
        dict(waveform=np.zeros(10, np.float32), rate=0),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_before_the_first_frame(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught, Writer(**(dict(path="x.mp4", fps=24) | options)):
        pytest.fail("work started")
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_too_large_frames(tmp_path):
    with pytest.raises(UserError, match="20000 x 2"), Writer(tmp_path / "x.mp4", 24) as writer:
        writer.write(np.zeros((2, 20_000, 3), np.uint8))
    assert os.listdir(tmp_path) == []


def test_frames_of_another_size(tmp_path):
    with pytest.raises(ValueError, match="expected"), Writer(tmp_path / "x.mp4", 24, size=(16, 80)) as writer:
        writer.write(numbered(1))
        writer.write(np.zeros((16, 16, 3), np.uint8))
    assert os.listdir(tmp_path) == []


def test_no_frame_at_all_is_a_bug(tmp_path):
    with pytest.raises(RuntimeError, match="no frame"), Writer(tmp_path / "x.mp4", 24):
        pass
    assert os.listdir(tmp_path) == []


def test_a_file_that_did_not_come_out_is_refused(tmp_path, monkeypatch):
    """As if the encoder had swallowed a frame, and the sound."""
    good = video_writer.video_info.examine
    found = dict(frames=3, has_audio=False)

    def examine(path):
        source = good(path)
        return source.__class__(source.info.__class__(**(vars(source.info) | found)), *list(vars(source).values())[1:])

    monkeypatch.setattr(video_writer.video_info, "examine", examine)
    (tmp_path / "x.mp4").write_bytes(b"old")
    with pytest.raises(RuntimeError, match="frames 3, not 4; sound False, not True"):
        write(tmp_path / "x.mp4", [numbered(i) for i in range(4)], 24, waveform=clicks(1, 16_000))
    assert os.listdir(tmp_path) == ["x.mp4"] and (tmp_path / "x.mp4").read_bytes() == b"old"


def test_a_loud_sound_is_clipped(tmp_path):
    tone = (3 * np.sin(np.arange(16_000) * 0.05)).astype(np.float32)
    path = write(tmp_path / "x.mp4", [numbered(1)] * 24, 24, waveform=tone)
    assert np.isfinite(audio_file.read(path)).all()


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path):
    """Peak memory after 400 frames of 512 x 512 pixels (315 MB) is that after 4000, written and read."""
    frame = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    waveform = np.zeros(16_000 * 170, np.float32)

    def peak(frames):
        path = write(
            tmp_path / "x.mp4", (np.roll(frame, i, axis=1) for i in range(frames)), 24, waveform=waveform, crf=40
        )
        assert sum(1 for _ in video_file.frames(path, 25)) == round(frames / 24 * 25)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    short = peak(400)
    assert peak(4000) - short < 60


@pytest.mark.media
def test_a_real_video_survives(media, tmp_path):
    source = media / "video" / "WDA_KatieHill_000.mp4"
    clip = video_file.read_clip(source, 24, duration=2)
    path = write(tmp_path / "x.mp4", clip.frames, clip.fps, waveform=clip.waveform)
    back = video_file.read_clip(path)
    assert back.frames.shape == clip.frames.shape
    error = np.mean((back.frames.astype(float) - clip.frames) ** 2)
    assert 10 * np.log10(255**2 / error) > 38
    assert abs(lag(back.waveform, clip.waveform, 16_000)) < 0.001

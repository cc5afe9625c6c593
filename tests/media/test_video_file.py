"""Videos as they come: any rate, clock, rotation, colour and codec."""

import logging
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.media.making import clicks, evenly, lag, number, numbered, video
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import audio_file, timing, video_file

RATES = (12, 15, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 120)


def numbers(path, *args, **kwargs):
    return [number(frame) for frame in video_file.frames(path, *args, **kwargs)]


def on_display(times, instants):
    """Which of the frames at `times` is on display at each instant: the sets that rounding of 1 ms admits."""
    slack = Fraction(1, 1000)
    last = [max(i for i, time in enumerate(times) if time <= instant + slack) for instant in instants]
    first = [max(i for i, time in enumerate(times) if time <= max(instant, 0)) for instant in instants]
    return [{a, b} for a, b in zip(first, last, strict=True)]


@pytest.fixture(scope="module", params=[23.976, 25, 29.97, 60])
def constant(request, tmp_path_factory):
    rate = timing.exact_rate(request.param)
    path = tmp_path_factory.mktemp("constant") / "video.mp4"
    return rate, video(path, evenly(61, rate), rate=rate, time_base=1 / rate)


@pytest.mark.parametrize("fps", RATES)
def test_resampling_gives_the_frames_on_display(constant, fps):
    rate, path = constant
    target = timing.exact_rate(fps)
    found = numbers(path, fps)
    assert len(found) == timing.count(61 / rate, target)
    allowed = on_display(evenly(61, rate), [i / target for i in range(len(found))])
    assert all(one in few for one, few in zip(found, allowed, strict=True))


def test_a_constant_rate_gives_each_frame_once(constant):
    rate, path = constant
    info = video_file.probe(path)
    assert (info.rate, info.frames, info.size, info.has_audio, info.codec) == (rate, 61, (16, 80), False, "h264")
    assert info.duration == pytest.approx(float(61 / rate), abs=1e-4)
    assert numbers(path) == numbers(path, float(rate)) == list(range(61))


@pytest.mark.parametrize("start", [0.5, Fraction(11, 12), 1.7, 2.0])
def test_start_and_duration(constant, start):
    rate, path = constant
    lasts = 61 / rate
    if start >= lasts:
        with pytest.raises(UserError, match="ends after"):
            video_file.frames(path, start=start)
        return
    found = numbers(path, 24, start, 0.5)
    assert len(found) == timing.count(min(Fraction(1, 2), lasts - timing.seconds(start)), Fraction(24))
    instants = [timing.seconds(start) + Fraction(i, 24) for i in range(len(found))]
    assert all(one in few for one, few in zip(found, on_display(evenly(61, rate), instants), strict=True))


@pytest.mark.parametrize("numbers_wanted", [dict(fps=0), dict(start=-1), dict(duration=-1), dict(start=float("nan"))])
def test_impossible_numbers(constant, numbers_wanted):
    with pytest.raises(UserError):
        video_file.frames(constant[1], **numbers_wanted)


@pytest.mark.parametrize(
    ("value", "advice"), [(-1, "0 or more"), (float("nan"), "0 or more"), (1e12, "less than 1e\\+09")]
)
@pytest.mark.parametrize("name", ["start", "duration"])
def test_advice_on_impossible_times(constant, name, value, advice):
    with pytest.raises(UserError, match=f"{name} is .*{advice}"):
        video_file.frames(constant[1], **{name: value})


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_a_variable_rate(tmp_path, suffix):
    """As phones write: around 30 frames/s, with pauses."""
    gaps = np.random.default_rng(3).choice([30, 33, 34, 40, 250], 40, p=[0.2, 0.3, 0.3, 0.15, 0.05])
    times = [Fraction(int(t), 1000) for t in np.concatenate([[0], np.cumsum(gaps)])]
    path = video(tmp_path / f"x.{suffix}", times, rate=30)
    for fps in (24, 29.97, 60):
        target = timing.exact_rate(fps)
        found = numbers(path, fps)
        assert abs(len(found) / target - times[-1] - Fraction(1, 30)) < Fraction(1, 20)
        allowed = on_display(times, [i / target for i in range(len(found))])
        assert all(one in few for one, few in zip(found, allowed, strict=True))
    info = video_file.probe(path)
    assert abs(len(numbers(path)) / info.fps - info.duration) <= 1 / info.fps


REORDERED = {
    "a pause near the end": ([*evenly(60, 30), 2, 5, 5.03, 5.07], 5.10),
    "pauses at both ends": ([0, 2, 2.03, 2.07, 9], 9.033),
}


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("name", REORDERED)
def test_a_variable_rate_in_another_order(tmp_path, suffix, name):
    """With B-frames, durations in an mp4 are those between decodings: here up to 7 s too long or too short."""
    times, lasts = REORDERED[name]
    path = video(tmp_path / f"x.{suffix}", times, rate=30, options={"bf": "3"})
    info, found = video_file.probe(path), numbers(path, 30)
    assert info.duration == pytest.approx(lasts, abs=0.01)
    assert abs(len(found) - lasts * 30) <= 1
    allowed = on_display(times, [i / 30 for i in range(len(found))])
    assert all(one in few for one, few in zip(found, allowed, strict=True))
    assert suffix == "mkv" or info.fps == pytest.approx(len(times) / lasts, rel=0.01)
    assert numbers(path, 30, start=1.5, duration=0.6) == found[45:63]
    assert len(numbers(path, 30, start=lasts - 0.5)) in (14, 15, 16)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "avi", "ts", "webm", "flv"])
@pytest.mark.parametrize("fps", [25, 29.97])
def test_containers(tmp_path, suffix, fps):
    codec = {"avi": "mpeg4", "webm": "libvpx"}.get(suffix, "libx264")
    rate = timing.exact_rate(fps)
    container = {"ts": "mpegts", "mkv": "matroska"}.get(suffix)
    path = video(
        tmp_path / f"x.{suffix}", evenly(40, rate), codec=codec, rate=rate, container=container, time_base=1 / rate
    )
    assert numbers(path) == list(range(40))
    assert numbers(path, rate, start=20 / rate) == list(range(20, 40))
    assert numbers(path, rate / 2) == list(range(0, 40, 2))
    # A Flash header counts from its clock's zero.
    assert video_file.probe(path).duration == pytest.approx(float(40 / rate), abs=float(3 / rate))


@pytest.mark.parametrize("fps", [23.976, 29.97])
@pytest.mark.parametrize("shift", [-1, 1])
def test_a_length_in_milliseconds_does_not_change_the_rate(tmp_path, fps, shift):
    """A header's length that is rounded, by a tick or so, gives an average beside the rate that every frame tells."""
    rate = timing.exact_rate(fps)
    times = [time + Fraction(shift, 1000) * (i == 60) for i, time in enumerate(evenly(61, rate))]
    path = video(tmp_path / "x.mp4", times, rate=rate, options={"bf": "0"})
    with av.open(str(path)) as opened:
        assert opened.streams.video[0].average_rate != rate
    assert video_file.probe(path).rate == rate


def test_a_stream_with_no_header_at_all(tmp_path):
    path = video(tmp_path / "x.h264", evenly(20, 25), container="h264")
    assert numbers(path) == list(range(20))
    assert video_file.probe(path).frames == 20


def test_an_animated_gif_is_a_video(tmp_path):
    path = video(tmp_path / "x.gif", evenly(7, 10), codec="gif", pixel_format="gray", rate=10, container="gif")
    assert numbers(path, 10) == list(range(7))


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mp4"])
@pytest.mark.parametrize("begin", [0.0, 1.4])
@pytest.mark.parametrize("late", [0.0, 0.3, -0.25])
def test_one_clock_for_frames_and_sound(tmp_path, suffix, begin, late):
    """Time 0 is the first frame, whenever the file's clock begins and whenever the sound does."""
    begin += max(-late, 0)
    sound = clicks(2.0, 48_000)
    times = [time + Fraction(begin) for time in evenly(50, 25)]
    container = {"ts": "mpegts", "mkv": "matroska"}.get(suffix)
    path = video(tmp_path / f"x.{suffix}", times, sounds=[(sound, 48_000, begin + late)], container=container)
    clip = video_file.read_clip(path)
    assert [number(frame) for frame in clip.frames] == list(range(50))
    assert clip.waveform.shape == (32_000,)
    expected = np.zeros(32_000, np.float32)
    whole = clicks(2.0, 16_000)[max(0, round(-late * 16_000)) :]
    first = max(0, round(late * 16_000))
    expected[first : first + len(whole)] = whole[: 32_000 - first]
    assert lag(clip.waveform, expected, 16_000) == pytest.approx(0, abs=0.002)
    part = video_file.read_clip(path, 25, start=0.8, duration=0.6)
    np.testing.assert_array_equal(part.frames, clip.frames[20:35])
    np.testing.assert_array_equal(part.waveform, clip.waveform[12_800:22_400])


def test_an_edit_list_cuts(tmp_path):
    """A copy from the middle of a group of pictures: the file holds frames before its first."""
    source = video(tmp_path / "a.mp4", evenly(60, 25), options={"g": "60"}, sounds=[(clicks(2.4, 48_000), 48_000, 0)])
    cut = tmp_path / "b.mp4"
    with av.open(str(source)) as old, av.open(str(cut), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                shift = round(1 / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                new.mux(packet)
    clip = video_file.read_clip(cut)
    first = number(clip.frames[0])
    assert [number(frame) for frame in clip.frames] == list(range(first, 60))
    whole = clicks(2.4, 16_000)[round(first * 640) :]
    assert lag(clip.waveform, whole, 16_000) == pytest.approx(0, abs=0.01)


def test_a_clock_that_jumps_by_hours_is_not_believed(tmp_path, caplog):
    times = [time + (7200 if i >= 10 else 0) for i, time in enumerate(evenly(20, 25))]
    path = video(tmp_path / "x.mkv", times)
    assert numbers(path, 25) == list(range(20))
    assert "jumps" in caplog.text


def test_frames_that_last_for_minutes_are_refused(tmp_path):
    with pytest.raises(UserError, match="each frame lasts"):
        video_file.probe(video(tmp_path / "x.mp4", evenly(5, Fraction(1, 100)), rate=1))


def quarters(height, width):
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (255, 0, 0)
    picture[: height // 2, width // 2 :] = (0, 255, 0)
    picture[height // 2 :, : width // 2] = (0, 0, 255)
    return picture


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_rotation(tmp_path, turn, mirrored):
    picture = quarters(32, 48)
    path = video(tmp_path / "x.mp4", evenly(3, 25), rotation=turn, mirrored=mirrored, pictures=[picture] * 3)
    # FFmpeg turns counter-clockwise, then mirrors.
    shown = np.rot90(picture, turn // 90)
    shown = shown[:, ::-1] if mirrored else shown
    frame = next(video_file.frames(path))
    info = video_file.probe(path)
    assert frame.shape == shown.shape == (*info.size, 3)
    assert frame.flags.c_contiguous
    assert np.median(np.abs(frame.astype(int) - shown)) <= 3
    if not mirrored:
        assert info.rotation == -turn % 360


@pytest.mark.parametrize(("aspect", "size"), [((2, 1), (32, 96)), ((1, 2), (32, 24)), ((16, 15), (32, 51))])
def test_display_aspect(tmp_path, aspect, size):
    path = video(tmp_path / "x.mp4", evenly(2, 25), aspect=Fraction(*aspect), pictures=[quarters(32, 48)] * 2)
    assert video_file.probe(path).size == size == next(video_file.frames(path)).shape[:2]


COLOURS = [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 40), (30, 90, 180)]


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 5, 6, 7, 9])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
def test_colour_matrices(tmp_path, matrix, full_range, pixel_format):
    space = {6: 5}.get(matrix, matrix)
    path = video(
        tmp_path / "x.mkv",
        evenly(len(COLOURS), 25),
        matrix=space,
        full_range=full_range,
        pixel_format=pixel_format,
        pictures=[np.full((16, 16, 3), colour, np.uint8) for colour in COLOURS],
        options={"crf": "1", "preset": "ultrafast"},
    )
    for frame, colour in zip(video_file.frames(path), COLOURS, strict=True):
        assert np.abs(frame.astype(int) - colour).max() <= 4


@pytest.mark.parametrize(("size", "matrix"), [((64, 64), 5), ((720, 1280), 1)])
def test_untagged_colours_go_by_size(tmp_path, size, matrix):
    path = tmp_path / "x.mkv"
    with av.open(str(path), "w") as opened:
        stream = opened.add_stream("libx264", rate=25, options={"crf": "1", "preset": "ultrafast"})
        stream.height, stream.width = size
        frame = av.VideoFrame.from_ndarray(np.full((*size, 3), (200, 40, 90), np.uint8), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=matrix)
        frame.colorspace = frame.color_range = frame.color_trc = frame.color_primaries = 0
        frame.colorspace = 2
        opened.mux([*stream.encode(frame), *stream.encode(None)])
    assert np.abs(next(video_file.frames(path)).astype(int) - (200, 40, 90)).max() <= 4


@pytest.mark.parametrize(
    ("codec", "pixel_format"),
    [
        ("libx265", "yuv420p10le"),
        ("libx265", "yuv420p"),
        ("libx264", "yuv422p10le"),
        ("libx264", "gray"),
        ("libx264rgb", "rgb24"),
        ("ffv1", "gray"),
        ("ffv1", "gray16le"),
        ("ffv1", "bgra"),
        ("ffv1", "yuva420p"),
        ("ffv1", "gbrp10le"),
        ("mjpeg", "yuvj420p"),
        ("libvpx-vp9", "yuva420p"),
    ],
)
def test_codecs_and_pixel_formats(tmp_path, codec, pixel_format):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = video(tmp_path / "x.mkv", evenly(5, 25), codec=codec, pixel_format=pixel_format, options=options)
    frames = list(video_file.frames(path))
    assert [number(frame) for frame in frames] == list(range(5))
    assert np.median(np.abs(frames[3].astype(int) - numbered(3))) <= 3


@pytest.mark.parametrize("transfer", [16, 18])  # PQ, HLG
@pytest.mark.parametrize("matrix", [9, 10, 8, 14])
def test_hdr_and_rare_matrices_come_out_as_something(tmp_path, caplog, transfer, matrix):
    params = f"log-level=none:transfer={transfer}:colormatrix={matrix}:colorprim=9"
    path = video(
        tmp_path / "x.mp4",
        evenly(3, 25),
        codec="libx265",
        pixel_format="yuv420p10le",
        options={"x265-params": params},
    )
    with caplog.at_level(logging.WARNING):
        assert numbers(path) == [0, 1, 2]
    [record] = caplog.records
    assert f"HDR ({'PQ' if transfer == 16 else 'HLG'})" in record.getMessage()


@pytest.mark.parametrize("size", [(17, 81), (15, 79), (1, 33), (33, 5)])
def test_odd_sizes(tmp_path, size):
    picture = np.full((*size, 3), 77, np.uint8)
    path = video(tmp_path / "x.mkv", evenly(2, 25), codec="ffv1", pixel_format="yuv420p", pictures=[picture] * 2)
    frame = next(video_file.frames(path))
    assert frame.shape == picture.shape and np.abs(frame.astype(int) - 77).max() <= 2


def test_a_size_that_changes(tmp_path):
    """The first frame's size holds."""
    path = tmp_path / "x.ts"
    with path.open("wb") as joined:
        for i, side in enumerate((32, 64)):
            times = [time + i * Fraction(2, 5) for time in evenly(10, 25)]
            pictures = [np.full((side, side, 3), 60 + 100 * i, np.uint8)] * 10
            joined.write(video(tmp_path / "part.ts", times, pictures=pictures, container="mpegts").read_bytes())
    frames = np.stack(list(video_file.frames(path)))
    assert frames.shape[1:] == (32, 32, 3)
    assert abs(int(frames[-1].mean()) - 160) <= 3


def test_several_sound_tracks(tmp_path):
    quiet, loud = np.zeros(48_000, np.float32), clicks(1.0, 48_000)
    path = video(tmp_path / "x.mp4", evenly(25, 25), sounds=[(quiet, 48_000, 0), (loud, 48_000, 0)])
    assert np.abs(audio_file.read(path)).max() < 0.01
    assert np.abs(audio_file.read(path, track=1)).max() > 0.3
    with pytest.raises(UserError, match="2 sound tracks"):
        audio_file.read(path, track=2)


def test_no_sound(tmp_path):
    path = video(tmp_path / "x.mp4", evenly(5, 25))
    assert video_file.read_clip(path).waveform is None
    with pytest.raises(UserError, match="no sound"):
        audio_file.read(path)


def test_frames_are_the_callers_own(tmp_path):
    """A frame shown twice is not one array given twice."""
    frames = list(video_file.frames(video(tmp_path / "x.mp4", evenly(3, 10), rate=10), 40))
    frames[0][:] = 9
    assert number(frames[1]) == 0 and frames[1].max() == 0


@pytest.mark.parametrize("kept", [0.4, 0.6, 0.8])
def test_a_truncated_video_gives_what_it_has(tmp_path, caplog, kept):
    noise = np.random.default_rng(0).integers(0, 2, (100, 32, 32, 3), np.uint8) * 255
    whole = video(tmp_path / "a.mp4", evenly(100, 25), pictures=noise, options={"g": "10", "bf": "0"})
    data = whole.read_bytes()
    path = tmp_path / "b.mp4"
    path.write_bytes(data[: int(len(data) * kept)])
    with caplog.at_level(logging.WARNING):
        found = list(video_file.frames(path))
    assert kept * 100 - 15 <= len(found) <= kept * 100 + 5
    assert caplog.records


@pytest.mark.parametrize("seed", range(6))
def test_damage_in_the_middle_is_survived(tmp_path, caplog, seed):
    rng = np.random.default_rng(seed)
    pictures = np.repeat(np.repeat(rng.integers(0, 256, (50, 8, 8, 3), np.uint8), 4, axis=1), 4, axis=2)
    path = video(tmp_path / "x.mkv", evenly(50, 25), pictures=pictures, sounds=[(clicks(2, 48_000), 48_000, 0)])
    data = bytearray(path.read_bytes())
    begin = int(rng.integers(len(data) // 3, len(data) - 400))
    data[begin : begin + 300] = rng.bytes(300)
    path.write_bytes(data)
    try:
        clip = video_file.read_clip(path)
    except UserError:
        return
    assert len(clip.frames) >= 10


@pytest.mark.media
def test_real_videos(media):
    for path in sorted((media / "video").glob("*.mp4")):
        info = video_file.probe(path)
        found = sum(1 for _ in video_file.frames(path, duration=2))
        assert found == round(2 * info.fps)
        clip = video_file.read_clip(path, 24, start=0.5, duration=1)
        assert clip.frames.shape == (24, *info.size, 3) and clip.waveform.shape == (16_000,)

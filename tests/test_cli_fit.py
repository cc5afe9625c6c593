"""`vlogger fit`: what it refuses, what it prints, and one picture from beginning to end."""

import dataclasses
import os
import re

import numpy as np
import pytest
from skimage import data

from tests import cli_files
from vlogger_jax import cli, fitting
from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import landmarks as marks
from vlogger_jax.fit import result
from vlogger_jax.media import image_file

GOOD = "--out {o}/x.npz"
REFUSED = {  # how the message goes on after "error: "
    f"fit {GOOD}": "give one of --image and --video",
    f"fit --image {{f}}/noise.png --video {{f}}/good.mp4 {GOOD}": "give one of",
    "fit --image {f}/noise.png": "Missing option",
    "fit --image {f}/noise.png --out {o}/x.txt": "--out .*does not end in .npz",
    "fit --image {f}/noise.png --out {o}/x": "--out .*does not end in .npz",
    "fit --image {f}/noise.png --out {o}/nowhere/x.npz": "the folder .*nowhere does not exist",
    "fit --image {f}/noise.png --out {f}/folder.npz": ".*folder.npz is a folder",
    "fit --image {f}/noise.png --out {o}/x\0.npz": "Invalid value for .--out",
    "fit --video {f}/good.mp4 --landmarks {f}/marks.npz --out {f}/marks.npz": "--landmarks and --out name the same",
    f"fit --image {{f}}/noise.png {GOOD} --overlay {{o}}/x.txt": "--overlay .*does not end in .png",
    f"fit --image {{f}}/noise.png {GOOD} --overlay {{o}}/x.mp4": "--overlay .*does not end in .png",
    f"fit --image {{f}}/noise.png {GOOD} --overlay {{f}}/noise.png": "--image and --overlay name the same",
    f"fit --image {{f}}/noise.png {GOOD} --overlay {{o}}/nowhere/x.png": "the folder .*nowhere does not exist",
    f"fit --video {{f}}/good.mp4 {GOOD} --overlay {{o}}/x.png": "--overlay .*does not end in .mp4",
    f"fit --video {{f}}/good.mp4 {GOOD} --overlay {{f}}/../files/good.mp4": "--video and --overlay name the same",
    f"fit --video {{f}}/good.mp4 {GOOD} --overlay {{f}}/folder.mp4": ".*folder.mp4 is a folder",
    f"fit --image {{f}}/noise.png {GOOD} --save-landmarks {{o}}/y.txt": "--save-landmarks .*does not end in .npz",
    f"fit --image {{f}}/noise.png {GOOD} --save-landmarks {{o}}/x.npz": "--out and --save-landmarks name the same",
    f"fit --image {{f}}/noise.png {GOOD} --save-landmarks {{o}}/nowhere/x.npz": "the folder .*nowhere does not exist",
    f"fit --image {{f}}/missing.png {GOOD}": ".*missing.png does not exist",
    f"fit --image {{f}}/folder.png {GOOD}": ".*folder.png is a folder",
    f"fit --image {{f}}/empty.png {GOOD}": ".*empty.png is empty",
    f"fit --image {{f}}/text.png {GOOD}": ".*text.png is not a picture",
    f"fit --image {{f}}/truncated.png {GOOD}": ".*truncated.png is a damaged",
    f"fit --image {{f}}/good.mp4 {GOOD}": ".*good.mp4 is a video, not a picture",
    f"fit --image {{f}}/fit.npz {GOOD}": ".*fit.npz is not a picture",
    f"fit --image {{f}}/huge.png {GOOD}": ".*huge.png is too large",
    f"fit --image {{f}}/thin.png {GOOD}": "the picture is 400 x 4 pixels",
    f"fit --image {{f}}/noise.png {GOOD} --overlay {{o}}/x.png --save-landmarks {{o}}/y.npz": "no face",
    f"fit --video {{f}}/good.mp4 {GOOD} --overlay {{o}}/x.mp4": "no face",
    f"fit --video {{f}}/missing.mp4 {GOOD}": ".*missing.mp4 does not exist",
    f"fit --video {{f}}/folder.mp4 {GOOD}": ".*folder.mp4 is a folder",
    f"fit --video {{f}}/empty.mp4 {GOOD}": ".*empty.mp4 is empty",
    f"fit --video {{f}}/text.mp4 {GOOD}": ".*text.mp4 is not a video",
    f"fit --video {{f}}/truncated.mp4 {GOOD}": ".*truncated.mp4 is (damaged|no video)",
    f"fit --video {{f}}/noise.png {GOOD}": ".*noise.png is a picture, not a video",
    f"fit --video {{f}}/sound.wav {GOOD}": ".*sound.wav is a sound",
    f"fit --video {{f}}/good.mp4 {GOOD} --fps -5": "--fps is -5",
    f"fit --video {{f}}/good.mp4 {GOOD} --fps 0": "--fps is 0",
    f"fit --video {{f}}/good.mp4 {GOOD} --fps nan": "--fps is nan",
    f"fit --video {{f}}/good.mp4 {GOOD} --fps inf": "--fps is inf",
    f"fit --video {{f}}/good.mp4 {GOOD} --fps 1e9": ".*fps is 1e.09",
    f"fit --video {{f}}/good.mp4 {GOOD} --start -1": "--start is -1",
    f"fit --video {{f}}/good.mp4 {GOOD} --start nan": "--start is nan",
    f"fit --video {{f}}/good.mp4 {GOOD} --start 50": ".*ends after 0.50 s",
    f"fit --video {{f}}/good.mp4 {GOOD} --duration -1": "--duration is -1",
    f"fit --video {{f}}/good.mp4 {GOOD} --duration 0": "--duration is 0",
    f"fit --video {{f}}/good.mp4 {GOOD} --duration nan": "--duration is nan",
    f"fit --image {{f}}/noise.png {GOOD} --focal nan": "--focal is nan",
    f"fit --image {{f}}/noise.png {GOOD} --focal 0": "--focal is 0",
    f"fit --image {{f}}/noise.png {GOOD} --focal -5": "--focal is -5",
    f"fit --image {{f}}/noise.png {GOOD} --focal wide": "Invalid value",
    f"fit --image {{f}}/noise.png {GOOD} --fps 24": "--fps is for videos",
    f"fit --image {{f}}/noise.png {GOOD} --start 1": "--start is for videos",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/missing.npz": ".*missing.npz does not exist",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/folder.npz": ".*folder.npz",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/empty.npz": ".*empty.npz",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/text.npz": ".*text.npz",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/array.npz": ".*array.npz",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/fit.npz": ".*fit.npz holds no landmarks",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/marks_newer.npz": ".*has version 99",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/marks_of_another_shape.npz": "face of",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/marks_nan.npz": "pose of .*NaN",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/marks_of_another_size.npz": ".*landmarks of 30 x 30 pixels",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/marks_of_a_longer_clip.npz": ".*holds 9 frames, .* gives 6",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/marks.npz --fps 6": ".*holds 6 frames, .* gives 3",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/marks_without_face.npz": "the landmarks have no face",
    f"fit --image {{f}}/noise.png {GOOD} --landmarks {{f}}/marks.npz": ".*holds 6 frames, .* gives 1",
    f"fit --video {{f}}/good.mp4 {GOOD} --landmarks {{f}}/marks.npz --landmark-model {{f}}/text.task": "--landmarks",
    f"fit --image {{f}}/noise.png {GOOD} --landmark-model {{f}}/missing.task": ".*missing.task is not a file",
    f"fit --image {{f}}/noise.png {GOOD} --landmark-model {{f}}/text.task": "mediapipe",
    f"fit --image {{f}}/noise.png {GOOD} --body {{f}}/missing.npz": "there is no body model file",
    f"fit --image {{f}}/noise.png {GOOD} --body {{f}}/folder.npz": "there is no body model file",
    f"fit --image {{f}}/noise.png {GOOD} --body {{f}}/text.npz": ".*text.npz is not an .npz",
    f"fit --image {{f}}/noise.png {GOOD} --body {{f}}/fit.npz": ".*fit.npz lacks the key",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit") / "files"
    folder.mkdir()
    return cli_files.make(folder)


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_used_is_one_line_and_leaves_nothing(line, files, tmp_path, capsys):
    message = cli_files.assert_refused(line, files, tmp_path, capsys)
    assert re.match(f"error: {REFUSED[line]}", message), message


def test_what_was_there_stays_when_it_fails(files, tmp_path, capsys):
    (tmp_path / "x.npz").write_text("precious")
    cli_files.assert_refused(f"fit --image {{f}}/noise.png {GOOD}", files, tmp_path, capsys)
    assert (tmp_path / "x.npz").read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write everything")
@pytest.mark.parametrize(
    "line", ["fit --image {o}/locked.png --out {o}/x.npz", "fit --image {f}/noise.png --out {o}/x.npz"]
)
def test_what_may_not_be_read_or_written_is_refused(line, files, tmp_path, capsys):
    (tmp_path / "locked.png").write_bytes((files / "noise.png").read_bytes())
    (tmp_path / "locked.png").chmod(0)
    tmp_path.chmod(0o500)
    try:
        cli_files.assert_refused(line, files, tmp_path, capsys)
    finally:
        tmp_path.chmod(0o700)


def test_ctrl_c_leaves_nothing(files, tmp_path, monkeypatch, capsys):
    def interrupted(*arguments, report, **options):
        report(0.5)
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting.solve, "fit", interrupted)
    line = "fit --video {f}/good.mp4 --landmarks {f}/marks.npz --out {o}/x.npz --overlay {o}/x.mp4"
    assert cli_files.run(line + " --save-landmarks {o}/y.npz", files, tmp_path) == 130
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_a_fit_outlives_the_overlay_it_was_to_be_drawn_in(files, tmp_path, monkeypatch):
    done = result.load(files / "fit.npz")
    monkeypatch.setattr(fitting.solve, "fit", lambda *arguments, **options: done)

    def broken(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting.overlay, "draw", broken)
    line = "fit --video {f}/good.mp4 --landmarks {f}/marks.npz --out {o}/x.npz --overlay {o}/x.mp4"
    assert cli_files.run(line, files, tmp_path) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]
    result.load(tmp_path / "x.npz")


def test_focal_length_from_what_the_camera_wrote(files, monkeypatch):
    read = image_file.read(files / "noise.png")
    for millimetres, pixels in ((43.27, 80.0), (86.54, 160.0), (1.0, None), (None, None)):
        monkeypatch.setattr(image_file, "read", lambda path, mm=millimetres: read._replace(focal_35mm=mm))
        assert fitting.picture(files / "noise.png").focal == (pixels and pytest.approx(pixels))


def test_transparent_pixels_are_grey(files, monkeypatch):
    read = image_file.read(files / "noise.png")
    alpha = np.zeros(read.rgb.shape[:2], np.uint8)
    alpha[:10] = 255
    monkeypatch.setattr(image_file, "read", lambda path: read._replace(alpha=alpha))
    shown = next(fitting.picture(files / "noise.png").frames())
    np.testing.assert_array_equal(shown[:10], read.rgb[:10])
    assert (shown[10:] == fitting.TRANSPARENT).all()


def test_landmarks_take_the_rate_of_the_video(files):
    request = fitting.Request(out=files / "x.npz", video=files / "good.mp4")
    found = fitting.known_landmarks(files / "marks.npz", fitting._video(request))
    assert found.fps == cli_files.FPS
    faster = fitting._video(dataclasses.replace(request, fps=24.0, duration=0.25))
    assert fitting.known_landmarks(files / "marks.npz", faster).fps == 24
    with pytest.raises(UserError, match="holds 6 frames"):
        fitting.known_landmarks(files / "marks.npz", fitting._video(dataclasses.replace(request, start=0.25)))


def test_a_picture_from_beginning_to_end(tmp_path, capsys):
    """NASA's portrait of Eileen Collins, public domain: fit, overlay, landmarks, controls of the person herself."""
    image_file.write(tmp_path / "in.png", data.astronaut()[:400, 56:456])
    out = tmp_path / "out"
    out.mkdir()
    files = "--out {o}/fit.npz --overlay {o}/over.jpg --save-landmarks {o}/marks.npz"
    assert cli_files.run(f"fit --image {{f}}/in.png {files} --focal 720", tmp_path, out) == 0
    stdout, stderr = capsys.readouterr()
    assert "\x1b" not in stdout + stderr and "error" not in stderr
    assert "1 frame, " in stdout and "pixels (43 degrees from corner to corner), given" in stdout
    assert "low quality" not in stdout
    fit, found = result.load(out / "fit.npz"), marks.load(out / "marks.npz")
    assert fit.quality.reprojection[0] < 0.03 and fit.camera.focal == pytest.approx(720, rel=0.01)
    assert found.size == (400, 400)
    overlay, before = image_file.read(out / "over.jpg").rgb, image_file.read(tmp_path / "in.png").rgb
    assert overlay.shape == before.shape
    x, y = np.median(found.face[0, :, :2], axis=0).astype(int)
    changed = np.abs(overlay.astype(int) - before).mean(axis=-1)
    assert changed[y - 20 : y + 20, x - 20 : x + 20].mean() > 10 > 3 > changed[:20, :20].mean()
    line = "controls --fit {o}/fit.npz --reference {f}/in.png --reference-fit {o}/fit.npz --size 64 --out {o}/c.mp4"
    assert cli_files.run(line, tmp_path, out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["c.mp4", "fit.npz", "marks.npz", "over.jpg"]
    assert cli.run(["controls", "--help"]) == 0

"""`vlogger controls`: what it refuses, whose motion it shows on whom, and how it frames them."""

import dataclasses
import re

import numpy as np
import pytest

from tests import cli_files
from vlogger_jax import control_video
from vlogger_jax.body import model_file
from vlogger_jax.media import video_file

GOOD = "--reference {f}/noise.png --out {o}/x.mp4"
FIT = "controls --fit {f}/fit.npz"
REFUSED = {  # how the message goes on after "error: "
    "controls": "Missing option",
    f"{FIT} --reference {{f}}/noise.png": "Missing option",
    f"controls {GOOD}": "Missing option",
    **{
        f"controls --fit {{f}}/{name} {GOOD}": f".*{name}.* {reason}"
        for name, reason in {
            "missing.npz": "does not exist",
            "folder.npz": "is a folder",
            "empty.npz": "is empty",
            "text.npz": "is not a fit",
            "noise.png": "is not a fit",
            "fit_truncated.npz": "is not a fit",
            "fit_damaged.npz": "is",
            "fit_lacking.npz": "is damaged",
            "fit_wrong_type.npz": "is damaged",
            "fit_short.npz": "is damaged",
            "fit_batched.npz": "is damaged",
            "fit_nan.npz": "is damaged",
            "fit_newer.npz": "is of version 99",
            "marks.npz": "holds 'vlogger.landmarks'",
        }.items()
    },
    f"controls --fit {{f}}/fit_of_another_body.npz {GOOD}": "the fit was made with the body 'smplx-0123456789ab'",
    f"controls --fit {{f}}/fit_other_coefficients.npz {GOOD}": "the fit holds 3 betas",
    f"{FIT} {GOOD} --body {{f}}/missing.npz": "there is no body model file",
    f"{FIT} {GOOD} --body {{f}}/fit.npz": ".*lacks the key",
    f"{FIT} --reference {{f}}/missing.png --out {{o}}/x.mp4": ".*missing.png does not exist",
    f"{FIT} --reference {{f}}/folder.png --out {{o}}/x.mp4": ".*folder.png is a folder",
    f"{FIT} --reference {{f}}/empty.png --out {{o}}/x.mp4": ".*empty.png is empty",
    f"{FIT} --reference {{f}}/text.png --out {{o}}/x.mp4": ".*text.png is not a picture",
    f"{FIT} --reference {{f}}/truncated.png --out {{o}}/x.mp4": ".*truncated.png is a damaged",
    f"{FIT} --reference {{f}}/good.mp4 --out {{o}}/x.mp4": ".*good.mp4 is a video, not a picture",
    f"{FIT} {GOOD}": "no face",
    f"{FIT} {GOOD} --reference-fit {{f}}/missing.npz": ".*missing.npz does not exist",
    f"{FIT} {GOOD} --reference-fit {{f}}/text.npz": ".*text.npz is not a fit",
    f"{FIT} {GOOD} --reference-fit {{f}}/fit_of_another_size.npz": ".*is of a picture of 40 x 40 pixels",
    f"{FIT} {GOOD} --reference-fit {{f}}/fit_of_another_body.npz": ".*another_body.npz was made with the body",
    f"{FIT} {GOOD} --reference-fit {{f}}/fit_other_coefficients.npz": ".*coefficients.npz holds 3 betas",
    f"{FIT} --reference {{f}}/noise.png --out {{o}}/x.npz": "--out .*does not end in .mp4",
    f"{FIT} --reference {{f}}/noise.png --out {{o}}/nowhere/x.mp4": "the folder .*nowhere does not exist",
    f"{FIT} --reference {{f}}/noise.png --out {{f}}/folder.mp4": ".*folder.mp4 is a folder",
    "controls --fit {f}/good.mp4 --reference {f}/noise.png --out {f}/good.mp4": "--fit and --out name the same",
    f"{FIT} {GOOD} --size 0": "--size is 0",
    f"{FIT} {GOOD} --size -8": "--size is -8",
    f"{FIT} {GOOD} --size 100000": "--size is 100000",
    f"{FIT} {GOOD} --size big": "Invalid value for '--size'",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("controls") / "files"
    folder.mkdir()
    return cli_files.make(folder)


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_used_is_one_line_and_leaves_nothing(line, files, tmp_path, capsys):
    message = cli_files.assert_refused(line, files, tmp_path, capsys)
    assert re.match(f"error: {REFUSED[line]}", message), message


def test_a_single_array_is_no_fit(files, tmp_path, capsys):
    message = cli_files.assert_refused(f"controls --fit {{f}}/array.npz {GOOD}", files, tmp_path, capsys)
    assert "is not a fit" in message


@pytest.mark.parametrize(("name", "frames"), [("fit_of_a_picture", 1), ("fit", cli_files.FRAMES)])
def test_a_video_of_as_many_frames(name, frames, files, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(control_video, "WINDOW", 4)
    line = f"controls --fit {{f}}/{name}.npz {GOOD} --reference-fit {{f}}/fit_of_a_picture.npz --size 48"
    assert cli_files.run(line, files, tmp_path) == 0
    info = video_file.probe(tmp_path / "x.mp4")
    assert info.frames == frames and info.fps == cli_files.FPS
    assert info.size == (2 * 48 + 4, 3 * 48 + 2 * 4)
    out, err = capsys.readouterr()
    assert err == "" and out.startswith(f"{tmp_path / 'x.mp4'}: {frames} frame")


def test_carrying_a_motion_to_its_own_person_changes_nothing():
    motion = cli_files.fit().motion
    moved = dataclasses.replace(motion, transl=motion.transl + np.linspace(0, 1, 6, dtype=np.float32)[:, None])
    carried = control_video.carry(moved, moved)
    np.testing.assert_allclose(carried.transl, moved.transl, atol=1e-6)
    np.testing.assert_array_equal(carried.betas, moved.betas)


def test_carrying_takes_shape_and_place_from_the_reference():
    motion, other = cli_files.fit().motion, cli_files.fit(frames=1, distance=2.0).motion
    other = dataclasses.replace(other, betas=other.betas + 1)
    moved = dataclasses.replace(
        motion,
        transl=motion.transl + np.arange(6, dtype=np.float32)[:, None],
        body_pose=motion.body_pose + np.float32(0.1),
    )
    carried = control_video.carry(moved, other)
    np.testing.assert_array_equal(carried.betas, other.betas)
    np.testing.assert_array_equal(carried.body_pose, moved.body_pose)
    np.testing.assert_allclose(carried.transl, other.transl[0] + np.arange(6)[:, None], atol=1e-5)


@pytest.mark.parametrize("size", [32, 128])  # reduced and enlarged
def test_the_reference_is_framed_as_its_camera_says(size):
    """A picture whose colours are its own coordinates."""
    model, fit = model_file.default(), cli_files.fit(frames=1, size=(48, 96))
    x, y = np.meshgrid(np.arange(96) + 0.5, np.arange(48) + 0.5)
    image = np.stack([x, y, 0 * x], axis=-1).round().astype(np.uint8)
    framed = control_video.frame(model, fit, image, size)
    scale = framed.camera.focal / fit.camera.focal
    where = np.arange(size) + 0.5
    left, top = fit.camera.principal - framed.camera.principal / scale
    assert framed.image.shape == (size, size, 3) and framed.camera.size == (size, size)
    np.testing.assert_allclose(framed.image[size // 2, :, 0], left + where / scale, atol=1.5)
    np.testing.assert_allclose(framed.image[:, size // 2, 1], top + where / scale, atol=1.5)
    assert (framed.matte == 255).all()

"""Small files for the tests of commands: good ones, and ways in which files go wrong."""

import dataclasses
import struct
import zlib
from pathlib import Path

import numpy as np

from vlogger_jax import cli
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, smplx
from vlogger_jax.fit import landmarks as marks
from vlogger_jax.fit import result
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.fit.result import Fit, Quality
from vlogger_jax.media import audio_file, image_file, video_writer

SIZE = (48, 64)
FRAMES, FPS = 6, 12.0


def noise(size=SIZE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def landmarks(frames=FRAMES, size=SIZE, confidence=1.0):
    """All points in the middle."""
    middle = np.array([size[1] / 2, size[0] / 2, 0], np.float32)
    points = {name: np.tile(middle, (frames, count, 1)) for name, count in marks.POINTS.items()}
    sure = {f"{name}_confidence": np.full((frames, n), confidence, np.float32) for name, n in marks.POINTS.items()}
    matte = np.full((frames, *marks.matte_size(size)), 255, np.uint8)
    return Landmarks(**points, **sure, matte=matte, fps=FPS, size=size)


def fit(frames=FRAMES, size=SIZE, distance=1.0, body=None):
    """The default body at rest, its head in the middle of the picture."""
    model = model_file.default()
    motion = smplx.rest_motion(model, frames=frames, fps=FPS)
    head = smplx.pose(model, motion).joints[0, 15]
    place = np.tile(np.array([-head[0], -head[1] - 0.05, -distance], np.float32), (frames, 1))
    ones, zeros = np.ones(frames, np.float32), np.zeros(frames, np.float32)
    return Fit(
        motion=dataclasses.replace(motion, transl=place, body=body or motion.body),
        camera=cameras.from_focal(1.6 * max(size) * distance, size),
        matte=np.full((frames, *marks.matte_size(size)), 255, np.uint8),
        quality=Quality(
            **dict.fromkeys(("face", "torso"), ones),
            **dict.fromkeys(("reprojection", "left_hand", "right_hand", "jitter"), zeros),
            inside=np.ones(frames, np.float32),
            good=np.ones(frames, bool),
        ),
    )


def write_fit(path, value=None, **changes):
    np.savez_compressed(path, **(result.arrays_of(value or fit()) | changes))


def make(folder: Path) -> Path:
    """Fill `folder`; names say what is wrong with a file, `good` and `noise` that nothing is."""
    image_file.write(folder / "noise.png", noise())
    image_file.write(folder / "thin.png", noise((4, 400)))
    whole = (folder / "noise.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (folder / "huge.png").write_bytes(whole[:16] + header + crc + whole[33:])
    with video_writer.Writer(folder / "good.mp4", fps=FPS) as writer:
        for i in range(FRAMES):
            writer.write(noise(seed=i))
    whole = (folder / "good.mp4").read_bytes()
    (folder / "truncated.mp4").write_bytes(whole[:200])
    audio_file.write(folder / "sound.wav", np.zeros(1600, np.float32))
    for name in ("text.png", "text.mp4", "text.npz", "text.task"):
        (folder / name).write_text("I am a text.\n" * 20)
    for name in ("empty.png", "empty.mp4", "empty.npz"):
        (folder / name).touch()
    for name in ("folder.png", "folder.mp4", "folder.npz"):
        (folder / name).mkdir()
    _landmarks(folder)
    _fits(folder)
    return folder


def _landmarks(folder):
    marks.save(folder / "marks.npz", landmarks())
    marks.save(folder / "marks_of_another_size.npz", landmarks(size=(30, 30)))
    marks.save(folder / "marks_of_a_longer_clip.npz", landmarks(FRAMES + 3))
    marks.save(folder / "marks_without_face.npz", landmarks(confidence=0.0))
    with np.load(folder / "marks.npz") as file:
        arrays = dict(file)
    np.savez(folder / "marks_newer.npz", **(arrays | {"version": np.asarray(99)}))
    np.savez(folder / "marks_of_another_shape.npz", **(arrays | {"face": arrays["face"][:, :400]}))
    np.savez(folder / "marks_nan.npz", **(arrays | {"pose": arrays["pose"] * np.nan}))


def _fits(folder):
    write_fit(folder / "fit.npz")
    write_fit(folder / "fit_of_a_picture.npz", fit(frames=1))
    write_fit(folder / "fit_of_another_size.npz", fit(size=(40, 40)))
    write_fit(folder / "fit_of_another_body.npz", fit(body="smplx-0123456789ab"))
    write_fit(folder / "fit_newer.npz", version=np.asarray(99))
    write_fit(folder / "fit_nan.npz", **{"motion.transl": np.full((FRAMES, 3), np.nan, np.float32)})
    write_fit(folder / "fit_short.npz", **{"quality.good": np.ones(2, bool)})
    write_fit(folder / "fit_batched.npz", **{"motion.betas": np.zeros((2, 57), np.float32)})
    write_fit(folder / "fit_other_coefficients.npz", **{"motion.betas": np.zeros(3, np.float32)})
    write_fit(folder / "fit_wrong_type.npz", **{"motion.betas": np.zeros(57, np.int64)})
    whole = (folder / "fit.npz").read_bytes()
    (folder / "fit_truncated.npz").write_bytes(whole[: len(whole) // 2])
    (folder / "fit_damaged.npz").write_bytes(whole[:3000] + bytes(400) + whole[3400:])
    with np.load(folder / "fit.npz") as file:
        np.savez(folder / "fit_lacking.npz", **{name: array for name, array in file.items() if name != "matte"})
    with (folder / "array.npz").open("wb") as file:
        np.save(file, np.zeros(3))


def run(line, files, out):
    """Run `vlogger` with {f} and {o} in `line` standing for the folders of files and results."""
    return cli.run([part.format(f=files, o=out) for part in line.split(" ")])


def assert_refused(line, files, out, capsys):
    """One line on stderr, exit code 2, and nothing new in either folder."""
    before = {path: path.stat().st_mtime_ns for path in (*files.rglob("*"), *out.rglob("*"))}
    code = run(line, files, out)
    stdout, stderr = capsys.readouterr()
    assert stderr.startswith("error: ") and stderr.count("\n") == 1 and stderr.endswith(".\n"), stderr
    assert "\x1b" not in stderr and "Traceback" not in stderr
    assert stdout == ""
    assert code == 2
    after = {path: path.stat().st_mtime_ns for path in (*files.rglob("*"), *out.rglob("*"))}
    assert {path for path in after if after[path] != before.get(path)} <= {files, out}
    assert after.keys() == before.keys()
    return stderr

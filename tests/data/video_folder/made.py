"""Made-up videos whose frames carry their own numbers, and detectors that read these instead of looking for faces.

A frame is grey; the middle, which is "the person", is blue, as red as its number, and a little greener if it shows a
face.
"""

import dataclasses
from pathlib import Path

import numpy as np

from tests import cli_files
from vlogger_jax.body import camera as cameras
from vlogger_jax.fit import landmarks as marks
from vlogger_jax.fit import points
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.fit.result import Fit
from vlogger_jax.media import video_writer

FPS = 24.0
SIZE = (64, 96)  # the middle square is columns 16 to 80
FACE, NO_FACE = 110, 90
PERSON = np.s_[24:40, 32:64]
EYES = 8.0  # pixels


def picture(number: int, face: bool = True, grey: int = 100, size: tuple[int, int] = SIZE) -> np.ndarray:
    frame = np.full((*size, 3), grey, np.uint8)
    frame[PERSON] = (number, FACE if face else NO_FACE, 250)
    return frame


def tone(frames: int, amplitude: float = 0.3) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * 220 * np.arange(round(frames / FPS * 16000)) / 16000)).astype(np.float32)


def video(path: Path, frames, waveform: np.ndarray | None) -> Path:
    """Write `frames` (pictures) at 24 frames/s, without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with video_writer.Writer(path, fps=FPS, waveform=waveform, lossless=True) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def plain(path: Path, count: int, first: int = 0) -> Path:
    return video(path, (picture(first + i) for i in range(count)), tone(count))


def detect(frames, fps, *, model=None) -> Landmarks:
    """In place of `landmarks.detect`: the number of a frame is the depth of all points of its face, and is taken from
    its matte."""
    seen = [frame[32, 48].astype(float) for frame in frames]
    size = SIZE
    confidence = np.array([green > 100 for _, green, _ in seen], np.float32)
    if not confidence.any():
        raise marks.UserError("no face", "none")
    found = cli_files.landmarks(len(seen), size)
    face = np.array(found.face)
    face[:, points.OUTER_EYES, 0] += np.float32([-EYES / 2, EYES / 2])
    face[..., 2] = np.array([red for red, _, _ in seen])[:, None]
    matte = np.zeros((len(seen), *size), np.uint8)
    matte[:, *PERSON] = np.array([255 - red for red, _, _ in seen])[:, None, None]
    sure = {f"{name}_confidence": np.repeat(confidence[:, None], n, axis=1) for name, n in marks.POINTS.items()}
    return dataclasses.replace(found, face=face * confidence[:, None, None], matte=matte, fps=fps, **sure)


def fit(model, landmarks: Landmarks, **_) -> Fit:
    """In place of `solve.fit`: the number of a frame is in the pelvis' orientation, thousandths of a radian about y."""
    count = len(landmarks.face)
    found = cli_files.fit(count, size=landmarks.size)
    turned = np.zeros((count, 3), np.float32)
    turned[:, 1] = landmarks.face[:, 100, 2] / 1000
    return dataclasses.replace(
        found,
        motion=dataclasses.replace(found.motion, global_orient=turned, fps=landmarks.fps),
        camera=cameras.from_focal(100.0, landmarks.size),
        matte=np.asarray(landmarks.matte),
        quality=dataclasses.replace(found.quality, good=np.asarray(landmarks.face_confidence).max(axis=-1) > 0),
    )


def numbers(motion) -> list[int]:
    """The frames' numbers, from what `fit` made of them."""
    return np.round(1000 * motion.global_orient[:, 1]).astype(int).tolist()

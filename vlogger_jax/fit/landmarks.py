"""Where a person's face, body and hands are in each frame of a picture or video, and which pixels show the person.

`detect` finds them with MediaPipe, on the CPU and without a download. The file that `save` writes may also be made by
hand, with any other detector: an `.npz` (no pickles) that holds the fields of `Landmarks` under their names and

    format         the text "vlogger.landmarks"
    version        the whole number 1
    fps            frames/s, positive
    size           (height, width) of the image in pixels, whole numbers

with the shapes of `Landmarks`, numbers of any precision, none of them NaN or infinite. Only `matte` may be left out: it
is then 255 everywhere, and background counts as person. Points that are not known have confidence 0.
"""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import record, static
from vlogger_jax.core.typing import Array, Float32, UInt8

FORMAT = "vlogger.landmarks"
VERSION = 1
LONGEST_MATTE = 512
"""Pixels: the longer side of a matte is the image's, at most this."""

FARTHEST = 1e7
"""Pixels: points farther off than that are no landmarks."""

POINTS = {"face": 478, "pose": 33, "left_hand": 21, "right_hand": 21}
"""The groups of points, and how many each has."""


@record
class Landmarks:
    """Points of one person over time, in MediaPipe's order, and the person's matte.

    Points are (x, y, z): x and y in pixels of the image, the centre of row i and column j at (j + 0.5, i + 0.5); z in
    the same scale, smaller is nearer, relative to the middle of the head, hips or wrist. Left and right are the
    person's. Confidences are from 0 to 1, and 0 with coordinates 0 where nothing was found. Points outside of the image
    are guesses: `detect` leaves them at most 0.1.

    Attributes:
        face: face mesh, irises last (468-472 right, 473-477 left).
        face_confidence: high where the face is turned towards the camera.
        pose: whole body.
        pose_confidence: how probably the point is visible.
        left_hand: wrist, then four points each of thumb, index, middle, ring and little finger.
        left_hand_confidence: how well the hand agrees with the pose and with the frames around.
        right_hand: as `left_hand`.
        right_hand_confidence: as `left_hand_confidence`.
        matte: coverage of the person, 255 inside; the image scaled so that its longer side is at most 512.
        fps: frames/s.
        size: (height, width) of the image in pixels.
    """

    face: Float32[Array, "t 478 3"]
    face_confidence: Float32[Array, "t 478"]
    pose: Float32[Array, "t 33 3"]
    pose_confidence: Float32[Array, "t 33"]
    left_hand: Float32[Array, "t 21 3"]
    left_hand_confidence: Float32[Array, "t 21"]
    right_hand: Float32[Array, "t 21 3"]
    right_hand_confidence: Float32[Array, "t 21"]
    matte: UInt8[Array, "t mh mw"]
    fps: float = static()
    size: tuple[int, int] = static()


def detect(frames: Iterable[UInt8[np.ndarray, "h w 3"]], fps: float | int, *, model: Path | None = None) -> Landmarks:
    """Find the landmarks and the matte of the person with the largest face, who is followed from frame to frame.

    Frames are taken one by one and none is kept; the result holds a matte a frame (at most 256 KB). The body is looked
    for anew in each frame, because MediaPipe's own tracking lags and loses hands; its pose is then smoothed
    symmetrically in time. A picture is a video of one frame.

    Args:
        frames: RGB, all of one size.
        fps: frames/s; of no consequence for a picture.
        model: a `holistic_landmarker.task` file, for releases of MediaPipe that have no models of their own (0.10.30
            and newer, which Python 3.13 needs). MediaPipe 1.x reports its usage to Google, as its README says.

    Raises:
        UserError: if no face was found in any frame, the frames cannot be used, or MediaPipe is not installed.
    """
    from vlogger_jax.fit import landmarks_confidence, landmarks_search

    if not 0 < fps < math.inf:
        raise UserError(f"the frame rate is {fps}", "Give a positive number of frames/s")
    if model is None:
        from vlogger_jax.fit import landmarks_mediapipe as backend

        eyes = backend.open_solutions()
    else:
        from vlogger_jax.fit import landmarks_tasks

        eyes = landmarks_tasks.open_model(model)
    with eyes:
        found = list(landmarks_search.follow(frames, float(fps), eyes))
    return landmarks_confidence.assemble(found, float(fps))


def matte_size(size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the matte of an image of `size`."""
    scale = min(1.0, LONGEST_MATTE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def save(path: str | Path, landmarks: Landmarks) -> None:
    """Write `landmarks` to the `.npz` file `path`, which is complete or not there.

    Raises:
        UserError: if it cannot be written.
    """
    from vlogger_jax.media import array_file  # and with it PyAV, which people who only need the priors may lack

    arrays = {name: np.asarray(getattr(landmarks, name)) for name in (*_SHAPES, "matte")}
    arrays |= {"format": np.asarray(FORMAT), "version": np.asarray(VERSION)}
    arrays |= {"fps": np.asarray(landmarks.fps, np.float64), "size": np.asarray(landmarks.size)}
    array_file.write(path, arrays)


def load(path: str | Path) -> Landmarks:
    """Read what `save`, or somebody else, wrote to `path` in the format above.

    Raises:
        UserError: if the file is not there or not of that format.
    """
    from vlogger_jax.media import array_file  # and with it PyAV, which people who only need the priors may lack

    arrays = array_file.read(path, "a file of landmarks")
    _check_kind(path, arrays)
    fps, size = _header(path, arrays)
    points = _points(path, arrays)
    frames = len(points["face"])
    height, width = matte_size(size)
    matte = arrays.get("matte")
    if matte is None:
        matte = np.full((frames, height, width), 255, np.uint8)
    elif matte.dtype != np.uint8 or matte.shape != (frames, height, width):
        raise UserError(
            f"matte of {path} is {matte.dtype} {matte.shape}; expected uint8 {(frames, height, width)}",
            "Scale the mattes to a longer side of 512 pixels (or the image's, if less), or leave them out",
        )
    return Landmarks(**points, matte=matte, fps=fps, size=size)


_SHAPES: dict[str, tuple[int, ...]] = {  # after the number of frames
    **{name: (count, 3) for name, count in POINTS.items()},
    **{f"{name}_confidence": (count,) for name, count in POINTS.items()},
}


def _check_kind(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    kind = arrays.get("format")
    if kind is None or kind.shape != () or str(kind) != FORMAT:
        raise UserError(f"{path} holds no landmarks (its format is {kind!s:.40})", f"Its `format` must be {FORMAT}")
    version = arrays.get("version")
    if version is None or version.shape != () or version.dtype.kind not in "iu" or version != VERSION:
        raise UserError(f"{path} has version {version!s:.40}; this program reads version {VERSION}", "Make it anew")
    missing = [name for name in (*_SHAPES, "fps", "size") if name not in arrays]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}", "Add what is missing; unknown points have confidence 0")


def _header(path: str | Path, arrays: dict[str, np.ndarray]) -> tuple[float, tuple[int, int]]:
    fps, size = arrays["fps"], arrays["size"]
    if fps.shape != () or fps.dtype.kind not in "iuf" or not 0 < fps < math.inf:
        raise UserError(f"fps of {path} is {fps!s:.40}", "Give frames/s as one positive number")
    if size.shape != (2,) or size.dtype.kind not in "iu" or size.min() < 1:
        raise UserError(f"size of {path} is {size!s:.40}", "Give (height, width) in pixels as two whole numbers")
    return float(fps), (int(size[0]), int(size[1]))


def _points(path: str | Path, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    frames = len(arrays["face"]) if arrays["face"].ndim else 0
    if not frames:
        raise UserError(f"{path} holds no frames", "Give one or more")
    found = {}
    for name, shape in _SHAPES.items():
        array = arrays[name]
        if array.shape != (frames, *shape) or array.dtype.kind not in "iuf":
            raise UserError(
                f"{name} of {path} is {array.dtype} {array.shape}; expected numbers of shape {(frames, *shape)}",
                "Give all points of all frames; unknown ones have confidence 0",
            )
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused below
            array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise UserError(f"{name} of {path} holds NaN or infinity", "Unknown points have confidence 0")
        if not name.endswith("_confidence") and np.abs(array).max() > FARTHEST:
            raise UserError(f"{name} of {path} lies far outside of the image", "Give pixels")
        if name.endswith("_confidence") and (array.min() < 0 or array.max() > 1):
            raise UserError(f"{name} of {path} is not within 0 and 1", "Scale it")
        found[name] = array
    return found

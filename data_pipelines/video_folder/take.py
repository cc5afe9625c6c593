"""One piece of video looked at and fitted: the longest part of it that can be used, or why there is none.

What is filtered is what MENTOR filters (paper section 3.3: faces that are not whole, jitter, backgrounds that change,
missing hands, bad sound; it names no numbers), the cheapest first. Frames are taken one by one and none is kept. Cuts
are looked for before the fit, which takes all that it is given for one person seen through one lens.

Takes are kept as files in a folder, so that nothing is fitted twice: `<key>.npz` is a fit as `vlogger fit` writes it,
and `<key>.json`, written after it, says with which frame it begins, or why there is no fit.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import jax
import numpy as np

from data_pipelines.recipe import Unusable
from data_pipelines.schema import RATE
from data_pipelines.video_folder import files, sound, stretch
from data_pipelines.video_folder.files import FPS
from vlogger_jax.body import smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Bool, UInt8
from vlogger_jax.fit import landmarks as marks
from vlogger_jax.fit import points, result, solve, summary
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.fit.result import Fit
from vlogger_jax.media import atomic, video_file

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What a clip must hold.

    Attributes:
        face: pixels between the outer corners of the eyes, at least, in half of the frames.
        good: share of frames that are fitted well (`Quality.good`), at least.
        jitter: of the landmarks (`Quality.jitter`), at most, in half of the frames.
        background: how much it changes (`stretch.background_change`), at most.
        level: decibels below full scale, at least, where the sound is loud (`sound.level`).
        hands: share of frames that show a hand, at least; MENTOR has none without hands.
    """

    face: float | int = 32.0
    good: float | int = 0.9
    jitter: float | int = 800.0
    background: float | int = 0.03
    level: float | int = -50.0
    hands: float | int = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.hands <= 1 and 0 <= self.good <= 1):
            raise UserError(
                f"shares of frames of {self.hands} (hands) and {self.good} (good) are wanted", "Give 0 to 1 for each"
            )


@dataclass(frozen=True)
class Take:
    """What is used of a piece.

    Attributes:
        start: its first frame, counted from the piece's.
        fit: of its frames, in the whole picture.
    """

    start: int
    fit: Fit


def make(
    path: Path,
    piece: range,
    shortest: int,
    limits: Limits,
    model: BodyModel,
    landmark_model: Path | None,
) -> Take:
    """The take of a piece of video: the same input gives the same bytes.

    Args:
        piece: frames at `FPS` from the beginning of the video.
        shortest: frames of a take, at least.
        landmark_model: see `landmarks.detect`.

    Raises:
        Unusable: if there is none.
        UserError: if landmarks cannot be found in any video.
    """
    if len(piece) < shortest:
        raise Unusable("too short")
    waveform = sound.read(path, piece.start, len(piece))
    if sound.level(waveform) < limits.level:
        raise Unusable("silent")
    thumbs: list[np.ndarray] = []
    found = _landmarks(path, piece, landmark_model, lambda frame: thumbs.append(stretch.thumb(frame)))
    seen = points.interocular_distances(found) > 0
    # Sound may end a little early, as it does in most files.
    seen[len(waveform) * Fraction(FPS) // RATE + stretch.GAP :] = False
    part = stretch.longest(seen, stretch.cuts(np.stack(thumbs), found))
    if len(part) < shortest:
        raise Unusable("no face without a cut for long enough")
    found, thumbs = _rows(found, part), thumbs[part.start : part.stop]
    if np.median(points.interocular_distances(found)) < limits.face:
        raise Unusable("face too small")
    if stretch.background_change(np.stack(thumbs), np.asarray(found.matte)) > limits.background:
        raise Unusable("background changes")
    try:
        fit = solve.fit(model, found)
    except UserError as error:
        raise Unusable("face cannot be fitted") from error
    run = stretch.longest(np.asarray(fit.quality.good), np.zeros(0, np.int64))
    if len(run) < shortest:
        raise Unusable("fit is not good for long enough")
    fit = rows(fit, run)
    _check(fit, limits)
    start = part.start + run.start
    first, end = (sound.samples(frames) for frames in (start, start + len(run)))
    if sound.level(waveform[first:end]) < limits.level:
        raise Unusable("silent")
    return Take(start, fit)


def rows(fit: Fit, which: range) -> Fit:
    """Some frames of a fit that follow each other."""
    frames = slice(which.start, which.stop)
    return Fit(
        motion=smplx.frames_of(fit.motion, frames),
        camera=fit.camera,
        matte=fit.matte[frames],
        quality=jax.tree.map(lambda value: value[frames], fit.quality),
    )


def kept(folder: Path, key: str, make: Callable[[], Take]) -> Take:
    """What `make` gave when it was first called with this `key`, be it a take or `Unusable`.

    Raises:
        Unusable: if it did.
        UserError: if it did, or `folder` cannot be written to.
    """
    told = folder / f"{key}.json"
    if told.is_file():
        try:
            return _load(folder, key)
        except UserError as error:
            log.warning("%s The clip is fitted again", error.what)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}", "Choose another place") from error
    try:
        made = make()
        result.save(folder / f"{key}.npz", made.fit)
        told_now = {"start": made.start}
    except Unusable as error:
        told_now = {"unusable": str(error)}
    with atomic.replacing(told) as temporary:
        temporary.write_text(json.dumps(told_now) + "\n", encoding="utf-8")
    return _load(folder, key)


@lru_cache(maxsize=1)
def _load(folder: Path, key: str) -> Take:
    # What was just made is read as well, so that it is the same whether it was there or not.
    path = folder / f"{key}.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if "unusable" in told:
            raise Unusable(told["unusable"])
        return Take(int(told["start"]), result.load(folder / f"{key}.npz"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is damaged: {error}", "Delete it") from error


def _landmarks(path: Path, piece: range, model: Path | None, see: Callable[[np.ndarray], None]) -> Landmarks:
    """The landmarks of a piece; `see` is shown each frame."""

    def shown() -> Iterator[np.ndarray]:
        try:
            for frame in frames(path, piece):
                see(frame)
                yield frame
        except UserError as error:
            raise Unusable("cannot be decoded") from error

    detector(model)
    try:
        return marks.detect(shown(), FPS, model=model)
    except UserError as error:
        raise Unusable("no face found") from error


def frames(path: Path, piece: range) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The frames of a piece of video, as `make` sees them."""
    start, duration = (Fraction(count) / Fraction(FPS) for count in (piece.start, len(piece)))
    return video_file.frames(path, FPS, start, duration)


@lru_cache
def detector(model: Path | None) -> str:
    """What finds landmarks, in words that change when it does.

    Raises:
        UserError: if MediaPipe is not installed, or `model` is none of its files. No video is to blame for that.
    """
    if model is None:
        from vlogger_jax.fit import landmarks_mediapipe

        landmarks_mediapipe.open_solutions()
        return f"mediapipe {metadata.version('mediapipe')}"
    from vlogger_jax.fit import landmarks_tasks

    with landmarks_tasks.open_model(model):
        return f"mediapipe {metadata.version('mediapipe')} {files.checksum(model)}"


def hands(fit: Fit) -> Bool[np.ndarray, "t 2"]:
    """Whether the left and the right hand are visible."""
    return np.stack([fit.quality.left_hand, fit.quality.right_hand], axis=-1) > summary.SEEN


def _rows(found: Landmarks, part: range) -> Landmarks:
    return jax.tree.map(lambda value: value[part.start : part.stop], found)


def _check(fit: Fit, limits: Limits) -> None:
    if np.mean(fit.quality.good) < limits.good:
        raise Unusable("too many frames are not fitted well")
    if np.median(fit.quality.jitter) > limits.jitter:
        raise Unusable("landmarks are jittery")
    if hands(fit).any(axis=-1).mean() < limits.hands:
        raise Unusable("no hands")

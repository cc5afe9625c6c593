"""`vlogger fit`: files in, files out. A picture or a video becomes a person, a lens and a performance."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from vlogger_jax import console
from vlogger_jax.body import model_file
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import UInt8
from vlogger_jax.fit import landmarks as marks
from vlogger_jax.fit import overlay, result, solve, summary
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.media import atomic, image_file, timing, video_file, video_writer

PICTURE_FPS = 24.0
"""Frames/s that a single picture is said to have."""

FILM_DIAGONAL = 43.27
"""Millimetres: of the 36 x 24 mm that "35 mm equivalent" refers to."""

FOCAL_35MM = (8.0, 2000.0)
"""Millimetres: what lenses have; what a picture says beyond is not believed."""

TRANSPARENT = 128
"""Grey behind pictures that are transparent."""

PICTURES = (".png", ".jpg", ".jpeg")


@dataclasses.dataclass(frozen=True)
class Request:
    """The options of `vlogger fit`; see its help."""

    out: Path
    image: Path | None = None
    video: Path | None = None
    overlay: Path | None = None
    landmarks: Path | None = None
    save_landmarks: Path | None = None
    landmark_model: Path | None = None
    body: Path | None = None
    fps: float | None = None
    start: float | None = None
    duration: float | None = None
    focal: float | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """Where frames come from.

    Attributes:
        name: the file.
        frames: reads them from the beginning, RGB.
        size: (height, width) in pixels.
        rate: frames/s.
        count: about how many there are.
        focal: pixels, if the file says.
    """

    name: Path
    frames: Callable[[], Iterator[UInt8[np.ndarray, "h w 3"]]]
    size: tuple[int, int]
    rate: float | Fraction
    count: int
    focal: float | None = None


def fit_file(request: Request) -> None:
    """Fit what `request` names, write what it asks for, and print a summary.

    Raises:
        UserError: before any work if options contradict each other, files cannot be read or written; later, if no frame
            shows a face.
    """
    _check(request)
    source = picture(request.image) if request.image else _video(request)
    model = model_file.chosen(request.body)
    known = None if request.landmarks is None else known_landmarks(request.landmarks, source)
    focal = source.focal if request.focal is None else request.focal
    with contextlib.ExitStack() as stack:
        show = stack.enter_context(_overlay_file(request, source)) if request.overlay else None
        begin = stack.enter_context(console.progress())
        console.keep_compiled()
        with contextlib.ExitStack() as results:  # which stay, whatever becomes of the overlay
            out = results.enter_context(atomic.replacing(request.out))
            saved = results.enter_context(atomic.replacing(request.save_landmarks)) if request.save_landmarks else None
            found = known or detect(source, request.landmark_model, begin("finding the person"))
            if saved:
                marks.save(saved, found)
            fit = solve.fit(model, found, focal=focal, report=begin("fitting the body"))
            result.save(out, fit)
        if show:
            report, count = begin("drawing the overlay"), len(found.face)
            for i, frame in enumerate(overlay.draw(model, fit, found, source.frames())):
                show(frame)
                report((i + 1) / count)
    how = "given" if request.focal else "from the picture's EXIF data" if source.focal else "estimated"
    print("\n".join(summary.lines(request.out, fit, how)))


def picture(path: Path) -> Source:
    """A picture as a source of one frame."""
    read = image_file.read(path)
    rgb, focal = read.rgb, None
    if read.alpha is not None:
        alpha = read.alpha[..., None].astype(np.float32) / 255
        rgb = np.round(rgb * alpha + TRANSPARENT * (1 - alpha)).astype(np.uint8)
    size = rgb.shape[:2]
    if read.focal_35mm is not None and FOCAL_35MM[0] <= read.focal_35mm <= FOCAL_35MM[1]:
        focal = read.focal_35mm / FILM_DIAGONAL * math.hypot(*size)
    return Source(path, lambda: iter([rgb]), size, PICTURE_FPS, 1, focal)


def detect(source: Source, model: Path | None, report: console.Report) -> Landmarks:
    """The landmarks of a source, frame by frame."""

    def told() -> Iterator[np.ndarray]:
        for i, frame in enumerate(source.frames()):
            yield frame
            report((i + 1) / source.count)

    return marks.detect(told(), float(source.rate), model=model)


def known_landmarks(path: Path, source: Source) -> Landmarks:
    """The landmarks in a file, if they can be of `source`.

    Raises:
        UserError: if they are of frames of another size or number.
    """
    found = marks.load(path)
    if found.size != tuple(source.size):
        theirs, ours = (f"{width} x {height}" for height, width in (found.size, source.size))
        raise UserError(
            f"{path} holds landmarks of {theirs} pixels, but {source.name} has {ours}", "Give landmarks of this file"
        )
    frames = len(found.face)
    if frames != source.count and frames != (count := sum(1 for _ in source.frames())):
        raise UserError(
            f"{path} holds {frames} frames, but {source.name} gives {count}",
            "Give the --fps, --start and --duration that the landmarks were made with",
        )
    return dataclasses.replace(found, fps=float(source.rate))


def _video(request: Request) -> Source:
    path = request.video
    info = video_file.probe(path)
    rate = info.rate if request.fps is None else timing.exact_rate(request.fps)
    start, duration = request.start or 0.0, request.duration
    video_file.frames(path, rate, start, duration)  # refuses now what it cannot do later
    left = info.duration - start if duration is None else min(duration, info.duration - start)
    count = timing.count(timing.seconds(left), rate)
    return Source(path, lambda: video_file.frames(path, rate, start, duration), info.size, rate, count)


def _check(request: Request) -> None:
    if (request.image is None) == (request.video is None):
        raise UserError("give one of --image and --video", "For example `vlogger fit --image me.jpg --out fit.npz`")
    for name in ("fps", "start", "duration"):
        value = getattr(request, name)
        if value is None:
            continue
        if request.image:
            raise UserError(f"--{name} is for videos, not for a picture", "Leave it out")
        if not (0 <= value < math.inf) or (value == 0 and name != "start"):
            raise UserError(f"--{name} is {value}", "Give a positive number")
    if request.focal is not None and not 0 < request.focal < math.inf:
        raise UserError(f"--focal is {request.focal}", "Give the focal length in pixels, a positive number")
    if request.landmarks and request.landmark_model:
        raise UserError(
            "--landmarks and --landmark-model were both given", "Leave one out: landmarks are not found twice"
        )
    check_suffix("--out", request.out, (".npz",))
    if request.overlay:
        check_suffix("--overlay", request.overlay, PICTURES if request.image else (".mp4",))
    if request.save_landmarks:
        check_suffix("--save-landmarks", request.save_landmarks, (".npz",))
    outputs = {"--out": request.out, "--overlay": request.overlay, "--save-landmarks": request.save_landmarks}
    inputs = {f"--{name}": getattr(request, name) for name in ("image", "video", "landmarks", "body")}
    check_apart(outputs, inputs | {"--landmark-model": request.landmark_model})


def check_suffix(option: str, path: Path, allowed: tuple[str, ...]) -> None:
    """Raise UserError if `path` ends in none of the `allowed`."""
    if path.suffix.lower() not in allowed:
        raise UserError(f"{option} {path} does not end in {' or '.join(allowed)}", "Choose such a name")


def check_apart(outputs: dict[str, Path | None], inputs: dict[str, Path | None]) -> None:
    """Raise UserError if one file is to be written twice, or is read as well; keys are the options' names."""
    named: dict[str, str] = {}
    for option, path in (inputs | outputs).items():
        if path is None:
            continue
        place = str(Path(path).absolute())
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # what is wrong with it is said when it is opened
            place = str(path.resolve())
        if place in named and option in outputs:
            raise UserError(f"{named[place]} and {option} name the same file, {path}", "Choose another name")
        named[place] = option


@contextlib.contextmanager
def _overlay_file(request: Request, source: Source) -> Iterator[Callable[[np.ndarray], None]]:
    if request.video:
        with video_writer.Writer(request.overlay, fps=source.rate) as writer:
            yield writer.write
    else:
        with atomic.replacing(request.overlay) as temporary:
            yield lambda frame: image_file.write(temporary, frame)

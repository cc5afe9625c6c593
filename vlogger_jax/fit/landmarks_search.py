"""Follows one person through the frames, whatever part of them must be shown to the detectors.

A frame is shown as it is first. Where that does not find the face, it is shown again, closer where faces are small,
with its border continued where they are large, and last to a detector that needs no body. Of several people the one
with the largest face is taken, and the others are cut off half-way to them.
"""

import dataclasses
import logging
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float32, UInt8
from vlogger_jax.fit import landmarks_matte
from vlogger_jax.fit.landmarks import matte_size
from vlogger_jax.fit.landmarks_views import Box, apart, around, cut, distinct, grown, holds, reduce, whole, within

log = logging.getLogger(__name__)

SMALLEST_SIDE = 16
"""Pixels of the reduced image; below there is no face to see."""

COUNT_EVERY = 2.0
"""Seconds between two counts of the faces, of one person."""

COUNT_MANY_EVERY = 0.25
"""Seconds between two counts of the faces, of several people."""


class Seen(NamedTuple):
    """What a detector sees in a picture, in its pixels; None where it sees nothing.

    Attributes:
        face, left_hand, right_hand: x, y, z; left and right are the person's.
        pose: x, y, z and the probability of being visible.
        mask: how much of each pixel is the person.
    """

    face: Float32[np.ndarray, "478 3"] | None = None
    pose: Float32[np.ndarray, "33 4"] | None = None
    left_hand: Float32[np.ndarray, "21 3"] | None = None
    right_hand: Float32[np.ndarray, "21 3"] | None = None
    mask: Float32[np.ndarray, "h w"] | None = None


class Found(NamedTuple):
    """What was found in a frame: `seen` in pixels of the frame and without mask, its matte, its (height, width)."""

    seen: Seen
    matte: UInt8[np.ndarray, "mh mw"]
    size: tuple[int, int]


@runtime_checkable
class Eyes(Protocol):
    """A set of detectors."""

    def __enter__(self): ...

    def __exit__(self, *error): ...

    def look(self, picture: UInt8[np.ndarray, "h w 3"]) -> Seen:
        """All of one person."""

    def faces(self, picture: UInt8[np.ndarray, "h w 3"]) -> list[Box]:
        """Everybody's face; may be empty in spite of faces."""

    def mesh(self, picture: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "478 3"] | None:
        """A face that nearly fills the picture."""

    def silhouette(self, picture: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"] | None:
        """The mask of everybody."""


@dataclasses.dataclass
class _Person:
    """What is known of the person from the frames before.

    Attributes:
        face: the last face.
        region: the part of the image that is nobody else's.
        crowd: how many faces there are, if there are others; else 0.
        counted, searched: in which frame faces were last counted, and looked for in parts of it.
        warned: whether the others have been mentioned.
    """

    face: Box | None = None
    region: Box | None = None
    crowd: int = 0
    counted: int | None = None
    searched: int | None = None
    warned: bool = False


def follow(frames: Iterable[UInt8[np.ndarray, "h w 3"]], fps: float, eyes: Eyes) -> Iterator[Found]:
    """Look for the person in each frame, as the frames come.

    Raises:
        UserError: if there is no frame, or one is too small, too narrow or of another size than the first.
    """
    person, size = _Person(), None
    for i, frame in enumerate(frames):
        size = _check(frame, i, size)
        image, factor = reduce(frame)
        if min(image.shape[:2]) < SMALLEST_SIDE:
            raise UserError(
                f"the picture is {size[1]} x {size[0]} pixels, too small or too narrow to show a face",
                "Use a larger one",
            )
        seen, box = _look(image, i, fps, person, eyes)
        mask = seen.mask
        if mask is None:
            picture, box = cut(image, person.region or whole(image))
            mask = eyes.silhouette(picture)
        shape, known = (image.shape[0], image.shape[1]), [p for p in seen[:4] if p is not None]
        matte = landmarks_matte.cut_out(mask, box, known, shape, matte_size(size))
        yield Found(_scaled(seen, factor), matte, size)
    if size is None:
        raise UserError("there are no frames to look at", "Give a picture, or a video of one frame or more")


def _check(frame: np.ndarray, index: int, size: tuple[int, int] | None) -> tuple[int, int]:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"frame {index} is {frame.dtype} {frame.shape}; expected uint8 (h, w, 3)")
    found = (frame.shape[0], frame.shape[1])
    if size is not None and found != size:
        raise UserError(
            f"frame {index} is {found[1]} x {found[0]} pixels, the ones before {size[1]} x {size[0]}",
            "Cut the video where its size changes",
        )
    return found


def _look(image: np.ndarray, i: int, fps: float, person: _Person, eyes: Eyes) -> tuple[Seen, Box]:
    """What is seen of the person in frame i, in pixels of `image`, and the part of the image that its mask covers."""
    pause = COUNT_MANY_EVERY if person.crowd else COUNT_EVERY
    due = person.counted is None or i - person.counted >= max(1, round(pause * fps))
    faces = _count(image, i, fps, person, eyes) if due else 0
    seen, box = _attempts(image, person, eyes)
    if seen.face is None and not due:  # perhaps the picture changed
        faces = _count(image, i, fps, person, eyes)
        seen, box = _attempts(image, person, eyes)
    if seen.face is None and not faces and person.face is not None:
        person.face = None
        seen, box = _attempts(image, person, eyes)
    if seen.face is not None:
        person.face = around(seen.face)
        _warn(person)
    return seen, box


def _warn(person: _Person) -> None:
    """Mention others once, when a face was found: what was counted where there is none was no face either."""
    if person.crowd and not person.warned:
        person.warned = True
        log.warning("%d faces in frame %d: the person with the largest is taken", person.crowd, person.counted)


def _count(image: np.ndarray, i: int, fps: float, person: _Person, eyes: Eyes) -> int:
    """Count the faces, choose the person's, and cut the others off."""
    frame, faces = whole(image), eyes.faces(image)
    if not faces and (person.searched is None or i - person.searched >= fps):  # the search costs several frames' time
        person.searched = i
        faces = [face for part in _parts(frame) for face in _faces_of_part(image, part, eyes)]
    person.counted = i
    faces = distinct(faces)
    person.crowd, person.region = len(faces) if len(faces) > 1 else 0, frame
    if not faces:
        return 0
    chosen = faces[0]
    if person.face is not None:
        x, y = person.face.centre
        nearest = min(faces, key=lambda face: np.hypot(face.centre[0] - x, face.centre[1] - y))
        chosen = nearest if holds(grown(person.face, 2.5), nearest.centre) else chosen
    for other in faces:
        if other is not chosen:
            person.region = apart(person.region, chosen, other)
    person.face = chosen
    return len(faces)


def _parts(frame: Box) -> list[Box]:
    """With the border continued, for faces that are too large; and parts of the image, for those that are too small."""
    x, y = 0.4 * frame.x1, 0.4 * frame.y1
    parts = [Box(a, b, a + 1.5 * x, b + 1.5 * y) for b in (0, y) for a in (0, x)]
    return [grown(frame, 2), *parts]


def _faces_of_part(image: np.ndarray, part: Box, eyes: Eyes) -> list[Box]:
    picture, box = cut(image, part)
    found = [Box(f.x0 + box.x0, f.y0 + box.y0, f.x1 + box.x0, f.y1 + box.y0) for f in eyes.faces(picture)]
    return [face for face in found if holds(whole(image), face.centre)]


def _attempts(image: np.ndarray, person: _Person, eyes: Eyes) -> tuple[Seen, Box]:
    """Show parts of the image until the person's face is found; else whatever body there is in the first."""
    region, face = person.region or whole(image), person.face
    limits = region if person.crowd else grown(region, 2)
    views = [region, within(grown(face, 4, 0.8), limits) if face else limits]
    body, body_box = Seen(), region
    for view in views:
        seen, box = _shown(image, view, eyes.look)
        if seen.face is not None and _is_of(face, around(seen.face)):
            return seen, box
        if body.pose is None and seen.pose is not None and (face is None or _is_of(face, around(seen.pose[:11]))):
            body, body_box = seen._replace(face=None), box
    for view in [within(grown(face, 1.8), limits)] if face else views:
        seen, _ = _shown(image, view, lambda picture: Seen(face=eyes.mesh(picture)))
        if seen.face is not None and _is_of(face, around(seen.face)):
            return body._replace(face=seen.face), body_box
    return body, body_box


def _shown(image: np.ndarray, view: Box, look) -> tuple[Seen, Box]:
    picture, box = cut(image, view)
    if min(picture.shape[:2]) < SMALLEST_SIDE:
        return Seen(), box
    seen = look(picture)
    moved = {}
    for name in ("face", "pose", "left_hand", "right_hand"):
        points = getattr(seen, name)
        if points is not None:
            points = points.copy()
            points[:, :2] += np.asarray(box[:2], np.float32)
            moved[name] = points
    return seen._replace(**moved), box


def _is_of(face: Box | None, found: Box) -> bool:
    """Whether what was found is the face that was expected: no detector of faces or frame before places it exactly."""
    return face is None or holds(grown(face, 1.5), found.centre)


def _scaled(seen: Seen, factor: int) -> Seen:
    """From pixels of the reduced image to the frame's."""
    scale = np.asarray([factor, factor, factor, 1], np.float32)
    points = [None if p is None else p * scale[: p.shape[1]] for p in seen[:4]]
    return Seen(*points)

"""Parts of an image that a detector is shown, enlarged beyond the border or reduced, and the way back.

A `Box` is in pixels of the image and may reach outside of it.
"""

from typing import NamedTuple

import numpy as np

from vlogger_jax.core.typing import Float, UInt8

ENOUGH = 1024
"""Pixels: an image is reduced by the largest whole factor that leaves its longer side this long."""


class Box(NamedTuple):
    """Columns x0 to x1 and rows y0 to y1 of an image, pixels."""

    x0: float | int
    y0: float | int
    x1: float | int
    y1: float | int

    @property
    def width(self) -> float | int:
        return self.x1 - self.x0

    @property
    def height(self) -> float | int:
        return self.y1 - self.y0

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


def whole(image: np.ndarray) -> Box:
    """All of an image."""
    return Box(0, 0, image.shape[1], image.shape[0])


def around(points: Float[np.ndarray, "n d"]) -> Box:
    """The smallest box around the first two coordinates of `points`."""
    return Box(*points[:, :2].min(axis=0).tolist(), *points[:, :2].max(axis=0).tolist())


def grown(box: Box, factor: float | int, down: float | int = 0) -> Box:
    """The square on the middle of `box`, `factor` times its longer side, moved down by `down` of that side."""
    side = max(box.width, box.height)
    x, y = box.centre
    y += down * side
    return Box(x - factor * side / 2, y - factor * side / 2, x + factor * side / 2, y + factor * side / 2)


def within(box: Box, limits: Box) -> Box:
    """What two boxes share; they must overlap."""
    return Box(*(max(a, b) for a, b in zip(box[:2], limits[:2], strict=True)), *map(min, box[2:], limits[2:]))


def holds(box: Box, point: tuple[float, float]) -> bool:
    """Whether a point (x, y) is in a box."""
    return box.x0 <= point[0] <= box.x1 and box.y0 <= point[1] <= box.y1


def distinct(faces: list[Box]) -> list[Box]:
    """Largest first, without those whose middle lies in a larger one."""
    kept: list[Box] = []
    for face in sorted(faces, key=lambda face: -face.height):
        if not any(holds(other, face.centre) for other in kept):
            kept.append(face)
    return kept


def apart(region: Box, face: Box, other: Box) -> Box:
    """`region` without what is nearer to `other` than to `face`, in units of their sizes."""
    gap_x = max(other.x0 - face.x1, face.x0 - other.x1)
    gap_y = max(other.y0 - face.y1, face.y0 - other.y1)
    axis = 0 if gap_x >= gap_y else 1
    share = face.height / (face.height + other.height)
    middle = face.centre[axis] + share * (other.centre[axis] - face.centre[axis])
    edges = list(region)
    if other.centre[axis] > face.centre[axis]:
        edges[axis + 2] = min(edges[axis + 2], middle)
    else:
        edges[axis] = max(edges[axis], middle)
    return Box(*edges)


def cut(image: UInt8[np.ndarray, "h w 3"], box: Box) -> tuple[UInt8[np.ndarray, "ch cw 3"], Box]:
    """The part of an image in a box, its border continued outside, and the box of whole pixels that it is."""
    x0, y0, x1, y1 = (round(edge) for edge in box)
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    height, width = image.shape[:2]
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        part = image[y0:y1, x0:x1]
    else:
        rows, columns = np.clip(np.arange(y0, y1), 0, height - 1), np.clip(np.arange(x0, x1), 0, width - 1)
        part = image[rows[:, None], columns]
    return np.ascontiguousarray(part), Box(x0, y0, x1, y1)


def reduce(image: UInt8[np.ndarray, "h w 3"]) -> tuple[UInt8[np.ndarray, "rh rw 3"], int]:
    """The image by means over squares of a whole number of pixels, and that number; see `ENOUGH`."""
    factor = max(1, max(image.shape[:2]) // ENOUGH)
    if factor == 1:
        return np.ascontiguousarray(image), 1
    height, width = (side // factor for side in image.shape[:2])
    total = np.zeros((height, width, 3), np.uint32)
    for i in range(factor):
        for j in range(factor):
            total += image[i : height * factor : factor, j : width * factor : factor][:height, :width]
    return ((total + factor**2 // 2) // factor**2).astype(np.uint8), factor

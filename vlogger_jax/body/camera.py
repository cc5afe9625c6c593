"""Pinhole cameras: world to pixels and back, and the square in which a clip is framed.

`Camera` (see `core.records`): x_cam = R x_world + t in metres, axes x right, y down, z forward. Pixels are continuous
(x, y): the centre of row i and column j is (j + 0.5, i + 0.5), the image spans [0, w] x [0, h]. Every fit and every
synthetic clip is made `FACING`: the person moves, the camera does not.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from vlogger_jax.body.rotation import matmul
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera
from vlogger_jax.core.typing import Array, Float, namespace

FACING = np.diag([1.0, -1.0, -1.0]).astype(np.float32)
"""Rotation of a camera at the world's origin that looks along -z: a person with no orientation faces it."""

MIN_DEPTH = 1e-3
"""Metres; nearer points are projected as if they were this far ahead."""


class Square(NamedTuple):
    """The part of an image in columns x0 to x0 + side and rows y0 to y0 + side, whole pixels."""

    x0: int
    y0: int
    side: int


def from_focal(
    focal: float | int, size: tuple[int, int], principal: tuple[float | int, float | int] | None = None
) -> Camera:
    """A `FACING` camera at the origin.

    Args:
        focal: pixels.
        size: (height, width) in pixels.
        principal: (x, y) in pixels; None is the centre of the image.

    Raises:
        UserError: if `focal` or `size` is not positive.
    """
    height, width = _positive(size)
    if not 0 < focal < math.inf:
        raise UserError(f"the focal length is {focal} pixels", "Give a positive number")
    return Camera(
        focal=np.asarray(focal, np.float32),
        principal=np.asarray((width / 2, height / 2) if principal is None else principal, np.float32),
        rotation=FACING,
        translation=np.zeros(3, np.float32),
        size=size,
    )


def from_diagonal_fov(size: tuple[int, int], fov: float | int) -> Camera:
    """A `FACING` camera whose image, of `size` (height, width), spans `fov` radians from corner to corner.

    Raises:
        UserError: if `fov` is not between 0 and pi, or `size` is not positive.
    """
    if not 0 < fov < math.pi:
        raise UserError(f"the field of view is {fov} radians", "Give an angle between 0 and pi")
    return from_focal(math.hypot(*_positive(size)) / (2.0 * math.tan(fov / 2.0)), size)


def to_camera(camera: Camera, points: Float[Array, "*b n 3"]) -> Float[Array, "*c n 3"]:
    """World to camera coordinates, metres. Leading dimensions of camera and points broadcast."""
    return _rotate(camera.rotation, points) + camera.translation[..., None, :]


def project(camera: Camera, points: Float[Array, "*b n 3"]) -> tuple[Float[Array, "*c n 2"], Float[Array, "*c n"]]:
    """Pixels (x, y) and depths (z in the camera, metres) of world points.

    A point at or behind `MIN_DEPTH` is projected as if its z were `MIN_DEPTH`: its pixels are finite (and mostly far
    outside of the image) and do not depend on z. Its depth is the true one, so `depth > MIN_DEPTH` tells.
    """
    local = to_camera(camera, points)
    xp = namespace(local)
    depth = local[..., 2]
    divisor = xp.where(depth > MIN_DEPTH, depth, MIN_DEPTH)[..., None]
    return camera.focal[..., None, None] * local[..., :2] / divisor + camera.principal[..., None, :], depth


def unproject(camera: Camera, pixels: Float[Array, "*b n 2"], depth: Float[Array, "*b n"]) -> Float[Array, "*c n 3"]:
    """The world points seen at `pixels` (x, y) at `depth` (z in the camera, metres)."""
    xp = namespace(camera.focal, camera.principal, pixels, depth)
    rays = (pixels - camera.principal[..., None, :]) / camera.focal[..., None, None]
    depth = xp.broadcast_to(depth, rays.shape[:-1])[..., None]
    local = xp.concatenate([rays * depth, depth], axis=-1) - camera.translation[..., None, :]
    return _rotate(xp.swapaxes(camera.rotation, -1, -2), local)


def crop(camera: Camera, x0: float | int, y0: float | int, scale: float | int, size: tuple[int, int]) -> Camera:
    """The camera of the picture cut at (x0, y0), scaled by `scale` and of `size` (height, width).

    What `camera` sees at pixels p, the result sees at (p - (x0, y0)) * scale.
    """
    xp = namespace(camera.focal, camera.principal)
    dtype = camera.principal.dtype
    return dataclasses.replace(
        camera,
        focal=xp.asarray(camera.focal * scale, dtype),
        principal=(camera.principal - np.asarray((x0, y0), dtype)) * np.asarray(scale, dtype),
        size=size,
    )


def square_crop(
    head: Float[np.ndarray, "n 2"], others: Float[np.ndarray, "m 2"], size: tuple[int, int], margin: float = 0.1
) -> Square:
    """The square in which a clip is framed: one for all frames, so that the camera rests.

    It is the square around all points, with a margin, clamped to the image. Where the image is too narrow for that, the
    square spans the image's shorter side, and moves along the longer one to where it holds the whole head, then the
    head's margin, then most of the other points, then to the middle of them all; a head longer still is held by its
    middle.

    Args:
        head: pixels (x, y) over all frames; what is not finite is ignored, what is outside is moved to the border.
        others: the same of shoulders and visible hands; NaN where they are not visible.
        size: (height, width) of the image in pixels.
        margin: space to leave on each side, as a part of the longest side of the box around the points.

    Raises:
        UserError: if no point of the head is in the image, or `size` or `margin` cannot be.
    """
    height, width = _positive(size)
    if not 0 <= margin < math.inf:
        raise UserError(f"the margin is {margin}", "Give a part of the box around the points, 0 or more")
    for name, points in (("head", head), ("others", others)):
        if points.shape[1:] != (2,):
            raise ValueError(f"{name} has shape {points.shape}; expected (n, 2)")
    limit = (width, height)
    if not ((head >= 0) & (head <= limit)).all(axis=-1).any():
        raise UserError(
            f"no point of the head lies in the image of {width} x {height} pixels", "Use a picture that shows the face"
        )
    head, others = (_inside(points, limit) for points in (head, others))
    low, high = _box(np.concatenate([head, others]))
    middle = ((low + high) / 2).tolist()
    edges = np.stack(_box(head), axis=-1).tolist()
    longest = int((high - low).max())
    room = math.ceil(margin * longest)
    side = max(min(longest + 2 * room, *limit), 1)
    return Square(*(_place(side, limit[i], edges[i], room, others[:, i], middle[i]) for i in range(2)), side)


def _place(side: int, limit: int, head: list[int], room: int, others: np.ndarray, middle: float) -> int:
    """Where on one axis of an image of `limit` pixels the square begins, by the priorities of `square_crop`."""
    start = np.arange(limit - side + 1)
    if head[1] - head[0] > side:
        others, middle = others[:0], (head[0] + head[1]) / 2
    for low, high in (head, (max(head[0] - room, 0), min(head[1] + room, limit))):
        holds = (start <= low) & (start + side >= high)
        start = start[holds] if holds.any() else start
    others = np.sort(others)
    held = np.searchsorted(others, start + side, side="right") - np.searchsorted(others, start, side="left")
    start = start[held == held.max()]
    return int(start[np.abs(start + side / 2 - middle).argmin()])


def _positive(size: tuple[int, int]) -> tuple[int, int]:
    if min(size) < 1:
        raise UserError(f"the image is {size[1]} x {size[0]} pixels", "Give a height and a width of 1 or more")
    return size


def _inside(points: np.ndarray, limit: tuple[int, int]) -> np.ndarray:
    return np.clip(points[np.isfinite(points).all(axis=-1)].astype(np.float64), 0, limit)


def _box(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest box of whole pixels around `points`."""
    return np.floor(points.min(axis=0)).astype(int), np.ceil(points.max(axis=0)).astype(int)


def _rotate(rotation: Array, points: Array) -> Array:
    return matmul(rotation[..., None, :, :], points[..., None])[..., 0]

"""The fit drawn over the picture it was made of, so that a person can see what is right and what is not.

The body is tinted and shaded. Detected points are dots, each with a red line to where the body has that point: no red,
no error. The person's matte is outlined in white.
"""

from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage
from skimage import draw as shapes

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names, raster
from vlogger_jax.body.smplx import BodyModel, frames_of, pose
from vlogger_jax.core.records import Camera, Motion
from vlogger_jax.core.typing import Array, Bool, Float, UInt8
from vlogger_jax.fit import points as body_points
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.fit.result import Fit

LONGER_SIDE = 768
"""Pixels: large pictures are reduced by the whole number that brings their longer side nearest to this, small ones
enlarged by the largest one that keeps it within."""

OPACITY = 0.55
"""Of the body."""

CONFIDENT = 0.2
"""Points of less confidence are not drawn."""

TINT = {
    **{"lips": (225, 70, 100), "sclera": (250, 250, 250), "iris": (40, 110, 190), "eyelids": (160, 120, 210)},
    **{"upper teeth": (255, 240, 160), "lower teeth": (220, 200, 90), "tongue": (240, 130, 160)},
    **{"mouth cavity": (90, 20, 35), "left hand": (245, 160, 50), "right hand": (140, 195, 55)},
    **{"ears": (230, 150, 100), "scalp": (130, 150, 175), "torso": (100, 150, 210), "arms": (60, 165, 165)},
}
BODY = (185, 205, 230)
DOTS = {"face": (0, 255, 255), "joint": (255, 0, 255)}
MISS = (255, 30, 30)
OUTLINE = (255, 255, 255)

_COLOURS = np.array([TINT.get(name, BODY) for name in names.LABELS], np.float32)


def size_of(size: tuple[int, int]) -> tuple[tuple[int, int], int, int]:
    """(height, width) of the overlay of a picture of `size`, what that is reduced by, and what it is enlarged by."""
    reduced = min(max(1, round(max(size) / LONGER_SIDE)), *size)
    enlarged = max(1, LONGER_SIDE // max(size))
    return (size[0] // reduced * enlarged, size[1] // reduced * enlarged), reduced, enlarged


def draw(
    model: BodyModel, fit: Fit, landmarks: Landmarks, frames: Iterable[UInt8[np.ndarray, "_ _ 3"]]
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Each frame with its fit over it, as the frames come.

    Args:
        landmarks: that the fit was made of, of as many frames.
        frames: that the landmarks were found in, RGB.
    """
    size, reduced, enlarged = size_of(landmarks.size)
    scale = enlarged / reduced
    view = cameras.crop(fit.camera, 0, 0, scale, size)
    seen, fitted, confidence, faces = _points(model, fit, landmarks)
    body = jax.device_put(model)
    for i, frame in enumerate(frames):
        picture = _reduced(frame, reduced).repeat(enlarged, axis=0).repeat(enlarged, axis=1)
        colour, covered = map(np.asarray, _drawn(body, frames_of(fit.motion, slice(i, i + 1)), view))
        picture = np.where(covered[..., None], (1 - OPACITY) * picture + OPACITY * colour, picture)
        canvas = np.round(picture).astype(np.uint8)
        canvas[_outline(np.asarray(fit.matte[i]), size)] = OUTLINE
        _mark(canvas, seen[i] * scale, fitted[i] * scale, confidence[i] > CONFIDENT, faces)
        yield canvas


@jax.jit
def _drawn(model: BodyModel, motion: Motion, camera: Camera) -> tuple[Array, Array]:
    """The colours of one posed body, [h, w, 3] from 0 to 255, and where it is."""
    vertices = pose(model, motion).vertices
    pixels, depth = cameras.project(camera, vertices)
    seen = raster.rasterize(pixels, depth, model.faces, size=camera.size)
    index, bary = seen.face_index[0], seen.bary[0]
    covered = index != raster.NO_FACE
    face = jnp.where(covered, index, 0)
    normals = _vertex_normals(vertices[0], model.faces)
    normal = (normals[jnp.asarray(model.faces)[face]] * bary[..., None]).sum(axis=-2)
    light = 0.35 + 0.65 * jnp.clip(normal[..., 2:], 0.0, 1.0)
    return jnp.asarray(_COLOURS)[jnp.asarray(model.labels)[face]] * light, covered


def _vertex_normals(vertices: Float[Array, "v 3"], faces: Array) -> Float[Array, "v 3"]:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    across = jnp.cross(b - a, c - a)
    total = jnp.zeros_like(vertices).at[faces].add(across[:, None])
    return total / jnp.maximum(jnp.linalg.norm(total, axis=-1, keepdims=True), 1e-12)


def _points(
    model: BodyModel, fit: Fit, landmarks: Landmarks
) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, "t n"], int]:
    """Detected and fitted pixels of iBUG 17-67, then joints; their confidence; how many of them are of the face."""
    points = body_points.reduce(model)
    seen, confidence = body_points.observed(landmarks, points.dense)
    fitted = cameras.project(fit.camera, body_points.place(points, fit.motion)[0])[0]
    count = len(points.face)

    def chosen(values: np.ndarray) -> np.ndarray:
        face = values[:, :count]
        return np.concatenate([body_points.ibug(face) if points.dense else face, values[:, count:]], axis=1)

    return chosen(seen), chosen(fitted), chosen(confidence[..., None])[..., 0], len(body_points.IBUG)


def _reduced(frame: np.ndarray, factor: int) -> Float[np.ndarray, "h w 3"]:
    """Means over `factor` by `factor` pixels; what is left at the right and lower border is cut off."""
    h, w = frame.shape[0] // factor, frame.shape[1] // factor
    boxes = frame[: h * factor, : w * factor].reshape(h, factor, w, factor, 3)
    return boxes.astype(np.float32).mean(axis=(1, 3)) if factor > 1 else frame.astype(np.float32)


def _outline(matte: np.ndarray, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    row, column = (np.arange(n) * m // n for n, m in zip(size, matte.shape, strict=True))
    inside = matte[np.ix_(row, column)] >= 128
    return inside & ~ndimage.binary_erosion(inside, border_value=1)


def _mark(canvas: np.ndarray, seen: np.ndarray, fitted: np.ndarray, drawn: np.ndarray, faces: int) -> None:
    limit = 2 * max(canvas.shape)
    # Lines to far away take for ever.
    near = (np.abs(fitted) < limit).all(axis=-1) & (np.abs(seen) < limit).all(axis=-1)
    for i in np.flatnonzero(drawn & near):
        (x0, y0), (x1, y1) = (np.floor(end[i]).astype(int) for end in (fitted, seen))
        _put(canvas, *shapes.line(y0, x0, y1, x1), MISS)
    for i in np.flatnonzero(drawn & near):
        x, y = np.floor(seen[i]).astype(int)
        reach = 1 if i < faces else 2
        rows, columns = np.mgrid[y - reach + 1 : y + reach, x - reach + 1 : x + reach]
        _put(canvas, rows.ravel(), columns.ravel(), DOTS["face" if i < faces else "joint"])


def _put(canvas: np.ndarray, rows: np.ndarray, columns: np.ndarray, colour: tuple[int, int, int]) -> None:
    inside = (rows >= 0) & (rows < canvas.shape[0]) & (columns >= 0) & (columns < canvas.shape[1])
    canvas[rows[inside], columns[inside]] = colour

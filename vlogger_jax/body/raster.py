"""Rasterisation: which face of the mesh each pixel sees, exactly, inside `jit`.

A z-buffer in two scatter passes: the least depth of every pixel, then the least face index among those that reach it.
Positive float32 keep their order when their bits are read as integers, so both passes are integer minima: exact,
deterministic, ties to the lowest index. Faces are sorted into windows of a few sizes, each drawn at once; whatever
fits no window is drawn one by one over the whole image, so that nothing is ever dropped.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float, Int

NO_FACE = -1
_FAR = 0x7F800000  # the bits of float32 infinity


@dataclass(frozen=True)
class Window:
    """Room for `slots` faces whose pixels fit a square of `side` pixels."""

    side: int
    slots: int


@record
class Raster:
    """What each pixel sees.

    Attributes:
        face_index: index of the nearest front face, `NO_FACE` where there is none.
        bary: perspective-correct weights of the face's three vertices, 0 where there is no face.
        depth: metres along the camera's z axis, infinite where there is no face.
        clipped: faces left out because a vertex lay nearer than `near`.
    """

    face_index: Int[Array, "*t h w"]
    bary: Float[Array, "*t h w 3"]
    depth: Float[Array, "*t h w"]
    clipped: Int[Array, "*t"]


def windows_for(size: tuple[int, int]) -> tuple[Window, ...]:
    """Windows that suit a body of about 28,000 faces whose upper half fills the image."""
    unit = max(size) / 128
    return Window(side=max(3, round(2.5 * unit)), slots=15000), Window(side=max(12, round(12 * unit)), slots=2048)


@partial(jax.jit, static_argnames=("size", "windows", "near"))
def rasterize(
    pixels: Float[Array, "t v 2"],
    depth: Float[Array, "t v"],
    faces: Int[Array, "f 3"],
    *,
    size: tuple[int, int],
    windows: tuple[Window, ...] | None = None,
    near: float = 0.01,
) -> Raster:
    """Rasterise frame after frame; memory does not grow with t beyond the result.

    Args:
        pixels: (x, y) of every vertex, pixel centres at half-integers, y down.
        depth: metres along the camera's z axis.
        faces: vertices counter-clockwise as seen from outside; back faces are culled.
        size: (height, width).
        windows: smallest first; None takes `windows_for(size)`. They decide the speed, never the result.
        near: metres; a face with a vertex nearer than this is left out and counted.
    """
    windows = windows_for(size) if windows is None else windows
    return jax.lax.map(lambda frame: _frame(*frame, faces, size, windows, near), (pixels, depth))


def _frame(pixels: Array, depth: Array, faces: Array, size: tuple[int, int], windows, near: float) -> Raster:
    xy, z = pixels[faces], depth[faces]  # f 3 2, f 3
    in_front = (z > near).all(axis=-1)
    # y points down, so that a face seen from outside has a negative doubled area.
    front = _edge(xy[:, 0], xy[:, 1], xy[:, 2]) < 0
    low = jnp.ceil(xy.min(axis=1) - 0.5).astype(jnp.int32)
    high = jnp.floor(xy.max(axis=1) - 0.5).astype(jnp.int32)
    low, high = jnp.maximum(low, 0), jnp.minimum(high, jnp.array([size[1] - 1, size[0] - 1]))
    visible = in_front & front & (high >= low).all(axis=-1)
    extent = jnp.where(visible, (high - low + 1).max(axis=-1), 0)

    buffers = jnp.full(size[0] * size[1] + 1, _FAR, jnp.int32), jnp.full(size[0] * size[1] + 1, len(faces), jnp.int32)
    batches, left = [], extent > 0
    for window in windows:
        fits = left & (extent <= window.side)
        chosen = jnp.nonzero(fits, size=window.slots, fill_value=len(faces))[0]
        left = left.at[chosen].set(False, mode="drop")
        batches.append(_candidates(chosen, window.side, xy, z, low, high, size))
    buffers = _resolve(buffers, batches)

    def draw_next(state):
        left, buffers = state
        chosen = jnp.argmax(left)[None]
        whole = _candidates(chosen, max(size), xy, z, low, high, size)
        return left.at[chosen].set(False), _resolve(buffers, [whole])

    _, (_, index) = jax.lax.while_loop(lambda state: state[0].any(), draw_next, (left, buffers))
    index = index[:-1].reshape(size)
    covered = index < len(faces)
    safe = jnp.where(covered, index, 0)
    rows, columns = jnp.mgrid[: size[0], : size[1]]
    centre = jnp.stack([columns, rows], axis=-1) + 0.5
    bary, pixel_depth = _perspective(_screen_weights(xy[safe], centre), z[safe])
    return Raster(
        face_index=jnp.where(covered, index, NO_FACE),
        bary=jnp.where(covered[..., None], bary, 0.0),
        depth=jnp.where(covered, pixel_depth, jnp.inf),
        clipped=(~in_front).sum(),
    )


def _candidates(chosen: Array, side: int, xy: Array, z: Array, low: Array, high: Array, size: tuple[int, int]):
    """All pixels of all chosen faces' windows: (flat pixel, depth bits, face); those outside a face go to a spare."""
    row, column = jnp.mgrid[:side, :side]
    pixel = low[chosen][:, None, None, :] + jnp.stack([column, row], axis=-1)
    weights = _screen_weights(xy[chosen][:, None, None], pixel + 0.5)
    _, depth = _perspective(weights, z[chosen][:, None, None])
    inside = (weights >= 0).all(axis=-1) & (pixel <= high[chosen][:, None, None]).all(axis=-1)
    inside &= (chosen < len(xy))[:, None, None]
    flat = jnp.where(inside, pixel[..., 1] * size[1] + pixel[..., 0], size[0] * size[1])
    bits = jax.lax.bitcast_convert_type(depth, jnp.int32)
    return flat, bits, jnp.broadcast_to(chosen.astype(jnp.int32)[:, None, None], flat.shape)


def _resolve(buffers: tuple[Array, Array], batches: list) -> tuple[Array, Array]:
    """Two minima: the nearest depth of each pixel, then the first face at that depth."""
    before, index = buffers
    nearest = before
    for flat, bits, _ in batches:
        nearest = nearest.at[flat].min(bits)
    index = jnp.where(nearest < before, jnp.iinfo(jnp.int32).max, index)
    for flat, bits, face in batches:
        at_front = bits == nearest[flat]
        index = index.at[jnp.where(at_front, flat, len(nearest) - 1)].min(face)
    return nearest, index


def _edge(a: Array, b: Array, p: Array) -> Array:
    return (b[..., 0] - a[..., 0]) * (p[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (p[..., 0] - a[..., 0])


def _screen_weights(corners: Array, p: Array) -> Array:
    """Weights of the three corners [.., 3, 2] at the points p [.., 2], linear in the image; negative outside."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    areas = jnp.stack([_edge(b, c, p), _edge(c, a, p), _edge(a, b, p)], axis=-1)
    return areas / _edge(a, b, c)[..., None]


def _perspective(weights: Array, z: Array) -> tuple[Array, Array]:
    """Weights linear in space instead of in the image, and the depth there: 1/z is what is linear in the image."""
    inverse = weights / z
    depth = 1.0 / inverse.sum(axis=-1)
    return inverse * depth[..., None], depth

"""Rasterisation: which face of the mesh each pixel sees, exactly, inside `jit`.

Finding the faces is a search, without gradients; one of two backends does it. What each pixel sees of its face is then
computed anew from the face's vertices, differentiably.
"""

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp

from vlogger_jax.body import raster_scatter, raster_tiles
from vlogger_jax.body.raster_faces import interpolate, prepare
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float, Int

NO_FACE = -1

_NEAREST = {"scatter": raster_scatter.nearest, "tiles": raster_tiles.nearest}


@record
class Raster:
    """What each pixel sees.

    Attributes:
        face_index: index of the nearest front face, `NO_FACE` where there is none; the lowest where depths are equal.
        bary: perspective-correct weights of the face's three vertices, 0 where there is no face.
        depth: metres along the camera's z axis, infinite where there is no face.
        clipped: faces left out because a vertex lay no farther than `near`, or had no depth (NaN).
    """

    face_index: Int[Array, "*t h w"]
    bary: Float[Array, "*t h w 3"]
    depth: Float[Array, "*t h w"]
    clipped: Int[Array, "*t"]


@partial(jax.jit, static_argnames=("size", "near", "backend", "batching", "supersample"))
def rasterize(
    pixels: Float[Array, "t v 2"],
    depth: Float[Array, "t v"],
    faces: Int[Array, "f 3"],
    *,
    size: tuple[int, int],
    near: float = 0.01,
    backend: Literal["scatter", "tiles"] | None = None,
    batching: Literal["scan", "vmap"] | None = None,
    supersample: int = 1,
) -> Raster:
    """What a camera sees of a moving mesh. A vertex that is not finite takes its faces out, and nothing else.

    Args:
        pixels: (x, y) of every vertex, pixel centres at half-integers, y down.
        depth: metres along the camera's z axis.
        faces: vertices counter-clockwise as seen from outside; back faces are culled.
        size: (height, width).
        near: metres, not below 0; a face with a vertex at this depth or nearer is left out and counted.
        backend: `scatter` or, without any scatter, `tiles`; None takes `tiles` on TPUs. They find the same faces.
        batching: frame after frame (`scan`, whose memory grows with t by the result only) or all at once (`vmap`);
            None takes `vmap` on GPUs.
        supersample: pixels to each side of one of `size`: the result has supersample * size pixels.

    Returns:
        Arrays of [t, h, w, ..]; `bary` and `depth` are differentiable in `pixels` and `depth`.
    """
    device = jax.default_backend()
    backend = backend or ("tiles" if device == "tpu" else "scatter")
    batching = batching or ("vmap" if device == "gpu" else "scan")
    fine = size[0] * supersample, size[1] * supersample
    pixels = jnp.asarray(pixels, jnp.float32) * supersample
    draw = partial(_frame, faces=jnp.asarray(faces, jnp.int32), size=fine, near=near, backend=backend)
    frames = pixels, jnp.asarray(depth, jnp.float32)
    return jax.vmap(draw)(*frames) if batching == "vmap" else jax.lax.map(lambda frame: draw(*frame), frames)


def _frame(pixels: Array, depth: Array, faces: Array, size: tuple[int, int], near: float, backend: str) -> Raster:
    prepared = prepare(pixels, depth, faces, size, near)
    index = _NEAREST[backend](jax.lax.stop_gradient(prepared), size)
    covered = index < len(faces)
    # Where there is no face, some triangle with finite gradients.
    corners = jnp.where(covered[..., None, None], prepared.corners[jnp.where(covered, index, 0)], jnp.eye(3))
    bary, pixel_depth = interpolate(corners, jnp.arange(size[1]) + 0.5, jnp.arange(size[0])[:, None] + 0.5)
    return Raster(
        face_index=jnp.where(covered, index, NO_FACE),
        bary=jnp.where(covered[..., None], jnp.stack(bary, axis=-1), 0.0),
        depth=jnp.where(covered, pixel_depth, jnp.inf),
        clipped=prepared.clipped,
    )

"""`Controls` from G-buffers and a reference, in one go: `lookup`, then `complete`, then reduced to the size asked for.

Runs on numpy without a device; `build` traces under `jit` as well. The G-buffers are made once, at their own size;
controls of that size and of any smaller one are looked up in them.
"""

import numpy as np

from vlogger_jax.controls import complete, lookup
from vlogger_jax.controls.lookup import Tables, tables
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera, Controls, GBuffer, record
from vlogger_jax.core.typing import Array, Float, UInt8

__all__ = ["Reference", "Tables", "build", "reference", "tables"]


@record
class Reference:
    """The reference's body and its picture, at the size of its G-buffer."""

    surface: lookup.Surface
    portrait: complete.Portrait


def reference(
    body: Tables,
    image: UInt8[Array, "_ _ 3"],
    matte: UInt8[Array, "_ _"],
    gbuffer: GBuffer,
    vertices: Float[Array, "v 3"],
    camera: Camera,
) -> Reference:
    """Prepare a reference once for all frames.

    Args:
        image, matte: at `camera.size`.
        gbuffer: of the reference, one frame, at `camera.size`.
        vertices: posed as in the reference, metres, world.

    Raises:
        UserError: if the sizes or types differ from these, there are several frames, or no body is seen.
    """
    for name, size in (("image", image.shape[:2]), ("matte", matte.shape), ("G-buffer", gbuffer.face_index.shape[-2:])):
        if tuple(size) != tuple(camera.size):
            raise UserError(f"the reference's {name} is {tuple(size)}, its camera {camera.size}", "Make them one size")
    for name, array in (("image", image), ("matte", matte)):
        if array.dtype != np.uint8:
            raise UserError(f"the reference's {name} is {array.dtype}", "Give uint8, 0 to 255")
    if camera.focal.ndim:
        raise UserError("a reference is one frame, but its camera or G-buffer holds several", "Give one")
    anchor = lookup.anchor(body, gbuffer)
    return Reference(
        surface=lookup.Surface(anchor=anchor, vertices=vertices, camera=camera),
        portrait=complete.portrait(anchor, body.extent, image, matte),
    )


def build(body: Tables, source: Reference, target: GBuffer, size: tuple[int, int] | None = None) -> Controls:
    """Controls of every frame of `target`.

    Args:
        target: G-buffers of the new frames, of the reference's size.
        size: (height, width) of the result, as `complete.reduce` makes it; None keeps that of the G-buffers.

    Raises:
        UserError: if `size` is above that of the G-buffers, the reference is of another size, or another body's faces
            are seen.
    """
    whole = complete.complete(source.portrait, lookup.look_up(body, source.surface, target))
    return whole if size is None else complete.reduce(whole, size)

"""The G-buffer: which point of the bare body each pixel sees. Everything else in `controls` is looked up in it."""

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import raster
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import BACKGROUND, Camera, GBuffer, record
from vlogger_jax.core.typing import Array, Bool, Float, Int, UInt16, namespace

FULL = 255
"""What `GBuffer.bary` holds where a pixel sees nothing but one corner of its face."""

_HALF = 32767.5
"""Half of what 16 bits hold."""


def render(vertices: Float[Array, "t v 3"], faces: Int[Array, "f 3"], camera: Camera) -> GBuffer:
    """Rasterise posed vertices (metres, world) over `camera.size`; runs on a device.

    The camera may have one entry for all frames or one a frame.
    """
    pixels, depth = cameras.project(camera, vertices)
    seen = raster.rasterize(pixels, depth, faces, size=camera.size)
    xp = namespace(seen.face_index)
    covered = seen.face_index != raster.NO_FACE
    return GBuffer(
        face_index=xp.where(covered, seen.face_index, BACKGROUND).astype("uint16"),
        bary=xp.round(seen.bary[..., 1:] * FULL).astype("uint8"),
    )


def covered(gbuffer: GBuffer) -> Bool[Array, "*b t h w"]:
    """Where there is body."""
    return gbuffer.face_index != BACKGROUND


@record
class Extent:
    """How large the body as such is, and where: what takes canonical positions back to metres.

    Attributes:
        centre: of the box around the rest pose at zero betas, metres.
        scale: half the longest side of that box, metres.
    """

    centre: Float[Array, "*b 3"]
    scale: Float[Array, "*b"]


def extent(model: BodyModel) -> Extent:
    """Take it from `model`."""
    low, high = model.v_template.min(axis=0), model.v_template.max(axis=0)
    return Extent(centre=(low + high) / 2, scale=namespace(low).asarray((high - low).max() / 2))


def canonical(model: BodyModel) -> Float[Array, "v 3"]:
    """Where each vertex is on the body as such: the rest pose at zero betas, centred, half the longest side being 1."""
    size = extent(model)
    return (model.v_template - size.centre) / size.scale


def quantum(size: Extent) -> Float[Array, "*b"]:
    """Metres a step of `pack_dense`."""
    return namespace(size.scale).asarray(size.scale / _HALF)


def metres(packed: UInt16[Array, "*b 3"], size: Extent) -> Float[Array, "*b 3"]:
    """Positions on the body as such that `pack_dense` holds."""
    return unpack_dense(packed) * size.scale + size.centre


def pack_dense(values: Float[Array, "*b 3"]) -> UInt16[Array, "*b 3"]:
    """[-1, 1] to uint16, as `Controls.dense` holds canonical positions."""
    xp = namespace(values)
    return xp.round((xp.clip(values, -1.0, 1.0) + 1.0) * _HALF).astype("uint16")


def unpack_dense(packed: UInt16[Array, "*b 3"]) -> Float[Array, "*b 3"]:
    """The inverse of `pack_dense`."""
    return packed.astype("float32") / _HALF - 1.0

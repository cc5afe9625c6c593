"""What controls look up in G-buffers, as integers: all of the controls that a loader makes.

Colour comes later and elsewhere (`controls.complete`): what is here needs a mesh and no picture, what is there a
picture and no mesh. On numpy only pixels that see the body are worked on; the same lines under `jit`, where shapes are
static, work on all. A loader so hands a device 12 bytes a pixel of a target frame.
"""

from typing import NamedTuple

import jax
import numpy as np

from vlogger_jax.body import camera as cameras
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import composite as composites
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.controls import warp as warps
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import BACKGROUND, Camera, GBuffer, record
from vlogger_jax.core.typing import Array, Bool, Float, Int, UInt8, UInt16, namespace

STEPS = 65535
"""Steps of `Lookup.warp_uv` from one edge of the reference to the other."""


@record
class Tables:
    """What the controls need of a body.

    Attributes:
        dense: `gbuffer.canonical`.
        labels: of every face.
        extent: from `dense` to metres on the body.
    """

    faces: Int[Array, "f 3"]
    dense: Float[Array, "v 3"]
    labels: Int[Array, "f"]
    extent: gbuffers.Extent


@record
class Anchor:
    """What the controls need of the reference's G-buffer.

    Attributes:
        dense: as `Controls.dense`.
        label: as `Controls.label`.
        outline: `composite.outline`.
    """

    dense: UInt16[Array, "*b h w 3"]
    label: UInt8[Array, "*b h w"]
    outline: UInt16[Array, "*b h w 2"]


@record
class Surface:
    """The body as seen once, in the reference.

    Attributes:
        vertices: posed as in the reference, metres, world.
        camera: of the reference.
    """

    anchor: Anchor
    vertices: Float[Array, "v 3"]
    camera: Camera


@record
class Lookup:
    """What the controls need of the G-buffers of new frames; all is 0 where there is no body.

    Attributes:
        dense: as `Controls.dense`.
        label: as `Controls.label`.
        warp_uv: (x, y) in the reference, 0 at its left or upper edge and `STEPS` at the other; `coordinates` undoes it.
            Points beyond the picture are moved to its edge.
        warp_mask: 1 where the reference shows the pixel's point at `warp_uv`, else 0.
    """

    dense: UInt16[Array, "*b t h w 3"]
    label: UInt8[Array, "*b t h w"]
    warp_uv: UInt16[Array, "*b t h w 2"]
    warp_mask: UInt8[Array, "*b t h w"]


def tables(model: BodyModel) -> Tables:
    """Take from `model` what the controls need."""
    return Tables(
        faces=model.faces, dense=gbuffers.canonical(model), labels=model.labels, extent=gbuffers.extent(model)
    )


def anchor(body: Tables, gbuffer: GBuffer) -> Anchor:
    """Look up a reference, once for all frames; on numpy only.

    Args:
        gbuffer: of the reference, one frame.

    Raises:
        UserError: if there are several frames, no body is seen, or another body's faces are.
    """
    if gbuffer.face_index.ndim != 3 or len(gbuffer.face_index) != 1:
        raise UserError("a reference is one frame, but its camera or G-buffer holds several", "Give one")
    seen = _seen(body, gbuffer)
    if not len(seen.face):
        raise UserError("the reference shows no body", "Check the fit: the body must lie within the picture")
    dense = gbuffers.pack_dense(_mixed(_corners(body.dense, seen), seen))
    label = _spread(seen, _labels(body, seen))[0]
    return Anchor(dense=_spread(seen, dense)[0], label=label, outline=composites.outline(label > 0))


def look_up(body: Tables, surface: Surface, target: GBuffer) -> Lookup:
    """Look up every frame of `target`.

    The reference shows a pixel's point if its own G-buffer, where that point lies in it, holds a point of the body of
    the same kind (skin, inside of the mouth, eyeball) near it, on a face turned towards the reference's camera. Near is
    within `warp.TOLERANCE`; or, where the reference's pixels are so large that a point may be farther than that from
    what its own pixel holds at the centre, within `warp.OFF_CENTRE` of such a pixel at the point's depth.

    Args:
        target: G-buffers of the new frames, of the reference's size.

    Raises:
        UserError: if the reference is of another size, or another body's faces are seen.
    """
    h, w = surface.camera.size
    for name, size in (("G-buffers", target.face_index.shape[-2:]), ("an anchor", surface.anchor.label.shape)):
        if tuple(size) != (h, w):
            raise UserError(f"{name} of {tuple(size)} for a reference of {(h, w)}", "Make them one size")
    xp = namespace(target.face_index, surface.vertices)
    seen = _seen(body, target)
    # What `camera.to_camera` gives, as one product over all vertices: a tenth of the time.
    with jax.default_matmul_precision("highest"):
        posed = surface.vertices @ surface.camera.rotation.T + surface.camera.translation
    corners = _corners(xp.concatenate([posed, body.dense], axis=-1), seen)
    point = _mixed(corners, seen)
    pixels = _pixels(surface.camera, point[:, :3])
    dense, label = gbuffers.pack_dense(point[:, 3:]), _labels(body, seen)
    column, row = (xp.floor(pixels[:, k]).astype("int32") for k in (0, 1))
    shown = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    there = xp.clip(row, 0, h - 1) * w + xp.clip(column, 0, w - 1)
    limit = xp.maximum(warps.TOLERANCE, warps.OFF_CENTRE * point[:, 2] / surface.camera.focal)
    near = _near(surface.anchor, there, dense, limit / gbuffers.quantum(body.extent))
    shown = shown & near & _same_kind(surface.anchor, there, label) & _facing(corners)
    steps = xp.clip(pixels * xp.asarray((STEPS / w, STEPS / h), dtype="float32"), 0, STEPS)
    return Lookup(
        dense=_spread(seen, dense),
        label=_spread(seen, label),
        warp_uv=_spread(seen, xp.round(steps).astype("uint16")),
        warp_mask=_spread(seen, shown.astype("uint8")),
    )


def coordinates(lookup: Lookup) -> Float[Array, "*b t h w 2"]:
    """`Lookup.warp_uv` in pixels of its own size, pixel centres at half-integers."""
    h, w = lookup.label.shape[-2:]
    xp = namespace(lookup.warp_uv)
    return lookup.warp_uv.astype("float32") * xp.asarray((w / STEPS, h / STEPS), dtype="float32")


class _Seen(NamedTuple):
    """A list of n pixels: on numpy those that see the body, under JAX all.

    Attributes:
        inside: which of all pixels see the body.
        index: where the listed ones are among all; None if all are listed.
        face: that each of them sees; 0 in the background.
        vertices, weights: of that face; the weights are perspective-correct.
        shape: of the G-buffer.
    """

    inside: Array
    index: Array | None
    face: Array
    vertices: Array
    weights: Array
    shape: tuple[int, ...]


def _seen(body: Tables, gbuffer: GBuffer) -> _Seen:
    xp = namespace(gbuffer.face_index)
    face, bary = gbuffer.face_index.reshape(-1), gbuffer.bary.reshape(-1, 2)
    inside, index = face != BACKGROUND, None
    if xp is np:
        index = np.flatnonzero(inside)
        face, bary = face.take(index), bary.take(index, axis=0)
        if len(face) and face.max() >= len(body.faces):
            raise UserError("a G-buffer sees faces that this body does not have", "Use the body that it was made with")
    else:
        face = xp.where(inside, face, 0)
    face, others = face.astype("int32"), bary.astype("float32") / gbuffers.FULL
    weights = xp.concatenate([1.0 - others[:, :1] - others[:, 1:], others], axis=-1)
    vertices = xp.take(xp.asarray(body.faces), face, axis=0, mode="clip")
    return _Seen(inside, index, face, vertices, weights, gbuffer.face_index.shape)


def _spread(seen: _Seen, values: Array) -> Array:
    """Values of the listed pixels [n, ..] as an image, 0 in the background."""
    rest = values.shape[1:]
    if seen.index is None:
        inside = seen.inside.reshape(-1, *(1,) * len(rest))
        return namespace(values).where(inside, values, 0).astype(values.dtype).reshape(*seen.shape, *rest)
    image = np.zeros((len(seen.inside), *rest), values.dtype)
    image[seen.index] = values
    return image.reshape(*seen.shape, *rest)


def _corners(table: Float[Array, "v c"], seen: _Seen) -> list[Array]:
    """Rows of `table` at each of the three corners of the seen faces, [n, c] each."""
    xp = namespace(table, seen.face)
    return [xp.take(table, seen.vertices[:, k], axis=0, mode="clip") for k in range(3)]


def _mixed(corners: list[Array], seen: _Seen) -> Float[Array, "n c"]:
    a, b, c = (corner * seen.weights[:, k, None] for k, corner in enumerate(corners))
    return a + b + c


def _labels(body: Tables, seen: _Seen) -> UInt8[Array, "n"]:
    xp = namespace(seen.face)
    return xp.take(xp.asarray(body.labels), seen.face, mode="clip").astype("uint8")


def _pixels(camera: Camera, local: Float[Array, "n 3"]) -> Float[Array, "n 2"]:
    """As `camera.project`, of points in the camera's own coordinates."""
    xp = namespace(local)
    return camera.focal * local[:, :2] / xp.maximum(local[:, 2:], cameras.MIN_DEPTH) + camera.principal


def _near(reference: Anchor, there: Array, dense: Array, limit: Array) -> Bool[Array, "n"]:
    """Whether the pixels `there` of the reference hold points of the body within `limit` [n], in steps of `dense`."""
    xp = namespace(dense)
    other = xp.take(xp.asarray(reference.dense).reshape(-1, 3), there, axis=0, mode="clip")
    x, y, z = ((dense.astype("float32") - other.astype("float32"))[:, k] for k in range(3))
    return x * x + y * y + z * z < limit * limit


def _same_kind(reference: Anchor, there: Array, label: Array) -> Bool[Array, "n"]:
    """Whether the pixels `there` of the reference show body, and of these labels' kinds."""
    xp = namespace(label)
    other = xp.take(xp.asarray(reference.label).reshape(-1), there, mode="clip")
    kinds = xp.asarray(warps.KINDS, dtype="uint8")
    return (xp.take(kinds, other, mode="clip") == xp.take(kinds, label, mode="clip")) & (other > 0)


def _facing(corners: list[Array]) -> Bool[Array, "n"]:
    """Faces turned towards the reference's camera, of corners in its own coordinates."""
    a, b, c = ([corner[:, k] for k in range(3)] for corner in corners)
    u, v = ([q - p for p, q in zip(a, other, strict=True)] for other in (b, c))
    across = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
    return a[0] * across[0] + a[1] * across[1] + a[2] * across[2] < 0

"""`Controls` from G-buffers and a reference: all that the video network sees of a body.

Runs on numpy without a device, so that loaders can; `build` traces under `jit` as well. The G-buffers are made once, at
their own size; controls of that size and of any smaller one are looked up in them.
"""

import numpy as np

from vlogger_jax.body import names
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import composite as composites
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.controls import grid
from vlogger_jax.controls import warp as warps
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import BACKGROUND, Camera, Controls, GBuffer, record
from vlogger_jax.core.typing import Array, Bool, Float, Int, UInt8, namespace


@record
class Tables:
    """What the controls need of a body.

    Attributes:
        positions: metres on the body as such.
        dense: `gbuffer.canonical`.
        labels: of every face.
    """

    faces: Int[Array, "f 3"]
    positions: Float[Array, "v 3"]
    dense: Float[Array, "v 3"]
    labels: Int[Array, "f"]


@record
class Reference:
    """The reference picture and all that is known of it, at the size of its G-buffer.

    Attributes:
        image: 0-255.
        matte: coverage of the person, 0-1.
        behind: the picture without its person, 0-255.
        place: metres on the body, and around it those of what is near.
        outline: `composite.outline`.
    """

    surface: warps.Surface
    image: Float[Array, "h w 3"]
    matte: Float[Array, "h w"]
    behind: Float[Array, "h w 3"]
    body: Bool[Array, "h w"]
    place: Float[Array, "h w 3"]
    outline: Float[Array, "h w 2"]


def tables(model: BodyModel) -> Tables:
    """Take from `model` what the controls need."""
    return Tables(faces=model.faces, positions=model.v_template, dense=gbuffers.canonical(model), labels=model.labels)


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
    if camera.focal.ndim or gbuffer.face_index.ndim != 3 or len(gbuffer.face_index) != 1:
        raise UserError("a reference is one frame, but its camera or G-buffer holds several", "Give one")
    _same_body(gbuffer, body)
    colour, alpha = image.astype("float32"), matte.astype("float32") / 255.0
    place = gbuffers.interpolate(gbuffer, body.faces, body.positions)[0]
    covered = gbuffers.covered(gbuffer)[0]
    if not covered.any():
        raise UserError("the reference shows no body", "Check the fit: the body must lie within the picture")
    return Reference(
        surface=warps.Surface(gbuffer=gbuffer, vertices=vertices, camera=camera),
        image=colour,
        matte=alpha,
        behind=composites.background(colour, alpha),
        body=covered,
        place=composites.fill(place, covered.astype("float32")),
        outline=composites.outline(np.asarray(covered)),
    )


def build(body: Tables, source: Reference, target: GBuffer, size: tuple[int, int] | None = None) -> Controls:
    """Controls of every frame of `target`.

    Args:
        target: G-buffers of the new frames, of the reference's size.
        size: (height, width) of the result; None keeps that of the G-buffers. Smaller sizes are means over boxes: of
            body pixels for `dense`, of valid ones for `warp` and `warp_uv`, of all for the rest; labels by majority of
            the body's pixels.

    Raises:
        UserError: if `size` is above that of the G-buffers, the reference is of another size, or another body's faces
            are seen.
    """
    size = _checked(size, tuple(target.face_index.shape[-2:]))
    inside, uv, valid, place = _look_up(body, source, target)
    label = gbuffers.labels(target, body.labels)
    part = composites.parts(label, place)
    colour, matte = composites.compose(
        source.image,
        source.matte,
        source.behind,
        composites.extend(uv, part, source.outline),
        part,
        label,
        valid,
        place,
        source.body,
        source.place,
    )
    dense = grid.mean_where(gbuffers.interpolate(target, body.faces, body.dense), inside, size)
    label = grid.majority(label, size, len(names.LABELS)).astype("uint8")
    warp_mask = grid.mean(valid[..., None].astype("float32"), size) > 0.5
    return Controls(
        dense=gbuffers.pack_dense(dense) * (label > 0)[..., None],
        label=label,
        warp_uv=grid.mean_where(uv, valid, size) * warp_mask,
        warp_mask=warp_mask[..., 0],
        warp=_bytes(grid.mean_where(warps.sample(source.image, uv), valid, size) * warp_mask),
        composite=_bytes(grid.mean(colour, size)),
        matte=_bytes(255.0 * grid.mean(matte[..., None], size)[..., 0]),
    )


def full_composite(
    body: Tables, source: Reference, target: GBuffer, image: UInt8[Array, "_ _ 3"], matte: UInt8[Array, "_ _"]
) -> tuple[UInt8[Array, "t r s 3"], UInt8[Array, "t r s"]]:
    """The composite and matte with all the pixels that the reference has.

    Args:
        image, matte: the reference at a whole number of times the G-buffers' size.

    Raises:
        UserError: if they are of another size, or the reference is.
    """
    h, w = target.face_index.shape[-2:]
    times = image.shape[0] // h
    if times < 1 or image.shape[:2] != (h * times, w * times) or matte.shape != image.shape[:2]:
        raise UserError(
            f"a reference of {image.shape[:2]} (matte {matte.shape}) for G-buffers of {(h, w)}",
            "Give image and matte at a whole number of times the G-buffers' size",
        )
    _, uv, valid, place = _look_up(body, source, target)
    label = gbuffers.labels(target, body.labels)
    part = composites.parts(label, place)
    extended = composites.extend(uv, part, source.outline)
    whole, alpha = image.astype("float32"), matte.astype("float32") / 255.0

    def repeated(values: Array) -> Array:
        return grid.repeat(values[..., None], times)[..., 0]

    colour, coverage = composites.compose(
        whole,
        alpha,
        composites.background(whole, alpha),
        composites.enlarge(extended, times),
        grid.repeat(part, times),
        repeated(label),
        repeated(valid),
        grid.repeat(place, times),
        repeated(source.body),
        grid.repeat(source.place, times),
    )
    return _bytes(colour), _bytes(255.0 * coverage)


def _look_up(body: Tables, source: Reference, target: GBuffer) -> tuple[Array, Array, Array, Array]:
    """Of every pixel: whether it is body, its place in the reference, whether that is valid, its place on the body."""
    native = tuple(target.face_index.shape[-2:])
    if native != tuple(source.surface.camera.size):
        raise UserError(f"G-buffers of {native} for a reference of {source.surface.camera.size}", "Make them one size")
    _same_body(target, body)
    uv, valid = warps.correspond(target, source.surface, body.faces, body.labels, body.positions)
    place = gbuffers.interpolate(target, body.faces, body.positions)
    return gbuffers.covered(target), uv, valid, place


def _same_body(gbuffer: GBuffer, body: Tables) -> None:
    """On numpy; under `jit` values cannot be looked at."""
    index = gbuffer.face_index
    if isinstance(index, np.ndarray) and (index[index != BACKGROUND] >= len(body.faces)).any():
        raise UserError("a G-buffer sees faces that this body does not have", "Use the body that it was made with")


def _checked(size: tuple[int, int] | None, native: tuple[int, int]) -> tuple[int, int]:
    if size is None:
        return native
    if len(size) != 2 or not (1 <= size[0] <= native[0] and 1 <= size[1] <= native[1]):
        raise UserError(f"controls of {size} cannot be made from G-buffers of {native}", "Give a size not above theirs")
    return tuple(size)


def _bytes(values: Array) -> Array:
    xp = namespace(values)
    return xp.clip(xp.round(values), 0, 255).astype("uint8")

"""From what was looked up (`controls.lookup`) and the reference's picture to `Controls`: all that needs colour.

Pure functions that run on numpy and trace under `jit`, so that a loader hands over integers and the device does the
rest. They know nothing of meshes: of the body they need its `Extent` alone. Give them one clip; `jax.vmap` makes them
of many.
"""

from collections.abc import Mapping

import jax

from vlogger_jax.body import names
from vlogger_jax.controls import composite as composites
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.controls import grid, lookup
from vlogger_jax.controls import warp as warps
from vlogger_jax.controls.lookup import Anchor, Lookup
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Controls, record
from vlogger_jax.core.typing import Array, Float, UInt8, UInt16, namespace


@record
class Portrait:
    """The reference's picture and all that is known of it.

    Attributes:
        layers: `composite.layers`.
        behind: the picture without its person, 0-255.
        outline: of the reference's `Anchor`, at its size.
    """

    layers: Float[Array, "*b r s 8"]
    behind: Float[Array, "*b r s 3"]
    outline: UInt16[Array, "*b h w 2"]
    extent: gbuffers.Extent


def portrait(
    anchor: Anchor, extent: gbuffers.Extent, image: UInt8[Array, "_ _ 3"], matte: UInt8[Array, "_ _"]
) -> Portrait:
    """Prepare a reference once for all frames.

    Args:
        image, matte: the reference, 0 to 255, at a whole number of times the anchor's size.

    Raises:
        UserError: if they are of another size.
    """
    h, w = anchor.label.shape
    times = image.shape[0] // h
    if times < 1 or image.shape[:2] != (h * times, w * times) or matte.shape != image.shape[:2]:
        raise UserError(
            f"a reference of {tuple(image.shape[:2])} (matte {tuple(matte.shape)}) for G-buffers of {(h, w)}",
            "Give image and matte at a whole number of times the G-buffers' size",
        )
    colour, alpha = image.astype("float32"), matte.astype("float32") / 255.0
    body = anchor.label[..., None] > 0
    place = gbuffers.metres(anchor.dense, extent)
    body, place = (grid.repeat(values, times) for values in (body, place))
    return Portrait(
        layers=composites.layers(colour, alpha, body[..., 0], place),
        behind=composites.background(colour, alpha),
        outline=anchor.outline,
        extent=extent,
    )


def complete(source: Portrait, looked_up: Lookup) -> Controls:
    """Controls of every frame of `looked_up`, at the size of the portrait's picture.

    Where that is larger, what was looked up is repeated, but for coordinates: their flow is interpolated.
    """
    xp = namespace(looked_up.label, source.layers)
    times = source.layers.shape[0] // looked_up.label.shape[-2]
    label = looked_up.label.astype("int32")
    place = gbuffers.metres(looked_up.dense, source.extent)
    part = composites.parts(label, place)
    uv = composites.extend(lookup.coordinates(looked_up), part, source.outline)
    uv = composites.enlarge(uv, times)

    def repeated(values: Array) -> Array:
        return grid.repeat(values[..., None], times)[..., 0]

    label, valid = repeated(label), repeated(looked_up.warp_mask > 0)
    sampled = warps.sample(source.layers, uv)
    colour, coverage = composites.compose(
        sampled, source.behind, uv, grid.repeat(part, times), label, valid, grid.repeat(place, times)
    )
    return Controls(
        dense=grid.repeat(looked_up.dense, times),
        label=label.astype("uint8"),
        warp_uv=xp.where(valid[..., None], uv, 0.0),
        warp_mask=valid,
        warp=_bytes(xp.where(valid[..., None], sampled[..., :3], 0.0)),
        composite=_bytes(colour),
        matte=_bytes(255.0 * coverage),
    )


def of_batch(batch: Mapping[str, Array], extent: gbuffers.Extent) -> Controls:
    """Controls of clips as loaders hand them over, by name: what was looked up, and `reference_*`; traces only.

    Raises:
        UserError: as `portrait`.
    """

    def one(sample: Mapping[str, Array]) -> Controls:
        anchored = Anchor(**{name: sample[f"reference_{name}"] for name in ("dense", "label", "outline")})
        source = portrait(anchored, extent, sample["reference"], sample["reference_matte"])
        return complete(source, Lookup(**{name: sample[name] for name in ("dense", "label", "warp_uv", "warp_mask")}))

    return jax.vmap(one)(dict(batch))


def reduce(controls: Controls, size: tuple[int, int]) -> Controls:
    """Controls of a size not above theirs, (height, width).

    Means over boxes: of body pixels for `dense`, of valid ones for `warp` and `warp_uv`, of all for the rest; labels by
    majority of the body's pixels.

    Raises:
        UserError: if `size` is above theirs.
    """
    native = tuple(controls.label.shape[-2:])
    if len(size) != 2 or not (1 <= size[0] <= native[0] and 1 <= size[1] <= native[1]):
        raise UserError(f"controls of {size} cannot be made from G-buffers of {native}", "Give a size not above theirs")
    if tuple(size) == native:
        return controls
    label = grid.majority(controls.label, size, len(names.LABELS)).astype("uint8")
    valid = controls.warp_mask
    warp_mask = grid.mean(valid[..., None].astype("float32"), size) > 0.5
    dense = grid.mean_where(gbuffers.unpack_dense(controls.dense), controls.label > 0, size)
    return Controls(
        dense=gbuffers.pack_dense(dense) * (label > 0)[..., None],
        label=label,
        warp_uv=grid.mean_where(controls.warp_uv, valid, size) * warp_mask,
        warp_mask=warp_mask[..., 0],
        warp=_bytes(grid.mean_where(controls.warp.astype("float32"), valid, size) * warp_mask),
        composite=_bytes(grid.mean(controls.composite.astype("float32"), size)),
        matte=_bytes(grid.mean(controls.matte[..., None].astype("float32"), size)[..., 0]),
    )


def _bytes(values: Array) -> Array:
    xp = namespace(values)
    return xp.clip(xp.round(values), 0, 255).astype("uint8")

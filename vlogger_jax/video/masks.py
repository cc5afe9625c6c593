"""What of a training clip the video network is given: leading frames, keyframes, or all but mouth, face or hands."""

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array, Bool, Float, UInt8
from vlogger_jax.diffusion.mask import FrameMasks, drop_patches, mixed, outside_boxes, random_boxes

Regions = Sequence[tuple[int, ...]]
"""Labels that are edited together: those of the mouth, say."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given:
    """The section `given` of a config.

    Attributes:
        boxes: share of the clips of which all is known but a box in each frame, around a region or anywhere.
        grown: by how much of their sides boxes around regions are larger than these, at most.
        hidden: up to which share of what is known is hidden, in squares of `patch` pixels.
    """

    boxes: float = 0.15
    grown: float = 0.5
    hidden: float = 0.1
    patch: int = 8

    def __post_init__(self) -> None:
        if not (0 <= self.boxes <= 1 and self.grown >= 0 and 0 <= self.hidden < 1 and self.patch >= 1):
            raise UserError(f"{self} cannot be", "Give shares from 0 to 1, and patches of 1 pixel or more")


def draw_known(
    draw: Draw, frames: FrameMasks, given: Given, label: UInt8[Array, "b t h w"], regions: Regions
) -> tuple[Bool[Array, "b t h w"], Bool[Array, "b t h w"]]:
    """What is known of each clip, and what of it is shown."""
    size = label.shape[2:]
    boxes = outside_boxes(_boxes(draw, given, label, regions), size)
    known = mixed(draw.named("either"), frames(draw.named("frames"), label.shape[1]), boxes, given.boxes)
    rate = given.hidden * draw.named("rate").uniform()
    return known, drop_patches(draw.named("hidden"), known, given.patch, rate)


def _boxes(draw: Draw, given: Given, label: Array, regions: Regions) -> Float[Array, "b t 4"]:
    """A box a frame, of one region a clip; where a frame does not have it, or for one clip in n + 1, anywhere."""
    b, t = label.shape[:2]
    around = jnp.stack([_around(label, region) for region in regions])
    anywhere = jnp.broadcast_to(random_boxes(draw.named("anywhere"))[:, None], (b, t, 4))
    chosen = jnp.floor(draw.named("region").uniform() * (len(regions) + 1)).astype(int)
    options = jnp.concatenate([around, anywhere[None]])
    box = options[chosen, jnp.arange(b)]
    middle, half = (box[..., :2] + box[..., 2:]) / 2, (box[..., 2:] - box[..., :2]) / 2
    half *= 1 + given.grown * draw.named("grown").uniform()[:, None, None]
    grown = jnp.clip(jnp.concatenate([middle - half, middle + half], axis=-1), 0, 1)
    return jnp.where((half > 0).all(axis=-1, keepdims=True), grown, anywhere)


def _around(label: UInt8[Array, "b t h w"], region: tuple[int, ...]) -> Float[Array, "b t 4"]:
    """The smallest box (x0, y0, x1, y1) around a region, parts of width and height; empty where there is none."""
    inside = jnp.isin(label, jnp.asarray(region, label.dtype))
    ends = []
    for axis, size in ((2, label.shape[3]), (3, label.shape[2])):
        there = inside.any(axis=axis)
        first = jnp.argmax(there, axis=-1) / size
        last = 1 - jnp.argmax(there[..., ::-1], axis=-1) / size
        ends.append((first, jnp.where(there.any(axis=-1), last, first)))
    (x0, x1), (y0, y1) = ends
    return jnp.stack([x0, y0, x1, y1], axis=-1)

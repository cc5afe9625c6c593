"""The composite: what a careful person would paste together without a model, and the baseline that a model must beat.

The background is filled in behind the person. Over it goes the reference, moved by the body's flow. On the body that is
the warp; around it, as far as the person's matte reaches, the flow is extended, so that hair, clothes and what a hand
holds move along.
"""

from collections.abc import Callable

import jax
import numpy as np
from scipy import ndimage

from vlogger_jax.body import names
from vlogger_jax.controls import grid
from vlogger_jax.controls import warp as warps
from vlogger_jax.core.typing import Array, Bool, Float, Int, UInt16, namespace

ATTACHED = 0.10
"""Metres on the body up to which what surrounds two points of it counts as the same: a sleeve stays with its arm."""

_PART_OF = {
    **dict.fromkeys(names.LABELS[1:12], 0),
    **dict.fromkeys(("neck", "torso", "lower body"), 1),
    "arms": 2,
    "left hand": 4,
    "right hand": 5,
}
_HEAD, _LEFT_ARM, _RIGHT_ARM, _HANDS = 0, 2, 3, (4, 5)
PARTS = 6
INSIDES = {  # colour, as a part of the mean skin's
    **dict.fromkeys(("upper teeth", "lower teeth"), (1.0, 1.06, 1.1)),
    "tongue": (0.62, 0.42, 0.42),
    "mouth cavity": (0.24, 0.15, 0.14),
    "sclera": (0.95, 1.0, 1.05),
    "iris": (0.3, 0.28, 0.26),
}
"""What lips and lids hide in many a reference: painted as anybody's where it does."""
_MOUTH = 1  # among `warp.KINDS`
_DARKNESS = 0.03
"""Metres behind the foremost teeth in which light falls to 1/e."""
_SEAM = 1 / 100
"""Of the picture's height: how far around the body the reference's own body may show, to close the seam."""
_STILL = 1 / 40
"""Of the picture's height: flow below which what is around the body stays with it, whatever it hangs on."""
_JUMP = 1.0
"""Pixels by which interpolated flow may differ from the nearest pixel's."""


def fill(values: Float[Array, "*b h w c"], weight: Float[Array, "*b h w"]) -> Float[Array, "*b h w c"]:
    """Push-pull (Gortler et al. 1996, section 3.6): smooth values wherever `weight` is 0, unchanged where it is 1.

    Every level of a pyramid averages what is known four by four until nothing is unknown; on the way back the unknown
    takes the interpolated coarser level. Where nothing at all is known the result is 0.
    """
    h, w = values.shape[-3:-1]
    if h == 1 and w == 1:
        return values * (weight[..., None] > 0)
    coarse, coarse_weight = grid.halve(values * weight[..., None]), grid.halve(weight[..., None])
    xp = namespace(values)
    mean = coarse / xp.maximum(coarse_weight, 1e-6)
    below = fill(mean, xp.minimum(coarse_weight[..., 0], 1.0))
    known = xp.clip(weight, 0.0, 1.0)[..., None]
    return known * values + (1 - known) * grid.enlarge(below, 2)[..., :h, :w, :]


def background(image: Float[Array, "h w 3"], matte: Float[Array, "h w"]) -> Float[Array, "h w 3"]:
    """The picture without its person: what the matte leaves, filled in; the mean colour where it leaves nothing."""
    xp = namespace(image, matte)
    # Hair is mixed into the pixels around the matte; they are not background.
    known = grid.dilate(matte, 2) < 0.05
    return xp.where(known.any(), fill(image, known.astype(image.dtype)), image.mean(axis=(0, 1)))


def parts(label: Int[Array, "*b h w"], place: Float[Array, "*b h w 3"]) -> Float[Array, "*b h w p"]:
    """One-hot membership of body pixels in head, torso, left and right arm, left and right hand; 0 off the body."""
    xp = namespace(label, place)
    of_label = xp.asarray([_PART_OF.get(name, -1) for name in names.LABELS])[label]
    part = xp.where((of_label == _LEFT_ARM) & (place[..., 0] < 0), _RIGHT_ARM, of_label)
    return (part[..., None] == xp.arange(PARTS)).astype(place.dtype)


def outline(body: Bool[np.ndarray, "h w"]) -> UInt16[np.ndarray, "h w 2"]:
    """For every pixel of the reference the (column, row) of the nearest one off its body; numpy, once a reference."""
    if body.all():
        row, column = np.indices(body.shape)
    else:
        row, column = ndimage.distance_transform_edt(body, return_distances=False, return_indices=True)
    return np.stack([column, row], axis=-1).astype(np.uint16)


def extend(
    uv: Float[Array, "*b h w 2"], part: Float[Array, "*b h w p"], outlines: UInt16[Array, "h w 2"]
) -> Float[Array, "*b h w 2"]:
    """Coordinates in the reference (pixels) for pixels off the body too.

    The flow of a turning head ends, at its outline, inside of the reference's head; continued outwards it would never
    reach the hair. So pixels on the outline of a part are taken to the reference's outline, and that flow is what is
    filled in around the part.

    Args:
        part: `parts` of the new frames.
        outlines: `outline` of the reference.
    """
    xp = namespace(uv)
    h, w = outlines.shape[:2]
    here = grid.centres(*uv.shape[-3:-1], uv)
    body = part.sum(axis=-1)
    edge = body * grid.dilate(1 - body, 1)
    column, row = (xp.clip(uv[..., k].astype("int32"), 0, size - 1) for k, size in ((0, w), (1, h)))
    flow = outlines[row, column].astype(uv.dtype) + 0.5 - here
    nearest = fill(part, body).argmax(axis=-1)

    def around(k: int | Array, moved: Array) -> Array:
        return xp.where((nearest == k)[..., None], fill(flow, edge * part[..., k]), moved)

    return xp.where(body[..., None] > 0, uv, here + _fold(part.shape[-1], around, xp.zeros_like(flow)))


def enlarge(uv: Float[Array, "*b h w 2"], times: int) -> Float[Array, "*b r s 2"]:
    """`extend`ed coordinates for `times` as many pixels each way, in the pixels of a reference that large.

    Flow is interpolated except across the outline of one part before another, where it jumps.
    """
    xp = namespace(uv)
    flow = uv - grid.centres(*uv.shape[-3:-1], uv)
    nearest, smooth = grid.repeat(flow, times), grid.enlarge(flow, times)
    jumps = ((nearest - smooth) ** 2).sum(axis=-1, keepdims=True) > _JUMP**2
    flow = xp.where(jumps, nearest, smooth) * times
    return grid.centres(*flow.shape[-3:-1], uv) + flow


def layers(
    image: Float[Array, "h w 3"],
    matte: Float[Array, "h w"],
    body: Bool[Array, "h w"],
    place: Float[Array, "h w 3"],
) -> Float[Array, "h w 8"]:
    """All of the reference that is pasted, as channels of one image: colour, matte, matte off the body, place.

    Args:
        image, matte: 0-255 and coverage 0-1.
        body: where there is body.
        place: metres on it; anything off it.
    """
    xp = namespace(image)
    known = body.astype(image.dtype)
    alpha = matte[..., None]
    return xp.concatenate([image, alpha, alpha * (1 - known[..., None]), fill(place, known)], axis=-1)


def compose(
    sampled: Float[Array, "*b r s 8"],
    behind: Float[Array, "r s 3"],
    uv: Float[Array, "*b r s 2"],
    part: Float[Array, "*b r s p"],
    label: Int[Array, "*b r s"],
    valid: Bool[Array, "*b r s"],
    place: Float[Array, "*b r s 3"],
) -> tuple[Float[Array, "*b r s 3"], Float[Array, "*b r s"]]:
    """The composite and the person's matte in new frames.

    Args:
        sampled: `layers` of the reference at `uv`.
        behind: `background` of the reference.
        uv: `extend`ed coordinates in the reference.
        part: `parts` of the new frames.
        label: `names.LABELS` of the new frames.
        valid: where the reference shows the same point of the body.
        place: metres on the body; anything off it.

    Returns:
        Colours 0-255 and coverage 0-1.
    """
    xp = namespace(sampled, uv)
    body = part.sum(axis=-1) > 0
    colour, there = sampled[..., :3], sampled[..., 5:]
    # Around the body only what the reference shows around its body, and around the same part of it: else what moved
    # away with its part would stay behind as well.
    same = ((fill(place, body.astype(uv.dtype)) - there) ** 2).sum(axis=-1) < ATTACHED**2
    # Where next to nothing moved, a shirt between torso and arm belongs to both.
    flow = uv - grid.centres(*uv.shape[-3:-1], uv)
    same = same | ((flow**2).sum(axis=-1) < (_STILL * uv.shape[-3]) ** 2)
    seam = grid.dilate(body, max(1, round(_SEAM * uv.shape[-3])))
    around = xp.where(seam, sampled[..., 3], sampled[..., 4]) * same
    coverage = xp.where(body, 1.0, around)
    trusted = xp.where(body, valid, around > 0.5)
    person = xp.where(trusted[..., None], colour, _guess(colour, trusted.astype(uv.dtype), part, label, place))
    mixed = coverage[..., None] * person + (1 - coverage[..., None]) * behind
    return mixed, coverage


def _guess(colour: Array, trusted: Array, part: Array, label: Array, place: Array) -> Array:
    """Colours for what the reference hides: from what it shows of the same part, else from anything near.

    Hands that it does not show at all take the mean colour of the head: they are skin, and their sleeve is not. What
    is in mouth and eyes is painted as in anybody's (`INSIDES`): around it is nothing that looks like it.
    """
    xp = namespace(colour)
    guess = fill(colour, trusted)
    head = (trusted * part[..., _HEAD])[..., None]
    total = head.sum(axis=(-3, -2), keepdims=True)
    skin = (colour * head).sum(axis=(-3, -2), keepdims=True) / xp.maximum(total, 1.0)
    hands = xp.asarray([k in _HANDS for k in range(PARTS)])

    def of_part(k: int | Array, guess: Array) -> Array:
        weight = trusted * part[..., k]
        some = weight.sum(axis=(-2, -1), keepdims=True)[..., None] > 0
        same = xp.where(hands[k] & ~some, skin, fill(colour, weight))
        some = some | (hands[k] & (total > 0))
        return xp.where(some & (part[..., k, None] > 0), same, guess)

    guess = _fold(PARTS, of_part, guess)
    ratio = xp.asarray([INSIDES.get(name, (0.0, 0.0, 0.0)) for name in names.LABELS], dtype=colour.dtype)[label]
    inside = ratio.sum(axis=-1, keepdims=True) > 0
    mouth = xp.asarray([warps.KINDS[k] == _MOUTH for k in range(len(names.LABELS))])[label][..., None]
    depth = place[..., 2:]
    foremost = xp.where(mouth, depth, -xp.inf).max(axis=(-3, -2), keepdims=True)
    light = xp.exp(xp.where(mouth, depth - foremost, 0.0) / _DARKNESS)
    return xp.where(inside & (total > 0), xp.clip(ratio * light * skin, 0.0, 255.0), guess)


def _fold(count: int, step: Callable[[int | Array, Array], Array], value: Array) -> Array:
    """`step(k, value)` for every k below `count`, one after the other. Under JAX one step is compiled, not `count`."""
    if isinstance(value, jax.Array):
        return jax.lax.fori_loop(0, count, step, value)
    for k in range(count):
        value = step(k, value)
    return value

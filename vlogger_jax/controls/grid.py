"""Operations on pixel grids: pyramids, boxes, dilation. Arrays are [.., h, w, c] unless said."""

from functools import cache

import jax
import numpy as np

from vlogger_jax.core.typing import Array, Float, namespace


def centres(h: int, w: int, like: Array) -> Float[Array, "h w 2"]:
    """(x, y) of the pixel centres, of the dtype of `like`."""
    xp = namespace(like)
    x, y = xp.arange(w, dtype=like.dtype) + 0.5, xp.arange(h, dtype=like.dtype) + 0.5
    return xp.stack(xp.broadcast_arrays(x[None, :], y[:, None]), axis=-1)


def halve(values: Float[Array, "*b h w c"]) -> Float[Array, "*b r s c"]:
    """Sums over 2 by 2 pixels; odd sizes are padded with 0."""
    xp = namespace(values)
    h, w = values.shape[-3:-1]
    if h % 2 or w % 2:
        values = xp.pad(values, [(0, 0)] * (values.ndim - 3) + [(0, h % 2), (0, w % 2), (0, 0)])
    values = values[..., 0::2, :, :] + values[..., 1::2, :, :]
    return values[..., 0::2, :] + values[..., 1::2, :]


def enlarge(values: Float[Array, "*b h w c"], times: int) -> Float[Array, "*b r s c"]:
    """`times` as many pixels each way, linearly interpolated between pixel centres, edges extended."""
    if times == 1:
        return values
    xp = namespace(values)
    for axis in (values.ndim - 3, values.ndim - 2):
        before, after = _shifted(values, axis, -1), _shifted(values, axis, 1)
        phases = []
        for k in range(times):
            offset = (k + 0.5) / times - 0.5
            other = before if offset < 0 else after
            phases.append(values * (1 - abs(offset)) + other * abs(offset) if offset else values)
        shape = list(values.shape)
        shape[axis] *= times
        values = xp.stack(phases, axis=axis + 1).reshape(shape)
    return values


def repeat(values: Array, times: int) -> Array:
    """`times` as many pixels each way, each as it is; [.., h, w, c]."""
    if times == 1:
        return values
    xp = namespace(values)
    return xp.repeat(xp.repeat(values, times, axis=-3), times, axis=-2)


def dilate(values: Array, steps: int) -> Array:
    """The largest value within `steps` pixels by rows and by columns; [.., h, w]."""
    xp = namespace(values)
    for axis in (values.ndim - 2, values.ndim - 1):
        largest = values
        for step in range(1, steps + 1):
            for shift in (-step, step):
                largest = xp.maximum(largest, _shifted(values, axis, shift))
        values = largest
    return values


def _shifted(values: Array, axis: int, step: int) -> Array:
    """Each place takes what is `step` further along `axis`; the edge is extended."""
    xp = namespace(values)
    size = values.shape[axis]
    step = max(min(step, size - 1), 1 - size)

    def part(start: int, stop: int) -> Array:
        return values[(slice(None),) * axis + (slice(start, stop),)]

    if step < 0:
        return xp.concatenate([part(0, 1)] * -step + [part(0, size + step)], axis=axis)
    return xp.concatenate([part(step, size)] + [part(size - 1, size)] * step, axis=axis)


def mean(values: Float[Array, "*b h w c"], size: tuple[int, int]) -> Float[Array, "*b r s c"]:
    """Means over the boxes of a coarser grid of `size`; pixels that a box cuts count by area."""
    xp = namespace(values)
    h, w, c = values.shape[-3:]
    if (h, w) == tuple(size):
        return values
    lead = values.shape[:-3]
    with jax.default_matmul_precision("highest"):
        rows = xp.asarray(_area(h, size[0])) @ values.reshape(*lead, h, w * c)
        return xp.asarray(_area(w, size[1])) @ rows.reshape(*lead, size[0], w, c)


def mean_where(values: Float[Array, "*b h w c"], where: Array, size: tuple[int, int]) -> Float[Array, "*b r s c"]:
    """Means over the pixels of each box that are `where` [.., h, w]; 0 where none is."""
    xp = namespace(values)
    weight = where[..., None].astype("float32")
    return mean(values * weight, size) / xp.maximum(mean(weight, size), 1e-6)


def majority(labels: Array, size: tuple[int, int], count: int) -> Array:
    """The label, of 1 to `count` - 1, that has most of each box; 0 where no pixel has one. [.., h, w] of integers."""
    if labels.shape[-2:] == tuple(size):
        return labels
    xp = namespace(labels)
    share = mean((labels[..., None] == xp.arange(1, count)).astype("float32"), size)
    return xp.where(share.sum(axis=-1) > _NOTHING, share.argmax(axis=-1) + 1, 0)


_NOTHING = 1e-6
"""Share of a box below which it is rounding."""


@cache
def _area(before: int, after: int) -> np.ndarray:
    """[after, before]: how much of each of `after` equal boxes each of `before` pixels fills; rows sum to 1."""
    edges = np.arange(after + 1) * (before / after)
    low, high = np.maximum(edges[:-1, None], np.arange(before)), np.minimum(edges[1:, None], np.arange(1, before + 1))
    return (np.maximum(high - low, 0) * (after / before)).astype(np.float32)

"""Operations on pixel grids: pyramids, boxes, dilation. Arrays are [.., h, w, c] unless said."""

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
    values = xp.pad(values, [(0, 0)] * (values.ndim - 3) + [(0, h % 2), (0, w % 2), (0, 0)])
    values = values[..., 0::2, :, :] + values[..., 1::2, :, :]
    return values[..., 0::2, :] + values[..., 1::2, :]


def enlarge(values: Float[Array, "*b h w c"], times: int) -> Float[Array, "*b r s c"]:
    """`times` as many pixels each way, linearly interpolated between pixel centres, edges extended."""
    xp = namespace(values)
    for axis in (-3, -2):
        size = values.shape[axis]
        position = xp.clip((xp.arange(size * times) + 0.5) / times - 0.5, 0, size - 1)
        low = xp.floor(position).astype("int32")
        fraction = (position - low).astype(values.dtype).reshape((-1,) + (1,) * (-axis - 1))
        high = xp.minimum(low + 1, size - 1)
        values = xp.take(values, low, axis=axis) * (1 - fraction) + xp.take(values, high, axis=axis) * fraction
    return values


def repeat(values: Array, times: int) -> Array:
    """`times` as many pixels each way, each as it is; [.., h, w, c]."""
    xp = namespace(values)
    return xp.repeat(xp.repeat(values, times, axis=-3), times, axis=-2)


def dilate(values: Array, steps: int) -> Array:
    """The largest value within `steps` pixels by rows and by columns; [.., h, w]."""
    xp = namespace(values)
    for axis in (-2, -1):
        size = values.shape[axis]
        index = xp.arange(size)
        values = xp.stack(
            [xp.take(values, xp.clip(index + k, 0, size - 1), axis=axis) for k in range(-steps, steps + 1)]
        ).max(axis=0)
    return values


def mean(values: Float[Array, "*b h w c"], box: int) -> Float[Array, "*b r s c"]:
    """Means over boxes of `box` by `box` pixels."""
    return _blocks(values, box).mean(axis=(-4, -2))


def mean_where(values: Float[Array, "*b h w c"], where: Array, box: int) -> Float[Array, "*b r s c"]:
    """Means over the pixels of each box that are `where` [.., h, w]; 0 where none is."""
    xp = namespace(values)
    weight = where[..., None].astype("float32")
    return mean(values * weight, box) / xp.maximum(mean(weight, box), 1e-6)


def majority(values: Array, box: int) -> Array:
    """The most frequent of the integers [.., h, w] in each box; of several the lowest."""
    if box == 1:
        return values
    xp = namespace(values)
    blocks = xp.moveaxis(_blocks(values[..., None], box)[..., 0], -3, -2)
    options = blocks.reshape(*blocks.shape[:-2], box * box)
    votes = (options[..., :, None] == options[..., None, :]).sum(axis=-1)
    best = (votes * 256 - options).argmax(axis=-1)
    return xp.take_along_axis(options, best[..., None], axis=-1)[..., 0]


def _blocks(values: Array, box: int) -> Array:
    """[.., h, w, c] to [.., h/box, box, w/box, box, c]."""
    h, w, c = values.shape[-3:]
    return values.reshape(*values.shape[:-3], h // box, box, w // box, box, c)

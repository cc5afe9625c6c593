"""What the backends of the rasteriser share: which faces can be seen, what they do at a pixel, and the list of work.

Coverage and depth are computed from products that float32 holds exactly. So a compiler that fuses multiplications and
additions, as XLA's do here and there, cannot change them: on one device all backends find the same bits. The two faces
at an edge find values that are exactly opposite, so no pixel falls between them. And next to an edge little is left of
rounding but that of the vertices themselves.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from vlogger_jax.core.typing import Array, Bool, Float, Int

FAR = 0x7F800000
"""The bits of float32 infinity. The bits of positive floats, read as integers, are in the order of the floats."""


class Faces(NamedTuple):
    """The faces of one frame.

    Attributes:
        corners: x, y (pixels) and 1/z (1/metres) of the three vertices.
        low, high: column and row of the first and last pixel whose centre the face's box holds, within the image.
        order: indices of the faces that may cover a pixel, ascending; then f.
        count: how many these are.
        clipped: faces left out because a vertex lay nearer than `near`, or nowhere (NaN).
    """

    corners: Float[Array, "f 3 3"]
    low: Int[Array, "f 2"]
    high: Int[Array, "f 2"]
    order: Int[Array, "f"]
    count: Int[Array, ""]
    clipped: Int[Array, ""]


def prepare(
    pixels: Float[Array, "v 2"], depth: Float[Array, "v"], faces: Int[Array, "f 3"], size: tuple[int, int], near: float
) -> Faces:
    """Gather the corners and drop what covers no pixel centre: clipped, back-facing, off-screen, between centres."""
    in_front = depth > near
    # The depth of what is clipped is replaced, not only ignored: the gradient of 1/z is not finite at 0.
    inverse = 1.0 / jnp.where(in_front, depth, 1.0)
    corners = jnp.concatenate([pixels, inverse[:, None]], axis=-1)[faces]
    clipped = ~in_front[faces].all(axis=-1)
    xy = corners[..., :2]
    a, b, c = xy[:, 0], xy[:, 1], xy[:, 2]
    front = _cross(*jnp.unstack(c - a, axis=-1), *jnp.unstack(b - a, axis=-1)) > 0
    last = jnp.array([size[1] - 1, size[0] - 1])
    # Clipped as floats: a vertex may lie farther away than integers reach.
    low = jnp.clip(jnp.ceil(xy.min(axis=1) - 0.5), 0, last + 1).astype(jnp.int32)
    high = jnp.clip(jnp.floor(xy.max(axis=1) - 0.5), -1, last).astype(jnp.int32)
    visible = front & ~clipped & (high >= low).all(axis=-1)
    order = jnp.sort(jnp.where(visible, jnp.arange(len(faces)), len(faces)))
    return Faces(corners, low, high, order, visible.sum(), clipped.sum())


def weights(
    corners: Float[Array, "*#n 3 3"], x: Float[Array, "*#n"], y: Float[Array, "*#n"]
) -> tuple[Array, Array, Array]:
    """Doubled areas opposite of the three corners, seen from the point (x, y): all >= 0 inside of a front face."""
    dx = [corners[..., i, 0] - x for i in range(3)]
    dy = [corners[..., i, 1] - y for i in range(3)]
    # y points down, so that a face seen from outside runs clockwise in (x, y): second times first.
    return tuple(_cross(dx[j], dy[j], dx[i], dy[i]) for i, j in ((1, 2), (2, 0), (0, 1)))


def interpolate(
    corners: Float[Array, "*#n 3 3"], x: Float[Array, "*#n"], y: Float[Array, "*#n"]
) -> tuple[tuple[Array, Array, Array], Array]:
    """Perspective-correct weights of the corners at (x, y), and the depth there: 1/z is what is linear in the image."""
    area = weights(corners, x, y)
    inverse = [corners[..., i, 2] for i in range(3)]
    total = _dot(area, inverse)
    return tuple(area[i] * inverse[i] / total for i in range(3)), (area[0] + area[1] + area[2]) / total


def depth_bits(corners: Float[Array, "*#n 3 3"], x: Float[Array, "*#n"], y: Float[Array, "*#n"]) -> Int[Array, "*#n"]:
    """Bits of the depth at (x, y), `FAR` outside of the face."""
    area = weights(corners, x, y)
    _, depth = interpolate(corners, x, y)
    inside = (area[0] >= 0) & (area[1] >= 0) & (area[2] >= 0) & (depth > 0)
    return jnp.where(inside, jax.lax.bitcast_convert_type(depth, jnp.int32), FAR)


class Cursor(NamedTuple):
    """Where in the list of work the next slots begin.

    Attributes:
        faces: how many faces of `Faces.order` are done.
        cells: how many cells of the next face are.
    """

    faces: Int[Array, ""]
    cells: Int[Array, ""]


def start() -> Cursor:
    return Cursor(jnp.int32(0), jnp.int32(0))


def cells_of(faces: Faces, side: int, slots: int) -> tuple[Int[Array, "f 2"], Int[Array, "f"], Int[Array, "n"]]:
    """The boxes in cells of side x side pixels: first cell, cells a row, and the number of cells of each of `order`.

    The numbers are followed by `slots` zeros, so that a full window can be taken anywhere.
    """
    low, high = faces.low // side, faces.high // side
    extent = high - low + 1
    total = len(faces.low)
    counts = jnp.where(faces.order < total, extent.prod(axis=-1)[jnp.minimum(faces.order, total - 1)], 0)
    return low, extent[:, 0], jnp.concatenate([counts, jnp.zeros(slots, counts.dtype)])


def take(
    counts: Int[Array, "n"], cursor: Cursor, slots: int, method: str
) -> tuple[Int[Array, "slots"], Int[Array, "slots"], Bool[Array, "slots"], Cursor]:
    """The next `slots` cells of work: place in `order` and cell of that face for each, which of them exist, and on.

    Faces take as many slots as they have cells, over as many rounds as that needs: the work follows what is there, and
    nothing has a capacity. Sums stay below (slots + 1)², so they cannot overflow.

    Args:
        method: of `jnp.searchsorted`; `compare_all` gathers nothing.
    """
    slot = jnp.arange(slots, dtype=jnp.int32)
    window = jax.lax.dynamic_slice(counts, (cursor.faces,), (slots,)) - jnp.where(slot == 0, cursor.cells, 0)
    window = jnp.minimum(window, slots + 1)  # one more than fits: not finished in this round
    ends = jnp.cumsum(window)
    row = jnp.searchsorted(ends, slot, side="right", method=method).astype(jnp.int32)
    exists = row < slots
    row = jnp.minimum(row, slots - 1)
    cell = slot - (ends - window)[row] + jnp.where(row == 0, cursor.cells, 0)
    finished = (ends <= slots).sum(dtype=jnp.int32)
    used = jnp.where(finished > 0, ends[jnp.maximum(finished - 1, 0)], 0)
    begun = jnp.where(finished > 0, 0, cursor.cells) + slots - used
    return cursor.faces + row, cell, exists, Cursor(cursor.faces + finished, begun)


def _cross(ax: Array, ay: Array, bx: Array, by: Array) -> Array:
    """ax by - ay bx; exactly the opposite when a and b are exchanged."""
    ax, ay, bx, by = _halves(ax), _halves(ay), _halves(bx), _halves(by)
    middle = (ax[0] * by[1] - ay[0] * bx[1]) + (ax[1] * by[0] - ay[1] * bx[0])
    return (ax[0] * by[0] - ay[0] * bx[0]) + (middle + (ax[1] * by[1] - ay[1] * bx[1]))


def _dot(a: tuple[Array, ...], b: list[Array]) -> Array:
    a, b = [_halves(each) for each in a], [_halves(each) for each in b]

    def partial(i: int, j: int) -> Array:
        return a[0][i] * b[0][j] + a[1][i] * b[1][j] + a[2][i] * b[2][j]

    return partial(0, 0) + ((partial(0, 1) + partial(1, 0)) + partial(1, 1))


def _halves(value: Array) -> tuple[Array, Array]:
    """A float32 as the sum of two of 12 bits each: the products of such halves are exact (Dekker 1971).

    The gradient flows through the second half, whole.
    """
    high = jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(value, jnp.int32) & ~0xFFF, jnp.float32)
    return high, value - high

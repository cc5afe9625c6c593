"""The rasteriser's backend for TPUs, which have no fast scatter: tiles of 16 x 16 pixels and a segmented minimum.

The work is a list of (face, tile that its box touches), taken 1,024 at a time until it ends and sorted by tile. All
pixels of a tile look at their face; a scan along the list leaves the nearest of each tile in its last slot, from where
every tile fetches it. Same arithmetic as the scatters, so the same faces, bit for bit.
"""

import jax
import jax.numpy as jnp

from vlogger_jax.body.raster_faces import FAR, Cursor, Faces, cells_of, depth_bits, start, take
from vlogger_jax.core.typing import Array, Int

SIDE = 16
SLOTS = 1024


def nearest(faces: Faces, size: tuple[int, int]) -> Int[Array, "h w"]:
    """The face that each pixel sees, f where there is none."""
    rows, columns = -(-size[0] // SIDE), -(-size[1] // SIDE)
    tiles, nobody = rows * columns, len(faces.low)
    low, across, counts = cells_of(faces, SIDE, SLOTS)
    inner = jnp.arange(SIDE * SIDE, dtype=jnp.int32)

    def draw(state: tuple[Cursor, Array, Array]) -> tuple[Cursor, Array, Array]:
        cursor, depth, index = state
        row, cell, exists, cursor = take(counts, cursor, SLOTS, "compare_all")
        face = faces.order[row]
        tile = (low[face, 1] + cell // across[face]) * columns + low[face, 0] + cell % across[face]
        tile, face = jax.lax.sort((jnp.where(exists, tile, tiles), face), num_keys=2)
        x = (tile % columns * SIDE)[:, None] + inner % SIDE
        y = (tile // columns * SIDE)[:, None] + inner // SIDE
        (left, top), (right, bottom) = (jnp.unstack(edge[face][:, None], axis=-1) for edge in (faces.low, faces.high))
        bits = depth_bits(faces.corners[face][:, None], x + 0.5, y + 0.5)
        bits = jnp.where((x >= left) & (x <= right) & (y >= top) & (y <= bottom), bits, FAR)
        bits, owner = _running_minimum(tile, bits, jnp.broadcast_to(face[:, None], bits.shape))
        last = jnp.searchsorted(tile, jnp.arange(tiles), side="right", method="compare_all") - 1
        found = (last >= 0) & (tile[last] == jnp.arange(tiles))
        # What is there already has lower indices: it keeps a tie.
        nearer = found[:, None] & (bits[last] < depth)
        return cursor, jnp.where(nearer, bits[last], depth), jnp.where(nearer, owner[last], index)

    shape = tiles, SIDE * SIDE
    empty = jnp.full(shape, FAR, jnp.int32), jnp.full(shape, nobody, jnp.int32)
    _, _, index = jax.lax.while_loop(lambda state: state[0].faces < faces.count, draw, (start(), *empty))
    image = index.reshape(rows, columns, SIDE, SIDE).transpose(0, 2, 1, 3).reshape(rows * SIDE, columns * SIDE)
    return image[: size[0], : size[1]]


def _running_minimum(
    tile: Int[Array, "n"], bits: Int[Array, "n p"], owner: Int[Array, "n p"]
) -> tuple[Int[Array, "n p"], Int[Array, "n p"]]:
    """The least of `bits` so far within each tile's stretch of the list, and its owner; ties to the earlier one."""
    step = 1
    while step < len(tile):
        same = jnp.concatenate([jnp.zeros(step, bool), tile[step:] == tile[:-step]])[:, None]
        earlier = [jnp.concatenate([each[:step], each[:-step]]) for each in (bits, owner)]
        better = same & (earlier[0] <= bits)
        bits, owner = jnp.where(better, earlier[0], bits), jnp.where(better, earlier[1], owner)
        step *= 2
    return bits, owner

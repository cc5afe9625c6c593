"""Which parts of a training clip are given: whole frames, or all but a box. True is known, and not to be generated.

Shapes are static and the rest is drawn from keys, so that masks can be made inside `jit`.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.typing import Array, Bool, Float


@dataclasses.dataclass(frozen=True)
class FrameMasks:
    """Known frames, a pattern a clip; in the proportions of its attributes.

    After Harvey et al. 2022, "Flexible diffusion modeling of long videos", which shows that one network can learn
    every order of generation. Every clip keeps a frame to generate.

    Attributes:
        none: no frame is known.
        first: the first K, K even in 1 to t // 2: the next window of a longer video.
        ends: the first and the last: filling in between keyframes.
        random: K anywhere, K even in 1 to t - 1.
    """

    none: float | int = 0.4
    first: float | int = 0.4
    ends: float | int = 0.1
    random: float | int = 0.1

    def __call__(self, key: Array, clips: int, frames: int) -> Bool[Array, "{clips} {frames}"]:
        pattern_key, count_key, order_key = jax.random.split(key, 3)
        shares = np.cumsum([self.none, self.first, self.ends, self.random])
        pattern = (jax.random.uniform(pattern_key, (clips, 1, 1)) >= shares[:3] / shares[3]).sum(axis=-1)
        count = jax.random.uniform(count_key, (clips, 1))
        frame = jnp.arange(frames)
        order = jnp.argsort(jax.random.uniform(order_key, (clips, frames)), axis=1)
        known = jnp.select(
            [pattern == 1, pattern == 2, pattern == 3],
            [
                frame <= jnp.floor(count * (frames // 2)),
                (frame == 0) | (frame == frames - 1),
                order <= jnp.floor(count * (frames - 1)),
            ],
            False,
        )
        return known & ~known.all(axis=1, keepdims=True)


def outside_boxes(boxes: Float[Array, "*b 4"], size: tuple[int, int]) -> Bool[Array, "*b h w"]:
    """Known is all but a box, of pixels whose centres lie inside of (x0, y0, x1, y1), parts of width and height."""
    height, width = size
    x, y = (jnp.arange(width) + 0.5) / width, (jnp.arange(height) + 0.5) / height
    x0, y0, x1, y1 = (boxes[..., i, None] for i in range(4))
    return ~(((y >= y0) & (y < y1))[..., :, None] & ((x >= x0) & (x < x1))[..., None, :])


def random_boxes(key: Array, clips: int, sides: tuple[float, float] = (0.1, 0.6)) -> Float[Array, "{clips} 4"]:
    """Boxes (x0, y0, x1, y1) inside of the picture, each side evenly from `sides`, in parts of width and height."""
    side_key, corner_key = jax.random.split(key)
    side = jax.random.uniform(side_key, (clips, 2), minval=sides[0], maxval=sides[1])
    corner = jax.random.uniform(corner_key, (clips, 2)) * (1 - side)
    return jnp.concatenate([corner, corner + side], axis=-1)


def mixed(
    key: Array, frames: Bool[Array, "b t"], boxes: Bool[Array, "b t h w"], share: float | int = 0.15
) -> Bool[Array, "b t h w"]:
    """`boxes` for `share` of the clips, `frames` for the others."""
    chosen = jax.random.bernoulli(key, share, (len(frames), 1, 1, 1))
    return jnp.where(chosen, boxes, frames[..., None, None])


def drop_patches(
    key: Array, known: Bool[Array, "b t h w"], patch: int, rate: float | int | Float[Array, "b"]
) -> Bool[Array, "b t h w"]:
    """What is shown of what is known: squares of `patch` pixels are hidden at `rate`.

    Cui et al. 2024, "Hallo2", section 3.2: so that a network takes motion from the frames before, and looks from the
    reference, and errors do not add up from window to window.
    """
    b, t, height, width = known.shape
    rows, columns = -(-height // patch), -(-width // patch)
    rate = jnp.broadcast_to(jnp.asarray(rate), (b,))[:, None, None, None]
    kept = jax.random.uniform(key, (b, t, rows, columns)) >= rate
    return known & kept.repeat(patch, axis=2).repeat(patch, axis=3)[:, :, :height, :width]

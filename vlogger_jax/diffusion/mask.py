"""Which parts of a training clip are given: whole frames, or all but a box. True is known, and not to be generated.

Shapes are static and the rest is drawn, so that masks can be made inside `jit`, and of frames that several devices
share: what a sample's is depends on its number alone (`core.draw`).
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.constrain import CONTEXT, position, shards
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array, Bool, Float


@dataclasses.dataclass(frozen=True)
class FrameMasks:
    """Known frames, a pattern a clip; in the proportions of its attributes.

    After Harvey et al. 2022, "Flexible diffusion modeling of long videos", which shows that one network can learn
    every order of generation. Every clip keeps a frame to generate.

    Attributes:
        none: no frame is known.
        first: the first K, any number from 1 to t // 2: the next window of a longer video.
        ends: the first and the last: filling in between keyframes.
        random: any K, any number from 1 to t - 1.
    """

    none: float | int = 0.4
    first: float | int = 0.4
    ends: float | int = 0.1
    random: float | int = 0.1

    def __post_init__(self) -> None:
        shares = (self.none, self.first, self.ends, self.random)
        if not (min(shares) >= 0 and 0 < sum(shares) < float("inf")):
            raise UserError(f"shares of masks are {shares}", "Give shares of 0 or more, one of them above 0")

    def __call__(self, draw: Draw, frames: int) -> Bool[Array, "b {frames}"]:
        """For the `frames` that each clip has here: all of them, or a part where they are split over `context`."""
        known = jax.vmap(lambda key: self._clip(key, frames * shards(CONTEXT)))(draw.keys())
        return jax.lax.dynamic_slice_in_dim(known, position(CONTEXT) * frames, frames, axis=1)

    def _clip(self, key: Array, frames: int) -> Bool[Array, "{frames}"]:
        pattern_key, count_key, order_key = jax.random.split(key, 3)
        shares = np.cumsum([self.none, self.first, self.ends, self.random])
        pattern = (jax.random.uniform(pattern_key) >= shares[:3] / shares[3]).sum()
        count = jax.random.uniform(count_key)
        frame = jnp.arange(frames)
        order = jax.random.permutation(order_key, frames)
        known = jnp.select(
            [pattern == 1, pattern == 2, pattern == 3],
            [
                frame <= jnp.floor(count * (frames // 2)),
                (frame == 0) | (frame == frames - 1),
                order <= jnp.floor(count * (frames - 1)),
            ],
            False,
        )
        return known & ~known.all()


def outside_boxes(boxes: Float[Array, "*b 4"], size: tuple[int, int]) -> Bool[Array, "*b h w"]:
    """Known is all but a box, of pixels whose centres lie inside of (x0, y0, x1, y1), parts of width and height."""
    height, width = size
    x, y = (jnp.arange(width) + 0.5) / width, (jnp.arange(height) + 0.5) / height
    x0, y0, x1, y1 = (boxes[..., i, None] for i in range(4))
    return ~(((y >= y0) & (y < y1))[..., :, None] & ((x >= x0) & (x < x1))[..., None, :])


def random_boxes(draw: Draw, sides: tuple[float, float] = (0.1, 0.6)) -> Float[Array, "b 4"]:
    """Boxes (x0, y0, x1, y1) inside of the picture, each side evenly from `sides`, in parts of width and height."""
    width, height = (sides[0] + (sides[1] - sides[0]) * draw.named(side).uniform() for side in ("width", "height"))
    x, y = draw.named("x").uniform() * (1 - width), draw.named("y").uniform() * (1 - height)
    return jnp.stack([x, y, x + width, y + height], axis=-1)


def mixed(
    draw: Draw, frames: Bool[Array, "b t"], boxes: Bool[Array, "b t h w"], share: float | int = 0.15
) -> Bool[Array, "b t h w"]:
    """`boxes` for `share` of the clips, `frames` for the others."""
    chosen = draw.uniform() < share
    return jnp.where(chosen[:, None, None, None], boxes, frames[..., None, None])


def drop_patches(
    draw: Draw, known: Bool[Array, "b t h w"], patch: int, rate: float | int | Float[Array, "b"]
) -> Bool[Array, "b t h w"]:
    """What is shown of what is known: squares of `patch` pixels are hidden at `rate`.

    Cui et al. 2024, "Hallo2": so that a network takes motion from the frames before, and looks from the
    reference, and errors do not add up from window to window.
    """
    b, t, height, width = known.shape
    rows, columns = -(-height // patch), -(-width // patch)
    rate = jnp.broadcast_to(jnp.asarray(rate), (b,))[:, None, None, None]
    # A normal number's rank among all normal numbers is a uniform one.
    kept = jax.scipy.stats.norm.cdf(draw.normal_frames(jnp.zeros((b, t, rows, columns)))) > rate
    return known & kept.repeat(patch, axis=2).repeat(patch, axis=3)[:, :, :height, :width]

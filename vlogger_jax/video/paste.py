"""What the answer takes of pictures that are at hand: the reference, its warp, the composite.

What is sharp in the reference need not be painted anew from features that are coarser than pixels. So the control
network also says, pixel by pixel, how much of each picture to take, how much of what the base says to leave away, and
what to add. The base must predict x_0, which is a picture like the others. The paper has no such thing.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from vlogger_jax.core.typing import Array, Float
from vlogger_jax.nn.dense import Conv
from vlogger_jax.video import layout
from vlogger_jax.video.layout import Model
from vlogger_jax.video.unet import Features, depth_to_space


class Paste(nnx.Module):
    """From all features of the control network to what becomes of each pixel. Begins as 0.

    Args:
        model: of the base.
        pictures: how many there are to take from.
    """

    def __init__(self, model: Model, pictures: int, rngs: nnx.Rngs):
        width, self.patch = model.widths[0], model.patch
        self.heard = nnx.List([Conv(each.channels, width, (1, 1), rngs=rngs) for each in layout.features(model)])
        self.out = Conv(width, (model.c_out + 1 + pictures) * model.patch**2, zero=True, rngs=rngs)

    def __call__(self, features: Features) -> Float[Array, "b t h w e"]:
        """What to add, c channels; what to leave away of the base's answer, 1; what to take of each picture."""
        size, heard = features[0].shape[-3], 0.0
        for conv, feature in zip(self.heard, features, strict=True):
            heard += _larger(conv(feature), size // feature.shape[-3])
        return depth_to_space(self.out(jax.nn.silu(heard)), self.patch)


def pasted(
    said: Float[Array, "b t h w c"], how: Float[Array, "b t h w e"], pictures: Sequence[Float[Array, "b t h w c"]]
) -> Float[Array, "b t h w c"]:
    """x_0 = (1 - m_0) f(x_t) + r + m_1 y_1 + m_2 y_2 + ..., where `said` is f(x_t), `how` r and all m, y `pictures`."""
    c = said.shape[-1]
    added, left, *taken = jnp.split(how, (c, *range(c + 1, how.shape[-1])), axis=-1)
    parts = (each * picture for each, picture in zip(taken, pictures, strict=True))
    return sum(parts, start=(1 - left) * said + added)


def _larger(x: Array, times: int) -> Array:
    """Each pixel becomes `times` times `times` of its kind."""
    return jnp.repeat(jnp.repeat(x, times, axis=-3), times, axis=-2)

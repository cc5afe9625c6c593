"""The loss of the toy stage: the whole of what its training is."""

from collections.abc import Callable

import jax.numpy as jnp

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.stage import Batch, Losses, Params
from vlogger_jax.core.typing import Array
from vlogger_jax.diffusion.outpaint import draw_levels, loss_weight, prepare
from vlogger_jax.diffusion.recipe import Recipe

Network = Callable[..., Array]
"""(params, x_t [b, t, d], t [b], context, label [b]) -> prediction [b, t, d]."""


def make(network: Network, recipe: Recipe, classes: int) -> Callable[[Params, Params, Batch, Draw], Losses]:
    """The `loss_fn` of a stage, of batches of x [b, t, d] and label [b].

    Some frames are given, slightly noised, and not counted in the loss; some classes are dropped, for guidance.
    """

    def loss_fn(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Losses:
        x0 = batch["x"]
        t = draw.named("time").of_batch(recipe.times)
        noise = draw.named("noise").normal_frames(x0)

        known = recipe.masks(draw.named("known"), x0.shape[1])
        level = draw_levels(draw.named("level"), recipe.context_noise)
        context = prepare(x0, known, level, draw.named("context").normal_frames(x0))

        dropped = draw.named("drop").uniform() < recipe.drop
        label = jnp.where(dropped, classes, batch["label"].astype(jnp.int32))

        def predict(x: Array, t: Array) -> Array:
            return network(trainable, x, t, context, label)

        loss = recipe.objective(predict, x0, noise, t, loss_weight(known))
        weight = jnp.exp(recipe.objective.weighting.log_weight(recipe.objective.schedule.logsnr(t)))
        return loss, {"x0_error": loss / weight}

    return loss_fn

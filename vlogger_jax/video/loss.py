"""The losses of the video networks: paper eq. 2, of pictures alone and of frames with what steers them."""

from collections.abc import Callable

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.functional import Network
from vlogger_jax.core.parts import together
from vlogger_jax.core.stage import Batch, Losses, Params, Variables
from vlogger_jax.core.typing import Array
from vlogger_jax.diffusion.outpaint import draw_levels, loss_weight, prepare
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import conditions
from vlogger_jax.video.conditions import ExampleOf, Shown
from vlogger_jax.video.control import Steerable
from vlogger_jax.video.masks import Given, Regions, draw_known

LossFn = Callable[[Params, Params, Batch, Draw], Losses]


def base(network: Network, recipe: Recipe) -> LossFn:
    """Of pictures alone: the base knows no reference and no body."""

    def loss_fn(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Losses:
        x0 = conditions.scaled(batch["frames"])
        t = draw.named("time").of_batch(recipe.times)
        noise = draw.named("noise").normal_frames(x0)
        keys = draw.named("dropout").frame_keys(x0.shape[1])

        def predict(x: Array, t: Array) -> Array:
            return network(trainable, x, t, keys=keys)

        return recipe.objective(predict, x0, noise, t), {}

    return loss_fn


def steered(
    network: Steerable, recipe: Recipe, shown: Shown, given: Given, example_of: ExampleOf, regions: Regions
) -> LossFn:
    """Of frames with what steers them: some frames or parts of frames are given, and some steering is dropped."""

    def loss_fn(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Losses:
        params = together(Variables(trainable, frozen))
        x0, scene = example_of(batch, draw.named("example"))
        t = draw.named("time").of_batch(recipe.times)
        noise = draw.named("noise").normal_frames(x0)

        known, seen = draw_known(draw.named("known"), recipe.masks, given, scene.controls.label, regions)
        level = draw_levels(draw.named("level"), recipe.context_noise)
        context = prepare(x0, seen[..., None], level, draw.named("context").normal_frames(x0))

        told = draw.named("drop").uniform() >= recipe.drop
        channels = conditions.told(shown, conditions.channels(shown, scene, context), told)
        memory = network.remember(params, conditions.scaled(scene.reference))
        keys = draw.named("dropout").frame_keys(x0.shape[1])

        def predict(x: Array, t: Array) -> Array:
            return network(params, x, t, channels, level, memory=memory, keys=keys)

        loss = recipe.objective(predict, x0, noise, t, loss_weight(known[..., None]))
        return loss, {}

    return loss_fn

"""What the video network makes of its conditions in one step: x_0 from no x_t at all, learned by mean squared error.

Of all that may be, it learns the mean. What diffusion is better by is what it is for.
"""

from collections.abc import Callable
from functools import cached_property

import jax
import jax.numpy as jnp

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.parts import together
from vlogger_jax.core.precision import wide
from vlogger_jax.core.stage import Batch, Losses, Params, Variables
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion import objective, schedule
from vlogger_jax.diffusion.outpaint import draw_levels, loss_weight, prepare
from vlogger_jax.diffusion.prediction import Eps
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import conditions, sample
from vlogger_jax.video.conditions import ExampleOf, Scene, Shown
from vlogger_jax.video.control import Steerable
from vlogger_jax.video.loss import LossFn
from vlogger_jax.video.masks import Given, Regions, draw_known
from vlogger_jax.video.render import Level
from vlogger_jax.video.sample import Window


def loss(
    network: Steerable, recipe: Recipe, shown: Shown, given: Given, example_of: ExampleOf, regions: Regions
) -> LossFn:
    """As `video.loss.steered`, of the same clips with the same parts given; nothing is dropped, since nothing guides.

    Raises:
        UserError: if the network predicts noise, from which no picture can be told where there is nothing else.
    """
    _answers(recipe)

    def loss_fn(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Losses:
        params = together(Variables(trainable, frozen))
        x0, scene = example_of(batch, draw.named("example"))
        known, seen = draw_known(draw.named("known"), recipe.masks, given, scene.controls.label, regions)
        level = draw_levels(draw.named("level"), recipe.context_noise)
        context = prepare(x0, seen[..., None], level, draw.named("context").normal_frames(x0))
        channels = conditions.channels(shown, scene, context)
        keys = draw.named("dropout").frame_keys(x0.shape[1])
        errors = (_answer(network, recipe, params, scene, channels, level, keys) - x0) ** 2
        return objective.mean(errors, loss_weight(known[..., None])), {}

    return loss_fn


class Regressed(Level):
    """A network that was trained so, for windows as those of diffusion."""

    @cached_property
    def _denoise(self) -> Callable[[Params, Window, Array | None, Draw], Array]:
        answered = make_window(self.network, self.recipe, self.shown)
        return jax.jit(lambda params, window, smaller, draw: answered(params, window, draw))


def make_window(network: Steerable, recipe: Recipe, shown: Shown) -> Callable[[Params, Window, Draw], Array]:
    """As `video.sample.make_window`."""
    _answers(recipe)

    def answered(params: Params, window: Window, draw: Draw) -> Float[Array, "b t h w 3"]:
        known, mask, b = window.known, window.given[..., None], len(window.known)
        level = jnp.full(b, sample.CONTEXT_NOISE)
        context = prepare(known, mask, level, draw.named("context").normal_frames(known))
        channels = conditions.channels(shown, window.scene, context)
        x0 = _answer(network, recipe, params, window.scene, channels, level, None)
        return jnp.where(mask, known, jnp.clip(x0, -1, 1))

    return answered


def _answer(
    network: Steerable, recipe: Recipe, params: Params, scene: Scene, channels: Array, level: Array, keys: Array | None
) -> Float[Array, "b t h w 3"]:
    """x_0, read from the network's output as at t = 1, where x_t is all noise: so its base starts as it was trained."""
    nothing = jnp.zeros((*channels.shape[:-1], 3))
    memory = network.remember(params, conditions.scaled(scene.reference))
    output = network(params, nothing, jnp.ones(len(nothing)), channels, level, memory=memory, keys=keys)
    return recipe.objective.prediction.clean(wide(output), nothing, schedule.Level(jnp.float32(0), jnp.float32(1)))


def _answers(recipe: Recipe) -> None:
    if isinstance(recipe.objective.prediction, Eps):
        raise UserError("a network that predicts noise cannot be asked for pictures at once", "Give a base of v or x0")

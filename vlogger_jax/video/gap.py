"""Whether a network looks at what steers it: its loss with somebody else's controls, less that with the right ones.

Control networks in pixel space have been seen to ignore what they are shown for 50,000 steps, while neither their loss
nor their pictures told. So this is measured from the first validation on.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.parts import together
from vlogger_jax.core.stage import Batch, Losses, Params, Variables
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion import objective
from vlogger_jax.diffusion.outpaint import prepare
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import conditions
from vlogger_jax.video.conditions import ExampleOf, Scene, Shown
from vlogger_jax.video.control import Steerable
from vlogger_jax.video.loss import LossFn

TIMES = (0.5, 0.7, 0.9)
"""t / T that gaps are measured at."""

Errors = Callable[[Params, Array, Scene, Array, Array], Array]


def errors(network: Steerable, recipe: Recipe, shown: Shown) -> Errors:
    """The function (params, x0 [b, t, h, w, 3], scene, noise, t []) -> squared errors, told everything but frames."""

    def measure(
        params: Params, x0: Float[Array, "b t h w 3"], scene: Scene, noise: Float[Array, "b t h w 3"], t: Array
    ) -> Float[Array, "b t h w 3"]:
        level = jnp.zeros(len(x0))
        context = prepare(x0, jnp.zeros(x0.shape[:2], bool), level, jnp.zeros_like(x0))
        channels = conditions.channels(shown, scene, context)
        memory = network.remember(params, conditions.scaled(scene.reference))

        def predict(x: Array, t: Array) -> Array:
            return network(params, x, t, channels, level, memory=memory)

        return recipe.objective.errors(predict, x0, noise, jnp.full(len(x0), t))

    return measure


def beside(loss_fn: LossFn, network: Steerable, recipe: Recipe, shown: Shown, example_of: ExampleOf) -> LossFn:
    """`loss_fn` and gaps, "gap_0.5" and so on: everybody is shown the controls of the one before in the batch.

    Where a device has one sample at a time there is no one before, and gaps are NaN.
    """
    measure = errors(network, recipe, shown)

    def measured(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Losses:
        losses, metrics = loss_fn(trainable, frozen, batch, draw)
        params = together(Variables(trainable, frozen))
        x0, scene = example_of(batch, draw.named("example"))
        noise = draw.named("gap").normal_frames(x0)
        controls = jax.tree.map(lambda values: jnp.roll(values, 1, axis=0), scene.controls)
        for t in TIMES:
            right, wrong = (
                objective.mean(measure(params, x0, each, noise, jnp.float32(t)))
                for each in (scene, scene._replace(controls=controls))
            )
            metrics[f"gap_{t:g}"] = wrong - right if len(x0) > 1 else jnp.full_like(right, jnp.nan)
        return losses, metrics

    return measured

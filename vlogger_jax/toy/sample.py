"""Samples of the toy stage: of the batch's classes, going on from its first frames."""

from collections.abc import Callable

import jax.numpy as jnp

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.stage import Batch, Params
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.diffusion.denoise import Denoised, denoiser
from vlogger_jax.diffusion.noise import per_frame
from vlogger_jax.diffusion.outpaint import Replacement, prepare
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.diffusion.sampler import sample_spans
from vlogger_jax.nn.embed import frame_numbers
from vlogger_jax.toy.loss import Network


def make(network: Network, recipe: Recipe, classes: int, given: int) -> Callable[[Params, Params, Batch, Draw], Array]:
    """The `sample` of a stage: x [b, t, d] of the batch's labels, whose first `given` frames are the batch's."""
    objective, sampler = recipe.objective, recipe.sampler

    def sample(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Float[Array, "b t d"]:
        x0 = batch["x"]
        known = jnp.broadcast_to(frame_numbers(x0.shape[1]) < given, x0.shape[:2])
        context = prepare(x0, known, jnp.zeros_like(x0[:, 0, 0]), jnp.zeros_like(x0))

        def denoise(x: Array, t: Array, dropped: Array) -> Denoised:
            label = jnp.where(dropped[0], classes, batch["label"].astype(jnp.int32))

            def predict(x: Array, t: Array) -> Array:
                return network(trainable, x, t, context, label)

            return denoiser(predict, objective.schedule, objective.prediction)(x, t)

        start = draw.named("start").normal_frames(x0)
        # An ODE keeps the noise that it starts from; a stochastic step has new noise, which is the known part's, too.
        kept = start if sampler.stepper.deterministic else None
        stepper = Replacement(sampler.stepper, x0, known, kept)
        return sample_spans(sampler.spans(denoise), sampler.grid, stepper, start, per_frame(draw.named("steps")))

    return sample

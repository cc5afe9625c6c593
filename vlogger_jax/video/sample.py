"""One window of frames from what steers it, going on from frames that are known (paper section 3.2)."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.functional import Network
from vlogger_jax.core.parts import together
from vlogger_jax.core.stage import Batch, Params, Variables
from vlogger_jax.core.typing import Array, Bool, Float
from vlogger_jax.diffusion.denoise import Denoised, denoiser
from vlogger_jax.diffusion.noise import per_frame
from vlogger_jax.diffusion.outpaint import Replacement, prepare
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.diffusion.sampler import sample_spans
from vlogger_jax.diffusion.schedule import level
from vlogger_jax.nn.embed import frame_numbers
from vlogger_jax.video import conditions
from vlogger_jax.video.conditions import ExampleOf, Scene, Shown
from vlogger_jax.video.control import Steerable

Guess = Callable[[Scene], Array]
"""What a scene looks like at first sight, [b, t, h, w, 3] in [-1, 1]."""

CONTEXT_NOISE = 0.05
"""Standard deviation of the noise on known frames: little errors of one window are not to be those of the next."""


class Window(NamedTuple):
    """What a window is made from.

    Attributes:
        scene: what steers it.
        known: frames in [-1, 1]; only read where `given`.
        given: which pixels are known.
    """

    scene: Scene
    known: Float[Array, "b t h w 3"]
    given: Bool[Array, "b t h w"]


def base(network: Network, recipe: Recipe) -> Callable[[Params, Params, Batch, Draw], Array]:
    """The `sample` of a base: pictures [b, t, h, w, 3] of nobody in particular."""
    objective, sampler = recipe.objective, recipe.sampler

    def sample(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Float[Array, "b t h w 3"]:
        def denoise(x: Array, t: Array, dropped: Array) -> Denoised:
            return denoiser(lambda x, t: network(trainable, x, t), objective.schedule, objective.prediction)(x, t)

        start = draw.named("start").normal_frames(conditions.scaled(batch["frames"]))
        noise = per_frame(draw.named("steps"))
        return sample_spans(sampler.spans(denoise), sampler.grid, sampler.stepper, start, noise)

    return sample


def make_window(
    network: Steerable, recipe: Recipe, shown: Shown, scale: float = 1.0, guess: Guess | None = None
) -> Callable[[Params, Window, Draw], Array]:
    """The function that denoises a window to frames [b, t, h, w, 3] in [-1, 1]; what is given comes back as it was.

    Args:
        scale: of all that the control network answers.
        guess: what x begins with besides noise, as far as the grid's first level has something of x_0.
    """
    objective, sampler = recipe.objective, recipe.sampler

    def sample(params: Params, window: Window, draw: Draw) -> Float[Array, "b t h w 3"]:
        known, mask, b = window.known, window.given[..., None], len(window.known)
        noisy = jnp.full(b, CONTEXT_NOISE)
        context = prepare(known, mask, noisy, draw.named("context").normal_frames(known))
        channels = conditions.channels(shown, window.scene, context)
        memory = network.remember(params, conditions.scaled(window.scene.reference))

        def denoise(x: Array, t: Array, dropped: Array) -> Denoised:
            seen = conditions.told(shown, channels, jnp.broadcast_to(1.0 - dropped[0], (b,)))

            def predict(x: Array, t: Array) -> Array:
                return network(params, x, t, seen, noisy, scale=scale, memory=memory)

            return denoiser(predict, objective.schedule, objective.prediction)(x, t)

        start = draw.named("start").normal_frames(known)
        begun = sampler.temperature * start
        if guess is not None:
            begun = _noised(guess(window.scene), begun, sampler.grid.start[0])
        # As the steps after it will leave what is known.
        begun = jnp.where(mask, _noised(known, start, sampler.grid.start[0]), begun)
        kept = start if sampler.stepper.deterministic else None
        stepper = Replacement(sampler.stepper, known, mask, kept)
        noise = per_frame(draw.named("steps"))
        return sample_spans(sampler.spans(denoise), sampler.grid, stepper, begun, noise)

    return sample


def _noised(x0: Array, noise: Array, logsnr: float) -> Array:
    alpha, sigma = level(jnp.float32(logsnr))
    return alpha * x0 + sigma * noise


def steered(
    network: Steerable, recipe: Recipe, shown: Shown, example_of: ExampleOf, given: int, guess: Guess | None = None
) -> Callable[[Params, Params, Batch, Draw], Array]:
    """The `sample` of a control network: frames [b, t, h, w, 3] of the batch's steering, from its first `given` on."""
    window = make_window(network, recipe, shown, guess=guess)

    def sample(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Float[Array, "b t h w 3"]:
        known, scene = example_of(batch, draw.named("example"))
        first = (frame_numbers(known.shape[1]) < given)[None, :, None, None]
        asked = Window(scene, known, jnp.broadcast_to(first, known.shape[:-1]))
        return window(together(Variables(trainable, frozen)), asked, draw)

    return sample

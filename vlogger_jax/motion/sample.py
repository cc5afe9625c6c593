"""One window of motion from its sound, going on from frames that are known."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.records import Motion
from vlogger_jax.core.stage import Batch, Params
from vlogger_jax.core.typing import Array, Bool, Float, Int, namespace
from vlogger_jax.diffusion.denoise import Denoised, denoiser
from vlogger_jax.diffusion.noise import per_frame
from vlogger_jax.diffusion.outpaint import Replacement, prepare
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.diffusion.sampler import sample_spans
from vlogger_jax.motion.model import Model
from vlogger_jax.motion.network import Told
from vlogger_jax.nn.embed import frame_numbers


class Window(NamedTuple):
    """What a window is made from.

    Attributes:
        heard: its sound, as `audio.hearing` makes it.
        reference: one frame.
        visible: how much that shows of torso, left hand and right hand.
        known: packed motion; only read where `given`.
        given: whether face and body of a frame are known.
        length: frames that are not padding.
    """

    heard: Float[Array, "b t k w"]
    reference: Motion
    visible: Float[Array, "b 3"]
    known: Float[Array, "b t d"]
    given: Bool[Array, "b t 2"]
    length: Int[Array, "b"]


def make_window(model: Model, recipe: Recipe, exact: bool = True) -> Callable[[Params, Window, Draw], Array]:
    """The function that denoises a window to x [b, t, d].

    Args:
        exact: whether what is given comes back as it was, or as M would have it, for a join to be made of (`joined`).
    """
    objective, sampler, packing = recipe.objective, recipe.sampler, model.packing

    def sample(params: Params, window: Window, draw: Draw) -> Float[Array, "b t d"]:
        known, b = window.known, len(window.known)
        mask = packing.by_group(window.given)
        context = model.context(prepare(known, mask, jnp.zeros(b), jnp.zeros_like(known)))
        sound, _ = model.listen(params, window.heard)
        shown, has_shown = model.shown(window.reference, window.visible, jnp.ones((b, 3), bool))
        valid = frame_numbers(known.shape[1]) < window.length[:, None]

        def denoise(x: Array, t: Array, dropped: Array) -> Denoised:
            heard = jnp.broadcast_to(1.0 - dropped[0], (b,))
            told = Told(sound=sound, has_sound=heard, reference=shown, has_reference=has_shown, valid=valid, **context)

            def predict(x: Array, t: Array) -> Array:
                return model.denoise(params, x, t, told)

            return denoiser(predict, objective.schedule, objective.prediction)(x, t)

        warmth = model.warmth.astype(known.dtype)
        unit = per_frame(draw.named("steps"))

        def noise(i: Array, like: Array) -> Array:
            return warmth * unit(i, like)

        start = warmth * draw.named("start").normal_frames(known)
        # An ODE keeps the noise that it starts from; a stochastic step has new noise, which is the known part's, too.
        kept = start if sampler.stepper.deterministic else None
        stepper = Replacement(sampler.stepper, known, mask, kept, exact)
        steps = sampler.spans(denoise), sampler.grid, stepper, start, noise
        calm = model.calmed(sample_spans(*steps), window.length)
        return jnp.where(mask, known, calm) if exact else calm

    return sample


def joined(before: Float[Array, "b k d"], after: Float[Array, "b t d"], over: int) -> Float[Array, "b t d"]:
    """`after`, beginning as `before` does, of whose k frames it is another version.

    Over the last of these, at most `over` frames, one fades into the other: both are smooth, and so is what is between
    them. One frame alone has nothing to fade over; what it is off by fades out over as many frames after it.
    """
    xp, k, frames = namespace(before, after), before.shape[1], after.shape[1]
    fading = min(over, k - 1)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.clip((np.arange(frames) - (k - 1 - fading)) / max(fading, 1), 0, 1))
    if not fading:
        fall = 0.5 + 0.5 * np.cos(np.pi * np.clip((np.arange(frames) - (k - 1)) / over, 0, 1))
        off = before[:, -1:] - after[:, k - 1 : k]
        return xp.concatenate([before, (after + fall[:, None].astype(np.float32) * off)[:, k:]], axis=1)
    share = rise[:k, None].astype(np.float32)
    return xp.concatenate([before * (1 - share) + after[:, :k] * share, after[:, k:]], axis=1)


def make(model: Model, recipe: Recipe, given: int) -> Callable[[Params, Params, Batch, Draw], Array]:
    """The `sample` of the stage: packed motion [b, t, d] of the batch's sound, from its first `given` frames on."""
    window = make_window(model, recipe)

    def sample(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Float[Array, "b t d"]:
        motion, reference = model.motions(batch)
        known = model.packing.pack(motion, model.origin(reference))
        first = jnp.broadcast_to((frame_numbers(known.shape[1]) < given)[:, None], (*known.shape[:2], 2))
        return window(
            trainable, Window(batch["heard"], reference, batch["visible"], known, first, batch["length"]), draw
        )

    return sample

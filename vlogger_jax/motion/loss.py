"""The loss of M: L_diff (paper eq. 1) and L_temp, each with a weight a part; and, to have lips that meet, two more:
L_diff once more of the lips' vertices, to first order, and the visemes that the sound says, where they are known."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import optax

from vlogger_jax.core.constrain import CONTEXT, position, shards
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.precision import wide
from vlogger_jax.core.stage import Batch, Losses, Params
from vlogger_jax.core.typing import Array, Bool, Float, UInt8
from vlogger_jax.diffusion.denoise import denoiser
from vlogger_jax.diffusion.objective import mean
from vlogger_jax.diffusion.outpaint import draw_levels, prepare
from vlogger_jax.diffusion.process import corrupt, from_left
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.motion.model import Model
from vlogger_jax.motion.network import VISEMES, Told
from vlogger_jax.nn.embed import frame_numbers
from vlogger_jax.nn.temporal import with_neighbours


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dropped:
    """Shares of training clips that are not told something, or are told more.

    Attributes:
        reference: that are not told the expression, pose or visible parts of the reference, each by itself.
        nothing: that are told nothing of it.
        group: that are given all of the body, and as many that are given all of the face.
    """

    reference: float = 0.1
    nothing: float = 0.075
    group: float = 0.075


def make(
    model: Model, recipe: Recipe, dropped: Dropped, lips: Float[np.ndarray, "n 3 k"] | None
) -> Callable[[Params, Params, Batch, Draw], Losses]:
    """The `loss_fn` of the stage; `lips` as `stage.stage` has them."""
    packing, section, objective = model.packing, model.section, recipe.objective
    counts = packing.spread(section.counts) * packing.spread(section.shifts) ** 2
    smooths = counts * packing.spread(section.smooths)
    seen = None if lips is None else _seen(model, lips)
    logged = {name: packing.columns[name] for name in ("expression", "jaw", "head", "arms")}

    def loss_fn(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Losses:
        motion, reference = model.motions(batch)
        x0 = packing.pack(motion, model.origin(reference))
        valid = frame_numbers(x0.shape[1]) < batch["length"][:, None]
        t = draw.named("time").of_batch(recipe.times)
        x = corrupt(objective.schedule, x0, draw.named("noise").normal_frames(x0), t)
        mask = packing.by_group(_given(draw, recipe, dropped.group, x0.shape[1]))
        level = draw_levels(draw.named("level"), recipe.context_noise)
        context = prepare(x0, mask, level, draw.named("context").normal_frames(x0))
        sound, logits = model.listen(trainable, batch["heard"])
        shown, has_shown = model.shown(reference, batch["visible"], _kept(draw, dropped))
        told = Told(
            sound=sound,
            has_sound=(draw.named("drop").uniform() >= recipe.drop).astype(x0.dtype),
            reference=shown,
            has_reference=has_shown,
            valid=valid,
            **model.context(context),
        )

        def predict(x: Array, t: Array) -> Array:
            return model.denoise(trainable, x, t, told)

        clean = denoiser(predict, objective.schedule, objective.prediction)(x, t).x0
        weight = from_left(jnp.exp(objective.weighting.log_weight(objective.schedule.logsnr(t))), x0)
        new = (valid[..., None] & ~mask).astype(x0.dtype)
        errors = weight * (clean - x0) ** 2
        terms = {
            "diff": mean(errors * counts, new),
            "temp": mean(_steps(clean) ** 2 * smooths, (valid & _next(valid)).astype(x0.dtype)),
            "viseme": _viseme(logits, batch["viseme"], valid),
        }
        loss = terms["diff"] + terms["temp"] + section.viseme * terms["viseme"]
        if seen is not None:
            terms["lips"] = mean(weight * ((clean - x0)[..., : len(seen)] @ seen) ** 2, new[..., 0])
            loss += section.lips * terms["lips"]
        return loss, terms | {name: mean(errors[..., where], new[..., where]) for name, where in logged.items()}

    return loss_fn


def _kept(draw: Draw, dropped: Dropped) -> Bool[Array, "b 3"]:
    """Whether expression, pose and visible parts of the reference are told."""
    each = [draw.named(name).uniform() >= dropped.reference for name in ("expression", "pose", "visible")]
    return jnp.stack(each, axis=-1) & (draw.named("reference").uniform() >= dropped.nothing)[:, None]


def _viseme(logits: Float[Array, "b t n"], viseme: UInt8[Array, "b t"], valid: Bool[Array, "b t"]) -> Float[Array, "b"]:
    """The mean cross entropy of the frames whose viseme is known."""
    known = viseme < VISEMES
    entropy = optax.softmax_cross_entropy_with_integer_labels(wide(logits), jnp.where(known, viseme, 0).astype(int))
    return mean(entropy, (valid & known).astype(entropy.dtype))


def _seen(model: Model, lips: Float[np.ndarray, "n 3 k"]) -> Float[np.ndarray, "k r"]:
    """From an error of expression and jaw to that of the lips, in parts of how far they move.

    The principal directions instead of all vertices, which tells the same: a square of a distance.
    """
    deviations = model.packing.spread(model.section.deviations)[: lips.shape[-1]]
    moved = lips.reshape(-1, lips.shape[-1]) * deviations
    _, sizes, axes = np.linalg.svd(moved, full_matrices=False)
    kept = sizes > 0.01 * sizes[0]
    scaled = sizes[kept, None] * axes[kept]
    shifts = model.packing.spread(model.section.shifts)[: lips.shape[-1]]
    return (scaled * np.sqrt(kept.sum() / (scaled**2).sum()) * shifts).T.astype(np.float32)


def _given(draw: Draw, recipe: Recipe, share: float, frames: int) -> Bool[Array, "b t 2"]:
    """Whether face and body of each frame are known: some frames, whole groups, or nothing."""
    known = recipe.masks(draw.named("known"), frames)[..., None]
    chance = draw.named("group").uniform()[:, None]
    group = jnp.concatenate([chance < share, (chance >= share) & (chance < 2 * share)], axis=-1)
    return jnp.where(group.any(axis=-1)[:, None, None], group[:, None, :], known)


def _next(x: Bool[Array, "b t"]) -> Bool[Array, "b t"]:
    """That of the next frame; False for the last of the clip."""
    after = with_neighbours(x.astype(jnp.float32)[..., None], 0, 1)[:, 1:, 0] > 0
    last = (position(CONTEXT) == shards(CONTEXT) - 1) & (jnp.arange(x.shape[1]) == x.shape[1] - 1)
    return after & ~last


def _steps(x: Float[Array, "b t d"]) -> Float[Array, "b t d"]:
    """From each frame to the next."""
    return with_neighbours(x, 0, 1)[:, 1:] - x

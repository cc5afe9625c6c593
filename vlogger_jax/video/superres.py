"""Super-resolution: frames of a smaller network with more pixels, steered as that is (paper section 3.2).

A UNet of its own, which sees the smaller frames beside x_t, and its own temporal control copy, which sees every
control at the larger size; both are trained together, on crops. What the smaller network gets wrong it is to mend, so
it learns from frames that are made worse: blurred, as those are where somebody moves, and noised by many levels, of
which it is told (Ho et al. 2022, "Cascaded diffusion models", has both). Its answer takes from the composite and from
the enlarged frames what is right there (`video.paste`).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.parts import divided
from vlogger_jax.core.stage import Batch, Stage
from vlogger_jax.core.typing import Array
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import conditions, gap, loss, picture, sample
from vlogger_jax.video.conditions import Example, ExampleOf, SceneOf
from vlogger_jax.video.control import Steered
from vlogger_jax.video.masks import Regions
from vlogger_jax.video.smaller import REACH, Lifting, blurred, enlarged, means
from vlogger_jax.video.stage import Control, Data, check_pasted, spec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Low:
    """The section `low` of a config: the smaller frames.

    Attributes:
        noise: standard deviation up to which they are noised in training; one a clip, or they would flicker.
        level: the same in sampling.
        blur: standard deviation up to which they are blurred in training, in their pixels; one a clip, too.
    """

    noise: float = 0.3
    level: float = 0.1
    blur: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.noise < 1 and 0 <= self.level < 1):
            raise UserError(f"{self} cannot be", "Give standard deviations from 0 to less than 1")
        if not 0 <= self.blur <= REACH / 2:
            raise UserError(f"frames are blurred by {self.blur} pixels", f"Give 0 to {REACH / 2:g}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SuperRes(Control):
    """What the section `model` of a config says of one.

    Attributes:
        low: how smaller frames are noised; their size is `shown.low`.
        crop: pixels of the squares that are trained on; 0 is all.
    """

    low: Low = dataclasses.field(default_factory=Low)
    crop: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        size, low = self.base.size, self.shown.low
        if not 0 < low < size or size % low:
            raise UserError(f"frames of {low} pixels become such of {size}", "Give a shown.low that divides it")
        if self.remembers:
            raise UserError("super-resolution remembers no reference", "Leave config.model.remembers false")
        cell = self.base.patch * 2 ** (len(self.base.multipliers) - 1)
        if self.crop and (self.crop % cell or self.crop > size):
            raise UserError(f"crops of {self.crop} pixels, of {size}", f"Give a multiple of {cell}, at most {size}")

    def network(self, temporal: bool = True) -> Steered:
        """The UNet with its control network; frames meet in the second."""
        pictures = tuple(self.shown.first(name) for name in self.pasted)
        return Steered.of(self.base, self.shown.channels, temporal, pictures=pictures, beside=self.shown.first("low"))

    def lifting(self) -> Lifting:
        """What it has of smaller frames in sampling."""
        return Lifting(low=self.shown.low, size=self.base.size, level=self.low.level)


def examples(scene_of: SceneOf, section: SuperRes) -> ExampleOf:
    """Crops of a batch to learn from, with smaller frames that are as noisy as may be."""

    def example_of(batch: Batch, draw: Draw) -> Example:
        level = section.low.noise * draw.named("level").uniform()
        blur = section.low.blur * draw.named("blur").uniform()
        return _crop(_whole(batch, scene_of, section, level, blur, draw), section.crop, draw.named("crop"))

    return example_of


def asked(scene_of: SceneOf, section: SuperRes) -> ExampleOf:
    """All of a batch, with smaller frames as in sampling."""

    def example_of(batch: Batch, draw: Draw) -> Example:
        level = jnp.full(len(batch["frames"]), section.low.level)
        return _whole(batch, scene_of, section, level, jnp.zeros_like(level), draw)

    return example_of


def _whole(batch: Batch, scene_of: SceneOf, section: SuperRes, level: Array, blur: Array, draw: Draw) -> Example:
    frames, size = conditions.scaled(batch["frames"]), section.shown.low
    low = blurred(means(frames, size), blur)
    noise = draw.named("low").normal_frames(low)
    return Example(frames, scene_of(batch)._replace(low=enlarged(low, level, noise, frames.shape[-2])))


def _crop(example: Example, size: int, draw: Draw) -> Example:
    """A square of each clip, anywhere in it."""
    height, width = example.frames.shape[2:4]
    if size in (0, height):
        return example
    top, left = (
        jnp.floor(draw.named(name).uniform() * (whole - size + 1)).astype(jnp.int32)
        for name, whole in (("top", height), ("left", width))
    )

    def cut(values: Array) -> Array:
        """Of [b, t, h, w, ...], or [b, h, w, ...] where it is of the reference."""
        framed = values.shape[1:3] != (height, width)

        def one(each: Array, y: Array, x: Array) -> Array:
            lead = (0,) if framed else ()
            begin = (*lead, y, x, *(0,) * (each.ndim - len(lead) - 2))
            return jax.lax.dynamic_slice(
                each, begin, (*each.shape[: len(lead)], size, size, *each.shape[len(lead) + 2 :])
            )

        return jax.vmap(one)(values, top, left)

    return jax.tree.map(cut, example)


def superres(config: Mapping[str, Any], scene_of: SceneOf, regions: Regions) -> Stage:
    """The stage: "video_sr_256" or "video_sr_512".

    Raises:
        UserError: if the sections `data`, `model` and `diffusion` do not describe one.
    """
    data = from_mapping(Data, config["data"], "config.data")
    section = from_mapping(SuperRes, config["model"], "config.model")
    recipe, network = Recipe.of(config["diffusion"], conditions=1), section.network()
    check_pasted(section, recipe)
    divided(network.shapes(), section.trained, "config.model.trained")
    example_of = examples(scene_of, section)
    loss_fn = loss.steered(network, recipe, section.shown, section.given, example_of, regions)
    return Stage(
        name=config["stage"],
        spec=spec(data, section.base.size),
        framed=frozenset({"frames", "dense", "label", "warp_uv", "warp_mask"}),
        init=lambda key: divided(network.init(key), section.trained),
        loss_fn=loss_fn,
        validate=gap.beside(loss_fn, network, recipe, section.shown, example_of),
        sample=sample.steered(
            network, recipe, section.shown, asked(scene_of, section), data.given, section.lifting().guess
        ),
        picture=picture.strips,
    )

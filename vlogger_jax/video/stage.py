"""The stages of the video network, from their configs: base, control on single frames, and control on clips."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import Network, check
from vlogger_jax.core.parts import divided, replaced, together
from vlogger_jax.core.stage import Stage, Variables
from vlogger_jax.diffusion.prediction import X0
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import conditions, gap, loss, picture, sample
from vlogger_jax.video.conditions import PICTURES, SceneOf, Shown
from vlogger_jax.video.control import Steerable, Steered
from vlogger_jax.video.layout import Model
from vlogger_jax.video.masks import Given, Regions
from vlogger_jax.video.unet import UNet

GBUFFER = 256
"""Pixels of the largest G-buffers that records hold."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """The section `data` of a config.

    Attributes:
        folder: the data set.
        frames: that follow each other in a sample.
        far: of the reference from them, in frames.
        given: how many first frames samples of the stage go on from.
        remembered, tolerated, reading: for loaders to look at.
    """

    folder: str
    frames: int = 1
    far: int = 24
    given: int = 0
    remembered: int = 0
    tolerated: int = 0
    reading: Any = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Control:
    """What the section `model` of a config says of a control network.

    Attributes:
        base: sizes of the base, and so of its copy.
        shown: what it sees.
        given: what is known of training clips.
        trained: what is trained: patterns of paths, such as "control/" or "base/decoder/".
        remembers: whether attention of the control network also looks at the reference, at keys and values that are
            computed once a window.
        pasted: of `conditions.PICTURES`: what the answer may take from, if the base predicts x_0 (`video.paste`).
    """

    base: Model
    shown: Shown = dataclasses.field(default_factory=Shown)
    given: Given = dataclasses.field(default_factory=Given)
    trained: tuple[str, ...] = ("control/",)
    remembers: bool = False
    pasted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        low = ("low",) if self.shown.low else ()
        known = [name for name in PICTURES if name in ("reference", *low, *self.shown.steering)]
        if unknown := [name for name in self.pasted if name not in known]:
            raise UserError(f"{unknown[0]!r} cannot be pasted", f"Name some of {', '.join(known)}")

    def network(self, temporal: bool) -> Steered:
        """The base with its control network."""
        pictures = tuple(self.shown.first(name) for name in self.pasted)
        return Steered.of(self.base, self.shown.channels, temporal, self.remembers, pictures)


def _inherited(model: Model, config: Mapping[str, Any]) -> dict[str, Any]:
    """All that decides what parameters mean, by what configs call it."""
    written = dataclasses.asdict(dataclasses.replace(model, dropout=0.0, remat="none"))
    of_diffusion = {f"diffusion.{name}": config["diffusion"][name] for name in ("schedule", "prediction")}
    return {f"model.base.{name}": value for name, value in written.items()} | of_diffusion


def base(config: Mapping[str, Any]) -> Stage:
    """The base: pictures of people, of nobody in particular.

    Raises:
        UserError: if the sections `data`, `model` and `diffusion` do not describe one.
    """
    data = from_mapping(Data, config["data"], "config.data")
    model = from_mapping(Model, config["model"], "config.model")
    recipe = Recipe.of(config["diffusion"], conditions=1)
    network = Network(partial(UNet, model))
    return Stage(
        name="video_base",
        spec={"frames": jax.ShapeDtypeStruct((data.frames, model.size, model.size, 3), jnp.uint8)},
        framed=frozenset({"frames"}),
        init=lambda key: Variables(network.init(key), {}),
        loss_fn=loss.base(network, recipe),
        sample=sample.base(network, recipe),
        picture=picture.gallery,
        inherited=_inherited(model, config),
    )


def steered(config: Mapping[str, Any], scene_of: SceneOf, regions: Regions) -> Stage:
    """A base, frozen as far as the config says, and its control network: "video_control" or "video_temporal".

    Args:
        scene_of: makes controls of a batch.
        regions: labels that are edited together.

    Raises:
        UserError: if the sections `data`, `model` and `diffusion` do not describe one.
    """
    section = from_mapping(Control, config["model"], "config.model")
    temporal = config["stage"] == "video_temporal"
    network = section.network(temporal)
    stage = stage_of(config, network, scene_of, regions)

    def from_control(learned: Variables, fresh: Variables) -> Variables:
        check(together(learned), section.network(temporal=False).shapes(), "the control network")
        return divided(replaced(together(fresh), together(learned)), section.trained)

    return (
        dataclasses.replace(stage, ancestors={**stage.ancestors, "video_control": from_control}) if temporal else stage
    )


def stage_of(config: Mapping[str, Any], network: Steerable, scene_of: SceneOf, regions: Regions) -> Stage:
    """The same of any network that begins from a base and is told conditions."""
    data = from_mapping(Data, config["data"], "config.data")
    section = from_mapping(Control, config["model"], "config.model")
    recipe = Recipe.of(config["diffusion"], conditions=1)
    if not 0 <= data.given < data.frames:
        raise UserError(f"config.data.given is {data.given}", f"Give 0 to {data.frames - 1} of {data.frames} frames")
    divided(network.shapes(), section.trained, "config.model.trained")
    check_pasted(section, recipe)

    def from_base(learned: Variables, fresh: Variables) -> Variables:
        base = together(learned)
        check(base, Network(partial(UNet, section.base)).shapes(), "the base")
        return divided(network.begin(base, together(fresh)), section.trained)

    example_of = conditions.whole(scene_of)
    loss_fn = loss.steered(network, recipe, section.shown, section.given, example_of, regions)
    return Stage(
        name=config["stage"],
        spec=spec(data, section.base.size),
        framed=frozenset({"frames", "dense", "label", "warp_uv", "warp_mask"}),
        init=lambda key: divided(network.init(key), section.trained),
        loss_fn=loss_fn,
        validate=gap.beside(loss_fn, network, recipe, section.shown, example_of),
        sample=sample.steered(network, recipe, section.shown, example_of, data.given),
        picture=picture.strips,
        ancestors={"video_base": from_base},
        inherited=_inherited(section.base, config),
    )


def check_pasted(section: Control, recipe: Recipe) -> None:
    """Whether pictures can be pasted.

    Raises:
        UserError: if the answer is none.
    """
    if section.pasted and not isinstance(recipe.objective.prediction, X0):
        raise UserError("pictures are pasted into an answer that is none", "Take a base that predicts x0, or no pasted")


def spec(data: Data, size: int) -> dict[str, jax.ShapeDtypeStruct]:
    """What loaders make of a clip with what its controls are made of."""
    t, g = data.frames, min(size, GBUFFER)

    def shape(dtype: Any, *sizes: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(sizes, dtype)

    return {
        "frames": shape(jnp.uint8, t, size, size, 3),
        "reference": shape(jnp.uint8, size, size, 3),
        "reference_matte": shape(jnp.uint8, size, size),
        "dense": shape(jnp.uint16, t, g, g, 3),
        "label": shape(jnp.uint8, t, g, g),
        "warp_uv": shape(jnp.uint16, t, g, g, 2),
        "warp_mask": shape(jnp.uint8, t, g, g),
        "reference_dense": shape(jnp.uint16, g, g, 3),
        "reference_label": shape(jnp.uint8, g, g),
        "reference_outline": shape(jnp.uint16, g, g, 2),
    }

"""The toy stage, from its config."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import Network
from vlogger_jax.core.stage import Stage, Variables
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.toy import loss, picture, sample, truth
from vlogger_jax.toy.network import Model, ToyNetwork


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """The section `data` of a config.

    Attributes:
        truth: "mixture" or "ar1".
        given: how many first frames sampling goes on from.
        reading: how loaders make batches, which is for them to look at.
    """

    truth: str
    given: int = 0
    reading: Any = None


def stage(config: Mapping[str, Any]) -> Stage:
    """The stage that the sections `data`, `model` and `diffusion` describe.

    Raises:
        UserError: if they do not describe one.
    """
    data = from_mapping(Data, config["data"], "config.data")
    model = from_mapping(Model, config["model"], "config.model")
    recipe = Recipe.of(config["diffusion"], conditions=1)
    of = truth.named(data.truth)
    if not 0 <= data.given < of.frames:
        raise UserError(f"config.data.given is {data.given}", f"Give 0 to {of.frames - 1} of {of.frames} frames")
    network = Network(partial(ToyNetwork, model, of.width, of.classes))
    return Stage(
        name="toy",
        spec={
            "x": jax.ShapeDtypeStruct((of.frames, of.width), jnp.float32),
            "label": jax.ShapeDtypeStruct((), jnp.uint8),
        },
        framed=frozenset({"x"}),
        init=lambda key: Variables(network.init(key), {}),
        loss_fn=loss.make(network, recipe, of.classes),
        sample=sample.make(network, recipe, of.classes, data.given),
        picture=picture.make(of, data.given),
    )

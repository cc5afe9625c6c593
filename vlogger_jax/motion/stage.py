"""The motion stage, from its config."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.audio import hearing
from vlogger_jax.audio.mel import COLUMNS
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.stage import Stage, Variables
from vlogger_jax.core.typing import Float
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.motion import loss, picture, sample
from vlogger_jax.motion.loss import Dropped
from vlogger_jax.motion.model import VISIBLE, Model, Section


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """The section `data` of a config.

    Attributes:
        folder: the data set.
        frames: of a window; shorter ones are filled up.
        shortest: frames.
        hearing: what is made of the sound, as `audio.hearing.named` reads it.
        dropped: what training clips are not told.
        given: how many first frames samples of the stage go on from.
        overheard, remembered, tolerated, reading: for loaders to look at.
    """

    folder: str
    frames: int
    shortest: int
    hearing: Any
    dropped: Dropped
    given: int = 0
    overheard: Any = None
    remembered: int = 0
    tolerated: int = 0
    reading: Any = None


def model_of(config: Mapping[str, Any]) -> Model:
    """The networks of a config, and what they are told.

    Raises:
        UserError: if the sections `data` and `model` do not describe any.
    """
    data = from_mapping(Data, config["data"], "config.data")
    return Model(from_mapping(Section, config["model"], "config.model"), hearing.named(data.hearing))


def recipe_of(config: Mapping[str, Any]) -> Recipe:
    """How they are trained and sampled; the sound is the one condition that they can be guided by."""
    return Recipe.of(config["diffusion"], conditions=1)


def stage(config: Mapping[str, Any], lips: Float[np.ndarray, "n 3 k"] | None) -> Stage:
    """The stage that the sections `data`, `model` and `diffusion` describe.

    Args:
        lips: `body.lips.directions` of the body; None: they do not count beside the rest of the face.

    Raises:
        UserError: if they do not describe one.
    """
    data, model, recipe = from_mapping(Data, config["data"], "config.data"), model_of(config), recipe_of(config)
    if not 0 <= data.given < data.frames:
        raise UserError(f"config.data.given is {data.given}", f"Give 0 to {data.frames - 1} of {data.frames} frames")
    ahead = model.section.size.lookahead
    if ahead >= data.frames:
        raise UserError(f"windows of {data.frames} frames, of which {ahead} hear no further", "Give longer ones")

    def shape(*sizes: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(sizes, dtype)

    t, faces = data.frames, model.section.expressions
    of_frames = {
        "expression": (faces,),
        "body_pose": (21, 3),
        **dict.fromkeys(("global_orient", "jaw_pose", "leye_pose", "reye_pose", "transl"), (3,)),
        **dict.fromkeys(("left_hand_pose", "right_hand_pose"), (15, 3)),
    }
    return Stage(
        name="motion",
        spec={
            "heard": shape(t, COLUMNS, model.hearing.width),
            "betas": shape(model.section.betas),
            **{name: shape(t, *sizes) for name, sizes in of_frames.items()},
            **{f"reference_{name}": shape(1, *sizes) for name, sizes in of_frames.items()},
            "visible": shape(VISIBLE),
            "viseme": shape(t, dtype=jnp.uint8),
            "length": shape(dtype=jnp.int32),
        },
        framed=frozenset({"heard", "viseme", *of_frames}),
        init=lambda key: Variables(model.init(key), {}),
        loss_fn=loss.make(model, recipe, data.dropped, lips),
        sample=sample.make(model, recipe, data.given),
        picture=picture.make(model),
        body=model.section.body,
    )

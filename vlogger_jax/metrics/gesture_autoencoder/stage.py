"""The autoencoder as a stage, from its config."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.functional import Network
from vlogger_jax.core.stage import Batch, Losses, Params, Stage, Variables
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.metrics import gesture_windows
from vlogger_jax.metrics.gesture_autoencoder.network import Decoder, Encoder, Model
from vlogger_jax.metrics.gesture_autoencoder.standard import packed, standard
from vlogger_jax.metrics.gesture_windows import FRAMES

NAME = "gesture_autoencoder"

MOVEMENT = 20.0
"""Weight of changes from frame to frame beside poses: they are small, and what gestures are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """The section `data` of a config.

    Attributes:
        folder: the data set.
        remembered, tolerated, reading: for loaders to look at.
    """

    folder: str
    remembered: int = 0
    tolerated: int = 0
    reading: Any = None


def encoder(model: Model) -> Network:
    """(params, windows in `standard`) -> latents."""
    return Network(partial(Encoder, model))


def decoder(model: Model) -> Network:
    """(params, latents) -> windows in `standard`."""
    return Network(partial(Decoder, model))


def stage(config: Mapping[str, Any]) -> Stage:
    """The stage that the sections `data` and `model` describe; its samples are reconstructions, [b, 32, 258].

    Its batches are windows of exactly 32 frames, none of them padding.

    Raises:
        UserError: if they do not describe one.
    """
    from_mapping(Data, config["data"], "config.data")
    model = from_mapping(Model, config["model"], "config.model")
    encode, decode = encoder(model), decoder(model)

    def init(key: Array) -> Variables:
        first, second = jax.random.split(key)
        return Variables({"encoder": encode.init(first), "decoder": decode.init(second)}, {})

    def again(params: Params, x: Array) -> Array:
        return decode(params["decoder"], encode(params["encoder"], x))

    def loss_fn(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Losses:
        x = _windows(batch)
        error = again(trainable, x) - x
        pose, movement = (jnp.square(each).mean(axis=(1, 2)) for each in (error, jnp.diff(error, axis=1)))
        return pose + MOVEMENT * movement, {"pose": pose, "movement": movement}

    def sample(trainable: Params, frozen: Params, batch: Batch, draw: Draw) -> Float[Array, "b t d"]:
        return packed(again(trainable, _windows(batch)))

    return Stage(
        name=NAME,
        spec={
            "body_pose": jax.ShapeDtypeStruct((FRAMES, 21, 3), jnp.float32),
            "left_hand_pose": jax.ShapeDtypeStruct((FRAMES, 15, 3), jnp.float32),
            "right_hand_pose": jax.ShapeDtypeStruct((FRAMES, 15, 3), jnp.float32),
        },
        framed=frozenset(),  # windows are short; each stays whole on its chip
        init=init,
        loss_fn=loss_fn,
        sample=sample,
        sampled_frames=False,
    )


def _windows(batch: Batch) -> Array:
    return standard(gesture_windows.pack(batch["body_pose"], batch["left_hand_pose"], batch["right_hand_pose"]))

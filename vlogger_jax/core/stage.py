"""What a stage is to whoever trains, samples, compiles or exports it.

A stage is two networks' worth of parameters and two functions of them. Both functions see one shard of a batch and run
inside `jax.shard_map` (see `core.constrain`); neither knows of optimizers, meshes or files.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.typing import Array, Float

Params = dict[str, Any]
"""Nested plain dicts of arrays."""

Batch = dict[str, Array]
"""Arrays [b, ...] by name."""

Losses = tuple[Float[Array, "b"], dict[str, Float[Array, "b"]]]
"""The loss of each sample, and other numbers about it by name."""


class Variables(NamedTuple):
    """Parameters of a stage.

    Attributes:
        trainable: float32.
        frozen: no gradient is ever taken of them, and no optimizer knows them; {} where there are none.
    """

    trainable: Params
    frozen: Params


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Stage:
    """One stage of the chain.

    Attributes:
        name: as configs, bundles and records of training call it.
        spec: shape and dtype of one sample, by name.
        framed: which of them begin with an axis of frames.
        init: key -> fresh `Variables`.
        loss_fn: (trainable, frozen, batch, draw) -> `Losses`; the whole of what a stage's training is.
        sample: (trainable, frozen, batch, draw) -> samples [b, ...], conditioned on what the batch holds.
        sampled_frames: whether samples are [b, t, ...].
        validate: as `loss_fn`, with more numbers that are worth a look now and then; None: `loss_fn` is all.
        picture: (batch, samples), as numpy -> uint8 [h, w, 3], for people to look at.
        body: the body that it knows (`Motion.body`); None: it knows of none.
        ancestors: stages that it can begin from, by name: (what one of them learned, fresh) -> where to begin.
        inherited: what it must have in common with its ancestors, by name, though shapes of parameters do not show it.
    """

    name: str
    spec: dict[str, jax.ShapeDtypeStruct]
    framed: frozenset[str]
    init: Callable[[Array], Variables]
    loss_fn: Callable[[Params, Params, Batch, Draw], Losses]
    sample: Callable[[Params, Params, Batch, Draw], Float[Array, "b *d"]]
    sampled_frames: bool = True
    validate: Callable[[Params, Params, Batch, Draw], Losses] | None = None
    picture: Callable[[Mapping[str, np.ndarray], np.ndarray], np.ndarray] | None = None
    body: str | None = None
    ancestors: Mapping[str, Callable[[Variables, Variables], Variables]] = dataclasses.field(default_factory=dict)
    inherited: Mapping[str, Any] = dataclasses.field(default_factory=dict)

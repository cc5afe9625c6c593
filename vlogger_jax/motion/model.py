"""M as functions: what it is told, from records and batches, and its two networks behind them."""

import dataclasses
import math
from functools import cached_property, partial
from typing import Literal

import jax
import jax.numpy as jnp

from vlogger_jax.audio.hearing import Hearing
from vlogger_jax.audio.mel import COLUMNS
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import Network
from vlogger_jax.core.records import Motion
from vlogger_jax.core.stage import Batch, Params
from vlogger_jax.core.typing import Array, Bool, Float
from vlogger_jax.diffusion.outpaint import Context
from vlogger_jax.motion import inertia
from vlogger_jax.motion.network import Denoiser, Listener, Size, Told
from vlogger_jax.motion.packing import BODY, NONE, ONES, POSE, Packing, PerPart, of_part, put_part

FIELDS = (
    *("expression", "global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose"),
    *("left_hand_pose", "right_hand_pose", "transl"),
)
"""Of `Motion`, one row a frame."""

VISIBLE = 3
"""Torso, left hand, right hand."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """The section `model` of a config.

    Attributes:
        body: whose motion it is.
        body_file: its model file; None: it is the packaged one.
        betas, expressions: coefficients of that body.
        relative_to: "reference": the body's pose is predicted as a change of the reference's; "rest": as it is.
        averaged: frames back that the window reaches over which each part of a sample is averaged (`inertia.window`).
        temperature: what the noise that a part is sampled from is multiplied by; less is nearer to what is likeliest.
        deviations: what packed numbers are divided by.
        counts: how much each number of a part counts in L_diff.
        smooths: lambda_temp: how much its change from frame to frame counts beside that.
        lips: weight of L_diff of the lips.
        viseme: weight of the visemes.
    """

    size: Size
    body: str
    betas: int
    expressions: int
    body_file: str | None = None
    fps: float = 24.0
    relative_to: Literal["reference", "rest"] = "reference"
    averaged: PerPart = NONE
    temperature: PerPart = ONES
    deviations: PerPart = ONES
    counts: PerPart = ONES
    smooths: PerPart = ONES
    lips: float = 0.0
    viseme: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 <= reach < math.inf for reach in vars(self.averaged).values()):
            raise UserError(f"motion is averaged over {vars(self.averaged)} frames", "Give 0 or more for each part")
        if not all(0 <= share < math.inf for share in vars(self.temperature).values()):
            raise UserError(f"the temperature of motion is {vars(self.temperature)}", "Give 0 or more for each part")


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """Its parts.

    Attributes:
        section: of the config.
        hearing: what is made of the sound before the network hears it.
    """

    section: Section
    hearing: Hearing

    @cached_property
    def packing(self) -> Packing:
        """Between `Motion` and x."""
        return Packing(self.section.expressions, self.section.deviations)

    @cached_property
    def listener(self) -> Network:
        """`network.Listener`."""
        return Network(partial(Listener, self.section.size, COLUMNS, self.hearing.width))

    @cached_property
    def denoiser(self) -> Network:
        """`network.Denoiser`."""
        return Network(partial(Denoiser, self.section.size, self.packing.d, self.packing.face + POSE + VISIBLE))

    def init(self, key: Array) -> Params:
        """Fresh parameters of both."""
        listener, denoiser = jax.random.split(key)
        return {"listener": self.listener.init(listener), "denoiser": self.denoiser.init(denoiser)}

    def motions(self, batch: Batch) -> tuple[Motion, Motion]:
        """The motion [b, t] of a batch and its reference [b, 1]."""
        return self._motion(batch, ""), self._motion(batch, "reference_")

    def origin(self, reference: Motion) -> Motion:
        """The pose that the body's is predicted as a change of."""
        if self.section.relative_to == "reference":
            return reference
        fields = {part.field: getattr(reference, part.field) for part in BODY.values()}
        for part in BODY.values():
            put_part(fields, part, 0.0 * of_part(reference, part))
        return dataclasses.replace(reference, **fields)

    def listen(self, params: Params, heard: Float[Array, "b t k w"]) -> tuple[Array, Array]:
        """As `network.Listener`."""
        return self.listener(params["listener"], heard)

    def denoise(self, params: Params, x: Float[Array, "b t d"], t: Float[Array, "b"], told: Told) -> Array:
        """As `network.Denoiser`."""
        return self.denoiser(params["denoiser"], x, t, told)

    def calmed(self, x: Float[Array, "b t d"]) -> Float[Array, "b t d"]:
        """A sample with the inertia of bodies."""
        return inertia.averaged(x, self.packing, self.section.averaged, self.section.size.lookahead)

    def shown(self, reference: Motion, visible: Float[Array, "b 3"], has: Bool[Array, "b 3"]) -> tuple[Array, Array]:
        """`Told.reference`, `has_reference`: of [b, 1] frames, expression, pose and `visible` where `has` says so."""
        packing = self.packing
        parts = packing.expression(reference)[:, 0], packing.pose(reference)[:, 0], visible
        flags = has.astype(jnp.float32)
        told = [part * flags[:, i : i + 1] for i, part in enumerate(parts)]
        return jnp.concatenate(told, axis=-1), flags

    def context(self, context: Context) -> dict[str, Array]:
        """The fields of `Told` that are of known motion."""
        ends = (0, self.packing.face)
        shown = jnp.stack([context.shown[..., column] for column in ends], axis=-1)
        return {"known": context.known, "shown": shown, "level": context.level}

    def _motion(self, batch: Batch, prefix: str) -> Motion:
        fields = {name: batch[prefix + name] for name in FIELDS}
        return Motion(betas=batch["betas"], **fields, fps=self.section.fps, body=self.section.body)

"""M as functions: what it is told, from records and batches, and its two networks behind them."""

import dataclasses
import math
from functools import cached_property, partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.audio.hearing import Hearing
from vlogger_jax.audio.mel import COLUMNS
from vlogger_jax.body.names import EXPRESSIONS
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import Network
from vlogger_jax.core.records import Motion
from vlogger_jax.core.stage import Batch, Params
from vlogger_jax.core.typing import Array, Bool, Float, Float32, Int
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

UPPER_FACE = tuple(i for i, name in enumerate(EXPRESSIONS) if name.startswith(("brow", "eye")))
"""Which of ARKit's expressions are brows, lids and gaze."""


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
        upper_face: the same of brows, lids and gaze among ARKit's expressions, which no sound decides; None: as all
            expression. A blink is never what is likeliest.
        deviations: what packed numbers are divided by.
        shifts: and by this besides, which makes noise so many times as high for a part: the schedule, shifted for it
            alone (Hoogeboom et al. 2023, "Simple diffusion"). The loss counts as if nothing had been done.
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
    upper_face: float | None = None
    deviations: PerPart = ONES
    shifts: PerPart = ONES
    counts: PerPart = ONES
    smooths: PerPart = ONES
    lips: float = 0.0
    viseme: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 <= reach < math.inf for reach in vars(self.averaged).values()):
            raise UserError(f"motion is averaged over {vars(self.averaged)} frames", "Give 0 or more for each part")
        warm = vars(self.temperature) | ({} if self.upper_face is None else {"upper_face": self.upper_face})
        if not all(0 <= share < math.inf for share in warm.values()):
            raise UserError(f"the temperature of motion is {warm}", "Give 0 or more for each part")
        if self.upper_face is not None and self.expressions != len(EXPRESSIONS):
            what = f"{self.expressions} expressions are not ARKit's: none of them is the upper face's"
            raise UserError(what, "Leave config.model.upper_face None")


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
        section = self.section
        shifted = {name: each * getattr(section.shifts, name) for name, each in vars(section.deviations).items()}
        return Packing(section.expressions, PerPart(**shifted))

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

    @cached_property
    def warmth(self) -> Float32[np.ndarray, "d"]:
        """What the noise of each packed number is multiplied by in sampling."""
        found = self.packing.spread(self.section.temperature)
        if self.section.upper_face is not None:
            found[: self.section.expressions][list(UPPER_FACE)] = self.section.upper_face
        return found

    def calmed(self, x: Float[Array, "b t d"], length: Int[Array, "b"]) -> Float[Array, "b t d"]:
        """A sample with the inertia of bodies; frames from `length` on are padding, and not averaged with."""
        ahead = self.section.size.lookahead
        return inertia.averaged(inertia.held(x, length), self.packing, self.section.averaged, ahead)

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

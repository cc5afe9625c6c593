"""How much of what M moves is shown, and how far it may go from the reference: nothing here is learned.

A portrait shows one pose. The farther a head turns from it, the less of the picture is of use, and hands that it does
not show, or that hold something, are better left alone.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from vlogger_jax.body.names import EXPRESSIONS
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Array, Float, namespace
from vlogger_jax.motion import change
from vlogger_jax.motion.change import Change
from vlogger_jax.motion.packing import ARMS

KEPT = tuple(name for name in EXPRESSIONS if name.startswith(("brow", "cheek", "mouthSmile", "noseSneer")))
"""Expressions that a portrait's face may keep while it talks; all others articulate, blink or look."""

_LEFT = tuple(i for i, row in enumerate(ARMS) if row in (12, 15, 17, 19))
"""Which joints of the part "arms" are the left one's."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Strength:
    """How much of the change of each part is taken over: 0 freezes it in the reference's pose, 1 takes all of it.

    Attributes:
        head: neck and head.
        torso: root, spine and place.
        arms: both.
        hands: fingers of both.
        left, right: of arm and hand of one side, on top.
        face: expression, jaw and eyes; 0 is the reference's face.
    """

    head: float = 1.0
    torso: float = 1.0
    arms: float = 1.0
    hands: float = 1.0
    left: float = 1.0
    right: float = 1.0
    face: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < math.inf:
                raise UserError(f"the strength of {name} is {value}", "Give 0 or more; 1 is all that was performed")

    def __call__(self, changes: Change) -> Change:
        """The changes of the body's parts, each times its strength."""
        sides = np.full((len(ARMS), 1), self.right, np.float32)
        sides[list(_LEFT)] = self.left
        shares: Mapping[str, float | np.ndarray] = {
            **dict.fromkeys(("root", "torso", "transl"), self.torso),
            "head": self.head,
            "arms": self.arms * sides,
            "left_hand": self.hands * self.left,
            "right_hand": self.hands * self.right,
        }
        return {name: shares[name] * value for name, value in changes.items()}


ALL = Strength()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """How far head and torso go from the reference, softly: half of it is left as it is, all of it is never passed.

    Turns of the joints of a part are added up as axis-angles, axis by axis: what they are together while turns are as
    small as M makes them.

    Attributes:
        yaw, pitch, roll: degrees of neck and head together.
        torso: degrees of root and spine together, about each axis.
        shift: metres, along each axis.
    """

    yaw: float = 10.0
    pitch: float = 7.0
    roll: float = 5.0
    torso: float = 3.0
    shift: float = 0.015

    def __post_init__(self) -> None:
        if not all(limit > 0 for limit in vars(self).values()):
            raise UserError(f"limits of motion are {vars(self)}", "Give more than 0; to freeze a part, its strength")

    def __call__(self, changes: Change) -> Change:
        """The changes, held back."""
        head = np.deg2rad(np.array([self.pitch, self.yaw, self.roll], np.float32))
        torso = np.full(3, np.deg2rad(self.torso), np.float32)
        spine = _share(changes["root"].sum(axis=-2) + changes["torso"].sum(axis=-2), torso)[..., None, :]
        return {
            **changes,
            "head": changes["head"] * _share(changes["head"].sum(axis=-2), head)[..., None, :],
            "root": changes["root"] * spine,
            "torso": changes["torso"] * spine,
            "transl": changes["transl"] * _share(changes["transl"], np.full(3, self.shift, np.float32)),
        }


ORDINARY = Limits()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manner:
    """What is shown of what M moves.

    Attributes:
        strength: how much of it.
        limits: None: none.
        keep_expression: how much of the reference's brows, cheeks and smile stays in the face while it talks.
    """

    strength: Strength = ALL
    limits: Limits | None = ORDINARY
    keep_expression: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.keep_expression <= 1:
            raise UserError(f"keep_expression is {self.keep_expression}", "Give a share from 0 to 1")

    def told(self, reference: Motion) -> Motion:
        """The reference that M is told of: without the expression that is kept, which is added to what it moves.

        Bodies whose expressions are not ARKit's have none that could be told apart, and keep none.
        """
        if not _arkit(reference):
            return reference
        share = np.array([self.keep_expression if name in KEPT else 0.0 for name in EXPRESSIONS], np.float32)
        return dataclasses.replace(reference, expression=(1 - share) * reference.expression)

    def __call__(self, motion: Motion, told: Motion, reference: Motion) -> Motion:
        """What is shown of `motion`, which M made for `told`. ARKit's expressions stay within 0 and 1.

        Args:
            reference: one frame, as the portrait shows it.
        """
        changes = self.strength(change.between(motion, told))
        changes = changes if self.limits is None else self.limits(changes)
        shown, face = change.applied(changes, motion, reference), self.strength.face

        def within(expression: Array) -> Array:
            return namespace(expression).clip(expression, 0.0, 1.0) if _arkit(reference) else expression

        def mixed(new: Array, still: Array) -> Array:
            return new if face == 1 else still + face * (new - still)

        expression = within(motion.expression + (reference.expression - told.expression))
        return dataclasses.replace(
            shown,
            expression=within(mixed(expression, reference.expression)),
            jaw_pose=mixed(motion.jaw_pose, reference.jaw_pose),
            leye_pose=mixed(motion.leye_pose, reference.leye_pose),
            reye_pose=mixed(motion.reye_pose, reference.reye_pose),
        )


USUAL = Manner()


def _arkit(motion: Motion) -> bool:
    return motion.expression.shape[-1] == len(EXPRESSIONS)


def _share(x: Float[Array, "*b 3"], limit: Float[np.ndarray, "3"]) -> Float[Array, "*b 3"]:
    """What to multiply `x` by so that it stays within `limit`, with a smooth bend at half of it."""
    xp = namespace(x)
    size = xp.maximum(xp.abs(x), 1e-9)
    over = xp.maximum(size / limit - 0.5, 0.0)
    held = xp.where(size < 0.5 * limit, size, limit * (0.5 + 0.5 * xp.tanh(2 * over)))
    return held / size

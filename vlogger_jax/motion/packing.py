"""Motion as the numbers that the network denoises: the face as it is, the body as a change of a reference pose.

The paper predicts theta_i^e and Delta theta_i^b, where theta_i^b = theta_ref^b + Delta theta_i^b (section 3.1). Turns
cannot be added, so the change of a joint is Delta R = R_ref^T R, of which the first two columns are taken, less those
of no turn: 0 is the reference's own pose. Jaw and eyes belong to the face. Legs are the reference's throughout.
"""

import dataclasses
import math
from functools import cached_property
from typing import NamedTuple

import numpy as np

from vlogger_jax.body import rotation
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Array, Float, namespace


class Part(NamedTuple):
    """Some joints, or other numbers, of `Motion`.

    Attributes:
        field: of `Motion`.
        rows: of a field that has one for each joint; None: all of them, or it has none.
        joints: how many; 0: the field does not hold turns, or holds them as they are.
    """

    field: str
    rows: tuple[int, ...] | None = None
    joints: int = 0


TORSO, HEAD = (2, 5, 8), (11, 14)
"""Rows of `Motion.body_pose`: the spine; neck and head."""

ARMS = (12, 13, 15, 16, 17, 18, 19, 20)
"""Collars, shoulders, elbows and wrists, left and right."""

LEGS = (0, 1, 3, 4, 6, 7, 9, 10)
"""Hips, knees, ankles and feet, which stay the reference's: people who talk stand or sit still."""

FACE = {
    "expression": Part("expression"),
    "jaw": Part("jaw_pose"),
    "left_eye": Part("leye_pose"),
    "right_eye": Part("reye_pose"),
}
BODY = {
    "root": Part("global_orient", joints=1),
    "torso": Part("body_pose", TORSO, len(TORSO)),
    "head": Part("body_pose", HEAD, len(HEAD)),
    "arms": Part("body_pose", ARMS, len(ARMS)),
    "left_hand": Part("left_hand_pose", joints=15),
    "right_hand": Part("right_hand_pose", joints=15),
    "transl": Part("transl"),
}
PARTS = FACE | BODY
"""In the order in which they are packed."""

_NO_TURN = rotation.matrix_to_sixd(np.eye(3, dtype=np.float32))


@dataclasses.dataclass(frozen=True, kw_only=True)
class PerPart:
    """A number for each part."""

    expression: float = 1.0
    jaw: float = 1.0
    left_eye: float = 1.0
    right_eye: float = 1.0
    root: float = 1.0
    torso: float = 1.0
    head: float = 1.0
    arms: float = 1.0
    left_hand: float = 1.0
    right_hand: float = 1.0
    transl: float = 1.0


ONES = PerPart()
NONE = PerPart(**dict.fromkeys(PARTS, 0.0))


@dataclasses.dataclass(frozen=True)
class Packing:
    """`Motion` to x [t, d] and back.

    Attributes:
        expressions: coefficients of expression that the body has.
        deviations: what the numbers of a part are divided by: one for all its channels, so that small ones stay small.
            In coefficients, radians of jaw and eyes, entries of rotation matrices, and metres.
            `python -m data_pipelines.build deviations` measures them.

    Raises:
        UserError: if a deviation is not above 0.
    """

    expressions: int
    deviations: PerPart = ONES

    def __post_init__(self) -> None:
        if not all(0 < each < math.inf for each in vars(self.deviations).values()):
            raise UserError(f"deviations of motion are {vars(self.deviations)}", "Give numbers above 0")

    @cached_property
    def columns(self) -> dict[str, slice]:
        """Where each part lies in x."""
        found, begin = {}, 0
        for name, part in PARTS.items():
            width = 6 * part.joints or (self.expressions if name == "expression" else 3)
            found[name] = slice(begin, begin + width)
            begin += width
        return found

    @property
    def d(self) -> int:
        """Width of x."""
        return self.columns["transl"].stop

    @property
    def face(self) -> int:
        """How many of the first columns are the face's."""
        return self.columns["root"].start

    def by_group(self, values: Array) -> Array:
        """One number a column, [.., d], from one of the face and one of the body, [.., 2]."""
        return values[..., (np.arange(self.d) >= self.face).astype(np.int32)]

    def spread(self, values: PerPart) -> Float[np.ndarray, "d"]:
        """One number a column, from one a part."""
        return np.concatenate(
            [
                np.full(where.stop - where.start, getattr(values, name), np.float32)
                for name, where in self.columns.items()
            ]
        )

    def pack(self, motion: Motion, reference: Motion) -> Float[Array, "*b t d"]:
        """`motion` as x.

        Args:
            reference: one frame, the pose that the body's is a change of.
        """
        xp = namespace(motion.transl, reference.transl)
        packed = []
        for name, part in PARTS.items():
            moving, still = of_part(motion, part), of_part(reference, part)
            if part.joints:
                change = rotation.matrix_to_sixd(rotation.matmul(_turned_back(still), _matrix(moving))) - _NO_TURN
                change = change.reshape(*change.shape[:-2], 6 * part.joints)
            else:
                change = moving - still if name in BODY else moving
            packed.append(change / getattr(self.deviations, name))
        return xp.concatenate(packed, axis=-1)

    def unpack(self, x: Float[Array, "*b t d"], reference: Motion) -> Motion:
        """The motion that x is of the person of `reference`, one frame, whose shape, legs and rate it has."""
        xp = namespace(x, reference.transl)
        legs = xp.broadcast_to(reference.body_pose, (*x.shape[:-1], 21, 3))
        fields = {"body_pose": legs}
        for name, part in PARTS.items():
            change, still = x[..., self.columns[name]] * getattr(self.deviations, name), of_part(reference, part)
            if part.joints:
                turns = rotation.sixd_to_matrix(change.reshape(*change.shape[:-1], part.joints, 6) + _NO_TURN)
                change = rotation.matrix_to_axis_angle(rotation.matmul(_matrix(still), turns))
            elif name in BODY:
                change = still + change
            put_part(fields, part, change)
        return dataclasses.replace(reference, **fields)

    def pose(self, reference: Motion) -> Float[Array, "*b t p"]:
        """A frame's turns of root, spine, head, arms and hands, 6D, as the network is shown them."""
        turns = [_matrix(of_part(reference, part)) for part in BODY.values() if part.joints]
        sixd = [rotation.matrix_to_sixd(turn) - _NO_TURN for turn in turns]
        xp = namespace(reference.transl)
        return xp.concatenate([each.reshape(*each.shape[:-2], -1) for each in sixd], axis=-1)

    def expression(self, reference: Motion) -> Float[Array, "*b t e"]:
        """A frame's face, packed."""
        parts = [of_part(reference, part) / getattr(self.deviations, name) for name, part in FACE.items()]
        return namespace(*parts).concatenate(parts, axis=-1)


POSE = 6 * sum(part.joints for part in BODY.values())
"""Width of `Packing.pose`."""


def of_part(motion: Motion, part: Part) -> Array:
    """[.., t, j, 3] of turns, [.., t, c] of what is no turn or is taken as it is."""
    values = getattr(motion, part.field)
    if part.rows is not None:
        return namespace(values).stack([values[..., row, :] for row in part.rows], axis=-2)
    return values[..., None, :] if part.field == "global_orient" else values


def put_part(fields: dict[str, Array], part: Part, values: Array) -> None:
    """Write the numbers of a part, as `of_part` gives them, into fields of a `Motion`."""
    if part.rows is not None:
        whole = fields[part.field]
        rows = [whole[..., row, :] for row in range(whole.shape[-2])]
        for i, row in enumerate(part.rows):
            rows[row] = values[..., i, :]
        values = namespace(whole, values).stack(rows, axis=-2)
    elif part.field == "global_orient":
        values = values[..., 0, :]
    fields[part.field] = values


def _matrix(turns: Array) -> Array:
    return rotation.axis_angle_to_matrix(turns)


def _turned_back(turns: Array) -> Array:
    return namespace(turns).swapaxes(_matrix(turns), -1, -2)

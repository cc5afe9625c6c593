"""What a talking person is like before anything is seen: means, spreads and limits of every unknown of a fit.

Numbers by hand, from anatomy and from how people sit and stand before a camera; nothing is learned from licensed data.
Angles are about SMPL-X's axes (x to the person's left, y up, z out of the chest) at the T-pose: degrees in the tables,
radians elsewhere. Tables give the left side and the middle; the right side mirrors the left.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from vlogger_jax.body import names
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Float
from vlogger_jax.fit.unknowns import SHARED, Unknowns, per_frame, split_joints, zeros

LIMITS = {  # what a joint can reach
    "pelvis": ((-180, 180), (-180, 180), (-180, 180)),
    "hip": ((-95, 20), (-20, 30), (-10, 40)),
    "knee": ((0, 130), (-10, 10), (-5, 5)),
    "ankle": ((-30, 40), (-20, 20), (-20, 20)),
    "foot": ((-40, 30), (-5, 5), (-5, 5)),
    "spine": ((-15, 25), (-20, 20), (-15, 15)),
    "neck": ((-30, 35), (-40, 40), (-25, 25)),
    "head": ((-30, 35), (-40, 40), (-25, 25)),
    "collar": ((-10, 10), (-15, 15), (-10, 20)),
    "shoulder": ((-50, 50), (-80, 30), (-85, 70)),
    "elbow": ((-60, 80), (-140, 5), (-5, 5)),
    "wrist": ((-40, 40), (-30, 25), (-60, 60)),
    "jaw": ((0, 20), (-6, 6), (-3, 3)),
    "eye": ((-25, 25), (-35, 35), (0, 0)),
    "finger1": ((-10, 10), (-15, 15), (-85, 20)),
    "finger2": ((-3, 3), (-3, 3), (-100, 5)),
    "finger3": ((-3, 3), (-3, 3), (-75, 10)),
    "thumb": ((-20, 35), (-30, 35), (-35, 25)),
}
"""A mean hand of a body that lies beyond widens them."""

TYPICAL = {  # mean and standard deviation
    "pelvis": ((0, 8), (0, 30), (0, 6)),
    "hip": ((0, 45), (0, 12), (0, 12)),
    "knee": ((0, 45), (0, 3), (0, 2)),
    "ankle": ((0, 0), (0, 0), (0, 0)),
    "foot": ((0, 0), (0, 0), (0, 0)),
    "spine": ((1, 3), (0, 4), (0, 3)),
    "neck": ((3, 10), (0, 14), (0, 9)),
    "head": ((0, 12), (0, 16), (0, 10)),
    "collar": ((0, 4), (0, 6), (-3, 5)),
    "shoulder": ((5, 18), (-15, 22), (-62, 20)),
    "elbow": ((10, 25), (-55, 40), (0, 3)),
    "wrist": ((0, 15), (0, 10), (0, 20)),
    "jaw": ((2, 5), (0, 1.5), (0, 1)),
    "eye": ((2, 8), (0, 10), (0, 0)),
    "finger1": ((0, 4), (0, 6), (0, 20)),
    "finger2": ((0, 1.5), (0, 1.5), (0, 22)),
    "finger3": ((0, 1.5), (0, 1.5), (0, 16)),
    "thumb": ((0, 10), (0, 12), (0, 12)),
}
"""Fingers from the mean hand of the body."""

HANGING = {"collar": (0, 0, -4), "shoulder": (0, -8, -72), "elbow": (0, -20, 0), "wrist": (0, 0, 0)}
"""Means of an arm whose hand is not seen: were it raised, it would be."""

CHANGE = {  # how far a joint typically turns in 1/24 s, and by how much that differs from the 1/24 s before
    **dict.fromkeys(("pelvis", "hip", "knee", "ankle", "foot", "spine"), (1.0, 0.1)),
    **{"neck": (2.0, 0.2), "head": (2.5, 0.25), "collar": (2.0, 0.3), "shoulder": (6.0, 2.0), "elbow": (8.0, 3.0)},
    **{"wrist": (10.0, 4.0), "jaw": (6.0, 4.0), "eye": (15.0, 15.0)},
    **{"finger1": (10.0, 5.0), "finger2": (10.0, 5.0), "finger3": (8.0, 4.0), "thumb": (8.0, 4.0)},
}

FOCAL, FOCAL_SPREAD = 1.2, 0.25
"""Focal length over the image's longer side where nothing tells it, and the spread of its logarithm."""

PLACE_SPREAD = (2.0, 2.0, 0.5)
"""Around where the fit starts: inter-ocular distances along x and y, logarithm of the depth. Where it starts is no
belief, so the objective takes a tenth of the residual."""

PLACE_CHANGE, PLACE_BEND = (0.1, 0.1, 0.01), (0.008, 0.008, 0.001)

EXPRESSION_SPREAD, EXPRESSION_CHANGE = 0.35, 0.4
"""Of coefficients that run from 0 to 1; those of other bodies are in standard deviations."""

TORSO = ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar")
LEGS = ("left_hip", "right_hip", "left_knee", "right_knee")


@record
class Prior:
    """What is believed of every unknown before anything is seen.

    Attributes:
        mean, spread: of a Gaussian, the mean for every frame; a spread of 0 holds an unknown at its mean.
        low, high: limits, infinite where there are none.
        change: how much an unknown typically changes in 1/24 s.
        bend: how much that change typically differs from the one before.
    """

    mean: Unknowns
    spread: Unknowns
    low: Unknowns
    high: Unknowns
    change: Unknowns
    bend: Unknowns


def with_shared(believed: Prior, known: Unknowns) -> Prior:
    """`believed`, but what frames share is held at its values in `known`."""
    values = {name: getattr(known, name) for name in SHARED}
    zeros = {name: np.zeros_like(value) for name, value in values.items()}
    return dataclasses.replace(
        believed,
        mean=dataclasses.replace(believed.mean, **values),
        spread=dataclasses.replace(believed.spread, **zeros),
    )


def joint_limits() -> Float[np.ndarray, "55 3 2"]:
    """Lowest and highest angle of every joint about each axis, radians."""
    return _per_joint(LIMITS, _mirror_interval)


def typical_pose() -> Float[np.ndarray, "55 3 2"]:
    """Mean and standard deviation of the angle of every joint about each axis, radians; fingers from the mean hand."""
    return _per_joint(TYPICAL, _mirror_mean)


def prior(
    model: BodyModel,
    place: Float[np.ndarray, "t 3"],
    longer_side: int,
    focal: float | None = None,
    held: frozenset[str] = frozenset(),
    hanging: frozenset[str] = frozenset(),
) -> Prior:
    """The prior of a clip.

    Args:
        place: about where the face is, as in `Unknowns`.
        longer_side: of the image, pixels.
        focal: length, pixels, where it is known.
        held: names of joints that are not looked for, since nothing shows them.
        hanging: which arms, `left` or `right`, show no hand.
    """
    pose, limits = typical_pose(), joint_limits()
    free = np.array([name not in held for name in names.JOINTS], np.float32)[:, None]
    mean = pose[..., 0].copy()
    lowered = {name: [(angle, 0) for angle in angles] for name, angles in HANGING.items()}
    lowered = _per_joint(TYPICAL | lowered, _mirror_mean)[..., 0]
    for index, name in enumerate(names.JOINTS):
        if name.split("_")[0] in hanging and _kind(name) in HANGING:
            mean[index] = lowered[index]
    hands = np.concatenate([model.left_hand.mean, model.right_hand.mean]).reshape(30, 3)
    mean[25:] += hands
    # Hands of other bodies rest as their files say.
    limits = np.stack([np.minimum(limits[..., 0], mean), np.maximum(limits[..., 1], mean)], axis=-1)
    turning = np.deg2rad([[CHANGE[_kind(name)]] * 3 for name in names.JOINTS])
    bounded = len(model.expression_names) > 0
    expression_change = EXPRESSION_CHANGE / (1.0 if bounded else EXPRESSION_SPREAD)

    def one_frame(joints: np.ndarray, betas: float, focal: float, place: tuple, expression: float) -> Unknowns:
        rest = zeros(model, 1)
        return Unknowns(
            betas=np.full_like(rest.betas, betas),
            focal=np.full_like(rest.focal, focal),
            place=np.float32([place]),
            expression=np.full_like(rest.expression, expression),
            **{name: part.astype(np.float32) for name, part in split_joints(joints[None]).items()},
        )

    no_limit = (math.inf,) * 3
    middle = one_frame(mean, 0.0, math.log(focal or FOCAL * longer_side), (0.0,) * 3, 0.0)
    frames = {name: np.repeat(value, len(place), axis=0) for name, value in per_frame(middle).items()}
    return Prior(
        mean=dataclasses.replace(middle, **frames | {"place": place}),
        spread=one_frame(
            pose[..., 1] * free,
            1.0,
            0.0 if focal else FOCAL_SPREAD,
            PLACE_SPREAD,
            EXPRESSION_SPREAD if bounded else 1.0,
        ),
        low=one_frame(limits[..., 0], -math.inf, -math.inf, tuple(-x for x in no_limit), 0.0 if bounded else -math.inf),
        high=one_frame(limits[..., 1], math.inf, math.inf, no_limit, 1.0 if bounded else math.inf),
        change=one_frame(turning[..., 0], 1.0, 1.0, PLACE_CHANGE, expression_change),
        bend=one_frame(turning[..., 1], 1.0, 1.0, PLACE_BEND, expression_change),
    )


Angle = float | int


def _mirror_interval(low: Angle, high: Angle) -> tuple[Angle, Angle]:
    return -high, -low


def _mirror_mean(mean: Angle, spread: Angle) -> tuple[Angle, Angle]:
    return -mean, spread


def _per_joint(table: dict[str, tuple], mirror: Callable[[Angle, Angle], tuple[Angle, Angle]]) -> np.ndarray:
    """[55, 3, 2], radians; `mirror` is what becomes of a pair about y or z on the right side."""
    found = []
    for name in names.JOINTS:
        x, y, z = table[_kind(name)]
        found.append((x, mirror(*y), mirror(*z)) if name.startswith("right_") else (x, y, z))
    return np.deg2rad(np.array(found, np.float64)).astype(np.float32)


def _kind(joint: str) -> str:
    """The row of the tables for a joint."""
    part = joint.removeprefix("left_").removeprefix("right_")
    return f"finger{part[-1]}" if part[:-1] in ("index", "middle", "ring", "pinky") else part.rstrip("123")

"""Arms and hands over time: the planned gestures, idle motion, and room kept from the body."""

import numpy as np

from data_pipelines.avatars.acting import arm_poses, clearance, gestures
from data_pipelines.avatars.acting.rhythm import Rhythm
from data_pipelines.avatars.acting.signals import bumps, steps, wander
from data_pipelines.avatars.style import Arms
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.fit import priors

_IDLE = np.repeat((0.4, 1.3, 1.7, 2.2, 3.0), (3, 3, 3, 3, 6))  # degrees: collar, shoulder, elbow, wrist, fingers
_CALM = {"hanging": 0.5, "clasped": 0.25, "folded high": 0.25, "lap": 0.5}
_BEND, _REBOUND = 13.0, 9.0  # degrees by which the elbow bends before a beat, and stretches at its stroke
_BEFORE, _WIDTH = 0.19, 0.075  # seconds from the preparation's height to the stroke; standard deviation of either
_FLICK = 9.0  # degrees by which the wrist follows, late
_ELBOW, _WRIST = 7, 11  # bend of the elbow (y), wrist's z


def gesture(
    model: BodyModel,
    betas: Float[Array, "nb"],
    arms: Arms,
    rhythm: Rhythm,
    rng: np.random.Generator,
    times: Float[np.ndarray, "t"],
    fps: float | int,
    pose: Float[np.ndarray, "t 55 3"],
) -> Float[np.ndarray, "t 55 3"]:
    """`pose` with arms and hands that move."""
    plans = gestures.plan(arms, rhythm, rng)
    idle = _IDLE * wander(rng, len(times), fps, 0.05, 0.6, 2, arm_poses.SIZE)
    sides = []
    for i, side in enumerate(gestures.SIDES):
        plan = plans[side]
        values = np.stack([plan.home, *plan.poses])
        reached, lasting = np.array(plan.reached), np.array(plan.lasting)
        moved = steps(times, reached - lasting, lasting, values)
        calm = _CALM.get(arms.rest, 1.0) if arms.held != side else 0.4
        sides.append(moved + calm * idle[:, i] + _beats(plan, times))
    sides = clearance.keep(model, betas, np.stack(sides, axis=1), pose)
    return within_limits(model, put(pose, sides))


def rest(
    model: BodyModel,
    betas: Float[Array, "nb"],
    arms: Arms,
    pose: Float[np.ndarray, "t 55 3"],
    but: dict[str, Float[np.ndarray, "18"]] | None = None,
) -> Float[np.ndarray, "t 55 3"]:
    """`pose` with arms and hands at rest, but for those that are given, by side."""
    home = gestures.home(arms) | (but or {})
    sides = np.repeat(np.stack([home[side] for side in gestures.SIDES])[None], len(pose), axis=0)
    return within_limits(model, put(pose, clearance.keep(model, betas, sides, pose)))


def put(pose: Float[np.ndarray, "t 55 3"], sides: Float[np.ndarray, "t 2 18"]) -> Float[np.ndarray, "t 55 3"]:
    """`pose` with both arms added, degrees as in `arm_poses`."""
    found = pose.copy()
    for i, side in enumerate(gestures.SIDES):
        arm_poses.put(found, side, sides[:, i])
    return found


def within_limits(model: BodyModel, pose: Float[np.ndarray, "t 55 3"]) -> Float[np.ndarray, "t 55 3"]:
    """Every joint as far as it can go; the body's mean hands are always within."""
    limits = priors.joint_limits().astype(np.float64)
    hands = np.concatenate([np.asarray(model.left_hand.mean), np.asarray(model.right_hand.mean)]).reshape(30, 3)
    limits[25:, :, 0] = np.minimum(limits[25:, :, 0], hands)
    limits[25:, :, 1] = np.maximum(limits[25:, :, 1], hands)
    return np.clip(pose, limits[..., 0], limits[..., 1])


def _beats(plan: gestures.Plan, times: np.ndarray) -> np.ndarray:
    """Degrees that beats add to an arm: the hand is raised, falls onto the stress, and rebounds."""
    found = np.zeros((len(times), arm_poses.SIZE))
    if plan.beats:
        when, size = np.array(plan.beats).T
        width = np.full(len(when), _WIDTH)
        before, stroke = bumps(times, when - _BEFORE, width), bumps(times, when, width)
        found[:, _ELBOW] = (_REBOUND * stroke - _BEND * before) @ size
        late = bumps(times, when + 0.04, width) - bumps(times, when - _BEFORE + 0.04, width)
        found[:, _WRIST] = -_FLICK * (late @ size)
    return found

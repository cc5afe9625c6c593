"""The fit: landmarks to a person, a lens and a performance (paper section 3.3: projection error + temporal difference).

One least-squares problem over all frames of a clip at once, in stages from coarse to fine. Frames are padded to a few
lengths, so that few programs are ever compiled; clips longer than the longest are solved in windows that overlap.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from operator import itemgetter

import jax
import numpy as np

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array
from vlogger_jax.fit import assemble, least_squares, objective, precondition, priors, quality, start
from vlogger_jax.fit import points as body_points
from vlogger_jax.fit import unknowns as free
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.fit.objective import Problem, Weights
from vlogger_jax.fit.precondition import Inverse
from vlogger_jax.fit.result import Fit
from vlogger_jax.fit.unknowns import Unknowns

LENGTHS = (1, 16, 64, 128, 256, 512)
"""The numbers of frames that programs are compiled for."""

OVERLAP = 32
"""Frames that neighbouring windows of a long clip share; one fades into the other."""

STAGES = (
    Weights(tolerance=30.0, hands=0.02, distance=0.0, pose=3.0, betas=3.0, expression=3.0, difference=2.0, bend=1.0),
    Weights(tolerance=15.0, hands=0.2, distance=0.5, pose=1.5, betas=1.0, expression=1.0, difference=1.0, bend=1.0),
    Weights(tolerance=5.0, hands=1.0, distance=1.0, pose=1.0, betas=1.0, expression=1.0, difference=1.0, bend=1.8),
)
"""First where head and arms are, then how they are turned, then the details."""

STEPS = 16
"""Of a stage, at most."""

ENOUGH = 2e-3
"""A stage ends with the step that lowers the cost by less than this part of it."""

FOCALS = (0.2, 100.0)
"""Times the image's longer side: the shortest and the longest focal length that lenses have."""

SPREAD = 128
"""Frames of a long clip that tell its person and lens."""

HEAD = [names.JOINTS.index(name) - 1 for name in ("neck", "head")]
"""Among the joints of `Motion.body_pose`."""

FEW = 8
"""Frames that stand for all in the preconditioner."""


def fit(
    model: BodyModel,
    landmarks: Landmarks,
    *,
    focal: float | int | None = None,
    deviations: assemble.Deviations = assemble.Deviations(),  # noqa: B008 - frozen
    report: Callable[[float], None] = lambda done: None,
) -> Fit:
    """Find the person, the camera and the motion that `landmarks` show.

    Args:
        model: the default body, or a licensed SMPL-X file, whose face is fitted to 51 points instead of 478.
        focal: length in pixels, where it is known; else it is looked for, near 1.2 times the image's longer side.
        deviations: of the landmarks.
        report: is told, now and then, which part of the work is done, 0 to 1.

    Returns:
        A `Fit` of as many frames. Where nothing was seen, the motion is what lies between what was.

    Raises:
        UserError: if no frame shows a face, the landmarks are no person's, or no lens has that `focal`.
    """
    low, high = (times * max(landmarks.size) for times in FOCALS)
    if focal is not None and not low <= focal <= high:
        raise UserError(f"the focal length is {focal} pixels", f"Give a number from {low:.0f} to {high:.0f}")
    begun = start.begin(model, landmarks)
    make = partial(assemble.assemble, model, focal=focal, deviations=deviations)
    if len(landmarks.face) <= LENGTHS[-1]:
        values = _solve(make, landmarks, begun, report)
    else:
        values = _solve_windows(make, landmarks, begun, report)
    return _result(model, values, landmarks, begun.interocular, focal)


@jax.jit
def _cost(at: Unknowns, problem: Problem, weights: Weights) -> Array:
    return least_squares.cost_of(objective.residuals(at, problem, weights))


@jax.jit
def _step(state: least_squares.State, problem: Problem, weights: Weights, inverse: Inverse) -> least_squares.State:
    return least_squares.step(
        partial(objective.residuals, problem=problem, weights=weights),
        state,
        partial(precondition.apply, inverse),
        iterations=20,
        tolerance=0.02,
    )


_prepare = jax.jit(precondition.prepare)
_natural = jax.jit(objective.natural)


def _solve(
    make: Callable[..., assemble.Assembled],
    landmarks: Landmarks,
    begun: start.Start,
    report: Callable[[float], None],
    known: Unknowns | None = None,
) -> Unknowns:
    """The values of all unknowns of a clip, on the host.

    `known` holds the values that frames share, and about what the frames will be.
    """
    frames = len(landmarks.face)
    length = next(length for length in LENGTHS if length >= frames)
    assembled = make(landmarks, begun, length)
    problem, at = assembled.problem, assembled.start
    if known is not None:
        problem = dataclasses.replace(problem, prior=priors.with_shared(problem.prior, known))
        at = _begun_with(at, objective.standardised(problem.prior, free.padded(known, length)))
    problem, at = jax.device_put((problem, at))
    transform = jax.device_put(precondition.cosines(frames, length))
    few = np.linspace(0, frames - 1, min(FEW, length)).round().astype(np.int32)
    for stage, weights in enumerate(STAGES):
        weights = jax.tree.map(np.float32, weights)
        state = least_squares.begin(at, _cost(at, problem, weights))
        for step in range(STEPS):
            if step % 2 == 0:
                inverse = _prepare(state.at, problem, weights, few, transform, state.damping)
            before, state = float(state.cost), _step(state, problem, weights, inverse)
            report((stage + (step + 1) / STEPS) / len(STAGES))
            if step and 0 < before - float(state.cost) < ENOUGH * before:
                break
        at = state.at
        report((stage + 1) / len(STAGES))
    values = jax.tree.map(np.asarray, _natural(problem.prior, at))
    if not all(np.isfinite(value).all() for value in jax.tree.leaves(values)):
        raise UserError("the fit ended in no numbers", "Check the landmarks: no body can look like that")
    return free.with_frames(values, itemgetter(slice(frames)))


def _begun_with(at: Unknowns, known: Unknowns) -> Unknowns:
    """`at` with what `known` has of torso, arms and hands: neighbouring windows are to find the same of two ways to
    hold an arm. The head is known better from the frame itself."""
    body = np.array(known.body)
    body[:, HEAD] = at.body[:, HEAD]
    return dataclasses.replace(
        at, orient=known.orient, body=body, left_hand=known.left_hand, right_hand=known.right_hand
    )


def _solve_windows(
    make: Callable[..., assemble.Assembled],
    landmarks: Landmarks,
    begun: start.Start,
    report: Callable[[float], None],
) -> Unknowns:
    """Person and lens from frames spread over the clip, then the performance, window by window."""
    frames, window = len(landmarks.face), LENGTHS[-1]
    starts = range(0, frames - OVERLAP, window - OVERLAP)

    def solve(begun: start.Start, which: slice | np.ndarray, index: int, known: Unknowns | None) -> Unknowns:
        def told(done: float) -> None:
            report((index + done) / (len(starts) + 1))

        piece, piece_begun = jax.tree.map(lambda value: value[which] if value.ndim else value, (landmarks, begun))
        return _solve(make, piece, piece_begun, told, known and free.with_frames(known, itemgetter(which)))

    apart = dataclasses.replace(begun, continues=np.zeros_like(begun.continues))
    with_face = np.flatnonzero(np.asarray(landmarks.face_confidence).max(axis=-1) > 0)
    few = with_face[:: math.ceil(len(with_face) / SPREAD)]
    known = free.between(solve(apart, few, 0, None), few, frames)
    whole = solve(begun, slice(0, window), 1, known)
    for index, first in enumerate(starts[1:], start=2):
        whole = free.join(whole, solve(begun, slice(first, first + window), index, known), OVERLAP)
    return whole


def _result(
    model: BodyModel, values: Unknowns, landmarks: Landmarks, interocular: Array, focal: float | int | None
) -> Fit:
    if model.expression_names:
        values = dataclasses.replace(values, expression=np.clip(values.expression, 0.0, 1.0))
    camera = cameras.from_focal(focal or math.exp(values.focal), landmarks.size)
    points = body_points.reduce(model)
    pieces = [slice(first, first + LENGTHS[-1]) for first in range(0, len(values.place), LENGTHS[-1])]
    parts = [
        free.place(free.with_frames(values, itemgetter(piece)), points, camera.principal, interocular)
        for piece in pieces
    ]
    motion = free.motion_of(values, model, landmarks.fps)
    features = np.concatenate([part.features for part in parts])
    return Fit(
        motion=dataclasses.replace(motion, transl=np.concatenate([part.transl for part in parts])),
        camera=camera,
        matte=np.asarray(landmarks.matte),
        quality=quality.measure(features, landmarks),
    )

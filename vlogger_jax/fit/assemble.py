"""From landmarks to the least-squares problem that `objective` states: how far each landmark is to be trusted."""

import dataclasses

import numpy as np

from vlogger_jax.body import names
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Float, Int
from vlogger_jax.fit import points as body_points
from vlogger_jax.fit import priors, start
from vlogger_jax.fit import unknowns as free
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.fit.objective import Problem
from vlogger_jax.fit.points import IBUG, Points
from vlogger_jax.fit.unknowns import Unknowns

CLOSING = (
    *((13, 14), (82, 87), (312, 317), (0, 17), (61, 291), (78, 308)),  # lips: heights, then widths
    *((160, 144), (158, 153), (385, 380), (387, 373)),  # lids
)
"""Pairs of MediaPipe's face points whose distances tell how far mouth and eyes are open."""


@dataclasses.dataclass(frozen=True)
class Deviations:
    """Standard deviations of a detector's landmarks from the body's points, in inter-ocular distances (about 9 cm).

    The defaults are for MediaPipe. Its errors go together, so each of its many face points is worth less than its own
    scatter would say.

    Attributes:
        skin, features, lips: face points elsewhere; iBUG's of brows, eyes and nose, and irises; iBUG's of the lips.
        pairs: differences between lips and between lids.
        arms, legs: joints of the body; what detectors mark lies somewhere in the joint.
        hands: joints and tips of the fingers.
    """

    skin: float = 0.06
    features: float = 0.04
    lips: float = 0.03
    pairs: float = 0.015
    arms: float = 0.2
    legs: float = 0.8
    hands: float = 0.12

    def of(self, points: Points) -> Float[np.ndarray, "n"]:
        """For every landmark of `points.observed`."""
        features = np.full(len(IBUG), self.features)
        features[48 - 17 :] = self.lips
        face = features
        if points.dense:
            face = np.full(478, self.skin)
            for index, deviation in zip(IBUG, features, strict=True):
                face[list(index)] = deviation
            face[468:] = self.features  # irises
        pose = [self.legs if name in priors.LEGS else self.arms for name in body_points.POSE_JOINTS.values()]
        return np.concatenate([face, pose, np.full(2 * 21, self.hands)]).astype(np.float32)


@record
class Assembled:
    """A problem and where its solution starts, in standard deviations."""

    problem: Problem
    start: Unknowns


def assemble(
    model: BodyModel,
    landmarks: Landmarks,
    begun: start.Start,
    length: int,
    focal: float | int | None = None,
    deviations: Deviations = Deviations(),
) -> Assembled:
    """The problem of a clip, padded to `length` frames.

    Args:
        focal: length in pixels, where it is known.
    """
    points = body_points.reduce(model)
    seen, confidence = body_points.observed(landmarks, points.dense)
    frames = len(seen)

    def pad(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.repeat(values[-1:], length - frames, axis=0)]).astype(np.float32)

    exists = np.arange(length) < frames
    prior = priors.prior(model, pad(begun.place), max(landmarks.size), focal, begun.held, begun.hanging)
    problem = Problem(
        points=points,
        prior=prior,
        seen=pad(seen),
        confidence=pad(confidence) * exists[:, None].astype(np.float32),
        deviation=deviations.of(points),
        pairs=_pairs(points),
        pair_deviation=np.full(len(CLOSING), deviations.pairs, np.float32),
        interocular=begun.interocular,
        exists=exists,
        continues=np.pad(np.asarray(begun.continues), (0, length - frames)),
        principal=np.array(landmarks.size[::-1], np.float32) / 2,
        rate=np.asarray(landmarks.fps / 24.0, np.float32),
    )
    return Assembled(problem=problem, start=_turned(free.zeros(model, length), prior, pad(begun.turn)))


def _turned(first: Unknowns, prior: priors.Prior, turns: np.ndarray) -> Unknowns:
    """`first` with the head turned by `turns`, half of it in the neck."""
    body = first.body.copy()
    for name in ("neck", "head"):
        joint = names.JOINTS.index(name) - 1
        body[:, joint] = (turns / 2 - prior.mean.body[:, joint]) / prior.spread.body[:, joint]
    return dataclasses.replace(first, body=body)


def _pairs(points: Points) -> Int[np.ndarray, "p 2"]:
    """`CLOSING` among the landmarks of `points`."""
    if points.dense:
        return np.array(CLOSING)
    single = {index[0]: i for i, index in enumerate(IBUG) if len(index) == 1}
    return np.array([[single[first], single[second]] for first, second in CLOSING])

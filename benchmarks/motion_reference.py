"""What M does with its reference: how samples that start from it part, and whether raised hands are raised twice."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import motion_baselines as baselines
from benchmarks.motion_baselines import Case
from vlogger_jax.body import names, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.console import Report
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Bool, Float
from vlogger_jax.fit import priors
from vlogger_jax.metrics import diversity, joint_limits, posed
from vlogger_jax.metrics.count import Count
from vlogger_jax.motion.manner import Strength
from vlogger_jax.motion.model import Model
from vlogger_jax.motion.perform import Performer
from vlogger_jax.motion.retarget import retarget

SAMPLES, DEVIATING = 24, 24
"""Performances of one sound, and of how many clips, that start from the reference."""

SECONDS = range(5)
"""When their deviation is looked at."""

RAISED, MOST = 0.02, 20
"""Metres by which both wrists are above their elbows in a reference with raised hands; how many clips of those."""

TOLD, NOT_TOLD = "told of the reference", "not told"
ROWS = ("truth", "raised twice", TOLD, NOT_TOLD)
"""Whose raised hands are looked at. "raised twice" is what is looked for: the truth's arms, turned from where the
reference has them by all that they are turned from the T-pose."""

WRISTS, ELBOWS, EYES = (
    [names.JOINTS.index(f"{side}_{joint}") for side in ("left", "right")] for joint in ("wrist", "elbow", "eye")
)


class Blind(Model):
    """M that is told nothing of the reference; what it predicts still is a change of it."""

    def shown(self, reference: Motion, visible: Any, has: Any) -> tuple[jax.Array, jax.Array]:
        """As `Model.shown` of what it has nothing of."""
        return super().shown(reference, visible, jnp.zeros_like(has))


def deviations(
    performer: Performer, body: BodyModel, cases: Sequence[Case], seed: int, report: Report
) -> Float[np.ndarray, "n s"]:
    """How far samples of one sound that start from the reference are from their mean after `SECONDS`, mm, by clip."""
    found, talking = [], [case for case in cases if case.spoken][:DEVIATING]
    for done, case in enumerate(talking):
        asked = dataclasses.replace(
            baselines.asked(case, seed),
            frames=round(SECONDS[-1] * performer.fps) + 1,
            samples=SAMPLES,
            start_from_reference=True,
        )
        placed = posed.skeleton(body, performer.perform(case.waveform, case.reference, asked)).positions
        found.append(1000 * diversity.deviation(placed)[[round(second * performer.fps) for second in SECONDS]])
        report((done + 1) / len(talking))
    return np.array(found).reshape(-1, len(SECONDS))


def raised(
    performer: Performer, body: BodyModel, cases: Sequence[Case], bend: float, seed: int, report: Report
) -> dict[str, list[tuple[Count, Count]]]:
    """Frames beyond joint limits and frames that are too far up, by clip, of each of `ROWS`.

    The reference of a clip is the frame that has the lower one of its wrists highest above its elbow.

    Args:
        bend: the most that an elbow is bent in training, radians.
    """
    highest = sorted(((*_most_raised(body, case), case) for case in cases), key=lambda each: -each[0])
    kept = [(frame, case) for height, frame, case in highest if height > RAISED][:MOST]
    blind = dataclasses.replace(performer, model=Blind(performer.model.section, performer.model.hearing))
    limits, found = priors.joint_limits(), {name: [] for name in ROWS}
    for done, (frame, case) in enumerate(kept):
        again = baselines.case(case.number, case.clip, performer.model.hearing, frame)
        motions = (
            case.clip.motion,
            twice(case.clip.motion, again.reference),
            baselines.performed(performer, again, seed),
            baselines.performed(blind, again, seed),
        )
        for name, motion in zip(ROWS, motions, strict=True):
            up = too_far(body, motion, bend)
            beyond = joint_limits.beyond(smplx.full_pose(motion), limits)
            found[name].append((beyond, Count(int(up.sum()), len(up))))
        report((done + 1) / len(kept))
    return found


def too_far(body: BodyModel, motion: Motion, bend: float) -> Bool[np.ndarray, "t"]:
    """Frames with an elbow bent by more than `bend` and a little, or with a wrist above the eyes."""
    height = posed.skeleton(body, motion).positions[..., 1]
    over = (height[:, WRISTS] > height[:, EYES].min(axis=1, keepdims=True)).any(axis=1)
    return over | (baselines.bends(motion) > bend + joint_limits.TOLERANCE).any(axis=1)


def twice(motion: Motion, reference: Motion) -> Motion:
    """The arms of `motion`, turned as they are from the T-pose, from where `reference` has them."""
    stretched = dataclasses.replace(reference, body_pose=np.zeros_like(reference.body_pose))
    moved = retarget(motion, stretched, reference, Strength(hands=0.0, torso=0.0, head=0.0))
    return dataclasses.replace(motion, body_pose=moved.body_pose)


def _most_raised(body: BodyModel, case: Case) -> tuple[float, int]:
    """By how much the lower one of the wrists is above its elbow in the best frame, m, and which that is."""
    height = posed.skeleton(body, case.clip.motion).positions[..., 1]
    lower = (height[:, WRISTS] - height[:, ELBOWS]).min(axis=1)
    return float(lower.max()), int(lower.argmax())

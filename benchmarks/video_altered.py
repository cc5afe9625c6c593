"""Test frames with the controls they have, and with controls that are wrong in one thing: what control gaps are of."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_pipelines import gbuffer
from data_pipelines.loaders import frames, stored
from data_pipelines.loaders.frames import FrameWindows
from data_pipelines.loaders.samples import Sample
from vlogger_jax.body import names, smplx
from vlogger_jax.console import Report
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion

WRISTS = [names.JOINTS.index(f"{side}_wrist") - 1 for side in ("left", "right")]
"""In `Motion.body_pose`, which begins after the root."""

MOUTH = tuple(map(names.LABELS.index, ("lips", "upper teeth", "lower teeth", "tongue", "mouth cavity")))
HANDS = tuple(map(names.LABELS.index, ("left hand", "right hand")))


class Altered(NamedTuple):
    """Samples of single frames, as loaders make them.

    Attributes:
        truth: with their controls.
        face: with expression and jaw of another frame of the clip.
        hands: with hands and wrists of another frame of the clip.
    """

    truth: Sample
    face: Sample
    hands: Sample


def swapped(motion: Motion, other: Motion, part: str) -> Motion:
    """`motion` with the "face" or the "hands" of `other`."""
    taken = {
        "face": ("expression", "jaw_pose"),
        "hands": ("left_hand_pose", "right_hand_pose"),
    }[part]
    changed = {name: getattr(other, name) for name in taken}
    if part == "hands":
        changed["body_pose"] = motion.body_pose.copy()
        changed["body_pose"][..., WRISTS, :] = other.body_pose[..., WRISTS, :]
    return Motion(**{**vars(motion), **changed})


def altered(windows: FrameWindows, count: int, seed: int, report: Report) -> Altered:
    """Samples of single frames, one of each of `count` clips, so that all are of other people.

    Raises:
        UserError: if there are fewer clips, or one of them has not three frames.
    """
    first = list({windows.windows[number][0]: number for number in reversed(range(len(windows)))}.values())[::-1]
    if len(first) < count:
        raise UserError(f"there are {len(first)} clips, not {count}", "Give a data set with more of them")
    found: dict[str, list[Sample]] = {name: [] for name in Altered._fields}
    for done, number in enumerate(first[:count]):
        for name, sample in _one(windows, number, np.random.default_rng([seed, number]))._asdict().items():
            found[name].append(sample)
        report((done + 1) / count)
    return Altered(**{name: _batch(samples) for name, samples in found.items()})


def _one(windows: FrameWindows, number: int, rng: np.random.Generator) -> Altered:
    clip, window = stored.chosen(windows.windows, number, rng)
    table = windows.windows.table
    known = np.concatenate([np.asarray(run) for run in table.plan.runs(int(table.lengths[clip]))])
    others = [
        int(frame) for frame in rng.permutation(stored.far_from(window, known, windows.config.far, f"clip {clip}"))
    ]
    if len(others) < 2:
        raise UserError(f"clip {clip} has {len(known)} frames", "Store three or more of a clip")
    here, there, reference = stored.find(windows.chunks, clip, [window[0], others[0], others[-1]])
    picture = stored.pictures([here], windows.config.size)
    shown = windows.reference(*reference)
    motion, other = (smplx.frames_of(chunk.motion, np.array([i])) for chunk, i in (here, there))

    def sample(moved: Motion) -> Sample:
        target = gbuffer.render(windows.model, moved, here[0].camera)
        return frames.conditioned(windows.body, picture, target, shown)

    return Altered(sample(motion), *(sample(swapped(motion, other, part)) for part in ("face", "hands")))


def _batch(samples: Sequence[Sample]) -> Sample:
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}

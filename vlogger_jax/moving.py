"""From a sound and a reference to motion, by a trained M: the one that comes with the package, or one's own.

performer = moving.performer()
motion = performer.perform(waveform, reference, moving.take(model, reference, visible=(1.0, 0.0, 0.0)))
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vlogger_jax import bundle
from vlogger_jax.body import names, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Float
from vlogger_jax.motion.manner import USUAL, Manner
from vlogger_jax.motion.perform import Performer, Take, check_visible
from vlogger_jax.motion.stage import model_of, recipe_of

STAGE = "motion"

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fast": {"steps": 10},
    "usual": {},
    "faithful": {"sampler": {"name": "ddpm", "variance": "small"}, "steps": 250, "grid": "uniform_time"},
}
"""What they change of the section `diffusion` that M was trained with; the paper samples with DDPM."""

CALM = 0.1
"""Strength of a hand that is unseen, touches something or holds it."""

SEEN = 0.6
"""Of a hand's points: less, and it counts as unseen."""

TOUCHING = 0.035
"""Metres between joints of a hand and of the other hand, the face or the other arm that touch."""

PARTS = ("expression", "jaw_pose", "global_orient", "body_pose", "left_hand_pose", "right_hand_pose")
"""Of a motion, that `typical` looks at."""

_PICKED = len(names.JOINTS)
"""Where picked vertices begin in `Posed.joints`; landmarks of the face follow them."""


def performer(folder: str | Path | None = None, preset: str = "usual") -> Performer:
    """M of a bundle.

    Args:
        folder: that `launch.export` wrote; None: the one that comes with the package.
        preset: one of `PRESETS`.

    Raises:
        UserError: if there is no such preset, or no motion model there.
    """
    if preset not in PRESETS:
        raise UserError(f"there is no preset {preset!r}", f"Name one of {', '.join(PRESETS)}")
    opened = bundle.load(bundle.packaged() if folder is None else folder)
    config = dict(opened.stored(STAGE).training.config)
    if wrong := [name for name in ("data", "model", "diffusion") if not isinstance(config.get(name), Mapping)]:
        raise UserError(f"the config of {STAGE} in {opened.folder} has no section {wrong[0]}", "Export it anew")
    config["diffusion"] = {**config["diffusion"], **PRESETS[preset]}
    model = model_of(config)
    params = opened.params(STAGE, {"trainable": jax.eval_shape(model.init, jax.random.key(0)), "frozen": {}})
    frames = int(config["data"]["frames"])
    return Performer(model, recipe_of(config), params["trainable"], frames, min(Performer.overlap, frames // 4))


def calm(
    model: BodyModel,
    reference: Motion,
    visible: tuple[float, float, float],
    manner: Manner = USUAL,
    holding: tuple[bool, bool] = (False, False),
) -> Manner:
    """`manner` with hands held back (`CALM`) that the reference does not show, or shows touching or holding something.

    Args:
        reference: one frame.
        visible: how much of torso, left hand and right hand it shows.
        holding: whether left and right hand hold something, which no pose tells.

    Raises:
        UserError: if `visible` is not three shares, or `holding` not two.
    """
    check_visible(visible)
    if np.shape(holding) != (2,):
        raise UserError(f"hands hold {holding!r}", "Say so of left and right hand: (False, True), for example")
    joints = np.asarray(smplx.pose(model, reference).joints)[0]
    touching = _touching(joints)
    sides = {
        side: CALM if seen < SEEN or touches or holds else 1.0
        for side, seen, touches, holds in zip(("left", "right"), visible[1:], touching, holding, strict=True)
    }
    given = manner.strength
    strength = dataclasses.replace(given, left=given.left * sides["left"], right=given.right * sides["right"])
    return dataclasses.replace(manner, strength=strength)


def take(
    model: BodyModel,
    reference: Motion,
    visible: tuple[float, float, float],
    holding: tuple[bool, bool] = (False, False),
    **asked: Any,
) -> Take:
    """What to ask of a performance of the person of `reference`; as in `calm`, and `asked` as in `Take`."""
    manner = calm(model, reference, visible, asked.pop("manner", USUAL), holding)
    return Take(visible=visible, manner=manner, **asked)


def typical(motions: Sequence[Motion]) -> int:
    """Which of several motions of one sound is nearest to the mean of them all: no odd one, where nobody looks.

    What minimum Bayes risk decoding would choose for squared errors. It looks at no picture, no truth and no sound, so
    that none of the metrics that a video is judged by has chosen it. Parts count alike, however far they move.
    """
    total = np.zeros(len(motions))
    for name in PARTS:
        values = np.stack([np.asarray(getattr(motion, name), np.float64) for motion in motions])
        off = np.square(values - values.mean(axis=0)).reshape(len(motions), -1).mean(axis=1)
        total += off / max(off.mean(), np.finfo(np.float64).tiny)
    return int(total.argmin())


def _touching(joints: Float[np.ndarray, "j 3"]) -> tuple[bool, bool]:
    """Whether left and right hand touch each other, the face, or the other arm."""
    hands = {side: joints[_points(side)] for side in ("left", "right")}
    arms = {side: joints[[names.JOINTS.index(f"{side}_{joint}") for joint in ("elbow", "wrist")]] for side in hands}
    face = joints[_PICKED + len(names.VERTEX_PICKS) : _PICKED + len(names.VERTEX_PICKS) + 51]

    def near(some: np.ndarray, others: np.ndarray) -> bool:
        return bool(np.linalg.norm(some[:, None] - others, axis=-1).min() < TOUCHING)

    together = near(hands["left"], hands["right"])
    left, right = (
        together or near(hands[side], np.concatenate([face, arms[other]]))
        for side, other in (("left", "right"), ("right", "left"))
    )
    return left, right


def _points(side: str) -> list[int]:
    """Fingers of a hand and their tips, in the order of `Posed.joints`."""
    fingers = ("thumb", "index", "middle", "ring", "pinky")
    bones = [names.JOINTS.index(f"{side}_{finger}{i}") for finger in fingers for i in (1, 2, 3)]
    return bones + [_PICKED + names.VERTEX_PICKS.index(f"{side}_{finger}") for finger in fingers]

"""From a sound and a reference to motion, by a trained M: the one that comes with the package, or one's own.

performer = moving.performer()
motion = performer.perform(waveform, reference, moving.take(model, reference, fit_quality))
"""

import dataclasses
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vlogger_jax import bundle
from vlogger_jax.body import names, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.motion.manner import USUAL, Manner
from vlogger_jax.motion.perform import Performer, Take
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


def packaged() -> Path:
    """The folder of the models that come with the package."""
    return Path(str(resources.files("vlogger_jax") / "bundles" / "tiny"))


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
    opened = bundle.load(packaged() if folder is None else folder)
    config = dict(opened.stored(STAGE).training.config)
    config["diffusion"] = {**config["diffusion"], **PRESETS[preset]}
    model = model_of(config)
    params = opened.params(STAGE, {"trainable": jax.eval_shape(model.init, jax.random.key(0)), "frozen": {}})
    return Performer(model, recipe_of(config), params["trainable"], int(config["data"]["frames"]))


def calm(model: BodyModel, reference: Motion, visible: tuple[float, float, float], manner: Manner = USUAL) -> Manner:
    """`manner` with hands held back (`CALM`) that the reference does not show, or shows touching something.

    Args:
        reference: one frame.
        visible: how much of torso, left hand and right hand it shows.
    """
    joints = np.asarray(smplx.pose(model, reference).joints)[0]
    touching = _touching(joints)
    sides = {
        side: CALM if seen < SEEN or touches else 1.0
        for side, seen, touches in zip(("left", "right"), visible[1:], touching, strict=True)
    }
    given = manner.strength
    strength = dataclasses.replace(given, left=given.left * sides["left"], right=given.right * sides["right"])
    return dataclasses.replace(manner, strength=strength)


def take(model: BodyModel, reference: Motion, visible: tuple[float, float, float], **asked: Any) -> Take:
    """What to ask of a performance of the person of `reference`; `asked` as in `Take`."""
    manner = calm(model, reference, visible, asked.pop("manner", USUAL))
    return Take(visible=visible, manner=manner, **asked)


def _touching(joints: np.ndarray) -> tuple[bool, bool]:
    """Whether left and right hand touch each other, the face, or the other arm."""
    hands = {
        side: [i for i, name in enumerate(names.JOINTS) if name.startswith(side) and name[-1].isdigit() and i > 24]
        for side in ("left", "right")
    }
    tips = {
        side: [
            55 + i
            for i, name in enumerate(names.VERTEX_PICKS)
            if name.startswith(side)
            and "toe" not in name
            and "eye" not in name
            and "ear" not in name
            and "heel" not in name
        ]
        for side in ("left", "right")
    }
    face = joints[76:127]

    def near(side: str, others: np.ndarray) -> bool:
        points = joints[hands[side] + tips[side]]
        return bool(np.linalg.norm(points[:, None] - others, axis=-1).min() < TOUCHING)

    together = near("left", joints[hands["right"] + tips["right"]])
    arms = {side: joints[[names.JOINTS.index(f"{side}_{joint}") for joint in ("elbow", "wrist")]] for side in hands}
    return (
        together or near("left", face) or near("left", arms["right"]),
        together or near("right", face) or near("right", arms["left"]),
    )

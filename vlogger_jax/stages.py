"""From a config to the stage that it describes; what trains, samples, compiles and exports a stage begins here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from vlogger_jax import scenes
from vlogger_jax.body import lips, model_file, names
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.stage import Stage
from vlogger_jax.metrics.gesture_autoencoder.stage import stage as gesture_autoencoder
from vlogger_jax.motion.stage import stage as motion
from vlogger_jax.toy.stage import stage as toy
from vlogger_jax.video import stage as video
from vlogger_jax.video.superres import superres

STAGES = ("gesture_autoencoder", "motion", "toy", "video_base", "video_control", "video_temporal")
STAGES += ("video_sr_256", "video_sr_512")
SECTIONS = ("data", "model", "diffusion", "optim", "train", "eval", "mesh")

REGIONS = tuple(
    tuple(map(names.LABELS.index, region))
    for region in (
        ("lips", "upper teeth", "lower teeth", "tongue", "mouth cavity"),
        ("face skin", "eyelids", "sclera", "iris", "lips"),
        ("left hand",),
        ("right hand",),
    )
)
"""What of a person is edited by itself: mouth, face, either hand."""


def build(config: Mapping[str, Any] | ConfigDict) -> Stage:
    """The stage that `config["stage"]` names, made from the sections of `config`.

    Raises:
        UserError: if there is none of that name, a section is missing or unknown, or a stage refuses its own.
    """
    config = config.to_dict() if isinstance(config, ConfigDict) else config
    keys = ("stage", *SECTIONS)
    if missing := [key for key in keys if key not in config]:
        raise UserError(f"the config lacks {', '.join(missing)}", "Add what is missing; configs/toy_mixture.py has all")
    if unknown := [key for key in config if key not in keys]:
        raise UserError(f"the config has the unknown key {unknown[0]!r}", f"Known keys: {', '.join(keys)}")
    match config["stage"]:
        case "gesture_autoencoder":
            return gesture_autoencoder(config)
        case "motion":
            return motion(config, _lips(config["model"]))
        case "toy":
            return toy(config)
        case "video_base":
            return video.base(config)
        case "video_control" | "video_temporal":
            return video.steered(config, scenes.of(model_file.default()), REGIONS)
        case "video_sr_256" | "video_sr_512":
            return superres(config, scenes.of(model_file.default()), REGIONS)
        case other:
            raise UserError(f"there is no stage named {other!r}", f"Name one of {', '.join(STAGES)}")


def _lips(section: Mapping[str, Any]) -> np.ndarray | None:
    """Those of the body of the section `model`; None if they do not count."""
    file = section.get("body_file")
    body = model_file.chosen(Path(file) if file else None)
    if section.get("body") != body.name:
        raise UserError(
            f"config.model.body is {section.get('body')!r}, and that of config.model.body_file is {body.name!r}",
            f"Name {body.name!r}, or give the file of the other",
        )
    return lips.directions(body) if section.get("lips") else None

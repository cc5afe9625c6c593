"""From controls to frames, by a trained video network: the one that comes with the package, or one's own.

renderer = filming.renderer("bundles/mine")
frames = numpy.concatenate(list(renderer.stream([scene])))
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from vlogger_jax import bundle
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.parts import divided, together
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video.render import Renderer
from vlogger_jax.video.stage import Control

STAGE = "video_temporal"
"""What a bundle must have: the base, and its control network on clips."""

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fast": {"sampler": "dpm_solver_2m", "grid": "uniform_logsnr", "steps": 8, "interval": (0.3, 1.0)},
    "usual": {},
    "faithful": {"sampler": {"name": "ddpm", "variance": "small"}, "steps": 250, "grid": "uniform_time"},
}
"""What they change of the section `diffusion` that the network was trained with; the paper samples with DDPM."""

OVERLAP = 0.5
"""Of windows: the best of those that the paper compares (Table 2), and what takes longest."""


def renderer(folder: str | Path | None = None, preset: str = "usual", overlap: float = OVERLAP) -> Renderer:
    """The video network of a bundle.

    Args:
        folder: that `launch.export` wrote; None: the one that comes with the package.
        preset: one of `PRESETS`.
        overlap: share of a window's frames that go on from the window before.

    Raises:
        UserError: if there is no such preset, no such overlap, or no video network there.
    """
    if preset not in PRESETS:
        raise UserError(f"there is no preset {preset!r}", f"Name one of {', '.join(PRESETS)}")
    if not 0 <= overlap < 1:
        raise UserError(f"windows overlap by {overlap:g} of their frames", "Give 0 or more, and less than 1")
    opened = bundle.load(bundle.packaged() if folder is None else folder)
    config = dict(opened.stored(STAGE).training.config)
    if wrong := [name for name in ("data", "model", "diffusion") if not isinstance(config.get(name), Mapping)]:
        raise UserError(f"the config of {STAGE} in {opened.folder} has no section {wrong[0]}", "Export it anew")
    section = from_mapping(Control, config["model"], "config.model")
    recipe = Recipe.of({**config["diffusion"], **PRESETS[preset]}, conditions=1)
    network = section.network(temporal=True)
    shapes = jax.eval_shape(lambda key: divided(network.init(key), section.trained), jax.random.key(0))
    params = opened.params(STAGE, shapes)
    frames = int(config["data"]["frames"])
    return Renderer(network, recipe, section.shown, together(params), frames, min(round(overlap * frames), frames - 1))

"""From controls to frames, by a trained video network: the one that comes with the package, or one's own.

renderer = filming.renderer("bundles/mine")
frames = numpy.concatenate(list(renderer.stream([scene])))
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from vlogger_jax import bundle, scenes
from vlogger_jax.bundle import Bundle
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.parts import divided, together
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video.render import Level, Renderer
from vlogger_jax.video.stage import Control
from vlogger_jax.video.superres import SuperRes

STAGE = "video_temporal"
"""What a bundle must have: the base, and its control network on clips."""

ENLARGING = {256: "video_sr_256", 512: "video_sr_512"}
"""What it may have, by the pixels of frames that they make."""


@dataclasses.dataclass(frozen=True)
class Preset:
    """How to sample.

    Attributes:
        base, superres: what is changed of the sections `diffusion` that the networks were trained with.
        overlap: share of a window's frames that go on from the window before; half of them is best (paper Table 2),
            and takes longest.
    """

    base: Mapping[str, Any]
    superres: Mapping[str, Any]
    overlap: float


_FAST = {"sampler": "dpm_solver_2m", "grid": "uniform_logsnr"}
_GUIDED = {"scales": (1.5,), "interval": (0.2, 0.8)}
_FAITHFUL = {
    "sampler": {"name": "ddpm", "variance": "small"},
    "steps": 250,
    "grid": "uniform_time",
    "begin": 1.0,
    "temperature": 1.0,
}

PRESETS: Mapping[str, Preset] = {
    "fast": Preset(_FAST | _GUIDED | {"steps": 4, "temperature": 0.5}, _FAST | {"steps": 3}, 0.25),
    "usual": Preset({}, {}, 0.5),
    "faithful": Preset(_FAITHFUL, _FAITHFUL, 0.5),
}
"""The paper samples with DDPM. What guidance gives is in `docs/video.md`."""


def renderer(
    folder: str | Path | None = None,
    preset: str | Preset = "usual",
    overlap: float | None = None,
    size: int | None = None,
) -> Renderer:
    """The video network of a bundle.

    Args:
        folder: that `launch.export` wrote; None: the one that comes with the package.
        preset: one of `PRESETS`, by name, or one's own.
        overlap: share of a window's frames that go on from the window before; None: the preset's.
        size: of the frames, pixels; None: the largest that the bundle has networks for.

    Raises:
        UserError: if there is no such preset, no such overlap, or no network there for that size.
    """
    if isinstance(preset, str) and preset not in PRESETS:
        raise UserError(f"there is no preset {preset!r}", f"Name one of {', '.join(PRESETS)}")
    how = PRESETS[preset] if isinstance(preset, str) else preset
    share = how.overlap if overlap is None else overlap
    if not 0 <= share < 1:
        raise UserError(f"windows overlap by {share:g} of their frames", "Give 0 or more, and less than 1")
    opened = bundle.load(bundle.packaged() if folder is None else folder)
    base = _level(opened, STAGE, Control, how.base)
    frames = int(opened.stored(STAGE).training.config["data"]["frames"])
    levels = _chain(opened, base, how.superres, size)
    return Renderer(levels, frames, min(round(share * frames), frames - 1))


def _chain(opened: Bundle, base: Level, changes: Mapping[str, Any], size: int | None) -> tuple[Level, ...]:
    """`base`, and what makes frames of `size` of its own: each level of frames that one before it makes."""
    larger = {pixels: name for pixels, name in ENLARGING.items() if name in opened.stages}
    wanted = max(larger, default=base.size) if size is None else size
    if wanted not in (base.size, *larger):
        has = ", ".join(map(str, (base.size, *larger)))
        raise UserError(f"{opened.folder} makes no frames of {wanted} pixels", f"Ask for one of {has}")
    levels = [] if wanted == base.size else [_level(opened, larger[wanted], SuperRes, changes)]
    while levels and (low := levels[0].lifting.low) != base.size:
        if low not in larger:
            raise UserError(f"{opened.folder} makes no frames of {low} pixels to enlarge", "Export that network, too")
        levels.insert(0, _level(opened, larger[low], SuperRes, changes))
    return (base, *levels)


def _level(opened: Bundle, name: str, kind: type[Control], changes: Mapping[str, Any]) -> Level:
    config = dict(opened.stored(name).training.config)
    if wrong := [each for each in ("data", "model", "diffusion") if not isinstance(config.get(each), Mapping)]:
        raise UserError(f"the config of {name} in {opened.folder} has no section {wrong[0]}", "Export it anew")
    section = from_mapping(kind, config["model"], "config.model")
    recipe = Recipe.of({**config["diffusion"], **changes}, conditions=1)
    network = section.network(temporal=True)
    shapes = jax.eval_shape(lambda key: divided(network.init(key), section.trained), jax.random.key(0))
    return Level(
        network,
        recipe,
        section.shown,
        together(opened.params(name, shapes)),
        section.base.size,
        lifting=section.lifting() if isinstance(section, SuperRes) else None,
        reduced=scenes.reduced,
    )

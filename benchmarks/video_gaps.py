"""Whether a control network looks at its controls: its loss with wrong ones, less that with the right ones.

Pixel-space control networks have been seen to ignore what they are shown for 50,000 steps, and nothing that people look
at told. Three gaps, each of the same noise: all controls of somebody else; expression and jaw of another moment, in the
box of the mouth; hands of another moment, in the boxes of the hands.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.video_altered import HANDS, MOUTH, Altered
from data_pipelines.loaders.samples import Sample
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.stage import Params
from vlogger_jax.core.typing import Array, Bool, Float
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import conditions
from vlogger_jax.video.conditions import SceneOf, Shown
from vlogger_jax.video.control import Steerable
from vlogger_jax.video.gap import TIMES, errors

DRAWS, AT_A_TIME = 4, 16
"""Noises of each sample; samples that are computed together."""

GROWN = 0.25
"""Of their sides, by which boxes are larger than mouth and hands, on each side."""


@dataclasses.dataclass(frozen=True, eq=False)
class Gaps:
    """What is measured, and on what.

    Attributes:
        network: the one in question.
    """

    network: Steerable
    recipe: Recipe
    shown: Shown
    scene_of: SceneOf
    altered: Altered

    def __call__(self, params: Params, seed: int = 0) -> dict[str, dict[str, float]]:
        """Each gap at each time: mean and half of its 95 % interval over samples, and the loss with right controls."""
        truth, found = self.altered.truth, {}
        wrong = {
            "all": (_rolled(truth), np.ones(truth["label"].shape, bool)),
            "face": (self.altered.face, _boxes(truth["label"], MOUTH)),
            "hands": (self.altered.hands, _boxes(truth["label"], HANDS)),
        }
        measure = jax.jit(self._errors)
        for t in TIMES:
            right = self._over(measure, params, truth, t, seed)
            for name, (sample, where) in wrong.items():
                off = self._over(measure, params, sample, t, seed)
                found[f"{name} {t}"] = _summary(right, off, where)
        return found

    def _over(self, measure: Callable, params: Params, sample: Sample, t: float, seed: int) -> np.ndarray:
        """Errors [n, t, h, w], means over draws and channels."""
        count = len(sample["frames"])
        parts = []
        for begin in range(0, count, AT_A_TIME):
            part = {name: values[begin : begin + AT_A_TIME] for name, values in sample.items()}
            part["frames"] = self.altered.truth["frames"][begin : begin + AT_A_TIME]
            key = jax.random.fold_in(jax.random.key(seed), begin)
            parts.append(np.asarray(measure(params, part, jnp.float32(t), key)))
        return np.concatenate(parts)

    def _errors(self, params: Params, sample: Mapping[str, Array], t: Array, key: Array) -> Float[Array, "b t h w"]:
        x0, scene = conditions.scaled(sample["frames"]), self.scene_of(dict(sample))
        measure = errors(self.network, self.recipe, self.shown)

        def one(key: Array) -> Array:
            return measure(params, x0, scene, Draw.of(key, len(x0)).normal_frames(x0), t).mean(axis=-1)

        return jax.lax.map(one, jax.random.split(key, DRAWS)).mean(axis=0)


def _rolled(sample: Sample) -> Sample:
    """Everybody with the controls of the next one: of the frames alone, the reference stays."""
    taken = ("dense", "label", "warp_uv", "warp_mask")
    return {name: np.roll(values, 1, axis=0) if name in taken else values for name, values in sample.items()}


def _boxes(label: np.ndarray, labels: tuple[int, ...]) -> Bool[np.ndarray, "b t h w"]:
    """Grown boxes around `labels`, one a frame, or one for each of them where they are hands."""
    groups = [(each,) for each in labels] if labels == HANDS else [labels]
    where = np.zeros(label.shape, bool)
    for index in np.ndindex(label.shape[:2]):
        for group in groups:
            rows, columns = np.nonzero(np.isin(label[index], group))
            if len(rows):
                spans = []
                for at, size in ((rows, label.shape[-2]), (columns, label.shape[-1])):
                    grown = max(1, round(GROWN * (np.ptp(at) + 1)))
                    spans.append(slice(max(at.min() - grown, 0), min(at.max() + 1 + grown, size)))
                where[(*index, *spans)] = True
    return where


def _summary(right: np.ndarray, off: np.ndarray, where: np.ndarray) -> dict[str, Any]:
    """Of samples that have such a box."""
    seen = where.any(axis=(1, 2, 3))
    count = where.sum(axis=(1, 2, 3))[seen]
    loss, wrong = ((errors * where).sum(axis=(1, 2, 3))[seen] / count for errors in (right, off))
    gap = wrong - loss
    half = 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))
    return {"gap": float(gap.mean()), "half": float(half), "loss": float(loss.mean()), "samples": len(gap)}

"""Sampled motion over the truth, as curves, for people to look at."""

from collections.abc import Callable, Mapping

import numpy as np

from vlogger_jax.core.typing import Float, UInt8
from vlogger_jax.motion.model import Model

PAPER, RULE, TRUTH, OURS = (255, 255, 255), (214, 218, 224), (60, 66, 78), (206, 92, 28)
HIGH, WIDE, SHOWN = 56, 4, 4
"""Pixels of a curve's height and of a frame; samples that are shown, one above the other."""


def make(model: Model) -> Callable[[Mapping[str, np.ndarray], np.ndarray], np.ndarray]:
    """The `picture` of the stage: jaw, nod and turn of the head, bend of the right elbow; black is the truth."""
    columns = model.packing.columns
    head, arms = columns["head"].start, columns["arms"].start
    # The second column of a turn about x is (0, cos, sin); of one about y, the first is (cos, 0, -sin).
    rows = (columns["jaw"].start, head + 6 + 5, head + 6 + 2, arms + 5 * 6 + 2)

    def picture(batch: Mapping[str, np.ndarray], samples: Float[np.ndarray, "b t d"]) -> UInt8[np.ndarray, "h w 3"]:
        motion, reference = model.motions(dict(batch))
        truth = np.asarray(model.packing.pack(motion, model.origin(reference)))
        panels = []
        for truly, ours, length in list(zip(truth, np.asarray(samples), batch["length"], strict=True))[:SHOWN]:
            panels += [_curve(truly[: int(length), row], ours[: int(length), row], len(truly)) for row in rows]
        return np.concatenate(panels)

    return picture


def _curve(truth: np.ndarray, ours: np.ndarray, frames: int) -> np.ndarray:
    panel = np.full((HIGH, WIDE * frames, 3), PAPER, np.uint8)
    panel[-1] = RULE
    low, high = min(truth.min(), ours.min()), max(truth.max(), ours.max())
    x = np.arange(WIDE * len(truth)) / WIDE
    for values, colour in ((truth, TRUTH), (ours, OURS)):
        height = (np.interp(x, np.arange(len(values)), values) - low) / max(high - low, 1e-6)
        row = (HIGH - 4) * (1 - height) + 1.5
        beginning, end = np.minimum(row[:-1], row[1:]) - 0.7, np.maximum(row[:-1], row[1:]) + 0.7
        at = np.arange(HIGH)[:, None]
        cover = np.clip(np.minimum(at + 1 - beginning, end - at), 0, 1)[..., None]
        part = panel[:, : cover.shape[1]]
        part[:] = np.rint(part * (1 - cover) + np.array(colour) * cover)
    return panel

"""`docs/figures/motion.png`: three performances of one sound beside the truth, as curves.

Run `python -m docs.figures.motion`. The clip is of the packaged sample of `mentor_synth`; no training has met it.
"""

from pathlib import Path

import jax
import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot

from data_pipelines.avatars.acting import visemes
from data_pipelines.loaders import dataset
from data_pipelines.schema import Clip
from vlogger_jax import console, moving
from vlogger_jax.body import smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Motion
from vlogger_jax.media import atomic
from vlogger_jax.metrics import aperture, posed
from vlogger_jax.motion.manner import Manner
from vlogger_jax.motion.perform import Take

OUT = Path(__file__).with_suffix(".png")
SAMPLE = Path(__file__).parents[2] / "data_pipelines" / "sample" / "mentor_synth"
SAMPLES, SECONDS = 3, 4.0
TRUTH, OURS = "#3c424e", ("#ce5c1c", "#e0a13c", "#5b8fb0")
HEAD, WRIST = 15, 21
"""Joints."""


def curves(body: BodyModel, motion: Motion) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Opening of the mouth, mm; what the head and the right wrist are off their mean, to the left and up, cm."""
    placed = posed.skeleton(body, motion).positions
    head, wrist = placed[:, HEAD, 0], placed[:, WRIST, 1]
    return aperture.aperture(body, motion), 100 * (head - head.mean()), 100 * (wrist - wrist.mean())


def performances(clip: Clip) -> list[Motion]:
    """Of the clip's sound, from its middle frame, nothing held back."""
    performer, middle = moving.performer(), len(clip.motion.transl) // 2
    reference, seen = smplx.frames_of(clip.motion, np.array([middle])), clip.quality
    visible = tuple(float(part[middle]) for part in (seen.torso, seen.left_hand, seen.right_hand))
    manner = Manner(limits=None, keep_expression=0.0)
    take = Take(samples=SAMPLES, visible=visible, manner=manner, start_from_reference=False)
    found = performer.perform(clip.waveform.astype(np.float32) / 32768, reference, take)
    return [jax.tree.map(lambda array, i=i: array[i], found) for i in range(SAMPLES)]


def draw(clip: Clip, rows: list[tuple[np.ndarray, ...]]) -> None:
    """Write the picture; the first of `rows` is the truth's."""
    fps, frames = clip.motion.fps, round(SECONDS * clip.motion.fps)
    figure, axes = pyplot.subplots(4, 1, figsize=(11, 6), sharex=True, height_ratios=(0.6, 1.4, 1, 1))
    sound = clip.waveform[: round(SECONDS * 16000)] / 32768
    axes[0].plot(np.arange(len(sound)) / 16000, sound, color="#9aa2ad", linewidth=0.4)
    names = ("sound", "mouth opens, mm", "head, cm", "right wrist, cm")
    for axis, name in zip(axes, names, strict=True):
        axis.set_ylabel(name)
        axis.spines[["top", "right"]].set_visible(False)
    for axis, i in zip(axes[1:], range(3), strict=True):
        for j, (row, colour) in enumerate(zip(rows, (TRUTH, *OURS), strict=True)):
            said = ("truth", "three performances")[min(j, 1)] if j < 2 else None
            line = dict(color=colour, linewidth=2.2 if not j else 1.2, alpha=0.9, label=said)
            axis.plot(np.arange(frames) / fps, row[i][:frames], **line)
    for phoneme in clip.phonemes:
        if phoneme.ipa and visemes.closes_lips(phoneme.ipa) and phoneme.end < SECONDS:
            axes[1].axvspan(phoneme.start, phoneme.end, color="#dfe6ee", zorder=0)
            axes[1].text((phoneme.start + phoneme.end) / 2, axes[1].get_ylim()[1], phoneme.ipa, ha="center", size=8)
    axes[1].legend(loc="upper right", frameon=False, fontsize=8)
    axes[-1].set_xlabel("seconds; where lips have to close is shaded")
    figure.tight_layout()
    with atomic.replacing(OUT) as part:
        figure.savefig(part, format="png", dpi=110)


def main() -> None:
    console.keep_compiled()
    opened = dataset.open(SAMPLE)
    clip = opened.clips("test")[0]
    draw(clip, [curves(opened.body, motion) for motion in (clip.motion, *performances(clip))])
    print(OUT)


if __name__ == "__main__":
    main()

"""`docs/figures/gaps.png`: how control networks begin to look at their controls, by what is trained.

Run `python -m docs.figures.gaps`; the numbers are `docs/results/video_arms.json` (`python -m benchmarks.video_arms`).
"""

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot

from vlogger_jax.media import atomic

OUT = Path(__file__).with_suffix(".png")
RESULTS = Path(__file__).parents[1] / "results" / "video_arms.json"
TIME = 0.7
GAPS = {"all": "all controls are another's", "face": "another expression, at the mouth", "hands": "other hands, there"}
COLOURS = ("#3c424e", "#ce5c1c", "#e0a13c", "#5b8fb0")


def draw(rows: dict[str, list[dict]]) -> None:
    """Write the picture: a panel for each gap, a curve with its 95 % interval for each arm."""
    figure, axes = pyplot.subplots(1, len(GAPS), figsize=(11, 3.6))
    for axis, (name, title) in zip(axes, GAPS.items(), strict=True):
        for (arm, curve), colour in zip(rows.items(), COLOURS, strict=False):
            points = [point[f"{name} {TIME}"] for point in curve]
            share, half = (100 * np.array([each[what] / each["loss"] for each in points]) for what in ("gap", "half"))
            steps = [point["step"] for point in curve]
            axis.plot(steps, share, color=colour, linewidth=1.8, marker="o", markersize=3, label=arm)
            axis.fill_between(steps, share - half, share + half, color=colour, alpha=0.15, linewidth=0)
        axis.axhline(0, color="#9aa2ad", linewidth=0.8)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("steps")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(f"loss grows by, %, at t = {TIME}")
    axes[0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    with atomic.replacing(OUT) as part:
        figure.savefig(part, format="png", dpi=110)


def main() -> None:
    draw(json.loads(RESULTS.read_text(encoding="utf-8"))["rows"])
    print(OUT)


if __name__ == "__main__":
    main()

"""What clips of the synthetic MENTOR show, over many of them: `OMP_NUM_THREADS=1 python -m tests.avatars.test_clips`.

Hands are visible in a clip if, in half of the frames looked at, the G-buffer sees at least `HAND` of the picture as
hand. Travel of the head is the diagonal of the box that the point between its eyes moves in, over the picture's width.
"""

import json
import platform
import time
from importlib import metadata
from pathlib import Path

import jax
import numpy as np
import pytest
from rich.progress import track as progress

from data_pipelines.avatars import framing, splits, track
from data_pipelines.avatars.perform import FPS, Performance, perform
from tests.controls import pictures
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.controls import gbuffer as gbuffers

CLIPS, SEED, SPLIT = 200, 0, "validation"
RESULTS = Path(__file__).parents[2] / "docs" / "results" / "avatars_clips.json"

SIZE, LOOKS = 64, 12
"""Pixels to a side, and frames looked at, of the wide clips' G-buffers."""

HAND = 0.003
EYES = [names.JOINTS.index(f"{side}_eye") for side in ("left", "right")]
HANDS = [names.LABELS.index(f"{side} hand") for side in ("left", "right")]

LIMITS = {"silent_frames": 0.2, "head_travel_of_width": 0.08, "wide_clips_with_hands": 0.5, "performed_per_s": 5.0}
"""Lower limits: of the mean, of the median, of the share, and of clips performed in a second, one after another."""


def measure(model: smplx.BodyModel, performance: Performance) -> dict:
    """Of one clip; `hands` only of wide ones."""
    motion, camera = performance.motion, performance.camera
    eyes = smplx.pose(model, motion).joints[:, EYES].mean(axis=1, keepdims=True)
    pixels = cameras.project(camera, eyes)[0][:, 0] / framing.SIDE
    row = {
        "index": performance.index,
        "face_height": round(performance.framing.face_height, 3),
        "head_travel_of_width": round(float(np.linalg.norm(np.ptp(pixels, axis=0))), 4),
        "silent_frames": round(1 - float(track.spoken(performance.track.phonemes, len(eyes), FPS).mean()), 4),
    }
    if performance.framing.face_height < framing.WIDE:
        row["hands"] = hands_visible(model, performance)
    return row


def hands_visible(model: smplx.BodyModel, performance: Performance) -> bool:
    """Whether half of the frames looked at show a hand."""
    which = np.linspace(0, len(performance.motion.transl) - 1, LOOKS).astype(int)
    vertices = smplx.pose(model, smplx.frames_of(performance.motion, which)).vertices
    camera = cameras.crop(performance.camera, 0, 0, SIZE / framing.SIDE, (SIZE, SIZE))
    label = pictures.labels(gbuffers.render(vertices, model.faces, camera), model.labels)
    return bool((np.isin(label, HANDS).mean(axis=(1, 2)) > HAND).mean() >= 0.5)


def report() -> dict:
    """Measure and write the table."""
    model = model_file.default()
    with Espeak() as engine:
        perform(SEED, CLIPS, engine, split=SPLIT)  # what happens once a process is not counted
        begun = time.perf_counter()
        clips = [
            perform(SEED, index, engine, split=SPLIT) for index in progress(range(CLIPS), description="performing")
        ]
        seconds = time.perf_counter() - begun
    rows = [measure(model, each) for each in progress(clips, description="measuring")]
    wide = [row["hands"] for row in rows if "hands" in row]
    table = {
        "command": "OMP_NUM_THREADS=1 python -m tests.avatars.test_clips",
        "versions": {
            "generator": splits.GENERATOR,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("jax", "numpy")},
        },
        "split": SPLIT,
        "clips": CLIPS,
        "wide_clips": len(wide),
        "limits": LIMITS,
        "figures": {
            "silent_frames": round(float(np.mean([row["silent_frames"] for row in rows])), 4),
            "head_travel_of_width": round(float(np.median([row["head_travel_of_width"] for row in rows])), 4),
            "wide_clips_with_hands": round(float(np.mean(wide)), 4),
            "performed_per_s": round(CLIPS / seconds, 2),
        },
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(table, indent=1) + "\n")
    return table


def missed(table: dict) -> list[str]:
    """What is below its limit."""
    return [name for name, limit in LIMITS.items() if table["figures"][name] < limit]


@pytest.mark.slow
def test_clips_are_silent_enough_move_enough_and_show_hands():
    assert missed(report()) == []


def test_the_table_is_within_the_limits():
    table = json.loads(RESULTS.read_text())
    assert table["versions"]["generator"] == splits.GENERATOR and len(table["rows"]) == CLIPS
    assert missed(table) == []


if __name__ == "__main__":
    jax.config.update("jax_compilation_cache_dir", str(Path(__file__).parents[2] / ".cache" / "jax"))
    print(json.dumps(report()["figures"], indent=1))

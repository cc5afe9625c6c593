"""Whether what is fitted to rendered clips is what was rendered: `python -m tests.avatars.test_fit_back`.

The fit sees pictures only: MediaPipe's landmarks of them, and no lens. The limits are twice those for exact landmarks
with a pixel of noise (tests/fit/test_truth.py).
"""

import json
import platform
from importlib import metadata
from pathlib import Path

import jax
import numpy as np
import pytest
from rich.progress import track

from data_pipelines.avatars import splits
from data_pipelines.avatars import track as tracks
from data_pipelines.avatars.perform import FPS, Performance, perform
from data_pipelines.avatars.photograph import photograph
from tests.fit.test_truth import LIDS, LIPS, aperture, correlation, turn_between
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, rotation, smplx
from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import landmarks, solve

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "avatars_fit.json"

PEOPLE, FRAMES, SIZE, SPLIT, SEED = 12, 48, 512, "validation", 0

LIMITS = {"head_deg": 4.0, "jaw_deg": 4.0, "wrist_cm": 6.0, "mouth_correlation": 0.90, "lids_correlation": 0.90}

SHARE = 0.9
"""Of the people who have to be within each limit."""

MOVES = 0.0015
"""Metres: deviation of an aperture below which there is nothing to correlate with."""

SEEN = 0.5
"""Of the frames in which the detector has to find a person for the clip to count as detected."""


def window(performance: Performance) -> np.ndarray:
    """`FRAMES` frames in a row in which most is said."""
    count = len(performance.motion.transl)
    return tracks.busiest(performance.track.phonemes, count, FRAMES, FPS) + np.arange(FRAMES)


def measure(model: smplx.BodyModel, performance: Performance) -> dict:
    """Medians over the frames of one clip; None where there is nothing to measure."""
    ids = window(performance)
    motion = smplx.frames_of(performance.motion, ids)
    taken = photograph(performance, ids, SIZE)
    row = {"index": performance.index, "face_height": round(performance.framing.face_height, 3)}
    try:
        seen = landmarks.detect(taken.frames, FPS)
    except UserError:
        return row | {"detected": 0.0}
    row["detected"] = float((seen.face_confidence.max(axis=1) > 0).mean())
    if row["detected"] < SEEN:
        return row
    found_motion = solve.fit(model, seen).motion
    true, found = smplx.pose(model, motion), smplx.pose(model, found_motion)
    head = names.JOINTS.index("head")
    row["head_deg"] = turn_between(true.joint_rotation[:, head], found.joint_rotation[:, head])
    row["jaw_deg"] = turn_between(*(rotation.axis_angle_to_matrix(m.jaw_pose) for m in (motion, found_motion)))
    wrists = [names.JOINTS.index(f"{side}_wrist") for side in ("left", "right")]
    camera = cameras.crop(performance.camera, 0, 0, SIZE / performance.camera.size[0], (SIZE, SIZE))
    pixels, _ = cameras.project(camera, true.joints[:, wrists])
    shown = ((pixels > 0) & (pixels < SIZE)).all(axis=-1)
    shown &= np.stack([seen.left_hand_confidence.max(axis=1), seen.right_hand_confidence.max(axis=1)], axis=1) > 0
    off = np.linalg.norm((true.joints - true.joints[:, :1] - found.joints + found.joints[:, :1])[:, wrists], axis=-1)
    row["wrist_cm"] = 100 * float(np.median(off[shown])) if shown.any() else None
    row["hands_seen"] = float(shown.mean())
    for name, pairs in (("mouth", LIPS), ("lids", LIDS)):
        moves = aperture(true.joints, pairs).std() > MOVES
        row[f"{name}_correlation"] = correlation(true.joints, found.joints, pairs) if moves else None
    return row


def report() -> dict:
    """Measure everybody and write the table."""
    model = model_file.default()
    with Espeak() as engine:
        people = [perform(SEED, index, engine, split=SPLIT) for index in range(PEOPLE)]
    rows = [measure(model, each) for each in track(people, description="people")]
    found = [row for row in rows if "head_deg" in row]
    table = {
        "command": "python -m tests.avatars.test_fit_back",
        "versions": {
            "generator": splits.GENERATOR,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("jax", "mediapipe", "numpy")},
        },
        "split": SPLIT,
        "frames": FRAMES,
        "size": SIZE,
        "limits": LIMITS,
        "frames_detected": round(float(np.mean([row["detected"] for row in rows])), 4),
        "clips_detected": len(found) / len(rows),
        "within": {name: _share(found, name) for name in LIMITS},
        "counted": {name: len(_all(found, name)) for name in LIMITS},
        "median": {name: _median(_all(found, name)) for name in LIMITS},
        "rows": [{k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()} for row in rows],
    }
    RESULTS.write_text(json.dumps(table, indent=1) + "\n")
    return table


def _all(rows: list[dict], name: str) -> list[float]:
    return [row[name] for row in rows if row[name] is not None]


def _median(values: list[float]) -> float | None:
    return round(float(np.median(values)), 3) if values else None


def _share(rows: list[dict], name: str) -> float | None:
    """None where no clip has anything to measure."""
    values, limit = np.array(_all(rows, name)), LIMITS[name]
    if not len(values):
        return None
    return round(float((values >= limit if name.endswith("correlation") else values <= limit).mean()), 3)


def missed(table: dict) -> list[str]:
    """What fewer than `SHARE` of the people are within, or nobody could be measured for."""
    return [name for name, share in table["within"].items() if share is None or share < SHARE]


@pytest.mark.slow
def test_fitting_rendered_clips_comes_no_less_near_than_before():
    before = json.loads(RESULTS.read_text())
    after = report()
    assert after["clips_detected"] >= before["clips_detected"] - 0.1
    for name, share in before["within"].items():
        assert share is None or after["within"][name] >= share - 0.1, name


def test_what_the_table_misses_is_known():
    """The jaw comes back; MediaPipe's error on drawn faces is above what the other limits allow (docs/decisions.md)."""
    table = json.loads(RESULTS.read_text())
    assert table["versions"]["generator"] == splits.GENERATOR and len(table["rows"]) == PEOPLE
    assert missed(table) == ["head_deg", "wrist_cm", "mouth_correlation", "lids_correlation"]


if __name__ == "__main__":
    jax.config.update("jax_compilation_cache_dir", str(Path(__file__).parents[2] / ".cache" / "jax"))
    result = report()
    print(
        json.dumps({name: result[name] for name in ("frames_detected", "clips_detected", "within", "median")}, indent=1)
    )

"""How near the fit comes to 50 made-up people whose truth is known: `python -m tests.fit.test_truth`."""

import json
import platform
from importlib import metadata
from pathlib import Path

import jax
import numpy as np
import pytest
from rich.progress import track

from tests.fit import truth
from vlogger_jax.body import model_file, names, rotation, smplx
from vlogger_jax.fit import assemble, points, solve

PEOPLE, FRAMES, FPS = 50, 48, 24.0
RESULTS = Path(__file__).parents[2] / "docs" / "results" / "fit_truth.json"

NOISE = 1.0
"""Pixels, at 512 px."""

PIXEL = assemble.Deviations(skin=0.06, features=0.04, lips=0.03, pairs=0.02, arms=0.1, hands=0.06)
"""A face here is 30 to 60 pixels between the eyes' outer corners: joints are known as well as other points, which
MediaPipe's are not."""

WRISTS = [15, 16]
"""Among the points of MediaPipe Pose."""

LIPS, LIDS = ((62, 66),), ((37, 41), (38, 40), (43, 47), (44, 46))
"""iBUG points whose mean distance is the aperture."""

LIMITS = {"head_deg": 2.0, "jaw_deg": 2.0, "wrist_cm": 3.0, "mouth_correlation": 0.95, "lids_correlation": 0.95}


def measure(model: smplx.BodyModel, seed: int) -> dict[str, float]:
    """Medians over the frames of one person; of wrists, over those within the picture, from the pelvis."""
    motion, camera = truth.clip(model, seed, FRAMES, FPS)
    landmarks = truth.landmarks(model, motion, camera, NOISE, seed)
    fit = solve.fit(model, landmarks, deviations=PIXEL)
    true, found = smplx.pose(model, motion), smplx.pose(model, fit.motion)
    head, pelvis = names.JOINTS.index("head"), 0
    wrists = [names.JOINTS.index(f"{side}_wrist") for side in ("left", "right")]

    def reach(joints: np.ndarray) -> np.ndarray:
        return joints[:, wrists] - joints[:, [pelvis]]

    shown = landmarks.pose_confidence[:, WRISTS] > 0  # what is outside of the picture can be anywhere
    off = np.linalg.norm(reach(true.joints) - reach(found.joints), axis=-1)
    return {
        "seed": seed,
        "head_deg": turn_between(true.joint_rotation[:, head], found.joint_rotation[:, head]),
        "jaw_deg": turn_between(*(rotation.axis_angle_to_matrix(m.jaw_pose) for m in (motion, fit.motion))),
        "wrist_cm": 100 * float(np.median(off[shown])) if shown.any() else None,
        "wrists_seen": float(shown.mean()),
        "mouth_correlation": correlation(true.joints, found.joints, LIPS),
        "lids_correlation": correlation(true.joints, found.joints, LIDS),
        "focal_ratio": float(fit.camera.focal / camera.focal),
        "depth_ratio": float(np.median(fit.motion.transl[:, 2] / motion.transl[:, 2])),
        "interocular_px": float(np.median(points.interocular_distances(landmarks))),
    }


def turn_between(first: np.ndarray, second: np.ndarray) -> float:
    """Median angle, degrees."""
    between = rotation.matrix_to_axis_angle(rotation.matmul(np.swapaxes(first, -1, -2), second))
    return float(np.rad2deg(np.median(np.linalg.norm(between, axis=-1))))


def correlation(true: np.ndarray, found: np.ndarray, pairs: tuple[tuple[int, int], ...]) -> float:
    """Of the apertures, over time."""
    return float(np.corrcoef(aperture(true, pairs), aperture(found, pairs))[0, 1])


def aperture(joints: np.ndarray, pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Mean distance of pairs of iBUG points in every frame, metres."""
    upper, lower = (joints[:, [76 + pair[i] - 17 for pair in pairs]] for i in (0, 1))
    return np.linalg.norm(upper - lower, axis=-1).mean(axis=-1)


def report() -> dict:
    """Measure everybody and write the table."""
    model = model_file.default()
    rows = [measure(model, seed) for seed in track(range(PEOPLE), description="people")]
    table = {
        "command": "python -m tests.fit.test_truth",
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("jax", "numpy")},
        },
        "noise_px": NOISE,
        "frames": FRAMES,
        "limits": LIMITS,
        "median": {name: _quantile(rows, name, 0.5) for name in rows[0] if name != "seed"},
        "worst_tenth_begins": {name: _quantile(rows, name, _bad_end(name)) for name in LIMITS},
        "rows": [{name: value if value is None else round(value, 4) for name, value in row.items()} for row in rows],
    }
    RESULTS.write_text(json.dumps(table, indent=1) + "\n")
    return table


def _quantile(rows: list[dict], name: str, part: float) -> float:
    return round(float(np.quantile([row[name] for row in rows if row[name] is not None], part)), 4)


def _bad_end(name: str) -> float:
    return 0.1 if name.endswith("correlation") else 0.9


def within(median: dict[str, float]) -> list[str]:
    """What of the medians is beyond its limit."""
    return [
        name
        for name, limit in LIMITS.items()
        if (median[name] < limit if name.endswith("correlation") else median[name] > limit)
    ]


@pytest.mark.slow
def test_fifty_people_come_back():
    assert within(report()["median"]) == []


def test_the_table_is_within_the_limits():
    table = json.loads(RESULTS.read_text())
    assert len(table["rows"]) == PEOPLE and table["noise_px"] == NOISE
    assert within(table["median"]) == []


if __name__ == "__main__":
    jax.config.update("jax_compilation_cache_dir", str(Path(__file__).parents[2] / ".cache" / "jax"))
    print(json.dumps(report()["median"], indent=1))

"""Whether performances do what they claim, over 100 clips of speech: `python -m tests.avatars.test_acting_truth`.

What is counted. A bilabial is hit if the lips are less than 1 mm apart in a frame within half a frame of its interval.
A frame is silent if it is farther than the lips' lead before, and their linger after, any sound. A beat of a hand is
where its speed is least after a stroke; its score falls from 1 with the distance to the nearest stressed vowel, and is
compared with what the same hands score against the speech of other clips.
"""

import json
import platform
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from rich.progress import track as progress
from scipy import signal

from data_pipelines.avatars import act, framing, identity, style, track
from data_pipelines.avatars.acting import clearance, visemes
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.audio.speech import Engine, Phoneme
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.body.mouth import Mouth
from vlogger_jax.core.records import Motion
from vlogger_jax.fit import points

CLIPS, FRAMES, FPS, SEED = 100, 240, 24.0, 11
RESULTS = Path(__file__).parents[2] / "docs" / "results" / "acting.json"

CLOSED, AT_REST = 0.001, 0.002
"""Metres."""

LEAD, LINGER = 0.14, 0.15
"""Seconds: the largest that a style has."""

BEAT = 0.08
"""Seconds from a stress at which a beat scores 0.6."""

SHUFFLES = 200
LIMITS = {  # name: (lowest, highest)
    "bilabials_hit": (0.99, 1.0),
    "silent_frames_at_rest": (0.99, 1.0),
    "pauses_with_rest": (0.99, 1.0),
    "beats_above_shuffled_sd": (3.0, np.inf),
    "head_travel_of_width": (0.08, 0.6),
    "clips_with_raised_hands": (0.5, 0.85),
    "deepest_mm": (-np.inf, 0.0),
    "perform_ms": (0.0, 60.0),
}


def heard(phonemes: tuple[Phoneme, ...]) -> np.ndarray:
    """Start and end of every sound, seconds: [n, 2]."""
    return np.array([[p.start, p.end] for p in phonemes if p.ipa and p.end > p.start]).reshape(-1, 2)


def bilabials_hit(aperture: np.ndarray, phonemes: tuple[Phoneme, ...], fps: float) -> list[bool]:
    """Of each bilabial that a frame could show."""
    times = np.arange(len(aperture)) / fps
    found = []
    for phoneme in phonemes:
        near = (times >= phoneme.start - 0.5 / fps - 1e-9) & (times <= phoneme.end + 0.5 / fps + 1e-9)
        if visemes.closes_lips(phoneme.ipa) and phoneme.end > phoneme.start and near.any():
            found.append(bool(aperture[near].min() < CLOSED))
    return found


def silent(phonemes: tuple[Phoneme, ...], frames: int, fps: float) -> np.ndarray:
    """Frames that are not near any sound."""
    times, sounds = np.arange(frames)[:, None] / fps, heard(phonemes)
    return ((times < sounds[:, 0] - LEAD) | (times > sounds[:, 1] + LINGER)).all(axis=1)


def pauses_with_rest(aperture: np.ndarray, phonemes: tuple[Phoneme, ...], fps: float) -> list[bool]:
    """Of each pause of over 0.35 s within the speech."""
    times, sounds = np.arange(len(aperture)) / fps, heard(phonemes)
    gaps = [(end, start) for end, start in zip(sounds[:-1, 1], sounds[1:, 0], strict=True) if start - end > 0.35]
    return [bool(aperture[(times >= a) & (times <= b)].min() < AT_REST) for a, b in gaps if (times >= b).any()]


def beats(wrists: np.ndarray, fps: float) -> np.ndarray:
    """Seconds at which either wrist [t, 2, 3] comes to the end of a stroke."""
    speed = np.linalg.norm(np.gradient(wrists, axis=0), axis=-1) * fps
    found = []
    for hand in speed.T:
        stops, _ = signal.find_peaks(-hand, prominence=0.12)
        found += (stops / fps).tolist()
    return np.sort(np.array(found))


def on_stress(beaten: np.ndarray, phonemes: tuple[Phoneme, ...]) -> float:
    """Mean score of beats."""
    stressed = np.array([0.5 * (p.start + p.end) for p in phonemes if p.stress == 2])
    if not len(beaten) or not len(stressed):
        return np.nan
    away = np.abs(beaten[:, None] - stressed).min(axis=1)
    return float(np.exp(-0.5 * (away / BEAT) ** 2).mean())


def measure(model: smplx.BodyModel, few: points.Points, engine: Engine, index: int) -> tuple[dict, np.ndarray, tuple]:
    """One clip: figures, when its hands beat, and what is said."""
    rng = np.random.default_rng([SEED, index])
    phonemes = track.make(SEED, index, "train", engine, FRAMES, FPS).phonemes
    betas, view = identity.sample(rng, model), framing.sample(rng)
    manner = style.sample(rng, tall=view.face_height < framing.WIDE)
    began = time.perf_counter()
    motion = act.perform(model, betas, phonemes, manner, rng, FRAMES, FPS)
    took = time.perf_counter() - began
    aperture = Mouth(model, betas).aperture(motion.expression, motion.jaw_pose)
    posed = smplx.pose(few.body, motion)
    wrists = posed.joints[:, [names.JOINTS.index(f"{side}_wrist") for side in ("left", "right")]]
    chest = posed.joints[:, names.JOINTS.index("spine3"), 1]
    still = silent(phonemes, FRAMES, FPS)
    row = {
        "bilabials": bilabials_hit(aperture, phonemes, FPS),
        "rest": (aperture[still] < AT_REST).tolist(),
        "pauses": pauses_with_rest(aperture, phonemes, FPS),
        "widest_mm": 1e3 * float(aperture.max()),
        "head_travel": travel(model, few, motion, view),
        "raised": bool((wrists[..., 1].max(axis=1) > chest - 0.03).mean() > 0.5),
        "deepest_mm": 1e3 * deepest(model, motion),
        "perform_ms": 1e3 * took,
    }
    return row, beats(wrists - posed.joints[:, [names.JOINTS.index("spine3")]], FPS), phonemes


def travel(model: smplx.BodyModel, few: points.Points, motion: Motion, view: framing.Framing) -> float:
    """The diagonal of the box that the point between the eyes stays in, as a part of the picture's width."""
    posed = smplx.pose(few.body, framing.place(model, motion, view))
    eyes = posed.joints[:, [names.JOINTS.index(f"{side}_eye") for side in ("left", "right")]].mean(
        axis=1, keepdims=True
    )
    pixels, _ = cameras.project(framing.camera(view), eyes.astype(np.float32))
    return float(np.linalg.norm(np.ptp(pixels[:, 0], axis=0))) / framing.SIDE


def deepest(model: smplx.BodyModel, motion: Motion) -> float:
    """How deep forearms and hands come into torso or head, metres; negative outside."""
    shape = clearance.measure(model, motion.betas)
    pose = smplx.full_pose(motion).astype(np.float64)
    points = clearance.arm_points(shape, np.zeros((len(pose), 2, 18)), pose)
    return float(clearance.depth(shape, points, pose).max())


def report() -> dict:
    """Measure all clips and write the table."""
    model = model_file.default()
    few = points.reduce(model)
    with Espeak() as engine:
        clips = [measure(model, few, engine, index) for index in progress(range(CLIPS), description="clips")]
    rows, beaten, said = zip(*clips, strict=True)
    rng = np.random.default_rng(0)
    scores = np.array([[on_stress(b, p) for p in said] for b in beaten])
    with_beats = np.isfinite(np.diag(scores))
    scores = scores[np.ix_(with_beats, with_beats)]
    others = []
    for _ in range(SHUFFLES):
        order = rng.permutation(len(scores))
        others.append(np.nanmean(scores[np.arange(len(scores)), order]))

    def joined(name: str) -> float:
        return float(np.mean([value for row in rows for value in row[name]]))

    figures = {
        "bilabials_hit": joined("bilabials"),
        "silent_frames_at_rest": joined("rest"),
        "pauses_with_rest": joined("pauses"),
        "beats_score": float(np.mean(np.diag(scores))),
        "beats_score_shuffled": float(np.mean(others)),
        "beats_above_shuffled_sd": float((np.mean(np.diag(scores)) - np.mean(others)) / np.std(others)),
        "widest_mm": float(np.median([row["widest_mm"] for row in rows])),
        "head_travel_of_width": float(np.median([row["head_travel"] for row in rows])),
        "clips_with_raised_hands": float(np.mean([row["raised"] for row in rows])),
        "deepest_mm": float(np.max([row["deepest_mm"] for row in rows])),
        "perform_ms": float(np.median([row["perform_ms"] for row in rows])),
    }
    counts = {name: sum(len(row[name]) for row in rows) for name in ("bilabials", "rest", "pauses")}
    table = {
        "command": "python -m tests.avatars.test_acting_truth",
        "versions": {"python": platform.python_version(), "numpy": metadata.version("numpy")},
        "clips": CLIPS,
        "counted": counts | {"clips_with_beats": int(with_beats.sum())},
        "limits": {name: [limit if np.isfinite(limit) else None for limit in pair] for name, pair in LIMITS.items()},
        "figures": {name: round(value, 4) for name, value in figures.items()},
    }
    RESULTS.write_text(json.dumps(table, indent=1) + "\n")
    return table


def beyond(figures: dict[str, float]) -> list[str]:
    """What is beyond its limits."""
    return [name for name, (low, high) in LIMITS.items() if not low <= figures[name] <= high]


@pytest.mark.slow
def test_a_hundred_clips_are_true():
    assert beyond(report()["figures"]) == []


def test_the_table_is_within_the_limits():
    table = json.loads(RESULTS.read_text())
    assert table["clips"] == CLIPS
    assert beyond(table["figures"]) == []


if __name__ == "__main__":
    print(json.dumps(report(), indent=1))

"""Ablations of the paper's Table 2 at tiny size: `docs/results/motion_ablation.json`.

    python -m benchmarks.motion_ablation --data data/mentor_synth

Short trainings with five seeds each: as the config is, but for averages over frames and temperatures, which the paper
does not have, and sampled at even steps of time; without the residual to the reference's pose; without L_temp; and
without classifier-free guidance, a matter of sampling (of the first arm's networks). Stopped at any moment, it goes on
with the (arm, seed) that it was at; what is in the file stays there, and trainings of other settings are for another.
What is told is whether the direction of the paper holds, by 95 % intervals over seeds (Student's t); where those of two
arms overlap, it is undecided.
"""

import hashlib
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import ml_collections
import numpy as np
import scipy.stats
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import resumable
from configs import motion as config_file
from data_pipelines import deviations
from data_pipelines.loaders import dataset, order
from data_pipelines.loaders.motion import Motions, MotionWindows
from data_pipelines.loaders.order import Order, Stream
from data_pipelines.loaders.overheard import Overheard
from launch import program, record
from vlogger_jax import console
from vlogger_jax.body import model_file, reduced
from vlogger_jax.body.smplx import BodyModel, pose
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.stage import Params
from vlogger_jax.metrics import jerk, lip_error, posed
from vlogger_jax.motion.packing import BODY
from vlogger_jax.motion.stage import model_of

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "motion_ablation.json"

SEEDS = 5
STEPS, BATCH, FRAMES = 400, 16, 64
CLIPS = 600
"""Of the training split; kept in memory."""

REST = 64
"""Windows that deviations from the rest pose are measured on."""

TESTED = 24
"""Windows of the test split that samples are drawn for."""

ARMS = ("full", "no residual", "no temporal loss", "no guidance")
PAPER = {
    "no residual": {"lip_error_mm": 1, "jerk_mm": 1, "mesh_mm": 1},
    "no temporal loss": {"lip_error_mm": 1, "jerk_mm": 1, "mesh_mm": 1},
    "no guidance": {"lip_error_mm": 1, "jerk_mm": -1, "mesh_mm": 1},
}
"""Table 2: LME 4.22, 3.18, 3.32 against 3.06, jitter 6.56, 4.64, 3.49 against 3.58; FID, the nearest thing there to the
place of the whole mesh, 52.27 without the residual, else 16.6 and 16.5 against 15.4. 1: more than in full."""

METRICS = ("lip_error_mm", "jerk_mm", "mesh_mm")


Rows = dict[str, dict[str, float]]
"""`METRICS`, by arm and seed: "full/0"."""


class Trained(NamedTuple):
    """What a training left, as it can be kept."""

    made: program.Program
    params: Any
    config: dict[str, Any]


def config_of(arm: str, seed: int, steps: int, at_rest: Mapping[str, float]) -> ml_collections.ConfigDict:
    """The config of an arm.

    Args:
        at_rest: deviations from the rest pose, which "no residual" predicts changes of.
    """
    config = config_file.get_config("size=tiny")
    config.train.seed, config.train.steps, config.train.batch = seed, steps, BATCH
    config.optim.steps, config.optim.warmup = steps, steps // 10
    config.train.ema = 0.98
    config.data.frames, config.data.shortest = FRAMES, FRAMES
    for part in config.model.averaged:
        config.model.averaged[part], config.model.temperature[part] = 0.0, 1.0
    config.model.upper_face = None
    config.diffusion.grid = "uniform_time"
    if arm == "no guidance":
        config.diffusion.scales = (1.0,)
    if arm == "no residual":
        config.model.relative_to = "rest"
        for part in BODY:
            config.model.deviations[part] = at_rest[part]
    if arm == "no temporal loss":
        for part in config.model.smooths:
            config.model.smooths[part] = 0.0
    return config


def windows_of(config: ml_collections.ConfigDict, data: dataset.DataSet, split: str, clips: int) -> MotionWindows:
    """Windows of the first clips of a split."""
    made = Motions(
        FRAMES,
        FRAMES,
        hearing=config.data.hearing.to_dict(),
        overheard=Overheard(**config.data.overheard) if split == "train" else Overheard(),
        remembered=clips,
    )
    found = data.clips(split)
    return MotionWindows(_First(found, clips), data.body, made)


class _First(Sequence):
    """The first of some clips, `count` of them or all."""

    def __init__(self, clips: Sequence, count: int):
        self._clips, self._count = clips, min(count, len(clips))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Any:
        return self._clips[number]


def train(config: ml_collections.ConfigDict, windows: MotionWindows, report: console.Report) -> Trained:
    """One training, all of it in memory."""
    made = program.build(config, jax.devices()[:1])
    stream, asked = Stream(windows, config.train.seed, tolerated=3), Order(BATCH)
    with jax.set_mesh(made.mesh):
        state, frozen = made.init()
        for step, batch in zip(range(made.train.steps), order.batches(stream, asked, 0), strict=False):
            kept = {name: batch[name] for name in made.stage.spec}
            state, _ = made.step(state, frozen, jax.device_put(kept))
            report((step + 1) / made.train.steps)
        params = jax.device_get(state.ema)
    return Trained(made, params, config.to_dict())


def measure(trained: Trained, windows: MotionWindows, body: BodyModel) -> dict[str, float]:
    """Means over the test windows, one sample of each."""
    made, model = trained.made, model_of(trained.config)
    batch = order.batch(Stream(windows, 0, tolerated=3), Order(TESTED), 0)
    kept = {name: batch[name] for name in made.stage.spec}
    with jax.set_mesh(made.mesh):
        x = np.asarray(made.sample(trained.params, {}, jax.device_put(kept), jax.random.key(0)))
    truth, reference = model.motions(kept)
    ours = model.packing.unpack(x, model.origin(reference))
    # Every twentieth vertex is enough to tell where a mesh is.
    few = reduced.to_vertices(body, np.arange(0, len(body.v_template), 20))
    face = reduced.to_vertices(body, np.unique(np.asarray(body.faces)[np.asarray(body.landmark_faces)]))
    found: dict[str, list[float]] = {name: [] for name in METRICS}
    for i in range(TESTED):
        one, true = _row(ours, i, body), _row(truth, i, body)
        lips = (posed.lip_vertices(body, each) for each in (one, true))
        found["lip_error_mm"].append(lip_error.mean_lip_error(*lips))
        mesh, wanted = pose(few, one).vertices, pose(few, true).vertices
        found["mesh_mm"].append(1000 * float(np.linalg.norm(mesh - wanted, axis=-1).mean()))
        # As the paper has it: of the face's vertices, without the cube of the frame rate.
        found["jerk_mm"].append(1000 * jerk.jerk(pose(face, one).vertices, 1.0))
    return {name: float(np.mean(values)) for name, values in found.items()}


def verdicts(rows: Rows) -> dict[str, dict[str, str]]:
    """Of each arm and metric of the paper's: "holds", "reversed" or "undecided"."""
    ranges = {arm: {name: interval(rows, arm, name) for name in METRICS} for arm in ARMS}
    found: dict[str, dict[str, str]] = {}
    for arm, expected in PAPER.items():
        found[arm] = {}
        for name, sign in expected.items():
            (low, high), (lower, upper) = ranges[arm][name], ranges["full"][name]
            apart = 1 if low > upper else -1 if high < lower else 0
            found[arm][name] = "undecided" if not apart else "holds" if apart == sign else "reversed"
    return found


def interval(rows: Rows, arm: str, name: str) -> tuple[float, float]:
    """Student's 95 % interval of the mean over seeds."""
    values = np.array([row[name] for key, row in rows.items() if key.rsplit("/", 1)[0] == arm])
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def compared(rows: Rows) -> Rows:
    """Those of the seeds that all arms have been trained with."""
    seeds = {name.rsplit("/", 1)[1] for name in rows}
    whole = {seed for seed in seeds if all(f"{arm}/{seed}" in rows for arm in ARMS)}
    return {name: row for name, row in rows.items() if name.rsplit("/", 1)[1] in whole}


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="A data set with config clips.")] = Path("data/mentor_synth"),
    steps: Annotated[int, typer.Option(help="Of each training.")] = STEPS,
    seeds: Annotated[int, typer.Option(min=2, help="Trainings of each arm.")] = SEEDS,
    out: Annotated[Path, typer.Option(help="Where results are kept, and gone on from.")] = RESULTS,
) -> None:
    """Train and measure the arms."""
    console.keep_compiled()
    before = _read(out)
    opened, body = dataset.open(data), model_file.default()
    at_rest = deviations.measured(_First(opened.clips("train"), CLIPS), body, REST, 0, lambda done: None, at_rest=True)
    config_of_arm = partial(config_of, steps=steps, at_rest=at_rest)
    config = config_of_arm("full", 0)
    settings = {
        "steps": steps,
        "batch": BATCH,
        "frames": FRAMES,
        "clips": CLIPS,
        "tested": TESTED,
        "data": opened.manifest.origin("train"),
        "parameters": _count(model_of(config.to_dict()).init),
        "configs": {arm: json.loads(config_of_arm(arm, 0).to_json_best_effort()) for arm in ARMS},
    }
    resumable.refuse_others(out, before, settings)
    rows, codes, code = before.get("rows", {}), before.get("codes", {}), _code()
    if others := [name for name in rows if codes.get(name) != code]:
        print(f"{out}: {', '.join(others)}: of other code than there is now, or not noted; kept", file=sys.stderr)
    training, testing = (windows_of(config, opened, split, n) for split, n in (("train", CLIPS), ("test", 100)))
    with console.progress() as begin:
        for seed in range(seeds):
            for arm in ARMS[:-1]:
                todo = [arm, "no guidance"] if arm == "full" else [arm]
                if all(f"{each}/{seed}" in rows for each in todo):
                    continue
                begun = time.monotonic()
                trained = train(config_of_arm(arm, seed), training, begin(f"{arm}, seed {seed}"))
                for each in todo:
                    made = program.build(config_of_arm(each, seed), jax.devices()[:1])
                    rows[f"{each}/{seed}"] = measure(trained._replace(made=made), testing, body)
                    codes[f"{each}/{seed}"] = code
                print(f"{arm}, seed {seed}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
                _write(out, rows, codes, settings, seeds)
    _write(out, rows, codes, settings, seeds)
    _show(compared(rows))


def _read(out: Path) -> dict[str, Any]:
    """What an earlier run left, if there was one.

    Raises:
        UserError: if it is nothing that this wrote.
    """
    found = resumable.read(out)
    if not isinstance(found.get("codes", {}), dict):
        raise UserError(f"{out} is no result of this benchmark", "Restore it, or give another --out")
    for name, row in found.get("rows", {}).items():
        arm, _, seed = name.rpartition("/")
        numbers = [row.get(metric) for metric in METRICS] if isinstance(row, dict) else [None]
        whole = all(isinstance(each, float | int) and math.isfinite(each) for each in numbers)
        if arm not in ARMS or not seed.isdecimal() or not whole:
            what = f"{out} has a row {name!r} that is none of this benchmark's"
            raise UserError(what, "Restore it, or give another --out")
    return found


def _code() -> str:
    """A hash of all that trains and measures. A comment changes it: rows of another one are told of, not refused."""
    return hashlib.sha256(record.code().encode() + Path(__file__).read_bytes()).hexdigest()


def _write(out: Path, rows: Rows, codes: dict[str, str], settings: dict, seeds: int) -> None:
    done = all(f"{arm}/{seed}" in rows for arm in ARMS for seed in range(seeds))
    content = {"settings": settings, "verdicts": verdicts(compared(rows)) if done else {}, "rows": rows, "codes": codes}
    resumable.write(out, "python -m benchmarks.motion_ablation --data data/mentor_synth", content)


def _show(rows: Rows) -> None:
    table, said = Table("arm", *METRICS), verdicts(rows)
    for arm in ARMS:
        cells = []
        for name in METRICS:
            low, high = interval(rows, arm, name)
            verdict = said.get(arm, {}).get(name, "")
            cells.append(f"{(low + high) / 2:.2f} ± {(high - low) / 2:.2f} {verdict}")
        table.add_row(arm, *cells)
    Console().print(table)


def _count(init: Callable[[jax.Array], Params]) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(init, jax.random.key(0))))


def _row(motion: Motion, i: int, body: BodyModel) -> Motion:
    arrays = {name: np.asarray(value[i]) for name, value in vars(motion).items() if name not in ("fps", "body")}
    return Motion(**arrays, fps=motion.fps, body=body.name)


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.motion_ablation"))

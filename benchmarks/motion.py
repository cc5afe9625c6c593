"""How good the motion network is, beside what it could be and what needs no network: `docs/results/motion.json`.

    python -m benchmarks.motion --data data/mentor_synth

People, voices, sentences and partly languages that training never met: the test split of `mentor_synth`. The reference
is the middle frame of each clip, the sound is the clip's, and nothing is held back (no limits, none of the reference's
expression). Every row goes through the same functions (`motion_metrics`).
"""

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import motion_baselines as baselines
from benchmarks import motion_reference as reference
from benchmarks.motion_baselines import Case
from benchmarks.motion_metrics import METRICS, Pair, compare, distances, look, one, pooled, summed
from data_pipelines.avatars import splits
from data_pipelines.loaders import dataset
from vlogger_jax import bundle, console, moving
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.bundle import Bundle, Stored
from vlogger_jax.console import Report
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.media import atomic
from vlogger_jax.metrics import beats
from vlogger_jax.metrics.count import Count
from vlogger_jax.metrics.gesture_autoencoder import latents
from vlogger_jax.metrics.gesture_autoencoder import stage as gestures
from vlogger_jax.metrics.gesture_autoencoder.latents import Latents
from vlogger_jax.motion.packing import Packing

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "motion.json"

TRAINING, VALIDATION = 1500, 32
"""Clips of those splits that baselines learn from."""

TWICE = 0.01
"""Of frames: at most that many of M's have raised hands beyond where they can be."""

LIPS = "lip_vertex_error_mm"
HALF, BETTER = 0.5, ("ridge", "nearest clip", "nearest second")
"""How much of the mean pose's M's lip error may be at most; and whose it has to be less than, by 95 % intervals."""

LEAST = {"aperture_correlation": 0.8, "bilabials_closed": 0.8, "rest_without_speech": 0.95}

ENDS = 2 * beats.EDGE
"""Seconds that clips have to be longer than: beats are not looked for so near their ends."""

PACKAGES = ("jax", "numpy", "scipy", "librosa")


def limits(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What is asked of M, each with the lowest and highest that will do (None: any), and whether it is met."""
    grown = found["start_from_reference"]["from_1_to_4_s"]
    lips, ours, hands = found["lip_error_over"], found["rows"]["ours"], found["raised_hands"]["shares"][reference.TOLD]

    def asked(
        what: str, got: dict[str, float] | None, low: float | None, high: float | None, by: str = "value"
    ) -> dict[str, Any]:
        value = (got or {}).get(by)  # of one clip there is no interval
        met = value is not None and (low is None or value >= low) and (high is None or value <= high)
        return {"what": what, "value": value, "low": low, "high": high, "met": met}

    return [
        asked("lip error over that of mean pose", lips["mean pose"], None, HALF),
        *(asked(f"lip error over that of {other}, upper end", lips[other], None, 1.0, "high") for other in BETTER),
        *(asked(name, ours[name], least, None) for name, least in LEAST.items()),
        *(asked(f"{part}_std", ours[f"{part}_std"], 0.75, 1.25) for part in ("expression", "head", "hands")),
        *(asked(f"{part}_jerk", ours[f"{part}_jerk"], 0.7, 1.3) for part in ("face", "body")),
        asked("deviation, mm more after 4 s than after 1 s, lower end", grown, 0.0, None, "low"),
        *(asked(f"raised hands {name}", hands[name], None, TWICE) for name in hands),
    ]


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="A data set of mentor_synth, with config clips.")],
    folder: Annotated[
        Path | None, typer.Option("--bundle", help="A bundle with M; the packaged one if not given.")
    ] = None,
    clips: Annotated[int, typer.Option(min=2, help="Of the test split.")] = 100,
    preset: Annotated[str, typer.Option(help=f"Of sampling: {', '.join(moving.PRESETS)}.")] = "usual",
    gesture: Annotated[
        Path | None,
        typer.Option("--gestures", help="A bundle with the autoencoder of gestures; the packaged one if not given."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    out: Annotated[Path, typer.Option(help="The file to write.")] = RESULTS,
) -> None:
    """Measure all rows, print them and write them."""
    console.keep_compiled()
    begun, opened = time.monotonic(), dataset.open(data)
    _check(data, opened)
    folder = bundle.packaged() if folder is None else folder
    performer, body = moving.performer(folder, preset), opened.body
    coder = _autoencoder(bundle.packaged() if gesture is None else gesture)
    hearing, packing = performer.model.hearing, Packing(body.num_expression)
    tested = opened.clips("test")
    with console.progress() as begin, Espeak() as engine:
        known = baselines.examples(opened.clips("train"), TRAINING, hearing, packing, begin("training clips"))
        checked = baselines.examples(opened.clips("validation"), VALIDATION, hearing, packing, begin("validation"))
        cases = [baselines.case(i, tested[i], hearing) for i in range(min(clips, len(tested)))]
        ridge = baselines.Ridge(known, checked)
        acted = baselines.motions(performer, body, cases, known, ridge, engine, begin, seed)
        pairs, rows = _rows(acted, cases, body, _latents(coder), begin)
        apart = reference.deviations(performer, body, cases, seed, begin("from the reference"))
        bend = max(each.bend for each in known)
        hands = reference.raised(performer, body, cases, bend, seed, begin("raised hands"))
    found = {
        "command": f"python -m benchmarks.motion --data data/mentor_synth --clips {len(cases)} --preset {preset}",
        "versions": {"python": sys.version.split()[0], **{name: metadata.version(name) for name in PACKAGES}},
        "bundle": _described(bundle.load(folder).stages[moving.STAGE]),
        "gestures": _described(coder.stages[gestures.NAME]),
        "seed": seed,
        "clips": len(cases),
        "silent": sum(not case.spoken for case in cases),
        "learned_from": {
            "training": len(known),
            "validation": len(checked),
            "data": opened.manifest.origin("train"),
        },
        "rows": rows,
        "ours_by_language": _by_language(cases, pairs["ours"]),
        "lip_error_over": _over_others(pairs),
        "start_from_reference": _apart(apart),
        "raised_hands": _raised(hands, bend),
    }
    found["limits"] = limits(found)
    found["missed"] = [each["what"] for each in found["limits"] if not each["met"]]
    found["minutes"] = round((time.monotonic() - begun) / 60, 1)
    with atomic.replacing(out) as part:
        part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    _show(found)


def _check(data: Path, opened: dataset.DataSet) -> None:
    """Refuse clips that metrics have no value of, before anything is made.

    Raises:
        UserError: if clips are too short for beats; if there are too few for intervals; if lengths differ, which
            those of nearest clips may not.
    """
    test, train = (opened.clips(split).lengths for split in ("test", "train"))
    fps, least = opened.manifest.fps, round(ENDS * opened.manifest.fps) + 1
    again = f"Build one with clips of {least} frames or more, longer than {ENDS:g} s"
    if len(test) and test.min() < least:
        raise UserError(f"{data} has test clips of {test.min()} frames ({test.min() / fps:g} s)", again)
    if len(test) < 2 or not len(train):
        raise UserError(f"{data} has {len(test)} test and {len(train)} training clips", "Build more: 2 and 1 at least")
    if test.min() != test.max() or train.min() < test.max():
        what = f"{data} has test clips of {test.min()} to {test.max()} frames, and training clips of {train.min()}"
        raise UserError(what, "Build one with clips of the same length")


def _rows(
    acted: Mapping[str, Callable[[int], Motion]],
    cases: Sequence[Case],
    body: BodyModel,
    encode: Latents,
    begin: Callable[[str], Report],
) -> tuple[dict[str, list[dict[str, Pair]]], dict[str, dict[str, Any]]]:
    """What each clip adds to each metric, by row, "truth" first; and the rows of the table."""
    pairs, rows, fps = {}, {}, cases[0].clip.motion.fps
    for name, move in acted.items():
        with ThreadPoolExecutor(2) as pool:  # which poses motions while the next is made
            made = _told(map(move, range(len(cases))), len(cases), begin(name))
            seen = list(pool.map(partial(look, body), made))
        if name == "truth":
            truth, onsets = seen, [beats.onsets(case.waveform) for case in cases]
            speeds = np.mean([beats.mean_speeds(each.placed, fps) for each in truth], axis=0)
        pairs[name] = [compare(*each, speeds) for each in zip(cases, seen, truth, onsets, strict=True)]
        rows[name] = pooled(pairs[name]) | distances(*([each.windows for each in x] for x in (seen, truth)), encode)
    return pairs, rows


def _by_language(cases: Sequence[Case], ours: Sequence[dict[str, Pair]]) -> dict[str, dict[str, Any]]:
    foreign = [case.clip.about["language"] in splits.HELD_OUT_LANGUAGES for case in cases]
    return {
        name: {"clips": foreign.count(held), **pooled(p for p, f in zip(ours, foreign, strict=True) if f == held)}
        for name, held in (("held out", True), ("of training", False))
    }


def _over_others(pairs: Mapping[str, Sequence[dict[str, Pair]]]) -> dict[str, dict[str, float] | None]:
    """Our lip error over that of others."""
    return {
        other: summed(
            (ours[LIPS][0], theirs[LIPS][0]) for ours, theirs in zip(pairs["ours"], pairs[other], strict=True)
        )
        for other in ("second performance", "same manner, acted anew", "mean pose", *BETTER)
    }


def _apart(apart: np.ndarray) -> dict[str, Any]:
    return {
        "clips": len(apart),
        "samples": reference.SAMPLES,
        "of": "55 joints, mm",
        **{f"after_{second}_s": summed(map(one, apart[:, second])) for second in reference.SECONDS},
        "from_1_to_4_s": summed(map(one, apart[:, 4] - apart[:, 1])),
    }


def _raised(hands: Mapping[str, Sequence[tuple[Count, Count]]], bend: float) -> dict[str, Any]:
    return {
        "clips": len(hands["truth"]),
        "wrists_above_elbows_m": reference.RAISED,
        "too_far": "an elbow bent by more than the most in training and 5 degrees, or a wrist above an eye",
        "most_bent_degrees": round(math.degrees(bend), 1),
        "shares": {
            name: {
                "beyond_joint_limits": summed(beyond for beyond, _ in counts),
                "too_far": summed(up for _, up in counts),
            }
            for name, counts in hands.items()
        },
    }


def _told(things: Iterable[Any], count: int, report: Report) -> Iterator[Any]:
    for done, thing in enumerate(things):
        yield thing
        report((done + 1) / count)


def _autoencoder(folder: Path) -> Bundle:
    found = bundle.load(folder)
    if gestures.NAME not in found.stages:
        raise UserError(f"{folder} has no stage {gestures.NAME!r}", "Export one with launch.export")
    return found


def _latents(opened: Bundle) -> Latents:
    config = opened.stages[gestures.NAME].training.config
    shapes = jax.eval_shape(gestures.stage(config).init, jax.random.key(0)).trainable
    return latents.load(config, opened.params(gestures.NAME, {"trainable": shapes, "frozen": {}})["trainable"])


def _described(stored: Stored) -> dict[str, Any]:
    return {"sha256": stored.sha256, "step": stored.training.step, "seed": stored.training.seed}


def _show(found: dict[str, Any]) -> None:
    """Methods under each other; a value with half the width of its interval."""
    table = Table("", *METRICS.values(), "FGD raw", "FGD", title=f"{found['clips']} clips, {found['silent']} silent")
    for name, row in found["rows"].items():
        table.add_row(name, *map(_cell, row.values()))
    page = Console(width=240)
    page.print(table)
    for each in found["limits"]:
        said = "met   " if each["met"] else "MISSED"
        page.print(f"{said} {each['what']}: {each['value']}, asked: {each['low']} to {each['high']}")
    page.print_json(json.dumps({name: found[name] for name in ("start_from_reference", "raised_hands")}))


def _cell(value: dict[str, float] | None) -> str:
    if value is None:
        return "-"
    half = f" ± {(value['high'] - value['low']) / 2:.2g}" if "low" in value else ""
    return f"{value['value']:.3g}{half}"


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.motion"))

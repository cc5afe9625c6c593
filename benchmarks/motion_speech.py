"""M on real speech, which nobody has labelled: `VLOGGER_MEDIA=... python -m benchmarks.motion_speech --fits DIR`.

DIR has a fit of each video: `vlogger fit --video talk.mp4 --out DIR/talk.npz`.
What it hears otherwise it is to say the same: the aperture of the mouth for each sound of VLOGGER_MEDIA (wavs, and
those of the videos), against that of the sound made louder, noisy, another's (`benchmarks.disturb`), with the same
noise, for several seeds; and the mouth at rest where the sound pauses. And against people: `benchmarks.motion_people`.
"""

import json
import os
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from operator import itemgetter
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks import disturb, motion_people
from vlogger_jax import bundle, console, moving
from vlogger_jax.audio.mel import RATE
from vlogger_jax.body import model_file, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Float
from vlogger_jax.fit import result
from vlogger_jax.fit.result import Fit
from vlogger_jax.media import atomic, audio_file
from vlogger_jax.metrics import aperture as apertures
from vlogger_jax.metrics.aperture import correlation
from vlogger_jax.metrics.rest import AT_REST
from vlogger_jax.motion.manner import Manner
from vlogger_jax.motion.perform import Performer, Take

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "motion_speech.json"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

SAMPLES = 4
"""Performances of each sound, from noise of their own."""

AVERAGED = 2
"""Times `SAMPLES` performances of a video's sound, whose apertures are averaged: M's own variety says nothing of how
well it hears."""

MANNER = Manner(limits=None, keep_expression=0.0)
VISIBLE = (1.0, 0.0, 0.0)
"""Of the synthetic reference: its hands hang where no portrait shows them."""

LONG = 5.0
"""Seconds of a sound that can be told from another by correlation."""

Change = Callable[[disturb.Sound, np.random.Generator], disturb.Sound]

CHANGES: Mapping[str, Change] = {
    "12 dB louder": lambda sound, rng: disturb.louder(sound, 12),
    "12 dB quieter": lambda sound, rng: disturb.louder(sound, -12),
    "white noise, 20 dB": disturb.white,
    "pink noise, 20 dB": disturb.pink,
    "vocal tract, formants +10 %": lambda sound, rng: disturb.tract(sound, 0.1),
    "vocal tract, formants -10 %": lambda sound, rng: disturb.tract(sound, -0.1),
    "voice, formants and pitch +10 %": lambda sound, rng: disturb.voice(sound, 0.1),
    "voice, formants and pitch -10 %": lambda sound, rng: disturb.voice(sound, -0.1),
    "music, 15 dB": disturb.music,
}

LEAST = {"12 dB": 0.95, "white": 0.85, "pink": 0.85, "vocal": 0.80, "voice": 0.80}
"""Correlation with the clean run, by how the name of the change begins."""

LEVEL = "12 dB"
"""How names of changes begin after which the mouth is to open as far in the mean, too."""

MOST_ANOTHER, LEAST_AT_REST, LEAST_RANK, MEAN_WITHIN = 0.30, 0.90, 95.0, 0.10


@dataclass(frozen=True)
class Speaker:
    """M, and the body that it moves."""

    performer: Performer
    body: BodyModel

    def apertures(
        self, sound: disturb.Sound, reference: Motion, visible: tuple[float, float, float], seed: int = 0
    ) -> np.ndarray:
        """The apertures [`SAMPLES`, t] of performances of `sound`, mm."""
        take = Take(samples=SAMPLES, seed=seed, visible=visible, manner=MANNER, start_from_reference=False)
        motion = self.performer.perform(sound, reference, take)
        each = [jax.tree.map(itemgetter(i), motion) for i in range(SAMPLES)]
        return np.stack([apertures.aperture(self.body, one) for one in each])

    def average(
        self, sound: disturb.Sound, reference: Motion, visible: tuple[float, float, float]
    ) -> Float[np.ndarray, "t"]:
        """The mean aperture of `AVERAGED` times as many."""
        times = [self.apertures(sound, reference, visible, seed) for seed in range(AVERAGED)]
        return np.concatenate(times).mean(axis=0)


def robust(speaker: Speaker, sounds: Mapping[str, disturb.Sound], report: console.Report) -> dict:
    """Of each sound what becomes of it when changed, what another one makes of the same noise, and its pauses."""
    reference, fps = smplx.rest_motion(speaker.body), speaker.performer.fps
    rows, clean = {}, {}
    total, done = (1 + len(CHANGES)) * sum(map(len, sounds.values())), 0
    for name, sound in sounds.items():
        clean[name] = speaker.apertures(sound, reference, VISIBLE)
        report((done := done + len(sound)) / total)
        still = disturb.within(clean[name].shape[1], fps, disturb.pauses(sound))
        row = {"seconds": round(len(sound) / RATE, 2), "changed": {}, "pause_frames": int(still.sum())}
        row["at_rest"] = _share(clean[name][:, still])
        row["mean_mm"], row["sd_mm"] = _rounded(clean[name].mean()), _rounded(clean[name].std(axis=1).mean())
        for what, change in CHANGES.items():
            rng = np.random.default_rng([zlib.crc32(name.encode()), zlib.crc32(what.encode())])
            changed = speaker.apertures(change(sound, rng), reference, VISIBLE)
            row["changed"][what] = {
                "correlation": spread([correlation(a, b) for a, b in zip(changed, clean[name], strict=True)]),
                "mean_ratio": spread(changed.mean(axis=1) / clean[name].mean(axis=1)),
            }
            if what.startswith("music"):
                row["at_rest_over_music"] = _share(changed[:, still])
            report((done := done + len(sound)) / total)
        rows[name] = row
    long = [name for name, sound in sounds.items() if len(sound) >= LONG * RATE]
    for name in long if len(long) > 1 else []:
        others = [clean[other] for other in long if other != name]
        pairs = [[_cut(clean[name][i], other[i]) for i in range(SAMPLES)] for other in others]
        rows[name]["another"] = spread(max(pairs, key=np.mean))
    # One's own seeds: how much of the mouth's movement the sound decides.
    for name, own in clean.items():
        rows[name]["another_seed"] = _rounded(
            np.mean([correlation(own[i], own[j]) for i in range(SAMPLES) for j in range(i)])
        )
    return rows


def summary(rows: Mapping[str, dict]) -> dict:
    """Over all sounds; intervals over the sounds' means."""
    frames = sum(row["pause_frames"] for row in rows.values())

    def rest(name: str) -> float | None:
        hits = sum(row[name] * row["pause_frames"] for row in rows.values() if row["pause_frames"])
        return _rounded(hits / frames) if frames else None

    return {
        "sounds": len(rows),
        "changed": {
            what: {
                number: spread([row["changed"][what][number]["mean"] for row in rows.values()])
                for number in ("correlation", "mean_ratio")
            }
            for what in CHANGES
        },
        "another": spread([row["another"]["mean"] for row in rows.values() if row.get("another")]),
        "pause_frames": frames,
        "at_rest": rest("at_rest"),
        "at_rest_over_music": rest("at_rest_over_music"),
    }


def spread(values: "np.ndarray | list[float]") -> dict | None:
    """Mean and 95 % interval (Student's t) of a few numbers; None of none."""
    values = np.asarray(values, np.float64)
    if not len(values):
        return None
    mean = float(values.mean())
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return {"mean": _rounded(mean), "interval": [_rounded(mean - half), _rounded(mean + half)]}


def least(what: str) -> float | None:
    """The correlation that is asked after a change; None: none is."""
    return next((limit for begin, limit in LEAST.items() if what.startswith(begin)), None)


def hears(what: str, agreement: float) -> bool:
    """Whether the mouth moves enough as in the clean run."""
    limit = least(what)
    return limit is None or agreement >= limit


def opens(what: str, ratio: float) -> bool:
    """Whether the mouth opens as far in the mean as in the clean run, where that is asked."""
    return not what.startswith(LEVEL) or abs(ratio - 1) <= MEAN_WITHIN


def missed(found: Mapping) -> list[str]:
    """The limits that are not met, by the name of the sound, or of the clips pooled."""
    lines = []
    for name, row in found["sounds"].items():
        for what, numbers in row["changed"].items():
            agreement, ratio = (numbers[number]["mean"] for number in ("correlation", "mean_ratio"))
            if not hears(what, agreement):
                lines.append(f"{name}, {what}: correlation {agreement}, not {least(what)}")
            if not opens(what, ratio):
                lines.append(f"{name}, {what}: mean {ratio} of the clean run's, not within {MEAN_WITHIN}")
        if row.get("another") and row["another"]["mean"] > MOST_ANOTHER:
            lines.append(f"{name}, another sound: correlation {row['another']['mean']}, not {MOST_ANOTHER}")
    for name in ("at_rest", "at_rest_over_music"):
        share = found["summary"][name]
        if share is None or share < LEAST_AT_REST:
            lines.append(f"pauses, {name}: {share} of the frames, not {LEAST_AT_REST}")
    pooled = found["people"]["pooled"]
    rank = min(pooled["percentile"], pooled["percentile_with_excess"])
    return lines if rank > LEAST_RANK else [*lines, f"people: percentile {rank}, not above {LEAST_RANK}"]


def show(found: Mapping) -> None:
    """Tables on the terminal."""
    sounds, everywhere = found["sounds"], found["summary"]
    table = Table(f"{len(sounds)} sounds, {SAMPLES} seeds", "correlation", "95 %", "worst", "of", "mean/clean's")
    columns = {what: {name: row["changed"][what]["correlation"] for name, row in sounds.items()} for what in CHANGES}
    for what, column in columns.items():
        worst = min(column, key=lambda name: column[name]["mean"])
        numbers = everywhere["changed"][what]
        ratio = f"{numbers['mean_ratio']['mean']:.3f}"
        table.add_row(what, *_cells(numbers["correlation"]), f"{column[worst]['mean']:.3f}", worst, ratio)
    another = {name: row["another"]["mean"] for name, row in sounds.items() if row.get("another")}
    if another:
        worst = max(another, key=another.__getitem__)
        table.add_row("another sound", *_cells(everywhere["another"]), f"{another[worst]:.3f}", worst, "")
    rest = Table(f"mouth at rest, {everywhere['pause_frames']} frames of pauses", "share", *sounds)
    for name, what in (("at_rest", "alone"), ("at_rest_over_music", "over music")):
        values = [
            f"{row[name]:.1%} of {row['pause_frames']}" if row["pause_frames"] else "none" for row in sounds.values()
        ]
        rest.add_row(what, "" if everywhere[name] is None else f"{everywhere[name]:.1%}", *values)
    clips = Table("M and the fit", "correlation", "lag", "95 % of shifted curves", "percentile", "shifts")
    for name, row in {**found["people"]["clips"], "pooled": found["people"]["pooled"]}.items():
        count = row.get("shifts", row.get("pairings"))
        numbers = (row["correlation"], row.get("lag_frames", ""), row["shifted_95"], row["percentile"], count)
        clips.add_row(name, *map(str, numbers))
    Console().print(table, rest, clips)


def _cells(numbers: Mapping) -> tuple[str, str]:
    low, high = numbers["interval"]
    return f"{numbers['mean']:.3f}", f"{low:.3f} to {high:.3f}"


def _cut(a: np.ndarray, b: np.ndarray) -> float:
    frames = min(len(a), len(b))
    return correlation(a[:frames], b[:frames])


def _share(aperture: np.ndarray) -> float | None:
    return _rounded((aperture <= AT_REST).mean()) if aperture.size else None


def _rounded(value: float, digits: int = 4) -> float:
    return round(float(value), digits)


def _fitted(folder: Path, video: Path) -> Fit:
    path = folder / f"{video.stem}.npz"
    if not path.exists():
        raise UserError(f"{path} does not exist", f"Run vlogger fit --video {video} --out {path}")
    fit = result.load(path)
    if not fit.quality.good.any():
        raise UserError(f"{path} has no frame that was fitted well", "Leave that video out of VLOGGER_MEDIA")
    return fit


@app.command()
def main(
    fits: Annotated[Path, typer.Option(help="Folder of fits of the videos, named as they are, .npz.")],
    bundle_folder: Annotated[Path | None, typer.Option("--bundle", help="Instead of the packaged one.")] = None,
    preset: Annotated[str, typer.Option(help="fast, usual or faithful.")] = "usual",
    seconds: Annotated[float, typer.Option(help="Of each sound; for trying things.")] = 1e6,
    out: Annotated[Path, typer.Option(help="Where to write the numbers, .json.")] = RESULTS,
) -> None:
    """Real speech, changed and unchanged."""
    console.keep_compiled()
    if "VLOGGER_MEDIA" not in os.environ:
        raise UserError("VLOGGER_MEDIA is not set", "Set it to a folder with folders `audio` and `video`")
    media = Path(os.environ["VLOGGER_MEDIA"])
    sounds, videos = sorted((media / "audio").glob("*.wav")), sorted((media / "video").glob("*.mp4"))
    if not sounds or not videos:
        raise UserError(f"{media} has no audio/*.wav, or no video/*.mp4", "Name another folder in VLOGGER_MEDIA")
    heard = {path.name: audio_file.read(path, duration=seconds) for path in [*sounds, *videos]}
    people = {path.name: (heard[path.name], _fitted(fits, path)) for path in videos}
    speaker = Speaker(moving.performer(bundle_folder, preset), model_file.default())
    with console.progress() as begin:
        rows = robust(speaker, heard, begin("changed sound"))
        fps, body = speaker.performer.fps, speaker.body
        ranked = motion_people.against(speaker.average, body, fps, people, begin("talking videos"))
    stored = bundle.load(bundle_folder or bundle.packaged()).stages[moving.STAGE]
    found = {
        "command": f"VLOGGER_MEDIA=... python -m benchmarks.motion_speech --fits DIR --preset {preset}",
        "versions": {
            "python": sys.version.split()[0],
            **{package: metadata.version(package) for package in ("jax", "numpy", "scipy", "librosa")},
        },
        "bundle": {"step": stored.training.step, "sha256": stored.sha256},
        "seeds": SAMPLES,
        "summary": summary(rows),
        "sounds": rows,
        "people": {"samples_averaged": AVERAGED * SAMPLES, **ranked},
    }
    found["missed"] = missed(found)
    with atomic.replacing(out) as part:
        part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show(found)
    print(*(found["missed"] or ["all limits are met"]), sep="\n")


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.motion_speech"))

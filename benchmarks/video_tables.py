"""The tables of docs/video.md, from the numbers of their benchmarks."""

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks import video_arms, video_table
from benchmarks.markdown import digits, read, said, table
from benchmarks.video_clips import CONDITIONS
from vlogger_jax.metrics.regions import REGIONS

ARMS, TABLE = "docs/results/video_arms.json", "docs/results/video_table.json"
AOT, UNET = "docs/results/aot_video.json", "benchmarks/results/unet.cpu2.json"
LONG, PRESETS = "docs/results/video_long.json", "docs/results/video_presets.json"

OURS = video_table.OURS.name

AT = 0.7
"""Time of the diffusion whose gaps stand in the table, and where the mouth's is held to a share of its loss."""
LEAST_MOUTH = 0.1
FLICKER, SEAM = (0.7, 1.5), 1.3


def arms() -> str:
    """What learns to look at its controls."""
    found, rows = read(ARMS).get("rows", {}), []
    for name, curve in found.items() if found.keys() >= video_arms.ARMS.keys() else ():
        last = curve[-1]
        face = last[f"face {AT}"]
        rows.append(
            [
                name,
                str(last["step"]),
                f"{last['seconds'] / 60:.1f}",
                *(_gap(last[f"{what} {AT}"]) for what in ("all", "face", "hands")),
                f"{100 * face['gap'] / face['loss']:.0f} %, {said(face['gap'] >= LEAST_MOUTH * face['loss'])}",
                *(_since(curve, f"{what} {AT}") for what in ("all", "face", "hands")),
            ]
        )
    gaps = ["all controls shuffled", "expression and jaw", "hands"]
    since = [f"{name} above 0 since step" for name in ("all", "mouth", "hands")]
    return table(["trained", "steps", "minutes", *gaps, "mouth, of the loss", *since], rows)


def psnr() -> str:
    """The paper's Table 3, in decibels."""
    return _rows(lambda row: [_value(row[c][r]["psnr"], 4) for c in CONDITIONS for r in REGIONS], _heads("", REGIONS))


def others() -> str:
    """The other metrics, with exact controls."""
    places = [(region, metric) for region in ("full", "foreground") for metric in ("ssim", "l1", "sharpness")]
    heads = ["", *(f"{metric}, {region}" for region, metric in places)]
    return _rows(lambda row: [_value(row[CONDITIONS[0]][region][metric], 3) for region, metric in places], heads)


def regions() -> str:
    """The same of face and hands."""
    places = [(region, metric) for region in ("face", "hands", "body") for metric in ("ssim", "l1", "sharpness")]
    heads = ["", *(f"{metric}, {region}" for region, metric in places)]
    return _rows(lambda row: [_value(row[CONDITIONS[0]][region][metric], 3) for region, metric in places], heads)


def composite() -> str:
    """By how much ours beats what is pasted."""
    rows = []
    for condition, places in read(TABLE).get("beats_composite", {}).items():
        for region, each in places.items():
            rows.append([f"{region}, {condition}", _gain(each["gain"]), f"{each['asked']:g} dB", said(each["met"])])
    return table(["", "gain over the composite", "asked at least", ""], rows)


def order() -> str:
    """Which of the paper's steps are steps here."""
    rows = []
    for each in read(TABLE).get("order", []):
        whose = "the paper's" if each["of_the_paper"] else ""
        cells = [f"{_gain(each['gain'][c])}, {each['said'][c]}" for c in CONDITIONS]
        rows.append([each["better"], each["worse"], whose, *cells])
    return table(["", "better than", "", *CONDITIONS], rows)


def overlaps() -> str:
    """Windows that overlap by nothing, a quarter and half."""
    rows = []
    for overlap, each in read(TABLE).get("overlaps", {}).items():
        flicker, seam = (each[name]["value"] for name in ("flicker", "seam"))
        cells = [_value(each[name], 3) for name in ("psnr", "flicker", "seam")]
        even = "–" if flicker is None else said(FLICKER[0] <= flicker <= FLICKER[1])
        joined = "–" if seam is None or overlap != "0.5" else said(seam < SEAM)
        rows.append([f"{100 * float(overlap):.0f} %", *cells, even, joined])
    heads = ["overlap", "PSNR", "flicker", "seam", f"flicker {FLICKER[0]} to {FLICKER[1]}", f"seam below {SEAM}"]
    return table(heads, rows)


def presets() -> str:
    """What presets and guidance give, and what they take."""
    places = [
        *((place, "psnr", 4) for place in ("full", "face", "hands")),
        ("face", "sharpness", 3),
        ("full", "flicker", 3),
    ]
    rows = []
    for name, row in read(PRESETS).get("rows", {}).items():
        cells = [_value(row[place][metric], count) for place, metric, count in places]
        rows.append([name, str(row["steps"]), f"{row['seconds_a_frame']:.3f}", *cells])
    heads = ["", "steps", "s a frame", *(f"{metric}, {place}" for place, metric, _ in places)]
    return table(heads, rows)


def long() -> str:
    """A thousand frames."""
    rows = []
    for preset, row in read(LONG).get("rows", {}).items():
        grown = row["mib_after"] - row["mib_settled"]
        cells = [
            str(row["frames"]),
            f"{row['frames_a_second']:.1f}",
            f"{row['mib_settled']:.0f} MiB",
            f"{grown:+.1f} MiB",
        ]
        rows.append([preset, *cells])
    return table(["preset", "frames", "a second", "memory after 200", "grown since"], rows)


def tpus() -> str:
    """What the stages take of TPUs."""
    found = read(AOT).get("rows", {})
    alone = {_kind(name): row["flops"] for name, row in found.items() if row["chips"] == 1}
    rows = []
    for name, row in found.items():
        whole = alone.get(_kind(name))
        share = f"{row['flops'] * row['chips'] / whole:.3f}" if whole and row["fits"] else "–"
        memory = f"{row['memory'] / 2**30:.2f}" if row["fits"] else "does not fit"
        cells = [str(row["chips"]), str(row["batch"]), memory, f"{row['available'] / 2**30:.1f}"]
        rows.append([name, *cells, f"{row['flops']:.3g}", share])
    heads = [
        "",
        "chips",
        "batch",
        "GiB a chip at the peak",
        "of",
        "FLOPs a chip",
        "times chips, of one's",
    ]
    return table(heads, rows)


def speed() -> str:
    """Beside PyTorch."""
    rows = read(UNET).get("rows", [])
    return table(
        ["", "JAX, ms", "PyTorch, ms", "ratio"],
        ([row["case"], f"{row['ours']:.1f}", f"{row['theirs']:.1f}", f"{row['ratio']:.2f}"] for row in rows),
    )


TABLES = {
    each.__name__: each
    for each in (arms, psnr, others, regions, composite, order, overlaps, presets, long, tpus, speed)
}


def _rows(cells: Any, heads: list[str]) -> str:
    rows = read(TABLE).get("rows", {})
    return table(heads, ([f"**{name}**" if name == OURS else name, *cells(row)] for name, row in rows.items()))


def _heads(first: str, names: Iterable[str]) -> list[str]:
    return [first, *(name if c == CONDITIONS[0] else f"{name}, {c}" for c in CONDITIONS for name in names)]


def _gap(found: Mapping[str, float]) -> str:
    return f"{digits(found['gap'], 2)} ± {digits(found['half'], 2)}"


def _since(curve: list[dict[str, Any]], name: str) -> str:
    """The first step from which on the interval of a gap never again held 0."""
    first = None
    for point in curve:
        above = point[name]["gap"] - point[name]["half"] > 0
        first = (point["step"] if first is None else first) if above else None
    return f"{first}" if first is not None else f"**not within {video_arms.STEPS}**"


def _kind(name: str) -> tuple[str, ...]:
    size, stage, topology, what = name.split(" ")
    return size, stage, topology.partition(":")[0], what


def _value(found: Mapping[str, float | None], count: int) -> str:
    if found["value"] is None:
        return "–"
    return f"{digits(found['value'], count)} ± {digits((found['high'] - found['low']) / 2, 2)}"


def _gain(found: Mapping[str, float | None]) -> str:
    if found["value"] is None:
        return "–"
    return f"{found['value']:+.2f} dB ({found['low']:+.2f} to {found['high']:+.2f})"

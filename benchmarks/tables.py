"""The tables of docs/motion.md from the numbers of their benchmarks: `python -m benchmarks.tables`.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; NAME is a function here. `tests/test_tables.py` holds
the page to what would be written.
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import typer

from benchmarks.motion_ablation import ARMS, interval
from benchmarks.motion_ablation import METRICS as ABLATED
from benchmarks.motion_metrics import METRICS
from vlogger_jax import console
from vlogger_jax.media import atomic

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "motion.md"

_PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rendered(page: str) -> str:
    """`page` with all its tables made anew."""
    return _PLACE.sub(lambda found: found[1] + TABLES[found[2]]() + "\n" + found[3], page)


def people() -> str:
    """Held-out people: all rows, all metrics."""
    found = _read("docs/results/motion.json")
    names = {**METRICS, "fgd_raw": "FGD raw", "fgd": "FGD"}
    rows = ([_bold(name), *(_bold(_value(row[key]), name) for key in names)] for name, row in found["rows"].items())
    return _table(["", *names.values()], rows)


def asked() -> str:
    """What is asked of M on held-out people."""
    found = _read("docs/results/motion.json")
    return _table(["asked", "", "found", ""], ([_what(each), *_limit(each)] for each in found["limits"]))


def raised() -> str:
    """Two raised hands in the reference."""
    shares = _read("docs/results/motion.json")["raised_hands"]["shares"]
    rows = ([name, *(f"{100 * each['value']:.1f} %" for each in row.values())] for name, row in shares.items())
    return _table(["", "beyond the limits of joints", "too far"], rows)


def ablation() -> str:
    """The paper's Table 2, small."""
    found = _read("docs/results/motion_ablation.json")
    rows = []
    for arm in ARMS:
        cells = [arm]
        for name in ABLATED:
            low, high = interval(found["rows"], arm, name)
            said = found["verdicts"].get(arm, {}).get(name)
            cells.append(f"{(low + high) / 2:.2f} ± {(high - low) / 2:.2f}" + (f", {said}" if said else ""))
        rows.append(cells)
    return _table(["", "lip error mm", "jerk mm/frame³", "whole mesh mm"], rows)


def real() -> str:
    """Real recordings, changed."""
    found = _read("docs/results/motion_speech.json")
    rows = []
    for what, numbers in found["summary"]["changed"].items():
        each = {name: row["changed"][what]["correlation"]["mean"] for name, row in found["sounds"].items()}
        worst = min(each, key=each.__getitem__)
        rows.append([what, _mean(numbers["correlation"]), f"{each[worst]:.2f} ({worst})", _mean(numbers["mean_ratio"])])
    another = {name: row["another"]["mean"] for name, row in found["sounds"].items() if "another" in row}
    worst = max(another, key=another.__getitem__)
    rows.append(["another sound", _mean(found["summary"]["another"]), f"{another[worst]:.2f} ({worst})", ""])
    return _table(["", "correlation with the clean run", "worst", "mean opening over the clean run's"], rows)


def filmed() -> str:
    """Real people's lips."""
    found = _read("docs/results/motion_speech.json")["people"]
    rows = [
        [name, f"{row['correlation']:.2f}", f"{row['shifted_95']:.2f}", f"{row['percentile']:.1f}"]
        for name, row in found["clips"].items()
    ]
    pooled = found["pooled"]
    last = ["pooled", f"{pooled['correlation']:.2f}", f"{pooled['shifted_95']:.2f}", f"{pooled['percentile']:.1f}"]
    return _table(["", "correlation", "95 % of shifts are below", "percentile"], [*rows, last])


def speed() -> str:
    """Seconds of ten of sound."""
    found = _read("benchmarks/results/motion_speed.cpu2.json")
    rows = ([row["case"], f"{row['ours']:.2f} s", f"{row['theirs']:.2f} s"] for row in found["rows"])
    return _table(["", "M", "a call a step from Python"], rows)


TABLES = {each.__name__: each for each in (people, asked, raised, ablation, real, filmed, speed)}


def _read(path: str) -> dict:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _bold(text: str, row: str = "") -> str:
    return f"**{text}**" if "ours" in (text, row) else text


def _value(value: dict[str, float] | None) -> str:
    if value is None:
        return "–"
    half = f" ± {_digits((value['high'] - value['low']) / 2, 2)}" if "low" in value else ""
    return f"{_digits(value['value'], 3)}{half}"


def _digits(value: float, digits: int) -> str:
    """What is only rounding is 0."""
    return f"{value:.{digits}g}" if abs(value) > 1e-9 else "0"


def _mean(found: dict) -> str:
    low, high = found["interval"]
    return f"{found['mean']:.2f} ({low:.2f} to {high:.2f})"


def _what(each: dict) -> str:
    return each["what"].replace("_", " ")


def _limit(each: dict) -> list[str]:
    low, high = each["low"], each["high"]
    if low is None:
        asked = f"at most {high:g}"
    else:
        asked = f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
    return [asked, "–" if each["value"] is None else f"{each['value']:.3g}", "met" if each["met"] else "**missed**"]


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main() -> None:
    """Write the tables of docs/motion.md anew."""
    page = rendered(PAGE.read_text(encoding="utf-8"))
    with atomic.replacing(PAGE) as part:
        part.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.tables"))

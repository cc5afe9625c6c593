"""What every benchmark writes: `benchmarks/results/<name>.<machine>.json`, and the same as a table on the terminal."""

import json
import os
import sys
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """A short name of what this runs on, such as `cpu2`: no host names."""
    return f"cpu{len(os.sched_getaffinity(0))}"


def row(case: str, ours: float, theirs: float, unit: str) -> dict:
    """One comparison; the ratio is ours / theirs."""
    return {
        "case": case,
        "ours": round(ours, 3),
        "theirs": round(theirs, 3),
        "unit": unit,
        "ratio": round(ours / theirs, 4),
    }


def write(name: str, rows: list[dict], packages: tuple[str, ...], details: dict | None = None) -> Path:
    """Print `rows` and save them with the versions of Python and `packages`, and with what has no comparison."""
    width = max(len(each["case"]) for each in rows)
    print(f"{'':{width}}  {'ours':>10}  {'theirs':>10}  {'':8}  ratio")
    for each in rows:
        numbers = f"{each['ours']:10.2f}  {each['theirs']:10.2f}  {each['unit']:8}  {each['ratio']:.3f}"
        print(f"{each['case']:{width}}  {numbers}")
    versions = {"python": sys.version.split()[0], **{package: metadata.version(package) for package in packages}}
    found = {"command": f"python -m benchmarks.{name}", "versions": versions, "machine": machine(), "rows": rows}
    found |= {} if details is None else {"details": details}
    path = RESULTS / f"{name}.{machine()}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return path

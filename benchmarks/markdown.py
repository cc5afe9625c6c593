"""Tables in pages of documentation: what all of them are made of."""

import json
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]


def read(path: str) -> dict:
    """What a benchmark wrote, by its path in the repository; {} if there is nothing yet."""
    file = ROOT / path
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def table(heads: list[str], rows: Iterable[list[str]]) -> str:
    """Of cells; "" if there are no rows."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) if len(lines) > 2 else ""


def bold(text: str, row: str = "") -> str:
    """As it is, but for ours."""
    return f"**{text}**" if "ours" in (text, row) else text


def digits(value: float, count: int) -> str:
    """So many digits; what is only rounding is 0."""
    return f"{value:.{count}g}" if abs(value) > 1e-9 else "0"


def said(met: bool) -> str:
    """Of what is asked."""
    return "met" if met else "**missed**"

"""The tables of the documentation from the numbers of their benchmarks: `python -m benchmarks.tables`.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; NAME is a function of the page's module. What has not
been measured to the end stays empty. `tests/test_tables.py` holds the pages to what would be written.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import typer

from benchmarks import motion_tables, video_tables
from benchmarks.markdown import ROOT
from vlogger_jax import console
from vlogger_jax.media import atomic

Tables = Mapping[str, Callable[[], str]]

PAGES: dict[Path, Tables] = {
    ROOT / "docs" / "motion.md": motion_tables.TABLES,
    ROOT / "docs" / "video.md": video_tables.TABLES,
}

_PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rendered(page: str, tables: Tables) -> str:
    """`page` with all its tables made anew."""

    def filled(found: re.Match) -> str:
        table = tables[found[2]]()
        return found[1] + (table + "\n" if table else "") + found[3]

    return _PLACE.sub(filled, page)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main() -> None:
    """Write the tables of docs/motion.md and docs/video.md anew."""
    for page, tables in PAGES.items():
        text = rendered(page.read_text(encoding="utf-8"), tables)
        with atomic.replacing(page) as part:
            part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.tables"))

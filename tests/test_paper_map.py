"""docs/paper_map.md names functions that there are, where it says."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "paper_map.md"
LINK = re.compile(r"\[((?:`\w+`(?:, )?)+)\]\((\.\./[\w/.]+\.py)\)")
LINKS = [
    (name, path)
    for names, path in LINK.findall(PAGE.read_text(encoding="utf-8"))
    for name in re.findall(r"`(\w+)`", names)
]


@pytest.mark.parametrize(("name", "path"), LINKS)
def test_what_is_named_is_there(name, path):
    file = (PAGE.parent / path).resolve()
    if name == file.stem:
        assert file.exists()
    else:
        source = file.read_text(encoding="utf-8")
        assert re.search(rf"^(def|class) {name}\b|^    def {name}\b|^{name}\b.* = ", source, re.MULTILINE)


def test_all_links_are_read():
    text = PAGE.read_text(encoding="utf-8")
    assert len(LINKS) > 40 and text.count(".py)") == len(LINK.findall(text)) + len(
        re.findall(r"\]\(\.\./configs/motion", text)
    )

"""The README against what is there: no figure of it may outlive the results it was taken from."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def results(name: str) -> dict:
    return json.loads((ROOT / "docs" / "results" / name).read_text())


def test_nothing_is_left_to_be_filled_in():
    assert re.findall(r"\b[A-Z]+_[A-Z]+\b", re.sub(r"`[^`]*`", "", README)) == []


def test_its_pictures_and_links_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ([a-z_.]+)", README))))
def test_its_commands_exist(module):
    path = ROOT / module.replace(".", "/")
    assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def test_what_it_says_of_made_up_people():
    median = results("fit_truth.json")["median"]
    row = next(line for line in README.splitlines() if "tests.fit.test_truth" in line)
    for value in (f"{median['head_deg']:.1f}", f"{median['jaw_deg']:.1f}", f"{median['wrist_cm']:.1f}"):
        assert f" {value} " in row
    assert f"{median['mouth_correlation']:.3f}" in row and f"{median['lids_correlation']:.2f}" in row


def test_what_it_says_of_real_people():
    table = results("fit_real.json")

    def span(key: str, digits: int) -> str:
        values = [row[key] for row in table["rows"] if key in row]
        return f"{min(values):.{digits}f} to {max(values):.{digits}f}"

    for key, digits in (("ibug_percent", 1), ("lips_percent", 1), ("held_out_percent", 1)):
        assert f"{span(key, digits)} %" in README, key
    for key in ("skin_iou", "jerk_ratio"):
        assert span(key, 2) in README, key
    for key in ("over_unmoved_db", "over_similarity_db"):
        assert f"{table['warp'][key]:.1f} dB over" in README, key

"""Tables of the documentation are those of the committed results."""

import pytest

from benchmarks import motion_ablation, motion_speech, tables

PAGE = tables.PAGE.read_text(encoding="utf-8")


def test_the_page_is_as_it_would_be_written():
    assert tables.rendered(PAGE) == PAGE


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_table_has_its_place_and_its_numbers(name):
    if name == "ablation" and not tables.ablation():
        pytest.skip("not measured to the end yet: python -m benchmarks.motion_ablation")
    assert f"<!-- table: {name} -->\n| " in PAGE


def test_a_table_that_nobody_makes_is_an_error():
    with pytest.raises(KeyError, match="nothing"):
        tables.rendered("<!-- table: nothing -->\n\n<!-- end -->")


def test_what_has_not_been_measured_to_the_end_has_no_table(monkeypatch, tmp_path):
    monkeypatch.setattr(motion_ablation, "RESULTS", tmp_path / "none.json")
    empty = "<!-- table: ablation -->\n<!-- end -->"
    assert tables.rendered(empty) == tables.rendered(empty.replace("<!-- end", "| old |\n<!-- end")) == empty
    (tmp_path / "none.json").touch()
    monkeypatch.setattr(tables, "_read", lambda path: {"verdicts": {}, "rows": {"full/0": {"jerk_mm": 1.0}}})
    assert tables.ablation() == ""


def mean(value: float) -> dict:
    return {"mean": value, "interval": [value - 0.01, value + 0.01]}


def recorded() -> dict:
    """Two recordings: the one has what is asked, and is at rest in hardly any frames; the other has less."""

    def changed(agrees: float, opens: float) -> dict:
        return {what: {"correlation": mean(agrees), "mean_ratio": mean(opens)} for what in motion_speech.CHANGES}

    def row(agrees: float, opens: float, frames: int, *shares: float | None) -> dict:
        rest = dict(zip(("at_rest", "at_rest_over_music"), shares, strict=True))
        return {"changed": changed(agrees, opens), "another": mean(1 - agrees), "pause_frames": frames, **rest}

    sounds = {
        "a.wav": row(0.96, 0.95, 2, 0.9, 0.5),
        "b.wav": row(0.6, 1.3, 30, 0.95, 0.9),
        "c.wav": row(1, 1, 0, None, None),
    }
    summary = row(0.853, 1.083, 32, 0.947, 0.875) | {"changed": changed(0.853, 1.083)}
    ranked = {"correlation": 0.5, "shifted_95": 0.2, "percentile": 100.0}
    pooled = ranked | {"pairings": 10000, "excess_of_shifted_sound": 0.25, "percentile_with_excess": 93.0}
    return {
        "sounds": sounds,
        "summary": summary,
        "people": {"clips": {"v.mp4": ranked | {"shifts": 5}}, "pooled": pooled},
    }


def cells(table: str) -> dict[str, list[str]]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert len({len(line) for line in lines}) == 1
    return {line[0]: line[1:] for line in lines[2:]}


def test_what_is_missed_stands_in_the_table(monkeypatch):
    monkeypatch.setattr(tables, "_read", lambda path: recorded())
    found = cells(tables.real())
    level, noise, throat = found["12 dB louder"], found["white noise, 20 dB"], found["vocal tract, formants +10 %"]
    assert level[1] == "0.600 (b.wav)" and level[3] == "1.300 (b.wav)"
    assert level[4:] == ["at least 0.95; opening within 10 %", "**missed**", "**missed** by 1 of 3"]
    assert noise[4:] == ["at least 0.85", "met", "**missed** by 1 of 3"]
    assert throat[4:] == ["at least 0.80", "met", "**missed** by 1 of 3"]
    assert found["music, 15 dB"][4:] == ["–", "–", "–"]
    assert found["another sound"][1] == "0.400 (b.wav)"
    assert found["another sound"][4:] == ["at most 0.30", "met", "**missed** by 1 of 3"]


def test_a_mouth_that_opens_too_far_misses_though_it_follows(monkeypatch):
    told = recorded()
    for row in (*told["sounds"].values(), told["summary"]):
        row["changed"]["12 dB louder"] = {"correlation": mean(0.96), "mean_ratio": mean(1.2)}
    monkeypatch.setattr(tables, "_read", lambda path: told)
    assert cells(tables.real())["12 dB louder"][-2:] == ["**missed**", "**missed** by 3 of 3"]


def test_pauses_tell_how_many_frames_they_have(monkeypatch):
    monkeypatch.setattr(tables, "_read", lambda path: recorded())
    asked = "at least 90 %"
    assert cells(tables.pauses()) == {
        "a.wav": ["2", "90.0 %", "50.0 %", asked, "**missed** over music"],
        "b.wav": ["30", "95.0 %", "90.0 %", asked, "met"],
        "c.wav": ["0", "–", "–", asked, "–"],
        "pooled": ["32", "94.7 %", "87.5 %", asked, "**missed** over music"],
    }


def test_shifts_are_counted(monkeypatch):
    monkeypatch.setattr(tables, "_read", lambda path: recorded())
    assert cells(tables.filmed()) == {
        "v.mp4": ["0.50", "5", "0.20", "100.0", "", ""],
        "pooled": ["0.50", "10000 drawn", "0.20", "100.0", "above 95", "met"],
        "pooled, all shifts 0.250 better": ["0.50", "10000 drawn", "0.45", "93.0", "above 95", "**missed**"],
    }

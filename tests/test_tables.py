"""Tables of the documentation are those of the committed results."""

import pytest

from benchmarks import markdown, motion_ablation, motion_speech, motion_tables, tables, video_arms, video_tables


@pytest.mark.parametrize("page", tables.PAGES, ids=lambda page: page.stem)
def test_pages_are_as_they_would_be_written(page):
    text = page.read_text(encoding="utf-8")
    assert tables.rendered(text, tables.PAGES[page]) == text


@pytest.mark.parametrize("page, name", [(page, name) for page, names in tables.PAGES.items() for name in names])
def test_every_table_has_its_place_and_its_numbers(page, name):
    if not tables.PAGES[page][name]():
        pytest.skip("not measured to the end yet")
    assert f"<!-- table: {name} -->\n| " in page.read_text(encoding="utf-8")


def test_a_table_that_nobody_makes_is_an_error():
    with pytest.raises(KeyError, match="nothing"):
        tables.rendered("<!-- table: nothing -->\n\n<!-- end -->", motion_tables.TABLES)


def test_what_has_not_been_measured_to_the_end_has_no_table(monkeypatch, tmp_path):
    monkeypatch.setattr(motion_ablation, "RESULTS", tmp_path / "none.json")
    empty = "<!-- table: ablation -->\n<!-- end -->"
    old = empty.replace("<!-- end", "| old |\n<!-- end")
    assert tables.rendered(empty, motion_tables.TABLES) == tables.rendered(old, motion_tables.TABLES) == empty
    (tmp_path / "none.json").touch()
    monkeypatch.setattr(motion_tables, "read", lambda path: {"verdicts": {}, "rows": {"full/0": {"jerk_mm": 1.0}}})
    assert motion_tables.ablation() == ""


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
    monkeypatch.setattr(motion_tables, "read", lambda path: recorded())
    found = cells(motion_tables.real())
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
    monkeypatch.setattr(motion_tables, "read", lambda path: told)
    assert cells(motion_tables.real())["12 dB louder"][-2:] == ["**missed**", "**missed** by 3 of 3"]


def test_pauses_tell_how_many_frames_they_have(monkeypatch):
    monkeypatch.setattr(motion_tables, "read", lambda path: recorded())
    asked = "at least 90 %"
    assert cells(motion_tables.pauses()) == {
        "a.wav": ["2", "90.0 %", "50.0 %", asked, "**missed** over music"],
        "b.wav": ["30", "95.0 %", "90.0 %", asked, "met"],
        "c.wav": ["0", "–", "–", asked, "–"],
        "pooled": ["32", "94.7 %", "87.5 %", asked, "**missed** over music"],
    }


def test_shifts_are_counted(monkeypatch):
    monkeypatch.setattr(motion_tables, "read", lambda path: recorded())
    assert cells(motion_tables.filmed()) == {
        "v.mp4": ["0.50", "5", "0.20", "100.0", "", ""],
        "pooled": ["0.50", "10000 drawn", "0.20", "100.0", "above 95", "met"],
        "pooled, all shifts 0.250 better": ["0.50", "10000 drawn", "0.45", "93.0", "above 95", "**missed**"],
    }


# Of the video network.


def test_a_gap_counts_from_where_it_stays_above_nothing(monkeypatch):
    def point(step: int, face: float) -> dict:
        gaps = {"all": 0.5, "face": face, "hands": -0.1}
        each = {f"{name} 0.7": {"gap": gap, "half": 0.05, "loss": 0.4} for name, gap in gaps.items()}
        return {"step": step, "seconds": 60.0 * step, **each}

    curve = [point(0, 0.0), point(1, 0.1), point(2, 0.04), point(3, 0.06), point(4, 0.039)]
    both = dict.fromkeys(video_arms.ARMS, curve[:4]) | {"control": curve}
    monkeypatch.setattr(video_tables, "read", lambda path: {"rows": both})
    found = cells(video_tables.arms())
    never = f"**not within {video_arms.STEPS}**"
    assert found["all"] == ["3", "3.0", "0.5 ± 0.05", "0.06 ± 0.05", "-0.1 ± 0.05", "15 %, met", "0", "3", never]
    assert found["control"][-4:] == ["10 %, **missed**", "0", never, never]


def test_chips_are_held_to_one_chip_of_their_kind(monkeypatch):
    def row(chips: int, flops: float, fits: bool = True) -> dict:
        memory = 2**30 if fits else None
        return dict(chips=chips, batch=64, flops=flops, fits=fits, memory=memory, available=2**34, seconds=9.6)

    rows = {
        "small video_control v5e:1x1 train": row(1, 8e9),
        "small video_control v5e:2x2 train": row(4, 2.2e9),
        "small video_control v5p:2x2x1 train": row(4, 2e9),
        "small video_temporal v5e:2x2 train": row(4, 0.0, fits=False),
    }
    monkeypatch.setattr(video_tables, "read", lambda path: {"rows": rows})
    found = cells(video_tables.tpus())
    shares = {name: row[-1] for name, row in found.items()}
    assert list(shares.values()) == ["1.000", "1.100", "–", "–"]
    assert found["small video_temporal v5e:2x2 train"][2] == "does not fit"


def test_nothing_measured_is_no_table():
    assert markdown.read("docs/results/nothing.json") == {} and markdown.table(["a"], []) == ""

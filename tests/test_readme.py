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


def test_what_it_says_of_the_synthetic_mentor():
    acting, clips, fitted = (results(f"{name}.json") for name in ("acting", "avatars_clips", "avatars_fit"))
    bench = json.loads((ROOT / "benchmarks" / "results" / "avatars.cpu2.json").read_text())["rows"]
    rows = {line.split("|")[1].strip()[:12]: line for line in README.splitlines() if line.startswith("| ")}
    figures, counted = acting["figures"], acting["counted"]
    row = rows["p, b and m w"]
    assert f"{100 * figures['bilabials_hit']:.0f} % of {counted['bilabials']}" in row
    assert f"{100 * figures['silent_frames_at_rest']:.0f} % of {counted['rest']}" in row
    assert f" {figures['beats_above_shuffled_sd']:.0f} deviations" in rows["beats of han"]
    figures = clips["figures"]
    row = rows["frames witho"]
    for name in ("silent_frames", "head_travel_of_width", "wide_clips_with_hands"):
        assert f"{100 * figures[name]:.0f} %" in row, name
    assert f" {figures['performed_per_s']:.0f} clips/s" in rows["performances"]
    row = rows["antialiased "]
    assert " / ".join(f"{1e3 / each['ours']:.0f}" for each in bench) + " frames/s" in row
    assert " / ".join(f"{each['ratio']:.2f}" for each in bench) + " of the time" in row
    row = rows["MediaPipe's "]
    assert f"{100 * fitted['clips_detected']:.0f} % of the clips" in row
    for share in filter(None, fitted["within"].values()):
        assert f"{100 * share:.0f} %" in row


def test_what_it_says_of_loaders():
    found = json.loads((ROOT / "benchmarks" / "results" / "data.cpu2.json").read_text())
    details, ratios = found["details"], {row["case"]: row["ratio"] for row in found["rows"]}
    sizes = (128, 256, 512)
    rows = {line.split("|")[1].strip(): line for line in README.splitlines() if line.startswith("| ")}
    kinds = {
        "clips of 16": "clips of 16 frames with a reference and controls",
        "clips of 4": "clips of 4 frames",
        "single frames": "single frames: two are read for one",
        "pictures alone": "pictures alone, one of a record",
        "4 pictures alone": "pictures alone, four of a record",
    }
    for kind, name in kinds.items():
        cases = [f"{size} px, {kind}" for size in sizes]
        assert " / ".join(f"{details[case]['ms']:.1f}" for case in cases) in rows[name]
        assert " / ".join(f"{details[case]['read_over_used']:.1f}" for case in cases) in rows[name]
        if "alone" not in kind:
            assert " / ".join(f"{ratios[case]:.2f}" for case in cases) in rows[name]
    text = " ".join(README.split())
    for kind, begin in (("clips of 16", "take"), ("clips of 4", "px,")):
        case = details[f"128 px, {kind}"]
        rate = 1e3 * case["gigabytes_a_second_a_host"]
        assert f"{begin} {case['cores_a_host']:.1f} cores and {rate:.0f} MB/s" in text
    assert f"{details['memory']['late_mb'] - details['memory']['early_mb']:+.1f} MB" in text


def test_what_it_says_of_motion():
    motion, speech = results("motion.json"), results("motion_speech.json")
    speed = json.loads((ROOT / "benchmarks" / "results" / "motion_speed.cpu2.json").read_text())["rows"]
    ours, beside, pooled = motion["rows"]["ours"], motion["lip_error_over"], speech["people"]["pooled"]
    rows = {line.split("|")[1].strip()[:12]: line for line in README.splitlines() if line.startswith("| ")}
    assert f" {ours['lip_vertex_error_mm']['value']:.1f} mm" in rows["lips, the ve"]
    for other in ("second performance", "ridge", "mean pose"):
        assert f" {beside[other]['value']:.2f} of " in rows["lips, the ve"]
    assert f" {ours['aperture_correlation']['value']:.2f} " in rows["opening of t"]
    for name in ("bilabials_closed", "rest_without_speech"):
        assert f" {100 * ours[name]['value']:.0f} % of" in rows["opening of t"]
    parts = [f"{ours[f'{part}_std']['value']:.2f}" for part in ("expression", "head", "hands")]
    assert " / ".join(parts) in rows["movement ove"]
    assert f"{ours['face_jerk']['value']:.2f} and {ours['body_jerk']['value']:.2f}" in rows["movement ove"]
    assert f" {pooled['correlation']:.2f}; percentile {pooled['percentile']:.0f} " in rows["lips of thre"]
    [fast] = [row["ours"] for row in speed if ", fast;" in row["case"]]
    assert f" {fast:.2f} s " in rows["ten seconds "]


TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def test_what_it_says_of_video():
    table, long = results("video_table.json"), results("video_long.json")["rows"]
    _, part = README.split("## Video\n")
    part = part.split("\n## ")[0]

    def decibels(row: str) -> str:
        return f"{table['rows'][row]['noise']['full']['psnr']['value']:.1f}"

    ours, pasted, still = (decibels(row) for row in ("+ two-stage schedule", "composite", "static reference"))
    assert f"| {ours} dB; cut and paste {pasted}, the reference {still};" in part
    half = table["overlaps"]["0.5"]
    assert f"| {half['flicker']['value']:.2f}; {half['seam']['value']:.2f} |" in part
    fast = long["fast"]
    grown = fast["mib_after"] / fast["mib_settled"] - 1
    assert f"| {fast['frames_a_second']:.0f} frames/s with" in part and f"changes by {100 * grown:.0f} %" in part
    speed = json.loads((ROOT / "benchmarks" / "results" / "unet.cpu2.json").read_text())["rows"]
    forward, train = ([row["ratio"] for row in speed if what in row["case"]] for what in ("forward", "train step"))
    least, most = (f"{each(forward):.2f}" for each in (min, max))
    assert f"| {least} to {most} and {min(train):.2f} to {max(train):.2f} of its time" in part


def test_what_it_says_of_training():
    toy, context = results("toy.json"), results("aot_context.json")["rows"]
    loop = json.loads((ROOT / "benchmarks" / "results" / "loop.cpu2.json").read_text())["details"]
    ar1, rings = toy["ar1"], toy["mixture"]
    masks, replaced = (ar1[way]["bias_of_first_three"] for way in ("trained_with_masks", "replacement"))
    assert f"{masks:.3f} trained with masks, {replaced:.3f} by replacement" in README
    assert f"| {loop['python_ms_a_step']:.1f} ms |" in README
    for page in (README, TRAINING):
        for way, digits in (("parallel.split", 3), ("automatic", 3)):
            ratios = [row["flops_ratio"] for row in context if row["sharding"] == way]
            assert " / ".join(["1", *(f"{ratio:.{digits}f}" for ratio in ratios[1:])]) in page, way
    said = {line.split("|")[1].strip(): line for line in TRAINING.splitlines() if line.startswith("| ")}
    row = said["loss of the mixture; of the sequences"]
    for name in ("loss", "least_possible"):
        assert f" {rings[name]:.4f}; {ar1[name]:.4f} " in row
    row = next(line for name, line in said.items() if name.startswith("going on from 4"))
    for way in ("trained_with_masks", "exact"):
        assert f" {ar1[way]['bias_of_first_three']:.3f}; {ar1[way]['spread_ratio_of_first']:.2f} " in row
    for name, key, digits, begin in (
        ("plain", "spread_ratio", 2, "mixture, inner"),
        ("guided", "radius", 3, "radius of the rings"),
        ("always", "radius", 3, "the same, guidance"),
    ):
        row = next(line for what, line in said.items() if what.startswith(begin))
        for way in ("trained", "exact"):
            inner, outer = (rings[name][way][ring][key] for ring in ("inner", "outer"))
            assert f" {inner:.{digits}f}; {outer:.{digits}f} " in row, (name, way)


@pytest.mark.parametrize("name", ["training", "motion", "data"])
def test_links_and_commands_of_other_pages_exist(name):
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page):
        assert (ROOT / "docs" / target).exists(), target
    for module in set(re.findall(r"python -m ([a-z_.]+)", page)):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module

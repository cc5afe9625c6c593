"""The numbers of an ablation, of samples whose errors are known; and what becomes of the file they are kept in."""

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from pytest import approx

from benchmarks import motion_ablation as ablation
from data_pipelines.loaders import dataset
from data_pipelines.loaders.motion import Motions, MotionWindows
from vlogger_jax import console, stages
from vlogger_jax.body import model_file, smplx
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.motion.model import FIELDS
from vlogger_jax.motion.packing import PARTS
from vlogger_jax.motion.stage import model_of

SAMPLE = Path(__file__).parents[1] / "data_pipelines" / "sample" / "mentor_synth"
AT_REST = {name: 0.5 + i / 100 for i, name in enumerate(PARTS)}


@pytest.fixture(scope="module")
def body() -> smplx.BodyModel:
    return model_file.default()


@pytest.mark.parametrize("arm", ["full", "no residual"])
def test_an_ablation_measures_what_was_sampled(arm, body, monkeypatch):
    """The truth has no error; 1 cm beside it is 1 cm off; 1 mm to and fro has third differences of 4 mm."""
    monkeypatch.setattr(ablation, "TESTED", 2)
    config = ablation.config_of(arm, 0, 50, AT_REST)
    windows = Motions(64, 64, hearing=config.data.hearing.to_dict())
    windows = MotionWindows(dataset.open(SAMPLE).clips("test"), body, windows)
    model, stage = model_of(config.to_dict()), stages.build(config)
    mesh = jax.sharding.Mesh(jax.devices()[:1], ("data",))

    def measured(change) -> tuple[float, ...]:
        def sample(params, frozen, batch, key):
            truth, reference = jax.tree.map(np.asarray, model.motions(batch))
            return model.packing.pack(change(truth, reference), model.origin(reference))

        made = SimpleNamespace(stage=stage, mesh=mesh, sample=sample)
        found = ablation.measure(ablation.Trained(made, None, config.to_dict()), windows, body)
        return tuple(found[name] for name in ("lip_error_mm", "mesh_mm", "jerk_mm"))

    def shaking(truth: Motion, reference: Motion) -> Motion:
        fields = {name: np.repeat(getattr(reference, name), 64, axis=1) for name in FIELDS}
        fields["transl"][:, ::2, 1] += np.float32(0.001)
        return replace(reference, **fields)

    lips, mesh_off, jerk = measured(lambda truth, reference: truth)
    assert (lips, mesh_off) == approx((0, 0), abs=0.02) and jerk > 0.01
    aside = measured(lambda truth, reference: replace(truth, transl=truth.transl + np.float32([0.01, 0, 0])))
    assert aside == (approx(0, abs=0.02), approx(10, abs=0.02), approx(jerk, rel=0.01))
    assert measured(shaking)[2] == approx(4, abs=0.02)
    agape = measured(lambda truth, reference: replace(truth, jaw_pose=truth.jaw_pose + np.float32([0.2, 0, 0])))
    assert agape[0] > 2 and agape[1] < 1


WORTH = {"full": 1.0, "no residual": 2.0, "no temporal loss": 0.5, "no guidance": 1.01}
"""Of an arm; a hundredth more for each seed."""


def arm_of(config) -> str:
    arm = "no residual" if config.model.relative_to == "rest" else "full"
    arm = "no temporal loss" if config.model.smooths.jaw == 0 else arm
    return "no guidance" if config.diffusion.scales == (1.0,) else arm


@pytest.fixture
def ablate(monkeypatch, tmp_path):
    """Runs the command on the packaged records without training: what would be trained, and what is written."""
    out = tmp_path / "ablation.json"
    monkeypatch.setattr(ablation.deviations, "measured", lambda *given, **named: dict(AT_REST))
    monkeypatch.setattr(ablation.program, "build", lambda config, devices: config)
    monkeypatch.setattr(ablation, "windows_of", lambda *given: None)
    monkeypatch.setattr(ablation, "_count", lambda init: 1)
    monkeypatch.setattr(ablation.record, "code", lambda: "of today")

    def measure(trained, windows, body):
        return dict.fromkeys(ablation.METRICS, WORTH[arm_of(trained.made)] + 0.01 * trained.made.train.seed)

    def run(steps: int = 50, seeds: int = 2, last: float = math.inf, before: dict | None = None):
        asked = []

        def train(config, windows, report):
            if len(asked) == last:
                raise KeyboardInterrupt
            asked.append((arm_of(config), config.train.seed, config.train.steps))
            return ablation.Trained(config, None, config.to_dict())

        monkeypatch.setattr(ablation, "train", train)
        monkeypatch.setattr(ablation, "measure", measure)
        if before is not None:
            out.write_text(json.dumps(before))
        try:
            ablation.main(SAMPLE, steps, seeds, out)
        except KeyboardInterrupt:
            assert len(asked) == last
        return asked, json.loads(out.read_text())

    run.left = lambda: json.loads(out.read_text())
    return run


def rows_of(seeds: int) -> dict[str, dict]:
    worth = {f"{arm}/{seed}": WORTH[arm] + 0.01 * seed for seed in range(seeds) for arm in ablation.ARMS}
    return {key: approx(dict.fromkeys(ablation.METRICS, each)) for key, each in worth.items()}


def test_ablations_go_on_where_they_were_stopped(ablate):
    asked, found = ablate(last=4)
    assert asked == [("full", 0, 50), ("no residual", 0, 50), ("no temporal loss", 0, 50), ("full", 1, 50)]
    missing = ("no residual/1", "no temporal loss/1")
    assert (
        found["rows"] == {key: row for key, row in rows_of(2).items() if key not in missing} and not found["verdicts"]
    )
    found["rows"]["full/0"]["jerk_mm"] = 1.25
    asked, found = ablate(before=found)
    assert asked == [("no residual", 1, 50), ("no temporal loss", 1, 50)]
    assert found["rows"]["full/0"]["jerk_mm"] == 1.25 and found["rows"].keys() == rows_of(2).keys()
    said = {arm: verdicts["mesh_mm"] for arm, verdicts in found["verdicts"].items()}
    assert said == {"no residual": "holds", "no temporal loss": "reversed", "no guidance": "undecided"}
    assert ablate() == ([], found)
    asked, found = ablate(seeds=3)
    assert {seed for _, seed, _ in asked} == {2} and len(asked) == 3 and len(found["rows"]) == 12


def test_rows_of_more_seeds_than_asked_for_are_kept(ablate):
    _, found = ablate(seeds=4)
    assert ablate(seeds=2) == ([], found) and len(found["rows"]) == 16
    del found["rows"]["no residual/3"]
    found["rows"]["full/3"] = dict.fromkeys(ablation.METRICS, 50.0)
    asked, again = ablate(before=found, seeds=3)
    assert not asked and again["rows"] == found["rows"]
    # What is told is of the seeds that all arms have: three.
    assert ablation.compared(again["rows"]).keys() == rows_of(3).keys()
    assert again["verdicts"]["no residual"]["mesh_mm"] == "holds"
    assert ablate(seeds=4)[0] == [("no residual", 3, 50)]


def test_trainings_of_other_settings_are_for_another_file(ablate):
    _, found = ablate()
    for name in found["settings"]:
        other = found | {"settings": found["settings"] | {name: "another"}}
        with pytest.raises(UserError, match=rf"{name}.*another --out"):
            ablate(before=other)
        assert ablate.left() == other
    ablate(before=found)
    with pytest.raises(UserError, match=r"configs\.full\.optim\.steps = 50, not 60"):
        ablate(steps=60)
    assert ablate.left() == found
    assert len(ablate(before={**found, "rows": {}}, steps=60)[0]) == 6


def test_files_of_before_there_were_hashes_are_gone_on_with(ablate, capsys):
    """And of before configs said that the upper face has no temperature of its own."""
    _, found = ablate(last=3)
    assert found["codes"].keys() == found["rows"].keys() and len(set(found["codes"].values())) == 1
    capsys.readouterr()
    _, again = ablate(last=0)
    assert "other code" not in capsys.readouterr().err and again["codes"] == found["codes"]
    old = copy.deepcopy(found)
    del old["codes"]
    for config in old["settings"]["configs"].values():
        del config["model"]["upper_face"]
    asked, found = ablate(before=old)
    assert {seed for _, seed, _ in asked} == {1} and found["rows"] == rows_of(2)
    assert "full/0, no guidance/0, no residual/0, no temporal loss/0: of other code" in capsys.readouterr().err
    assert found["codes"].keys() == {f"{arm}/1" for arm in ablation.ARMS}
    found["codes"]["no residual/1"] = "another"
    assert ablate(before=found)[1]["codes"] == found["codes"]
    assert "no residual/1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"settings": {',
        "[1]",
        '{"rows": {}}',
        '{"settings": {}, "rows": [], "codes": {}}',
        '{"settings": {}, "rows": {}, "codes": 1}',
        '{"settings": {}, "rows": {"full/0": {"jerk_mm": 1}}}',
        '{"settings": {}, "rows": {"full/0": {"jerk_mm": NaN, "mesh_mm": 1, "lip_error_mm": 1}}}',
        '{"settings": {}, "rows": {"mine/0": {"jerk_mm": 1, "mesh_mm": 1, "lip_error_mm": 1}}}',
        '{"settings": {}, "rows": {"full": {"jerk_mm": 1, "mesh_mm": 1, "lip_error_mm": 1}}}',
        "\xff",
    ],
)
def test_a_file_of_something_else_is_left_alone(text, tmp_path, capsys):
    out = tmp_path / "there.json"
    out.write_text(text, encoding="latin-1")
    code = console.outcome(ablation.app, ["--data", str(SAMPLE), "--out", str(out)], "it")
    assert code == 2 and out.read_text(encoding="latin-1") == text
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {out} ") and "another --out" in line


def test_what_is_recorded_can_be_gone_on_with():
    if not ablation.RESULTS.exists():
        pytest.skip("not measured yet: python -m benchmarks.motion_ablation")
    found = ablation._read(ablation.RESULTS)
    compared = ablation.compared(found["rows"])
    if found["verdicts"]:
        assert found["verdicts"] == ablation.verdicts(compared) and len(compared) >= ablation.SEEDS * len(ablation.ARMS)

"""The numbers of an ablation, of samples whose errors are known."""

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
from vlogger_jax import stages
from vlogger_jax.body import model_file, smplx
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

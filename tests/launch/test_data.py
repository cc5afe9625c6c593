"""The samples that a config asks for, of the small data set that comes with the repository."""

from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import gesture_autoencoder, motion
from launch import data
from launch.data import Inputs
from vlogger_jax import stages
from vlogger_jax.core.errors import UserError
from vlogger_jax.metrics.gesture_windows import FRAMES
from vlogger_jax.parallel import mesh as meshes

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data_pipelines" / "sample" / "mentor_synth"


def of(module, **changed) -> ConfigDict:
    """Its config, of the clips that there are, which are of 96 frames."""
    tree = module.get_config().to_dict()
    return ConfigDict(tree | {"data": tree["data"] | {"folder": str(SAMPLE)} | changed})


@pytest.mark.parametrize("module", [motion, gesture_autoencoder], ids=lambda module: module.__name__)
@pytest.mark.parametrize("split", data.SPLITS)
def test_samples_are_what_the_stage_asks_for(module, split):
    config = of(module)
    wanted, source = stages.build(config).spec, data.stream(config, split)
    assert {name: (each.shape, each.dtype) for name, each in wanted.items()} == {
        name: (source.spec[name].shape, source.spec[name].dtype) for name in wanted
    }
    found = source[0]
    for name, each in wanted.items():
        assert (found[name].shape, found[name].dtype) == (each.shape, each.dtype), name
        assert np.isfinite(found[name]).all(), name


def test_what_is_trained_on_is_cut_and_overheard_and_what_is_looked_at_is_not():
    """Without what is put into it, a sample hears the same; lengths are drawn before."""
    config, plain = of(motion), of(motion, overheard={"warp": 0.0, "noise": 0.0, "music": 0.0})
    for split, cut, mixed in (("train", True, True), ("validation", False, False), ("test", False, False)):
        found, clean = ([data.stream(each, split)[i] for i in range(6)] for each in (config, plain))
        lengths = {int(each["length"]) for each in found}
        assert (len(lengths) > 3 and min(lengths) >= 72) if cut else lengths == {96}
        same = [np.array_equal(one["heard"], other["heard"]) for one, other in zip(found, clean, strict=True)]
        assert not all(same) if mixed else all(same)


def test_gestures_are_whole_windows_of_clips():
    config = of(gesture_autoencoder)
    found = [data.stream(config, "train")[i] for i in range(6)]
    assert {int(each["length"]) for each in found} == {FRAMES}
    assert all(np.diff(each["body_pose"], axis=0).any(axis=(1, 2)).all() for each in found)


def test_seeds_give_other_samples():
    def first(seed: int) -> np.ndarray:
        config = of(gesture_autoencoder)
        config.train.seed = seed
        return data.stream(config, "train")[0]["body_pose"]

    one, same, other = (first(seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("module", "changed", "said"),
    [
        (motion, {"folder": "nowhere"}, "nowhere"),
        (gesture_autoencoder, {"folder": "nowhere"}, "nowhere"),
        (motion, {"overheard": {"echo": 1.0}}, "config.data.overheard has the unknown key 'echo'"),
        (motion, {"shortest": 97}, "windows of 97 to 96 frames"),
    ],
)
def test_data_that_cannot_be(module, changed, said):
    with pytest.raises(UserError, match=said):
        data.stream(of(module, **changed), "train")


def test_samples_that_a_stage_does_not_ask_for_are_refused():
    config = of(motion, hearing="log_mel")
    with pytest.raises(UserError, match=r"samples have heard .*80.* and the stage asks for .*40"):
        Inputs.of(config, stages.build(of(motion)), meshes.make(meshes.MeshConfig()), "test", 8)


def test_batches_hold_what_the_stage_asks_for():
    config = of(gesture_autoencoder)
    stage = stages.build(config)
    found = Inputs.of(config, stage, meshes.make(meshes.MeshConfig()), "test", 8).batch(0)
    assert {name: array.shape for name, array in found.items()} == {
        name: (8, *each.shape) for name, each in stage.spec.items()
    }

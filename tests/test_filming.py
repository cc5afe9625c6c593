"""From a bundle to frames: the network that was saved, presets, overlaps, and bundles that cannot be used."""

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from configs import video_temporal_128
from tests.video.scenes import scene
from vlogger_jax import bundle, filming, stages
from vlogger_jax.bundle import Training
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.parts import together
from vlogger_jax.diffusion.stepper import Ddpm, DpmSolver2M
from vlogger_jax.video.render import Renderer

SIZE, FRAMES = 16, 4


def config() -> dict:
    given = video_temporal_128.get_config("size=tiny")
    with given.ignore_type():
        given.model.base.update(size=SIZE, channels=8, multipliers=(1,), attention=(), groups=4, heads=dict(channels=8))
        given.diffusion.update(steps=2)
        given.data.frames = FRAMES
    return json.loads(given.to_json_best_effort())


@pytest.fixture(scope="module")
def stage():
    return stages.build(config())


@pytest.fixture(scope="module")
def params(stage):
    """None of them 0, as zero convolutions are."""
    rng = np.random.default_rng(0)
    fresh = stage.init(jax.random.key(0))
    return jax.tree.map(lambda leaf: np.asarray(leaf) + 0.1 * rng.standard_normal(leaf.shape, np.float32), fresh)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, params) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    bundle.save(folder, filming.STAGE, params, Training(config=config(), step=1, seed=0))
    return folder


def test_a_bundle_films_what_was_saved(folder, params):
    found = filming.renderer(folder)
    assert (found.frames, found.overlap) == (FRAMES, FRAMES // 2)
    jax.tree.map(np.testing.assert_array_equal, found.params, together(params))
    frames = np.concatenate(list(found.stream([scene(1, 7, SIZE)], seed=1)))
    direct = Renderer(found.network, found.recipe, found.shown, together(params), FRAMES, FRAMES // 2)
    assert frames.shape == (7, SIZE, SIZE, 3) and frames.std() > 1
    np.testing.assert_array_equal(frames, np.concatenate(list(direct.stream([scene(1, 7, SIZE)], seed=1))))


def test_without_its_control_network_it_sees_no_controls(folder):
    one, other = (scene(1, FRAMES, SIZE), scene(1, FRAMES, SIZE)._replace(controls=scene(2, FRAMES, SIZE).controls))
    other = other._replace(controls=jax.tree.map(lambda values: values[1:], other.controls))
    for scale, same in ((0.0, True), (1.0, False)):
        blind = dataclasses.replace(filming.renderer(folder), scale=scale)
        found = [np.concatenate(list(blind.stream([each], seed=1))) for each in (one, other)]
        assert np.array_equal(*found) == same


def test_presets(folder):
    usual, fast, faithful = (filming.renderer(folder, name).recipe.sampler for name in ("usual", "fast", "faithful"))
    assert (usual.grid.steps, fast.grid.steps, faithful.grid.steps) == (2, 8, 250)
    assert isinstance(fast.stepper, DpmSolver2M) and isinstance(faithful.stepper, Ddpm)
    assert fast.interval == (0.3, 1.0)
    with pytest.raises(UserError, match=r"there is no preset 'slow'. Name one of fast, usual, faithful"):
        filming.renderer(folder, "slow")


@pytest.mark.parametrize(("overlap", "frames"), [(0.0, 0), (0.25, 1), (0.5, 2), (0.95, 3)])
def test_overlaps(folder, overlap, frames):
    assert filming.renderer(folder, overlap=overlap).overlap == frames


@pytest.mark.parametrize("overlap", [-0.1, 1.0, float("nan")])
def test_overlaps_that_there_are_not(folder, overlap):
    with pytest.raises(UserError, match="windows overlap by"):
        filming.renderer(folder, overlap=overlap)


def test_bundles_that_cannot_be_used(tmp_path, params):
    with pytest.raises(UserError, match="is no bundle"):
        filming.renderer(tmp_path / "nowhere")
    bundle.save(
        tmp_path / "toy", "toy", {"trainable": {"w": np.ones(3, np.float32)}}, Training(config={}, step=1, seed=0)
    )
    with pytest.raises(UserError, match="has no stage 'video_temporal'"):
        filming.renderer(tmp_path / "toy")
    less = {name: value for name, value in config().items() if name != "diffusion"}
    bundle.save(tmp_path / "less", filming.STAGE, params, Training(config=less, step=1, seed=0))
    with pytest.raises(UserError, match="has no section diffusion"):
        filming.renderer(tmp_path / "less")

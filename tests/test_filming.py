"""From a bundle to frames: the network that was saved, presets, overlaps, and bundles that cannot be used."""

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from configs import video_sr_256, video_temporal_128
from tests.video.scenes import scene
from vlogger_jax import bundle, filming, scenes, stages
from vlogger_jax.bundle import Training
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.parts import together
from vlogger_jax.diffusion.stepper import Ddpm, DpmSolver2M
from vlogger_jax.video.render import Renderer
from vlogger_jax.video.smaller import Lifting

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
    (level,) = found.levels
    jax.tree.map(np.testing.assert_array_equal, level.params, together(params))
    frames = np.concatenate(list(found.stream([scene(1, 7, SIZE)], seed=1)))
    direct = Renderer((dataclasses.replace(level, params=together(params)),), FRAMES, FRAMES // 2)
    assert frames.shape == (7, SIZE, SIZE, 3) and frames.std() > 1
    np.testing.assert_array_equal(frames, np.concatenate(list(direct.stream([scene(1, 7, SIZE)], seed=1))))


def test_without_its_control_network_it_sees_no_controls(folder):
    one, other = (scene(1, FRAMES, SIZE), scene(1, FRAMES, SIZE)._replace(controls=scene(2, FRAMES, SIZE).controls))
    other = other._replace(controls=jax.tree.map(lambda values: values[1:], other.controls))
    for scale, same in ((0.0, True), (1.0, False)):
        found = filming.renderer(folder)
        blind = dataclasses.replace(found, levels=(dataclasses.replace(found.levels[0], scale=scale),))
        found = [np.concatenate(list(blind.stream([each], seed=1))) for each in (one, other)]
        assert np.array_equal(*found) == same


def test_presets(folder):
    usual, fast, faithful = (
        filming.renderer(folder, name).levels[0].recipe.sampler for name in ("usual", "fast", "faithful")
    )
    assert (usual.grid.steps, fast.grid.steps, faithful.grid.steps) == (2, 4, 250)
    assert isinstance(fast.stepper, DpmSolver2M) and isinstance(faithful.stepper, Ddpm)
    assert (fast.temperature, faithful.temperature) == (0.5, 1.0)
    assert (fast.guidance.scales, fast.interval) == ((1.5,), (0.2, 0.8)) and usual.guidance.scales == (1.0,)
    assert filming.renderer(folder, "fast").overlap == 1 and filming.renderer(folder, "fast", 0.5).overlap == 2
    with pytest.raises(UserError, match=r"there is no preset 'slow'. Name one of fast, usual, faithful"):
        filming.renderer(folder, "slow")


@pytest.fixture(scope="module")
def cascade(tmp_path_factory, params) -> Path:
    """Of 16 pixels, and of 32 after them."""
    given = video_sr_256.get_config("size=tiny")
    with given.ignore_type():
        shape = dict(size=2 * SIZE, channels=8, multipliers=(1,), blocks=1, groups=4, heads=dict(channels=8))
        given.model.base.update(shape)
        given.model.shown.low, given.model.crop, given.diffusion.steps = SIZE, 0, 2
    large = json.loads(given.to_json_best_effort())
    rng, folder = np.random.default_rng(1), tmp_path_factory.mktemp("cascade")
    fresh = stages.build(large).init(jax.random.key(0))
    stirred = jax.tree.map(lambda leaf: np.asarray(leaf) + 0.1 * rng.standard_normal(leaf.shape, np.float32), fresh)
    bundle.save(folder, filming.STAGE, params, Training(config=config(), step=1, seed=0))
    bundle.save(folder, "video_sr_256", stirred, Training(config=large, step=1, seed=0))
    return folder


@pytest.fixture
def enlarging(monkeypatch):
    monkeypatch.setattr(filming, "ENLARGING", {2 * SIZE: "video_sr_256", 4 * SIZE: "video_sr_512"})


def test_a_bundle_with_super_resolution_makes_larger_frames(cascade, enlarging):
    found = filming.renderer(cascade)
    assert [level.size for level in found.levels] == [SIZE, 2 * SIZE] and found.size == 2 * SIZE
    assert found.levels[1].lifting == Lifting(SIZE, 2 * SIZE, 0.1)
    frames = np.concatenate(list(found.stream([scene(1, 7, 2 * SIZE)], seed=1)))
    assert frames.shape == (7, 2 * SIZE, 2 * SIZE, 3) and frames.std() > 1
    np.testing.assert_array_equal(frames, np.concatenate(list(found.stream([scene(1, 7, 2 * SIZE)], seed=1))))
    assert [level.size for level in filming.renderer(cascade, size=SIZE).levels] == [SIZE]
    with pytest.raises(UserError, match=r"no frames of 64 pixels. Ask for one of 16, 32"):
        filming.renderer(cascade, size=4 * SIZE)


def with_levels(renderer, *levels):
    """The same with other levels, which need not be any."""
    found = dataclasses.replace(renderer)
    object.__setattr__(found, "levels", levels)
    return found


def test_each_level_has_the_frames_of_the_one_before(cascade, enlarging):
    """With a second level that repeats what it is given, a cascade makes what its first level alone makes."""

    class Repeating:
        size = 2 * SIZE

        def denoise(self, window, smaller, draw):
            assert window.known.shape == (1, FRAMES, 2 * SIZE, 2 * SIZE, 3)
            return np.repeat(np.repeat(smaller, 2, axis=2), 2, axis=3)

    asked = scene(1, 7, 2 * SIZE)
    small = filming.renderer(cascade, size=SIZE)
    both = with_levels(small, *small.levels, Repeating())
    found = np.concatenate(list(both.stream([asked], seed=1)))
    alone = np.concatenate(list(small.stream([jax.device_get(scenes.reduced(asked, SIZE))], seed=1)))
    # Compiled together with what reduces scenes, sums are rounded otherwise.
    np.testing.assert_allclose(found[:, ::2, ::2].astype(int), alone.astype(int), atol=1)


def test_levels_are_noised_apart(cascade, enlarging):
    found, seen = filming.renderer(cascade), []

    class Listening:
        size = SIZE

        def denoise(self, window, smaller, draw):
            seen.append(np.asarray(draw.normal(np.zeros((1, 3), np.float32))))
            return np.zeros((1, FRAMES, SIZE, SIZE, 3), np.float32)

    list(with_levels(found, Listening(), Listening()).stream([scene(1, 7, SIZE)]))
    assert len({each.tobytes() for each in seen}) == len(seen) == 6


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

"""Long videos: windows cover every frame once, go on from each other, and do not add up in memory."""

import dataclasses
import itertools
import tracemalloc

import jax
import numpy as np
import pytest

from tests.video import small
from tests.video.scenes import controls, scene
from vlogger_jax.core.errors import UserError
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import render
from vlogger_jax.video.conditions import Shown
from vlogger_jax.video.control import Steered
from vlogger_jax.video.render import Level, Renderer

SIZE = small.SIZE
SHOWN = Shown(steering=("composite",))
RECIPE = Recipe.of(dict(schedule="linear", prediction="v", steps=2, scales=(1.5,), threshold="clip"), conditions=1)


@pytest.fixture(scope="module")
def renderer():
    network = Steered.of(small.model(c_out=3), SHOWN.channels, temporal=True)
    params = {"base": small.parameters(network.base), "control": small.parameters(network.control)}
    return Renderer((Level(network, RECIPE, SHOWN, params, SIZE),), frames=4, overlap=2)


def parts(frames, length):
    """A clip of so many frames, handed over in parts of `length`."""
    whole = scene(1, frames, SIZE)
    for i in range(0, frames, length):
        yield whole._replace(controls=jax.tree.map(lambda values, i=i: values[:, i : i + length], whole.controls))


@pytest.mark.parametrize("overlap", [0, 1, 2, 3])
@pytest.mark.parametrize("frames", [1, 3, 4, 5, 6, 8, 11])
def test_windows_cover_every_frame_once(frames, overlap):
    whole, found = controls(1, frames, SIZE), []
    for number, (window, length) in enumerate(render._windows(parts(frames, 3), 4, overlap)):
        assert window.controls.label.shape[1] == 4
        found.append(window.controls.label[:, overlap if number else 0 : length])
    np.testing.assert_array_equal(np.concatenate(found, axis=1), whole.label)


@pytest.mark.parametrize("frames", [1, 4, 7])
def test_as_many_frames_as_are_steered_however_they_come(renderer, frames):
    one = np.concatenate(list(renderer.stream(parts(frames, 2), seed=3)))
    other = np.concatenate(list(renderer.stream(parts(frames, 5), seed=3)))
    assert one.shape == (frames, SIZE, SIZE, 3) and one.dtype == np.uint8
    np.testing.assert_array_equal(one, other)
    assert np.abs(one.astype(int) - np.concatenate(list(renderer.stream(parts(frames, 2), seed=4)))).max() > 0


@pytest.mark.parametrize("overlap", [0, 1, 2, 3])
def test_a_window_goes_on_from_the_frames_before_it(renderer, overlap):
    going, asked = dataclasses.replace(renderer, overlap=overlap), []

    class Painter:
        size = SIZE

        def denoise(self, window, smaller, draw):
            asked.append(window)
            return np.where(window.given[..., None], window.known, np.float32(0.1 * len(asked)))

    object.__setattr__(going, "levels", (Painter(),))
    made = np.concatenate(list(going.stream(parts(4 + 2 * (4 - overlap), 3))))
    assert not asked[0].given.any()
    for window in asked[1:]:
        np.testing.assert_array_equal(window.given[0, :, 0, 0], np.arange(4) < overlap)
    expected = np.concatenate([np.full(4, 0.1), np.full(4 - overlap, 0.2), np.full(4 - overlap, 0.3)])
    np.testing.assert_array_equal(made[:, 0, 0, 0], np.rint((expected + 1) * 127.5))
    for number, window in enumerate(asked[1:], 1):
        kept = np.concatenate([np.full(4, 0.1), np.full(4 - overlap, 0.2)])[: 4 + (number - 1) * (4 - overlap)]
        np.testing.assert_allclose(window.known[0, :overlap, 0, 0, 0], kept[len(kept) - overlap :], atol=1e-6)


def test_memory_does_not_grow(renderer):
    """Of a longer video more is kept only if somebody keeps it."""
    part = scene(1, 5, SIZE)

    def most(parts):
        tracemalloc.start()
        for _ in renderer.stream(itertools.repeat(part, parts)):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    most(2)
    all_of_it = 100 * sum(leaf.nbytes for leaf in jax.tree.leaves(part.controls))
    assert most(100) < most(4) + all_of_it / 5


def test_an_overlap_of_all_frames_is_refused(renderer):
    with pytest.raises(UserError, match="overlap of 0 to 3"):
        dataclasses.replace(renderer, overlap=4)

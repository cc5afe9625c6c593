"""What the answer takes of pictures."""

import jax
import numpy as np
import pytest

from configs import video_control_128
from tests.video import small
from tests.video.scenes import scene
from tests.video.small import SIZE, jitted, normal, times
from vlogger_jax import stages
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import Network
from vlogger_jax.diffusion.outpaint import prepare
from vlogger_jax.video import conditions
from vlogger_jax.video.conditions import PICTURES, Shown
from vlogger_jax.video.control import Steered
from vlogger_jax.video.layout import features
from vlogger_jax.video.paste import Paste, pasted

FRAMES = (2, 3, SIZE, SIZE, 3)
LEVEL = np.float32([0.0, 0.3])
SHOWN = Shown()


def test_each_pixel_by_hand():
    said, one, other = normal(*FRAMES), normal(*FRAMES, seed=2), normal(*FRAMES, seed=3)
    how = np.zeros((*FRAMES[:-1], 6), np.float32)
    np.testing.assert_array_equal(pasted(said, how, [one, other]), said)
    how[0, :, :, :, 3], how[0, :, :, :, 5] = 1, 1  # nothing of what was said, all of the other
    how[1, 0, 2, 3] = (0.1, 0.2, 0.3, 0.5, 0.25, -2)
    found = np.asarray(pasted(said, how, [one, other]))
    np.testing.assert_array_equal(found[0], other[0])
    at = (1, 0, 2, 3)
    np.testing.assert_allclose(found[at], [0.1, 0.2, 0.3] + 0.5 * said[at] + 0.25 * one[at] - 2 * other[at], atol=1e-6)
    np.testing.assert_array_equal(found[1, 1:], said[1, 1:])


@pytest.mark.parametrize("patch", [1, 2])
def test_features_of_all_sizes_are_heard_where_they_are(patch):
    """What a feature says of a corner changes that corner, and nothing farther away than its cell and a convolution."""
    model = small.model(size=16, patch=patch, attention=(), c_out=3)
    network = Network(lambda rngs: Paste(model, 2, rngs))
    fresh = jitted(network)(network.init(jax.random.key(0)), made := heard(model))
    assert fresh.shape == (1, 1, 16, 16, 6) and not np.asarray(fresh).any()
    params = small.parameters(network)
    before = np.asarray(jitted(network)(params, made))
    for number, each in enumerate(features(model)):
        changed = list(made)
        changed[number] = changed[number].at[:, :, 0, 0].add(1.0)
        where = np.abs(np.asarray(jitted(network)(params, tuple(changed))) - before).max(axis=(0, 1, 4)) > 1e-6
        reach = 16 // each.size + patch
        assert where[0, 0] and where[:reach, :reach].any() and not where[reach:].any() and not where[:, reach:].any()


def heard(model):
    return tuple(jax.numpy.asarray(normal(1, 1, each.size, each.size, each.channels)) for each in features(model))


def test_pictures_are_where_they_are_said_to_be():
    asked = scene(2, 3, SIZE)
    known = prepare(np.zeros(FRAMES, np.float32), np.zeros((2, 3), bool), LEVEL, np.zeros(FRAMES, np.float32))
    seen = np.asarray(conditions.channels(SHOWN, asked, known))
    wanted = {
        "reference": np.broadcast_to(conditions.scaled(asked.reference)[:, None], FRAMES),
        "warp": conditions.scaled(asked.controls.warp) * asked.controls.warp_mask[..., None],
        "composite": conditions.scaled(asked.controls.composite),
    }
    assert set(wanted) == set(PICTURES) - {"low"}
    for name, picture in wanted.items():
        first = SHOWN.first(name)
        np.testing.assert_allclose(seen[..., first : first + 3], picture, atol=1e-6)


def test_a_network_that_pastes_begins_as_its_base_and_is_that_without_its_control():
    pictures = tuple(SHOWN.first(name) for name in PICTURES if name != "low")
    network = Steered.of(small.model(c_out=3), SHOWN.channels, temporal=True, pictures=pictures)
    base = small.parameters(network.base)
    params = network.begin(base, network.init(jax.random.key(1)))
    x, t, seen = normal(*FRAMES), times(2), normal(*FRAMES[:-1], SHOWN.channels, seed=3)
    wanted = jitted(network.base)(base, x, t)
    np.testing.assert_array_equal(jitted(network)(params, x, t, seen, LEVEL), wanted)
    learned = {"base": base, "control": small.parameters(network.control)}
    np.testing.assert_array_equal(jitted(network)(learned, x, t, seen, LEVEL, scale=np.float32(0)), wanted)
    # With features as they were, more of a picture is more of it in the answer.
    silent = jax.tree.map(np.zeros_like, learned["control"])
    bias = np.zeros(7, np.float32)
    bias[[3, 6]] = 1
    silent["paste"]["out"]["bias"] = bias
    found = jitted(network)({"base": base, "control": silent}, x, t, seen, LEVEL)
    first = SHOWN.first("composite")
    np.testing.assert_allclose(found, seen[..., first : first + 3], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(pasted=("matte",)), "'matte' cannot be pasted. Name some of reference, warp, composite"),
        (dict(shown=dict(steering=("dense",))), "'warp' cannot be pasted. Name some of reference"),
        (dict(), "pictures are pasted into an answer that is none"),
    ],
)
def test_what_cannot_be_pasted(changes, said):
    config = video_control_128.get_config("size=tiny").to_dict()
    config["model"] |= changes
    if not changes:
        config["diffusion"]["prediction"] = "eps"
    with pytest.raises(UserError, match=said):
        stages.build(config)

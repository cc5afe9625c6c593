"""Super-resolution: what it learns from, what it is shown, and what it begins with."""

import json

import jax
import numpy as np
import pytest

from configs import video_sr_256
from tests.nn.sharded import normal
from tests.video.scenes import scene
from vlogger_jax import stages
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import paths
from vlogger_jax.core.parts import together
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import conditions, sample, smaller, superres
from vlogger_jax.video.sample import Window
from vlogger_jax.video.smaller import Lifting
from vlogger_jax.video.superres import SuperRes

SIZE, LOW, CROP = 32, 8, 16
DRAW = Draw.of(jax.random.key(2), 2)


def config(**changes) -> dict:
    given = video_sr_256.get_config("size=tiny").to_dict()
    shape = dict(size=SIZE, channels=8, multipliers=(1, 2), blocks=(1, 2), groups=4, heads=dict(channels=8), patch=4)
    given["model"]["base"].update(shape)
    given["model"]["shown"]["low"] = LOW
    given["model"] |= dict(crop=CROP) | changes
    given["data"]["frames"] = 3
    return json.loads(json.dumps(given))


def section(**changes) -> SuperRes:
    return from_mapping(SuperRes, config(**changes)["model"], "config.model")


def batch(b=2, t=3):
    return {"frames": np.asarray(conditions.to_bytes(normal(b, t, SIZE, SIZE, 3)))}


def examples_of(section, draw=DRAW):
    return superres.examples(lambda batch: scene(2, 3, SIZE), section)(batch(), draw)


def test_smaller_frames_by_hand():
    """Flat frames stay as they are; noise takes the variance that it brings; the level stands beside."""
    level = np.float32([0.0, 0.6])
    flat = np.full((2, 1, LOW, LOW, 3), 0.5, np.float32)
    still = smaller.enlarged(flat, level, np.zeros_like(flat), SIZE)
    assert still.shape == (2, 1, SIZE, SIZE, 4)
    np.testing.assert_allclose(still[0, ..., :3], 0.5, atol=1e-6)
    np.testing.assert_allclose(still[1, ..., :3], 0.4, atol=1e-6)
    np.testing.assert_array_equal(still[..., 3], np.broadcast_to(level[:, None, None, None], still.shape[:-1]))
    noisy = smaller.enlarged(0 * flat, level, normal(*flat.shape), SIZE)
    assert not np.asarray(noisy[0, ..., :3]).any()
    middle = np.asarray(jax.image.resize(noisy[1, ..., :3], (1, LOW, LOW, 3), "linear", antialias=False))
    assert middle.std() == pytest.approx(0.6, rel=0.25)


def test_blur_by_hand():
    """What is flat stays, nothing gets lost, a point gets the spread that is asked for; none changes nothing."""
    point = np.zeros((3, 2, 21, 21, 3), np.float32)
    point[:, :, 10, 10] = 1
    made = np.asarray(smaller.blurred(point, np.float32([0, 0.7, 1.0])))
    np.testing.assert_array_equal(made[0], point[0])
    np.testing.assert_allclose(made.sum(axis=(2, 3)), 1, rtol=1e-5)
    away = np.arange(21) - 10
    for clip, spread in ((1, 0.7), (2, 1.0)):
        for axis in (0, 1):
            profile = made[clip, 0, ..., 0].sum(axis=axis)
            assert (profile * away**2).sum() == pytest.approx(spread**2, rel=0.02)
    flat = np.full((1, 1, 9, 9, 3), 0.3, np.float32)
    np.testing.assert_allclose(smaller.blurred(flat, np.float32([2.0])), flat, rtol=1e-6)


def test_training_blurs_and_sampling_does_not():
    """By as much a clip as is said, at most; told apart by what is left of the smaller frames' detail."""

    def detail(made):
        low = np.asarray(made.scene.low[..., :3])
        return np.square(np.diff(low, axis=3)).mean(axis=(1, 2, 3, 4))

    still = dict(low=dict(noise=0.0, level=0.0, blur=0.0))
    soft = dict(low=dict(noise=0.0, level=0.0, blur=1.5))
    sharp, blurred = (detail(examples_of(section(crop=0, **low))) for low in (still, soft))
    assert (blurred < 0.9 * sharp).all() and blurred[0] / sharp[0] != pytest.approx(blurred[1] / sharp[1], rel=0.05)
    asked = superres.asked(lambda batch: scene(2, 3, SIZE), section(crop=0, **soft))(batch(), DRAW)
    np.testing.assert_allclose(detail(asked), sharp, rtol=1e-6)


def test_one_level_a_clip_up_to_what_is_said():
    draws = Draw.of(jax.random.key(0), 200)
    many = {"frames": np.zeros((200, 1, SIZE, SIZE, 3), np.uint8)}
    made = superres.examples(lambda batch: scene(200, 1, SIZE), section(crop=0))(many, draws)
    level = np.asarray(made.scene.low[..., 3])
    assert (level == level[:, :1, :1, :1]).all()
    assert 0 <= level.min() < 0.02 and 0.28 < level.max() <= 0.3
    asked = superres.asked(lambda batch: scene(200, 1, SIZE), section(crop=0))(many, draws)
    assert (np.asarray(asked.scene.low[..., 3]) == np.float32(0.1)).all()


def test_crops_are_of_the_same_place_in_everything():
    """Cut out of what is not cropped: frames, controls, smaller frames and reference alike, each clip elsewhere."""
    whole, cropped = (examples_of(section(crop=crop)) for crop in (0, CROP))
    assert cropped.frames.shape == (2, 3, CROP, CROP, 3)
    places = []
    for i in range(2):
        found = [
            (y, x)
            for y in range(SIZE - CROP + 1)
            for x in range(SIZE - CROP + 1)
            if np.array_equal(whole.frames[i, :, y : y + CROP, x : x + CROP], cropped.frames[i])
        ]
        ((y, x),) = found
        places.append((y, x))
        for large, cut in zip(jax.tree.leaves(whole.scene), jax.tree.leaves(cropped.scene), strict=True):
            part = (
                large[i, :, y : y + CROP, x : x + CROP] if large.shape[1] == 3 else large[i, y : y + CROP, x : x + CROP]
            )
            np.testing.assert_array_equal(part, cut[i])
    assert places[0] != places[1]
    tops = {
        int(np.argmax(examples_of(section(crop=CROP), Draw.of(jax.random.key(s), 2)).frames[0, 0, 0, 0]))
        for s in range(9)
    }
    assert len(tops) > 1


def test_at_first_sight_it_is_the_smaller_frames_with_the_detail_of_the_composite():
    asked = scene(1, 2, SIZE)
    truth = conditions.scaled(asked.controls.composite)
    small = np.asarray(truth).reshape(1, 2, LOW, 4, LOW, 4, 3).mean(axis=(3, 5))
    low = smaller.enlarged(small, np.zeros(1, np.float32), np.zeros_like(small), SIZE)
    found = Lifting(LOW, SIZE, 0.1).guess(asked._replace(low=low))
    np.testing.assert_allclose(found, truth, atol=1e-5)
    darker = smaller.enlarged(small - 0.25, np.zeros(1, np.float32), np.zeros_like(small), SIZE)
    np.testing.assert_allclose(Lifting(LOW, SIZE, 0.1).guess(asked._replace(low=darker)), truth - 0.25, atol=1e-5)


def test_its_unet_is_shown_the_smaller_frames_and_its_copy_all():
    made = section()
    network = made.network()
    shapes = paths(network.shapes())
    assert shapes["base/encoder/stem/kernel"].shape == (3, 3, 6 * 16, 8)
    params = jax.tree.map(lambda leaf: leaf + 0.05, jax.jit(network.init)(jax.random.key(0)))
    x, t, level = normal(2, 3, SIZE, SIZE, 3), np.float32([0.2, 0.9]), np.float32([0.0, 0.1])
    seen = normal(2, 3, SIZE, SIZE, made.shown.channels, seed=3)
    call = jax.jit(network)
    blind = np.asarray(call(params, x, t, seen, level, scale=np.float32(0)))
    other = seen.copy()
    first = made.shown.first("low")
    other[..., first : first + 3] += 1
    assert np.abs(blind - call(params, x, t, other, level, scale=np.float32(0))).max() > 1e-3
    dense = seen.copy()
    dense[..., 0] += 1
    np.testing.assert_array_equal(blind, call(params, x, t, dense, level, scale=np.float32(0)))
    assert np.abs(call(params, x, t, seen, level) - call(params, x, t, dense, level)).max() > 1e-3


def test_the_stage_learns_and_samples():
    stage = stages.build(config())
    assert stage.name == "video_sr_256" and stage.spec["frames"].shape == (3, SIZE, SIZE, 3)
    params = jax.jit(stage.init)(jax.random.key(0))
    rng = np.random.default_rng(0)
    asked = {
        name: rng.integers(0, 17 if "label" in name else 256, (2, *each.shape)).astype(each.dtype)
        for name, each in stage.spec.items()
    }

    def loss(trainable):
        return stage.loss_fn(trainable, params.frozen, asked, DRAW)[0].mean()

    value, slopes = jax.jit(jax.value_and_grad(loss))(params.trainable)
    assert np.isfinite(value) and any(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(slopes))
    made = jax.jit(stage.sample)(params.trainable, params.frozen, asked, DRAW)
    assert made.shape == (2, 3, SIZE, SIZE, 3) and np.isfinite(made).all()
    assert not paths(together(params))["control/paste/out/kernel"].any()


@pytest.mark.parametrize("begin", [0.6, 1.0])
def test_a_sample_begins_with_the_guess_as_far_as_there_is_something_of_it(begin):
    """A network that answers nothing, in one step that goes nowhere: x is what it began with."""
    section_, asked = section(), scene(1, 2, SIZE)
    recipe = Recipe.of(dict(schedule="cosine", prediction="x0", steps=1, begin=begin), conditions=1)
    found = sample._noised(
        np.ones((1, 2, 4, 4, 3), np.float32), np.zeros((1, 2, 4, 4, 3), np.float32), recipe.sampler.grid.start[0]
    )
    alpha = np.cos(np.pi / 2 * begin)
    np.testing.assert_allclose(found, max(alpha, 0), atol=2e-3)
    assert recipe.sampler.grid.time[0] == pytest.approx(begin, abs=1e-3)
    made = sample.make_window(
        _Echo(), recipe, section_.shown, guess=lambda scene: np.full((1, 2, SIZE, SIZE, 3), 0.5, np.float32)
    )
    window = Window(
        asked._replace(low=np.zeros((1, 2, SIZE, SIZE, 4), np.float32)),
        np.zeros((1, 2, SIZE, SIZE, 3), np.float32),
        np.zeros((1, 2, SIZE, SIZE), bool),
    )
    result = np.asarray(jax.jit(made)({}, window, Draw.of(jax.random.key(0), 1)))
    assert result.mean() == pytest.approx(0.5 * max(alpha, 0), abs=0.03)


class _Echo:
    """Says x_t."""

    def shapes(self):
        return {}

    def init(self, key):
        return {}

    def begin(self, base, fresh):
        return fresh

    def remember(self, params, reference):
        return ()

    def __call__(self, params, x, t, seen, level, *, scale=1.0, memory=(), keys=None):
        return x


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(crop=12), "crops of 12 pixels, of 32. Give a multiple of 8"),
        (dict(remembers=True), "remembers no reference"),
        (dict(low=dict(noise=1.0)), "standard deviations from 0 to less than 1"),
        (dict(shown=dict(low=0), pasted=()), "frames of 0 pixels become such of 32"),
    ],
)
def test_what_cannot_be(changes, said):
    with pytest.raises(UserError, match=said):
        stages.build(config(**changes))

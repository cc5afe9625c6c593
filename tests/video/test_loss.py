"""The loss of frames with what steers them, of networks whose answers are known."""

import dataclasses

import jax
import numpy as np
import pytest

from tests.nn.sharded import normal
from tests.video.answers import COMPOSITE
from tests.video.scenes import scene
from vlogger_jax.core.draw import Draw
from vlogger_jax.diffusion.mask import FrameMasks
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import conditions, loss
from vlogger_jax.video.conditions import Shown
from vlogger_jax.video.masks import Given

SHOWN = Shown(steering=("composite",))
NEVER, ALWAYS = FrameMasks(none=1, first=0, ends=0, random=0), FrameMasks(none=0, first=1, ends=0, random=0)


def losses(b, masks=NEVER, drop=0.0, frames=None, boxes=0.0):
    """Of a network that pastes its composite; x_0 is predicted, and counted as it is."""
    recipe = Recipe.of(dict(schedule="linear", prediction="x0", steps=2, drop=drop), conditions=1)
    recipe = dataclasses.replace(recipe, masks=masks)
    given = Given(boxes=boxes, hidden=0.0, patch=1)
    made = loss.steered(COMPOSITE, recipe, SHOWN, given, conditions.whole(lambda batch: scene(b, 2, 8)), [(1, 2)])
    found, metrics = jax.jit(made)({}, {}, {"frames": frames_of(b) if frames is None else frames}, Draw.of(KEY, b))
    assert metrics == {}
    return np.asarray(found)


KEY = jax.random.key(3)


def frames_of(b):
    return np.asarray(conditions.to_bytes(normal(b, 2, 8, 8, 3)))


def off(b, answer=1.0, frame=slice(None)):
    """What `answer` times the composite costs."""
    x0, composite = (
        np.asarray(each, np.float64) / 127.5 - 1 for each in (frames_of(b), scene(b, 2, 8).controls.composite)
    )
    return ((x0 - answer * composite) ** 2)[:, frame].mean(axis=(1, 2, 3, 4))


def test_it_is_the_mean_of_all_that_is_made():
    np.testing.assert_allclose(losses(3), off(3), rtol=1e-5)


def test_what_is_known_does_not_count():
    """The first of two frames is known, and the loss is the mean over the other."""
    other = frames_of(3).copy()
    other[:, 0] = 255 - other[:, 0]
    np.testing.assert_allclose(losses(3, ALWAYS), off(3, frame=slice(1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(losses(3, ALWAYS), losses(3, ALWAYS, frames=other))
    assert np.abs(losses(3) - losses(3, frames=other)).min() > 0


def test_boxes_are_what_is_made_of_clips_that_are_known_around_them():
    """A pixel counts or does not: as many do as the box has."""
    around = frames_of(16)
    rows = np.indices(around.shape)[3]
    changed = [losses(16, boxes=1.0, frames=np.where(rows == row, 255 - around, around)) for row in range(8)]
    share = np.mean(np.abs(np.array(changed) - losses(16, boxes=1.0)) > 1e-6)
    assert 0.2 < share < 0.95  # a frame of which all is made would give 1, and one of which nothing is, 0


@pytest.mark.parametrize("drop", [0.0, 0.3, 1.0])
def test_steering_is_dropped_as_often_as_is_said(drop):
    b = 400
    found = losses(b, drop=drop)
    told, untold = (np.isclose(found, off(b, answer), rtol=1e-4) for answer in (1.0, 0.0))
    assert (told ^ untold).all()
    assert untold.mean() == pytest.approx(drop, abs=3 * np.sqrt(0.3 * 0.7 / b) if 0 < drop < 1 else 0)

"""What of a training clip is given."""

import jax
import numpy as np
import pytest

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.diffusion.mask import FrameMasks
from vlogger_jax.video.masks import Given, draw_known

B, T, SIZE = 64, 4, 32
MOUTH, HAND = (7, 8), (15,)


def labels():
    """Everybody's mouth moves from left to right; a hand is seen in the last frame."""
    label = np.zeros((B, T, SIZE, SIZE), np.uint8)
    for frame in range(T):
        label[:, frame, 10:14, 4 + 4 * frame : 12 + 4 * frame] = 7
    label[:, -1, 25:30, 25:30] = 15
    return label


NO_FRAMES = FrameMasks(none=1, first=0, ends=0, random=0)


def drawn(given, frames=NO_FRAMES, seed=0):
    draw = Draw.of(jax.random.key(seed), B)
    return [np.asarray(each) for each in draw_known(draw, frames, given, labels(), (MOUTH, HAND))]


def test_boxes_follow_a_region_from_frame_to_frame():
    known, shown = drawn(Given(boxes=1.0, grown=0.0, hidden=0.0))
    np.testing.assert_array_equal(known, shown)
    around = ~np.isin(labels(), MOUTH)
    exactly = (known == around).all(axis=(1, 2, 3))
    assert 0.15 < exactly.mean() < 0.55  # a third each: the mouth, the hand, anywhere
    hand = (known[:, -1] == ~np.isin(labels()[:, -1], HAND)).all(axis=(1, 2))
    assert 0.15 < hand.mean() < 0.55
    # Where the hand is not seen, a box lies anywhere: every frame has something to generate.
    assert (~known).any(axis=(2, 3)).all()


def test_boxes_grow_and_stay_around_the_region():
    known, _ = drawn(Given(boxes=1.0, grown=1.0, hidden=0.0))
    held = (~known | ~np.isin(labels(), MOUTH)).all(axis=(1, 2, 3))
    assert held.mean() > 0.2
    sizes = (~known[held]).sum(axis=(2, 3))
    assert sizes.min() >= 32 and sizes.max() > 50


def test_shares():
    known, shown = drawn(Given(boxes=0.25, hidden=0.0), FrameMasks(none=0, first=1, ends=0, random=0))
    whole = np.logical_or(known.all(axis=(2, 3)), ~known.any(axis=(2, 3))).all(axis=1)
    assert 0.6 < whole.mean() < 0.9
    assert known[whole][:, 0].all() and not known[whole][:, -1].any()
    np.testing.assert_array_equal(known, shown)


def test_what_is_hidden_is_known_in_patches():
    known, shown = drawn(Given(boxes=0.0, hidden=0.5, patch=8), FrameMasks(none=0, first=1, ends=0, random=0))
    assert not (shown & ~known).any()
    patches = shown.reshape(B, T, 4, 8, 4, 8)
    np.testing.assert_array_equal(patches.min(axis=(3, 5)), patches.max(axis=(3, 5)))
    share = 1 - shown.sum() / known.sum()
    assert 0.15 < share < 0.35  # rates are even from 0 to a half


def test_single_frames_are_never_given():
    label = labels()[:, :1]
    known, _ = draw_known(Draw.of(jax.random.key(0), B), FrameMasks(), Given(boxes=0.0), label, (MOUTH, HAND))
    assert not known.any()


@pytest.mark.parametrize("wrong", [dict(boxes=1.5), dict(grown=-1.0), dict(hidden=1.0), dict(patch=0)])
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(UserError, match="cannot be"):
        Given(**wrong)

"""Generated frames in the portrait's pixels: detail where both agree, and the portrait where nobody is."""

import numpy as np
import pytest
from jax import image

from tests.video.scenes import controls
from vlogger_jax.video import join
from vlogger_jax.video.conditions import scaled
from vlogger_jax.video.smaller import means

SIZE, TIMES = 8, 4
LARGE = SIZE * TIMES
MOUTH = 5


def asked(**changes):
    """All of it seen, nothing of it in the mouth."""
    made = controls(1, 2, LARGE)
    shape = made.label.shape
    usual = dict(label=np.full(shape, 2, np.uint8), warp_mask=np.ones(shape, bool))
    return type(made)(**{**vars(made), **usual, **changes})


def enlarged(frames):
    return image.resize(frames, (1, 2, LARGE, LARGE, 3), "cubic")


def test_what_agrees_with_the_composite_gets_all_its_detail():
    """Frames that are the composite made small become the composite."""
    given = asked()
    composite = np.asarray(scaled(given.composite))
    found = join.detailed(means(composite, SIZE), given, [MOUTH])
    np.testing.assert_allclose(found, composite, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        dict(label=np.full((1, 2, LARGE, LARGE), MOUTH, np.uint8)),
        dict(warp_mask=np.zeros((1, 2, LARGE, LARGE), bool)),
    ],
    ids=["mouth", "unseen"],
)
def test_where_there_is_no_detail_to_have_frames_are_enlarged(changes):
    given = asked(**changes)
    frames = means(np.asarray(scaled(given.composite)), SIZE)
    np.testing.assert_allclose(join.detailed(frames, given, [MOUTH]), enlarged(frames), atol=1e-6)


def test_background_has_its_detail_though_no_body_is_there():
    shape = (1, 2, LARGE, LARGE)
    given = asked(label=np.zeros(shape, np.uint8), warp_mask=np.zeros(shape, bool))
    composite = np.asarray(scaled(given.composite))
    np.testing.assert_allclose(join.detailed(means(composite, SIZE), given, [MOUTH]), composite, atol=1e-5)


def test_detail_fades_where_frames_say_otherwise():
    """By the distance of `AGREEING` to 1/e, and at five times that to nothing."""
    given = asked()
    coarse = np.asarray(means(np.asarray(scaled(given.composite)), SIZE))
    detail = np.asarray(scaled(given.composite)) - enlarged(coarse)
    for distance, left in ((1, np.exp(-1)), (5, 0)):
        frames = coarse + np.float32(distance * join.AGREEING)
        found = np.asarray(join.detailed(frames, given, [MOUTH])) - enlarged(frames)
        np.testing.assert_allclose(found, left * detail, atol=1e-4)


def test_a_portrait_stays_as_it_is_where_nobody_is_or_was():
    old, new = np.zeros((1, 64, 64), np.uint8), np.zeros((1, 3, 64, 64), np.uint8)
    old[:, 20:30, 20:30], new[:, 1, 30:40, 24:34] = 255, 255
    found = np.asarray(join.share(old, new, grown=6))
    far = np.ones((64, 64), bool)
    far[20 - 6 : 30 + 6, 20 - 6 : 30 + 6] = False
    assert not found[:, 0, far].any() and not found[:, 2, far].any() and found[:, 1, far].any()
    far[30 - 6 : 40 + 6, 24 - 6 : 34 + 6] = False
    assert not found[:, 1, far].any()
    assert (found[:, :, 20:30, 20:30] == 1).all() and (found[:, 1, 30:40, 24:34] == 1).all()
    # It fades, over half of what is grown.
    edge = found[0, 0, 25, 29 : 29 + 8]
    assert (np.diff(edge) <= 0).all() and (edge[:4] == 1).all() and 0 < edge[5] < 1 and edge[7] == 0
    assert found.min() >= 0 and found.max() <= 1


def test_nothing_grown_is_a_hard_edge():
    old, new = np.zeros((1, 8, 8), np.uint8), np.zeros((1, 1, 8, 8), np.uint8)
    old[0, 2, 2] = 255
    found = np.asarray(join.share(old, new, 0))
    assert (found == 1).sum() == 1 and found[0, 0, 2, 2] == 1 and (found == 0).sum() == 63

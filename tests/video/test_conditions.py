"""What the control network is shown, channel by channel."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.video.scenes import scene
from vlogger_jax.core.errors import UserError
from vlogger_jax.diffusion.outpaint import prepare
from vlogger_jax.video import conditions
from vlogger_jax.video.conditions import STEERING, Shown

B, T, SIZE = 2, 3, 4
SCENE = scene(B, T, SIZE)
FRAMES = np.random.default_rng(5).uniform(-1, 1, (B, T, SIZE, SIZE, 3)).astype(np.float32)
KNOWN = np.array([[True, False, False]] * B)
CONTEXT = prepare(jnp.asarray(FRAMES), jnp.asarray(KNOWN), jnp.zeros(B), jnp.zeros_like(FRAMES))


USUAL = Shown()


def channels(shown=USUAL, told=(1.0, 1.0), given=SCENE):
    return np.asarray(conditions.told(shown, conditions.channels(shown, given, CONTEXT), jnp.asarray(told)))


def test_by_hand():
    found, at = channels(), (1, 2, 3, 0)
    controls = SCENE.controls
    label, body = controls.label[at], float(controls.label[at] > 0)
    place = (controls.dense[at] / 32767.5 - 1) * body
    waves = np.concatenate([f(np.pi * 2.0**k * place) for f in (np.sin, np.cos) for k in range(3)]) * body
    mask = float(controls.warp_mask[at])
    expected = [
        *place,
        *waves,
        *np.eye(18)[label],
        *(mask * (controls.warp[at] / 127.5 - 1)),
        mask,
        *(controls.composite[at] / 127.5 - 1),
        controls.matte[at] / 127.5 - 1,
        *(SCENE.reference[1, 3, 0] / 127.5 - 1),
        *((SCENE.reference_dense[1, 3, 0] / 32767.5 - 1) * (SCENE.reference_label[1, 3, 0] > 0)),
        *(0, 0, 0, 0),
    ]
    np.testing.assert_allclose(found[at], expected, atol=1e-5)
    np.testing.assert_allclose(found[0, 0, 1, 2, -4:], [*FRAMES[0, 0, 1, 2], 1], atol=1e-6)


@pytest.mark.parametrize("steering", [("dense",), ("warp", "dense"), tuple(STEERING)])
def test_there_are_as_many_as_it_says_in_the_order_it_says(steering):
    shown = Shown(steering=steering)
    found = channels(shown)
    assert found.shape == (B, T, SIZE, SIZE, shown.channels)
    begin = 0
    for name in steering:
        alone = channels(Shown(steering=(name,)))[..., :-10]
        np.testing.assert_array_equal(found[..., begin : begin + alone.shape[-1]], alone)
        begin += alone.shape[-1]
    assert begin == shown.channels - 10


def test_what_is_not_told_is_zero_for_that_clip_alone_and_the_reference_and_the_context_stay():
    told, untold = channels(told=(1.0, 1.0)), channels(told=(1.0, 0.0))
    np.testing.assert_array_equal(untold[0], told[0])
    assert not untold[1, ..., :-10].any()
    np.testing.assert_array_equal(untold[..., -10:], told[..., -10:])


def test_two_millimetres_at_the_lips_are_seen():
    """The body is 1.8 m high: 2 mm are 2 / 900 of half its longest side."""
    apart = conditions.fourier(jnp.asarray([[0.3], [0.3 + 2 / 900]]), conditions.OCTAVES)
    assert np.linalg.norm(apart[0] - apart[1]) > 0.02


def test_pictures_come_back():
    picture = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(conditions.to_bytes(conditions.scaled(picture)), picture)
    np.testing.assert_array_equal(conditions.to_bytes(jnp.float32([-3, 3])), [0, 255])


@pytest.mark.parametrize("steering", [(), ("dense", "dense"), ("depth",)])
def test_steering_that_cannot_be_is_refused(steering):
    with pytest.raises(UserError, match="Name some of dense, label, warp, composite"):
        Shown(steering=steering)

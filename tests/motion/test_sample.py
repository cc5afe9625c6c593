"""One window: what is given comes back, and what is not is not looked at; and how two versions are joined."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.motion import made
from vlogger_jax.body.names import EXPRESSIONS
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.motion import inertia
from vlogger_jax.motion.model import Model
from vlogger_jax.motion.packing import NONE, ONES
from vlogger_jax.motion.sample import Window, joined, make_window

B, T = 2, 12


@pytest.fixture(scope="module")
def sampled():
    model = made.model()
    params = made.stirred(model.init(jax.random.key(0)))
    window = jax.jit(make_window(model, made.recipe(scales=(1.5,), interval=(0.2, 0.9), steps=4)))
    rng = np.random.default_rng(0)
    usual = Window(
        heard=rng.uniform(0, 1, (B, T, 4, 4)).astype(np.float32),
        reference=made.motion(0, B, 1),
        visible=np.ones((B, 3), np.float32),
        known=rng.standard_normal((B, T, model.packing.d)).astype(np.float32),
        given=rng.uniform(size=(B, T, 2)) < 0.4,
        length=np.int32([T, T - 3]),
    )
    return lambda **changes: np.asarray(window(params, usual._replace(**changes), Draw.of(jax.random.key(1), B))), usual


def columns(given: np.ndarray) -> np.ndarray:
    return np.concatenate([given[..., :1].repeat(14, axis=-1), given[..., 1:].repeat(267, axis=-1)], axis=-1)


def test_what_is_given_comes_back_to_the_bit(sampled):
    sample, usual = sampled
    found, given = sample(), columns(usual.given)
    np.testing.assert_array_equal(found[given], usual.known[given])
    assert (found[~given] != usual.known[~given]).all()


def test_what_is_not_given_is_not_looked_at(sampled):
    sample, usual = sampled
    other = np.where(columns(usual.given), usual.known, 7.0).astype(np.float32)
    np.testing.assert_array_equal(sample(known=other), sample())


def test_it_is_heard_and_causal(sampled):
    """Guided sampling hears no further than the network does."""
    sample, usual = sampled
    other = usual.heard.copy()
    other[:, 8:] += 1
    nothing = np.zeros((B, T, 2), bool)
    differ = (sample(heard=other, given=nothing) != sample(given=nothing)).any(axis=0)
    # However many steps there are: two frames of sound ahead, and for the body two more that it is averaged over.
    np.testing.assert_array_equal(differ[:, :14].any(axis=1), np.arange(T) >= 8 - 2)
    np.testing.assert_array_equal(differ[:, 14:].any(axis=1), np.arange(T) >= 8 - 2 - 2)


class Hears(Model):
    """Says 1 where it is told the sound, and 0 where it is not."""

    def listen(self, params, heard):
        return heard.mean(axis=2), None

    def denoise(self, params, x, t, told):
        return jnp.ones_like(x) * told.has_sound[:, None, None]


def test_it_is_guided_by_the_sound(sampled):
    usual, model = sampled[1], made.model(averaged=NONE)
    window = make_window(Hears(model.section, model.hearing), made.recipe(scales=(1.5,)))
    found = np.asarray(jax.jit(window)({}, usual, Draw.of(jax.random.key(1), B)))
    np.testing.assert_allclose(found[~columns(usual.given)], 1.5, atol=1e-5)


@pytest.mark.parametrize("exact", [True, False])
def test_what_is_given_may_come_back_as_the_network_would_have_it(sampled, exact):
    usual, model = sampled[1], made.model(averaged=NONE)
    window = make_window(Hears(model.section, model.hearing), made.recipe(), exact)
    found, given = np.asarray(jax.jit(window)({}, usual, Draw.of(jax.random.key(1), B))), columns(usual.given)
    np.testing.assert_allclose(found, np.where(given & exact, usual.known, 1.0), atol=1e-5)


class Stays(Hears):
    """Says that all of it is clean, so that samples are linear in their noise."""

    def denoise(self, params, x, t, told):
        return x


@pytest.mark.parametrize("sampler", ["dpm_solver_2m", dict(name="ddpm", variance="small")])
def test_the_noise_of_each_part_has_its_temperature(sampled, sampler):
    usual, nothing = sampled[1], np.zeros((B, T, 2), bool)

    def found(**temperature: float) -> np.ndarray:
        model = made.model(averaged=NONE, temperature=dataclasses.replace(ONES, **temperature))
        window = make_window(Stays(model.section, model.hearing), made.recipe(sampler=sampler))
        return np.asarray(jax.jit(window)({}, usual._replace(given=nothing), Draw.of(jax.random.key(1), B)))

    before, after = found(), found(head=0.5, expression=0.0)
    share = made.model().packing.spread(dataclasses.replace(ONES, head=0.5, expression=0.0))
    np.testing.assert_allclose(after, share * before, rtol=1e-4, atol=1e-5)
    assert (np.abs(before) > 0).all()


def test_the_upper_face_has_a_temperature_of_its_own():
    warm = made.model(expressions=52, temperature=dataclasses.replace(ONES, expression=0.3), upper_face=0.9).warmth
    upper = [name.startswith(("brow", "eye")) for name in EXPRESSIONS]
    np.testing.assert_allclose(warm[:52], np.where(upper, 0.9, 0.3))
    np.testing.assert_allclose(warm[52:], 1.0)
    assert made.model(temperature=ONES).warmth.shape == (made.model().packing.d,)
    with pytest.raises(UserError, match="5 expressions are not ARKit's"):
        made.model(upper_face=0.9)


def test_padding_is_not_averaged_with():
    """The last frames of a short clip are what they are in a window that ends with it."""
    x = np.random.default_rng(0).standard_normal((B, T, 4)).astype(np.float32)
    held = np.asarray(inertia.held(jnp.asarray(x), jnp.asarray([T, T - 3])))
    np.testing.assert_array_equal(held[0], x[0])
    np.testing.assert_array_equal(held[1, : T - 3], x[1, : T - 3])
    np.testing.assert_array_equal(held[1, T - 3 :], np.broadcast_to(x[1, T - 4], (3, 4)))


@pytest.mark.parametrize("name", ["visible", "reference"])
def test_the_reference_is_told(sampled, name):
    sample, usual = sampled
    other = {"visible": 0 * usual.visible, "reference": made.motion(5, B, 1)}[name]
    assert (sample(**{name: other}) != sample()).any(axis=(1, 2)).all()


@pytest.mark.parametrize("namespace", [np, jnp])
def test_joined_versions_fade_into_each_other(namespace):
    k, over, rng = 6, 3, np.random.default_rng(0)
    before, after = (rng.standard_normal((2, n, 4)).astype(np.float32) for n in (k, T))
    found = np.asarray(joined(namespace.asarray(before), namespace.asarray(after), over))
    np.testing.assert_array_equal(found[:, : k - over], before[:, : k - over])
    np.testing.assert_allclose(found[:, k - 1 :], after[:, k - 1 :], atol=1e-6)
    share = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, over) / over)
    wanted = before[:, k - over : -1] * (1 - share)[:, None] + after[:, k - over : k - 1] * share[:, None]
    np.testing.assert_allclose(found[:, k - over : k - 1], wanted, atol=1e-6)
    np.testing.assert_allclose(joined(after[:, :k], after, over), after, atol=1e-6)


def test_one_frame_is_joined_by_what_fades_out_after_it():
    after = np.zeros((1, T, 1), np.float32)
    found = joined(np.ones((1, 1, 1), np.float32), after, 4)[0, :, 0]
    np.testing.assert_allclose(found, [*(0.5 + 0.5 * np.cos(np.pi * np.arange(5) / 4)), *[0] * (T - 5)], atol=1e-6)
    assert found[0] == 1

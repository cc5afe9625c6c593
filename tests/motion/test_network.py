"""What a frame hears and sees, to the bit, and what it does not."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.motion import made
from vlogger_jax.core.errors import UserError
from vlogger_jax.motion.network import VISEMES, Size, Told

B, T, AHEAD = 2, 12, 2
FACE = slice(0, 14)


def inputs(model, seed: int = 0) -> dict[str, np.ndarray]:
    rng, d = np.random.default_rng(seed), model.packing.d
    made_up = dict(heard=(B, T, 4, 4), x=(B, T, d), known=(B, T, d), reference=(B, model.packing.face + 264 + 3))
    drawn = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in made_up.items()}
    ones = dict(has_sound=(B,), has_reference=(B, 3), shown=(B, T, 2))
    drawn |= {name: np.ones(shape, np.float32) for name, shape in ones.items()}
    return drawn | dict(valid=np.ones((B, T), bool), t=np.float32([0.3, 0.8]), level=np.float32([0.0, 0.1]))


def network(**changes):
    """(name=array, ..) -> what is predicted, with everything else as it is."""
    model = made.model(**changes)
    params, usual = made.stirred(model.init(jax.random.key(0))), inputs(model)

    @jax.jit
    def predict(heard, x, t, **told):
        sound, _ = model.listen(params, heard)
        return model.denoise(params, x, t, Told(sound=sound, **told))

    return lambda **other: np.asarray(predict(**{**usual, **other})), usual


@pytest.fixture(scope="module")
def made_up():
    return network(lookahead=AHEAD)


@pytest.fixture(scope="module")
def strict():
    return network(lookahead=0)


def changed(array: np.ndarray, frames) -> np.ndarray:
    other = array.copy()
    other[:, frames] += 1
    return other


def same_until(found: np.ndarray, wanted: np.ndarray) -> int:
    """The first frame that differs at all, of any clip."""
    differ = (found != wanted).any(axis=(0, 2))
    return int(differ.argmax()) if differ.any() else T


@pytest.mark.parametrize("k", [5, 9])
def test_a_frame_hears_no_further_ahead_than_it_may(made_up, k):
    predict, usual = made_up
    other, before = predict(heard=changed(usual["heard"], slice(k, None))), predict()
    assert same_until(other, before) == k - AHEAD


@pytest.mark.parametrize("name", ["x", "known", "shown"])
def test_a_frame_sees_none_after_it(made_up, name):
    predict, usual = made_up
    other, before = predict(**{name: changed(usual[name], slice(7, None))}), predict()
    assert same_until(other, before) == 7


@pytest.mark.parametrize("name", ["heard", "x", "known", "shown"])
def test_without_lookahead_it_is_strictly_causal(strict, name):
    predict, usual = strict
    assert same_until(predict(**{name: changed(usual[name], slice(7, None))}), predict()) == 7


def test_what_lies_before_is_seen_as_far_back_as_the_clip(made_up):
    predict, usual = made_up
    for name in ("heard", "x"):
        other = predict(**{name: changed(usual[name], slice(0, 1))})
        assert (other[:, -1] != predict()[:, -1]).any(axis=-1).all()


def test_frames_that_fill_up_a_clip_change_no_other(made_up):
    predict, usual = made_up
    valid = np.broadcast_to(np.arange(T) < 8, (B, T))
    after = {name: changed(usual[name], slice(8 + AHEAD, None)) for name in ("heard", "x", "known", "shown")}
    for other in (predict(valid=valid), predict(valid=valid, **after)):
        assert same_until(other, predict()) >= 8


def test_frames_that_fill_up_a_clip_are_not_attended_to(made_up):
    """The first ones, since those behind are seen by nobody; convolutions reach two frames."""
    predict, usual = made_up
    valid, other = np.broadcast_to(np.arange(T) > 2, (B, T)), changed(usual["x"], slice(0, 1))
    np.testing.assert_array_equal(predict(valid=valid, x=other)[:, 3:, FACE], predict(valid=valid)[:, 3:, FACE])
    assert (predict(x=other)[:, 3:, FACE] != predict()[:, 3:, FACE]).any()


def test_dropped_sound_is_not_heard(made_up):
    predict, usual = made_up
    silent = np.zeros(B, np.float32)
    np.testing.assert_array_equal(predict(has_sound=silent, heard=0 * usual["heard"]), predict(has_sound=silent))
    assert (predict(has_sound=silent) != predict()).any(axis=(1, 2)).all()


@pytest.mark.parametrize("name", ["t", "level", "reference", "has_reference"])
def test_what_is_said_of_the_whole_clip_is_heeded(made_up, name):
    predict, usual = made_up
    assert (predict(**{name: 0.5 * usual[name] + 0.2}) != predict()).any(axis=2).all()


def test_samples_do_not_know_of_each_other(made_up):
    predict, usual = made_up
    other = {name: usual[name].copy() for name in ("heard", "x", "known", "reference")}
    for array in other.values():
        array[1] += 1
    found, before = predict(**other), predict()
    np.testing.assert_array_equal(found[0], before[0])
    assert (found[1] != before[1]).any()


def test_what_has_mass_is_calmed_and_the_face_is_not():
    model, rough = made.model(), np.asarray(inputs(made.model())["x"])
    calm = np.asarray(model.calmed(rough, jnp.full(len(rough), rough.shape[1])))
    np.testing.assert_array_equal(calm[..., FACE], rough[..., FACE])
    weights = np.array([*np.cos(np.pi / 8 * np.arange(-3, 1)) ** 2, *np.cos(np.pi / 6 * np.arange(1, 3)) ** 2])
    padded = np.concatenate([rough[:, :1].repeat(3, axis=1), rough, rough[:, -1:].repeat(AHEAD, axis=1)], axis=1)
    wanted = sum(weight * padded[:, i : i + T] for i, weight in enumerate(weights / weights.sum()))
    np.testing.assert_allclose(calm[..., 14:], wanted[..., 14:], atol=1e-5)


def test_frames_know_where_they_are(made_up):
    """Of the same at every frame, and nothing heard, each makes something else, however far from the ends."""
    predict, usual = made_up
    same = {name: np.zeros_like(usual[name]) for name in ("heard", "x", "known", "shown")}
    found = predict(**same, has_sound=np.zeros(B, np.float32), valid=np.ones((B, T), bool))
    assert (np.abs(np.diff(found[:, T // 2 :], axis=1)).max(axis=-1) > 1e-4).all()


def test_what_a_reference_is_not_said_to_have_is_not_told():
    model = made.model()
    (one, other), visible = (made.motion(seed, 2, 1) for seed in (0, 1)), jnp.float32([[1, 0.5, 0], [1, 1, 1]])
    nothing = jnp.zeros((2, 3), bool)
    for found in zip(model.shown(one, visible, nothing), model.shown(other, 0 * visible, nothing), strict=True):
        np.testing.assert_array_equal(*found)
    told, has = (np.asarray(each) for each in model.shown(one, visible, jnp.array([[True, False, True]] * 2)))
    face = model.packing.face
    np.testing.assert_array_equal(has, [[1, 0, 1]] * 2)
    np.testing.assert_array_equal(told[:, :face], model.packing.expression(one)[:, 0])
    assert (told[:, face:-3] == 0).all()
    np.testing.assert_array_equal(told[:, -3:], visible)
    whole, _ = model.shown(one, visible, ~nothing)
    np.testing.assert_allclose(whole[:, face:-3], model.packing.pose(one)[:, 0], atol=1e-6)


def test_frames_heard_ahead_are_dealt_out_to_layers():
    """Any number of them, the first to the columns; `lookback` is 1."""
    for ahead, wanted in ((0, [2, 2, 2]), (1, [2, 2, 2]), (4, [3, 3, 3]), (6, [4, 4, 3])):
        layers = made.model(lookahead=ahead).init(jax.random.key(0))["listener"]["layers"]
        assert [layer["conv"]["conv"]["kernel"].shape[0] for layer in layers.values()] == wanted


def test_it_begins_by_predicting_nothing_and_has_what_a_config_says():
    model = made.model(blocks=2)
    params = model.init(jax.random.key(0))
    assert set(params) == {"listener", "denoiser"}
    assert not np.asarray(params["denoiser"]["out"]["kernel"]).any()
    assert params["listener"]["viseme"]["kernel"].shape == (8, VISEMES)
    assert [layer["conv"]["conv"]["kernel"].shape[0] for layer in params["listener"]["layers"].values()] == [3, 2, 2]
    assert len(params["denoiser"]["blocks"]) == 2
    leaves = zip(*(jax.tree.leaves(model.init(jax.random.key(seed))) for seed in (0, 0, 1)), strict=True)
    same = [(np.array_equal(one, two), np.array_equal(one, other)) for one, two, other in leaves]
    assert all(one for one, _ in same) and not all(other for _, other in same)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(width=9, heads=3), "1 blocks of 3 heads, 9 wide"),
        (dict(heads=3), "1 blocks of 3 heads, 8 wide"),
        (dict(blocks=0), "0 blocks"),
        (dict(lookahead=-1), "hears -1 frames ahead"),
        (dict(lookback=-1), "and -1 back"),
        (dict(remat="some"), "no remat policy named 'some'"),
    ],
)
def test_sizes_that_cannot_be(changes, message):
    with pytest.raises(UserError, match=message):
        Size(**{**dataclasses.asdict(made.size()), **changes})

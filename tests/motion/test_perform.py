"""Windows that go on from each other: of any length, from any blocks; of a network, and of one that is made up."""

import dataclasses
import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.motion import made
from vlogger_jax.audio import hearing, mel
from vlogger_jax.core.errors import UserError
from vlogger_jax.motion.manner import Manner
from vlogger_jax.motion.model import Model
from vlogger_jax.motion.perform import Performer, Take, _Ears, check_visible

WINDOW, OVERLAP, AHEAD = 12, 4, 2
REFERENCE = made.motion(0, 1, expressions=52, spread=0.2)
FREE = Manner(limits=None, keep_expression=0.0)
TAKE = Take(manner=FREE, start_from_reference=False)


def sound(frames: float, seed: int = 0) -> np.ndarray:
    """Noise that is louder and quieter, so that frames can be told apart."""
    count = round(frames * mel.RATE / 24)
    loud = np.exp(2 * np.sin(np.arange(count) / 900) - 4)
    return (loud * np.random.default_rng(seed).standard_normal(count)).clip(-1, 1).astype(np.float32)


def performer(**recipe) -> Performer:
    model = made.model(expressions=52, lookahead=AHEAD)
    params = made.stirred(model.init(jax.random.key(0)))
    return Performer(model, made.recipe(**recipe), params, WINDOW, OVERLAP)


@pytest.fixture(scope="module")
def trained():
    return performer()


def echoing(asked: list | None = None) -> Performer:
    """Its first expression is how loud a frame is, its second is 1 where something was known, its third the draw."""
    made_up = performer()

    def denoise(params, window, draw):
        if asked is not None:
            asked.append(window)
        x = np.array(window.known)
        new = ~np.asarray(window.given)[..., 0]
        x[..., 0] = np.where(new, window.heard.mean(axis=(2, 3)), x[..., 0])
        x[..., 1] = np.where(new, 0.5, x[..., 1])
        x[..., 2] = np.where(new, np.asarray(draw.uniform())[:, None], x[..., 2])
        return x

    made_up.__dict__["_denoise"] = denoise
    return made_up


def heard(waveform: np.ndarray, frames: int) -> np.ndarray:
    """How loud each frame is, silence after its end."""
    model = made.model()
    whole = np.concatenate([waveform, np.zeros(round((frames + 9) * mel.RATE / 24), np.float32)])
    return model.hearing.hear(mel.mel(whole, 24.0).mel, 24.0)[0].mean(axis=(1, 2))[:frames]


@pytest.mark.parametrize("frames", [1, 5, WINDOW - AHEAD, WINDOW, WINDOW + 1, 3 * WINDOW])
def test_as_many_frames_as_asked_for(frames):
    for waveform in (sound(20), sound(2), None):
        found = echoing().perform(waveform, REFERENCE, dataclasses.replace(TAKE, frames=frames))
        assert found.transl.shape == (1, frames, 3)
        assert found.body_pose.shape == (1, frames, 21, 3)


@pytest.mark.parametrize("frames", [0.3, 5, WINDOW, WINDOW + 1, 40, 41.5])
def test_as_many_frames_as_it_sounds(frames):
    waveform = sound(frames)
    found = echoing().perform(waveform, REFERENCE, TAKE)
    assert found.transl.shape[1] == max(len(mel.mel(waveform, 24.0).mel), 1)
    assert abs(found.transl.shape[1] - frames) <= 1


def test_every_frame_has_its_own_sound():
    waveform, frames = sound(40), 45
    found = echoing().perform(waveform, REFERENCE, dataclasses.replace(TAKE, frames=frames))
    # Within a window's reach of the end, silence is heard where it is not yet certain that the sound has ended.
    np.testing.assert_allclose(found.expression[0, :38, 0], heard(waveform, 38), atol=1e-4)
    assert np.ptp(found.expression[0, :, 0]) > 0.1


def test_no_sound_is_silence():
    asked = []
    echoing(asked).perform(None, REFERENCE, dataclasses.replace(TAKE, frames=30))
    echoing(asked).perform(np.zeros(0, np.float32), REFERENCE, dataclasses.replace(TAKE, frames=2))
    silent = made.model().hearing.hear(hearing.silence(1), 24.0)[0][0]
    assert len(asked) > 3
    assert all((window.heard == silent).all() for window in asked)
    assert len(echoing().perform(np.zeros(0, np.float32), REFERENCE, TAKE).transl[0]) == 1


def test_windows_go_on_from_each_other():
    asked = []
    made_up = echoing(asked)
    found = made_up.perform(sound(40), REFERENCE, dataclasses.replace(TAKE, frames=33, visible=(1.0, 0.5, 0.0)))
    packed = made_up.model.packing.pack(found, jax.tree.map(lambda array: array[None], REFERENCE))
    begin = 0
    for number, window in enumerate(asked):
        given = np.asarray(window.given)
        assert (given == (np.arange(WINDOW) < (OVERLAP if number else 0))[None, :, None]).all()
        if number:
            begin += WINDOW - AHEAD - OVERLAP
            np.testing.assert_allclose(window.known[:, :OVERLAP], packed[:, begin : begin + OVERLAP], atol=1e-4)
        assert (window.known[:, OVERLAP:] == 0).all()
        np.testing.assert_array_equal(window.length, min(WINDOW, 33 - begin))
        np.testing.assert_array_equal(window.visible, [[1.0, 0.5, 0.0]])
    assert begin + WINDOW >= 33
    # Noise is another in each.
    assert len(np.unique(found.expression[0, :, 2].round(4))) == len(asked)


def test_one_window_fades_into_the_next():
    """Windows that say 0, 1, 2 .. whatever is given: over the last `fade` frames of what overlaps, a cosine."""
    made_up, number = performer(), iter(range(100))
    made_up.__dict__["_denoise"] = lambda params, window, draw: np.full_like(window.known, 0.1 * next(number))
    found = 10 * made_up.perform(None, REFERENCE, dataclasses.replace(TAKE, frames=26)).expression[0, :, 0]
    assert made_up.fade == OVERLAP // 2 == 2
    # New frames of a window begin in the middle of its overlap, which ends in its frame OVERLAP - 1.
    step = WINDOW - AHEAD - OVERLAP
    changes = [number * step + OVERLAP - 1 for number in (1, 2, 3)]
    wanted = sum(np.clip((np.arange(26) - (change - 2)) / 2, 0, 1) for change in changes)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert (found == found.round()).mean() < 1


class Always(Model):
    """Says 0.5, whatever it is told and was given."""

    def listen(self, params, heard):
        return heard.mean(axis=2), None

    def denoise(self, params, x, t, told):
        return jnp.full_like(x, 0.5)


def test_it_leaves_the_reference_smoothly():
    """By what the network would have where the reference is given, which fades out over `fade` frames."""
    usual = made.model(expressions=52, lookahead=AHEAD)
    made_up = Performer(Always(usual.section, usual.hearing), made.recipe(), {}, WINDOW, OVERLAP)
    found = made_up.perform(None, REFERENCE, Take(manner=FREE, frames=6)).expression[0]
    fall = 0.5 + 0.5 * np.cos(np.pi * np.clip(np.arange(6) / made_up.fade, 0, 1))
    np.testing.assert_allclose(found, 0.5 + fall[:, None] * (REFERENCE.expression - 0.5), atol=1e-5)


def test_it_starts_from_the_reference_or_from_anywhere():
    asked = []
    made_up = echoing(asked)
    take = dataclasses.replace(TAKE, frames=5, samples=2)
    begun = made_up.perform(None, REFERENCE, dataclasses.replace(take, start_from_reference=True))
    made_up.perform(None, REFERENCE, take)
    for name in ("transl", *made.FACE):
        wanted = np.broadcast_to(getattr(REFERENCE, name), getattr(begun, name)[:, 0].shape)
        np.testing.assert_allclose(getattr(begun, name)[:, 0], wanted, atol=1e-6)
    for name, turns in made.turns(begun).items():
        np.testing.assert_allclose(turns[:, 0], made.turns(REFERENCE)[name].repeat(2, axis=0), atol=3e-6)
    assert asked[0].given[:, 0].all() and not asked[0].given[:, 1:].any()
    assert not asked[1].given.any()


def test_a_face_that_is_kept_is_not_what_it_goes_on_from():
    asked = []
    manner = dataclasses.replace(FREE, keep_expression=1.0)
    found = echoing(asked).perform(None, REFERENCE, Take(manner=manner, frames=3))
    told = manner.told(REFERENCE).expression
    np.testing.assert_allclose(asked[0].reference.expression[0], told)
    np.testing.assert_allclose(asked[0].known[0, 0, :52], told[0], atol=1e-6)
    np.testing.assert_allclose(found.expression[0, 0], REFERENCE.expression[0], atol=1e-6)


def test_frames_that_were_given_out_do_not_change_with_what_comes(trained):
    """The first window hears no more of a long sound than of a short one."""
    long = trained.perform(sound(40), REFERENCE, TAKE)
    short = trained.perform(sound(40)[: round(20 * mel.RATE / 24)], REFERENCE, TAKE)
    sure = WINDOW - AHEAD - OVERLAP // 2
    jax.tree.map(
        np.testing.assert_array_equal,
        *({name: getattr(each, name)[:, :sure] for name in (*made.TURNS, *made.FACE)} for each in (long, short)),
    )
    assert long.transl.shape[1] == 40 and np.isfinite(long.transl).all()


def test_the_same_seed_is_the_same_motion(trained):
    take = dataclasses.replace(TAKE, frames=20)
    one, two, other = (
        trained.perform(sound(20), REFERENCE, dataclasses.replace(take, seed=seed)) for seed in (3, 3, 4)
    )
    jax.tree.map(np.testing.assert_array_equal, one, two)
    assert (one.expression != other.expression).any(axis=-1).all()


def test_samples_do_not_depend_on_how_many_there_are(trained):
    take = dataclasses.replace(TAKE, frames=20)
    one, three = (trained.perform(sound(20), REFERENCE, dataclasses.replace(take, samples=n)) for n in (1, 3))
    assert three.transl.shape == (3, 20, 3)
    np.testing.assert_allclose(three.expression[:1], one.expression, atol=1e-4)
    np.testing.assert_allclose(three.transl[:1], one.transl, atol=1e-4)
    assert (three.expression[0] != three.expression[1]).any(axis=-1).all()
    # Nobody shares a shape by accident.
    np.testing.assert_array_equal(three.betas, np.repeat(REFERENCE.betas[None], 3, axis=0))


def test_blocks_of_any_length_are_as_good_as_all_at_once(trained):
    waveform = sound(30)
    cuts = np.cumsum([1, 0, 799, 5000, 3, 2048])
    parts = list(trained.stream(np.split(waveform, cuts), REFERENCE, TAKE))
    whole = trained.perform(waveform, REFERENCE, TAKE)
    assert len(parts) > 2
    for name in ("expression", "transl", "jaw_pose"):
        joined = np.concatenate([getattr(part, name) for part in parts], axis=1)
        np.testing.assert_allclose(joined, getattr(whole, name), atol=1e-4)


def test_a_stream_keeps_up_with_its_sound_and_forgets_it():
    alive, pulled = [], 0

    def endless():
        nonlocal pulled
        while True:
            block = np.zeros(1600, np.float32)
            alive.append(weakref.ref(block))
            pulled += 1
            yield block
            del block

    stream = echoing().stream(endless(), REFERENCE, TAKE)
    for number in range(30):
        part = next(stream)
        # All that the next window does not fade into.
        assert part.transl.shape[1] == (WINDOW - AHEAD - OVERLAP if number else WINDOW - AHEAD - OVERLAP // 2)
        shown = WINDOW - AHEAD + number * (WINDOW - AHEAD - OVERLAP)
        # What was heard is what a window needs, and a frame and a block more.
        assert pulled * 0.1 <= (shown + AHEAD + 3) / 24 + 0.2
    gc.collect()
    assert sum(reference() is not None for reference in alive) <= 3


def test_what_is_heard_does_not_pile_up():
    ears = _Ears(made.model(), (np.zeros(1600, np.float32) for _ in iter(int, 1)), None)
    for begin in range(0, 2400, 8):
        ears.window(begin, WINDOW)
        assert len(ears._kept) <= WINDOW + 4


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["ddim", dict(name="ddpm", variance="small")])
def test_with_another_sampler_known_frames_come_back_too(sampler):
    found = performer(sampler=sampler).perform(sound(20), REFERENCE, Take(manner=FREE))
    np.testing.assert_allclose(found.expression[0, 0], REFERENCE.expression[0], atol=1e-6)
    assert np.isfinite(found.transl).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(body="smplx-0"), "the reference is of the body 'smplx-0', and the motion model of 'default-v1'"),
        (dict(frames=2), r"the reference.s place is \(2, 3\)"),
        (dict(betas=np.zeros(10, np.float32)), r"the reference.s betas is \(10,\), not \(4,\)"),
        (dict(expression=np.zeros((1, 10), np.float32)), r"the reference.s expression is \(1, 10\), not \(1, 52\)"),
        (dict(jaw_pose=np.full((1, 3), np.nan, np.float32)), "the reference has numbers that are not finite"),
    ],
)
def test_references_that_cannot_be(change, message):
    frames = change.pop("frames", 1)
    reference = dataclasses.replace(made.motion(0, frames, expressions=52), **change)
    with pytest.raises(UserError, match=message):
        echoing().perform(sound(3), reference, TAKE)


def test_nobody_says_how_long():
    with pytest.raises(UserError, match="neither a sound nor a number of frames"):
        echoing().perform(None, REFERENCE, TAKE)


@pytest.mark.parametrize("heard", [np.float32([0, np.nan] * 400), np.float32([0, np.inf] * 400)])
def test_sounds_that_cannot_be(heard):
    with pytest.raises(UserError, match="the sound is not one channel of finite numbers"):
        list(echoing().stream([sound(3), heard], REFERENCE, TAKE))


@pytest.mark.parametrize("visible", [(1.0, -0.5, 0.0), (1.0, 0.0, 7.0), (1.0, 0.0, float("nan"))])
def test_shares_that_cannot_be(visible):
    with pytest.raises(UserError, match="Give shares of torso, left and right hand, 0 to 1"):
        Take(visible=visible)


@pytest.mark.parametrize("visible", [(1.0, 1.0), (1.0,) * 4, None, 1.0])
def test_shares_of_nobody(visible):
    """Of what types do not tell to whom they are not checked."""
    with pytest.raises(UserError, match="Give shares of torso, left and right hand, 0 to 1"):
        check_visible(visible)


@pytest.mark.parametrize("settings", [dict(samples=0), dict(frames=0), dict(seed=-1), dict(seed=2**32)])
def test_takes_that_cannot_be(settings):
    with pytest.raises(UserError, match="Give 1 or more of each"):
        Take(**settings)


@pytest.mark.parametrize("settings", [dict(frames=True), dict(samples=True), dict(seed=False)])
def test_takes_of_what_are_no_whole_numbers(settings):
    with pytest.raises(UserError, match="Give whole numbers"):
        Take(**settings)


def test_motion_has_the_models_rate_whatever_the_references():
    """A portrait's fit may be a frame of a video of another rate."""
    other = dataclasses.replace(REFERENCE, fps=30.0)
    found, usual = (echoing().perform(sound(30), each, TAKE) for each in (other, REFERENCE))
    assert found.fps == usual.fps == 24.0
    np.testing.assert_array_equal(found.body_pose, usual.body_pose)


@pytest.mark.parametrize("overlap", [0, 1, WINDOW - AHEAD, 40])
def test_overlaps_that_cannot_be(overlap):
    with pytest.raises(UserError, match=f"that overlap by {overlap} and hear 2 ahead"):
        dataclasses.replace(performer(), overlap=overlap)

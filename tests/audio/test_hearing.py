"""What is heard of a sound: closed forms, and that any cut of it sounds the same."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlogger_jax.audio import hearing
from vlogger_jax.audio.hearing import LogMel, Normalised
from vlogger_jax.audio.mel import BANDS, COLUMNS, FLOOR
from vlogger_jax.core.errors import UserError

DECIBEL = np.log(10) / 10
"""In the natural log of a power."""

EACH = Normalised(bands=BANDS)
"""Bands that are not widened."""

BOTH = [LogMel(), Normalised(), EACH]


def sound(frames: int, seed: int = 0) -> np.ndarray:
    """All of it well above the faintest, and below no more than 22 dB of the loudest."""
    return np.random.default_rng(seed).uniform(-3, 2, (frames, COLUMNS, BANDS)).astype(np.float32)


def steady(decibels: np.ndarray | float) -> np.ndarray:
    """Bands of one frame after the other, decibels [t] or [t, 1, 80]."""
    levels = np.asarray(decibels, np.float32).reshape(-1, 1, 1) if np.ndim(decibels) < 2 else np.asarray(decibels)
    return np.broadcast_to(levels * DECIBEL, (len(levels), COLUMNS, BANDS)).astype(np.float32)


def test_log_mel_is_what_it_says():
    found, state = LogMel().hear(sound(5), 24)
    np.testing.assert_allclose(found, (sound(5) - np.log(FLOOR)) / 12, rtol=1e-6)
    assert state is None and LogMel().width == BANDS and found.dtype == np.float32
    assert (LogMel().hear(hearing.silence(3), 24)[0] == 0).all()


@pytest.mark.parametrize("listener", [Normalised(), EACH])
def test_a_steady_sound_is_1_in_all_bands_that_speech_is_no_louder_in(listener):
    slope = np.linspace(0, -36, BANDS)[None, None] + 20
    found, _ = listener.hear(steady(np.repeat(slope, 6, axis=0)), 24)
    np.testing.assert_allclose(found, 1, atol=1e-5)


@pytest.mark.parametrize("fps", [24, 12])
def test_what_gets_softer_is_heard_in_decibels_until_the_louder_is_forgotten(fps):
    """10 dB down at frame 2; at 96 columns/s, 48 dB/s are half a decibel a column."""
    found, _ = Normalised(bands=BANDS, decay=2.0 * fps, depth=40.0).hear(steady([0.0, 0.0] + 8 * [-10.0]), fps)
    under = np.array([max(10 - 0.5 * (column + 1), 0) for column in range(8 * COLUMNS)])
    np.testing.assert_allclose(found[2:, :, 7].ravel(), 1 - under / 40, atol=1e-5)
    np.testing.assert_allclose(found[:2], 1, atol=1e-6)


@pytest.mark.parametrize(("reach", "tilt"), [(60.0, 0.0), (8.0, 36.0), (8.0, 0.0), (0.0, 36.0), (0.0, 0.0)])
def test_a_band_with_less_than_speech_has_there_is_not_raised(reach, tilt):
    levels = np.full((3, 1, BANDS), 20.0)
    levels[:, :, 40:] = -20
    found, _ = Normalised(bands=BANDS, reach=reach, tilt=tilt, depth=100.0).hear(steady(levels), 24)
    np.testing.assert_allclose(found[:, :, :40], 1, atol=1e-5)
    under = 40 - reach - tilt * np.arange(40, BANDS) / (BANDS - 1)
    np.testing.assert_allclose(found[:, :, 40:], np.broadcast_to(1 - under.clip(0) / 100, (3, COLUMNS, 40)), atol=1e-3)


def test_between_words_hiss_stays_as_faint_as_it_was():
    """The usual shape is that of the loudest that was heard lately, not of what is heard now."""
    levels = np.full((9, 1, BANDS), -20.0)
    levels[:1, :, :40] = 20.0
    found, _ = dataclasses.replace(EACH, decay=0.0, depth=100.0).hear(steady(levels), 24)
    under = (40 - 8 - 36 * np.arange(40, BANDS) / (BANDS - 1)).clip(0)
    np.testing.assert_allclose(found[:, :, 40:], np.broadcast_to(1 - under / 100, (9, COLUMNS, 40)), atol=1e-3)
    np.testing.assert_allclose(found[1:, :, :40], 0.6, atol=1e-3)


def test_of_the_first_sound_it_is_heard_at_once_which_bands_it_lacks():
    """What is under the usual shape of its loudest band is as far under it as it is, and all else is loudest.

    Triangles of 80 bands reach their neighbours by a millionth.
    """
    levels = np.random.default_rng(5).uniform(-25, 15, BANDS)
    found, _ = EACH.hear(np.concatenate([hearing.silence(2), steady(np.tile(levels, (4, 1, 1)))]), 24)
    usual = levels.max() - 8 - np.linspace(0, 36, BANDS)
    wanted = 1 - (usual - levels).clip(0, 40) / 40
    assert wanted.min() < 0.5 and 0.2 < (wanted == 1).mean() < 0.8
    np.testing.assert_allclose(found[2:], np.broadcast_to(wanted, (4, COLUMNS, BANDS)), atol=2e-3)


@pytest.mark.parametrize("over", [0.0, 2.5, 5.0, 10.0, 15.0])
def test_a_sound_near_the_faintest_fades_in(over):
    found, _ = EACH.hear(steady(4 * [10 * np.log10(FLOOR) + over]), 24)
    np.testing.assert_allclose(found, min(over / 10, 1), atol=1e-5)


def test_wide_bands_are_means_of_power():
    """One of 80 bands reaches the two of 40 that it lies between, by its distance from their centres."""
    alone = np.full((1, 1, BANDS), -40.0)
    alone[..., 20] = 40  # between the centres 18.5 and 20.5 of bands 9 and 10
    found, state = Normalised().hear(steady(alone), 24)
    weight = hearing._triangles(40)
    np.testing.assert_allclose(weight.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(weight[20, 9:12] / weight[20].sum(), [0.25, 0.75, 0], atol=1e-4)
    np.testing.assert_allclose(state[9:11], 40 + 10 * np.log10(weight[20, 9:11]), atol=0.2)
    np.testing.assert_allclose(found[..., [8, 9, 10, 11]], [[[0, 1, 1, 0]] * COLUMNS], atol=1e-5)
    np.testing.assert_allclose(hearing._triangles(BANDS), np.eye(BANDS), atol=1e-5)
    centres = (weight * np.arange(BANDS)[:, None]).sum(axis=0)
    np.testing.assert_allclose(centres[1:-1], 2 * np.arange(1, 39) + 0.5, atol=1e-3)


@given(decibels=st.floats(-15, 15), seed=st.integers(0, 9), slope=st.floats(0, 10))
@settings(deadline=None, max_examples=20)
def test_level_is_not_heard(decibels, seed, slope):
    """From the first column on, bands that are not raised included."""
    bands = sound(12, seed) - np.linspace(0, slope * DECIBEL, BANDS, dtype=np.float32)
    there, louder = (EACH.hear(bands + shift, 24)[0] for shift in (0, np.float32(decibels * DECIBEL)))
    np.testing.assert_allclose(louder, there, atol=2e-5)
    assert np.ptp(there) > 0.1


def test_nor_is_what_a_room_or_a_telephone_does_to_each_band_within_reach():
    lens = np.random.default_rng(1).uniform(-1, 1, BANDS).astype(np.float32)
    far = dataclasses.replace(EACH, reach=60.0)
    np.testing.assert_allclose(far.hear(sound(12) + lens, 24)[0], far.hear(sound(12), 24)[0], atol=2e-4)
    beyond = sound(12) - np.float32(60 * DECIBEL) * (np.arange(BANDS) == 30) + 4
    fainter, there = (EACH.hear(each, 24)[0][-6:] for each in (beyond, sound(12) + 4))
    np.testing.assert_allclose(np.delete(fainter, 30, axis=-1), np.delete(there, 30, axis=-1), atol=2e-5)
    assert (fainter[..., 30] < there[..., 30]).any()


@pytest.mark.parametrize("listener", BOTH)
def test_what_comes_later_changes_nothing(listener):
    before, after = sound(9), sound(9)
    after[5:] += 3
    heard = [listener.hear(each, 24)[0] for each in (before, after, before[:5])]
    np.testing.assert_array_equal(heard[0][:5], heard[1][:5])
    np.testing.assert_allclose(heard[0][:5], heard[2], atol=1e-6)
    assert not np.array_equal(heard[0][5:], heard[1][5:])


@given(cuts=st.lists(st.integers(0, 9), min_size=1, max_size=6), fps=st.sampled_from([24, 25.0, 29.97, 60]))
@settings(deadline=None, max_examples=30)
def test_any_cut_gives_the_same(cuts, fps):
    """Also where all is so quiet for so long that nothing louder is remembered."""
    for listener in (LogMel(), Normalised(decay=90.0)):
        bands = sound(sum(cuts)) - np.linspace(0, 14, sum(cuts), dtype=np.float32)[:, None, None]
        whole, state = listener.hear(bands, fps)
        parts, carried, at = [], None, 0
        for cut in cuts:
            part, carried = listener.hear(bands[at : at + cut], fps, carried)
            parts.append(part)
            at += cut
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
        if state is not None:
            np.testing.assert_allclose(carried, state, atol=1e-3)


def test_nothing_heard_is_remembered_as_it_was():
    _, state = Normalised().hear(sound(3), 24)
    heard, again = Normalised().hear(np.zeros((0, COLUMNS, BANDS), np.float32), 24, state)
    np.testing.assert_array_equal(again, state)
    assert heard.shape == (0, COLUMNS, 40)


@pytest.mark.parametrize("listener", BOTH)
def test_silence_is_0_before_between_and_after(listener):
    silent = hearing.silence(60)
    found, state = listener.hear(np.concatenate([silent, sound(4), silent, sound(4), silent]), 24)
    assert (found[64:124] == 0).all()
    np.testing.assert_allclose(np.delete(found, [*range(60, 64), *range(124, 128)], axis=0), 0, atol=1e-6)
    assert (found[60:64].max(axis=-1) > 0.9).all()
    # However long it lasts, until all that was loud is forgotten.
    np.testing.assert_allclose(listener.hear(np.concatenate([silent] * 10), 24, state)[0], 0, atol=1e-6)
    np.testing.assert_allclose(hearing.silence(2), np.log(FLOOR), rtol=1e-6)


def test_the_loudest_is_what_is_remembered():
    """2 dB/s, which are a frame's twelfth of a decibel, and no less than the faintest."""
    listener, faintest = Normalised(bands=BANDS, decay=2.0), 10 * np.log10(FLOOR)
    _, state = listener.hear(np.concatenate([steady([3.0, 7.0, 1.0]), hearing.silence(22)]), 24)
    np.testing.assert_allclose(state, 7 - 23 / 12, atol=1e-4)
    _, later = listener.hear(hearing.silence(24 * 40), 24, state)
    np.testing.assert_allclose(later, faintest, atol=1e-3)


@pytest.mark.parametrize("listener", BOTH)
def test_features_are_as_wide_as_is_said(listener):
    heard, _ = listener.hear(sound(3), 24)
    assert heard.shape == (3, COLUMNS, listener.width) and heard.dtype == np.float32
    assert isinstance(listener, hearing.Hearing)


def test_named():
    assert hearing.named("log_mel") == LogMel() and hearing.named({"name": "log_mel"}) == LogMel()
    given_settings = {"name": "normalised", "bands": 20, "decay": 1.0}
    assert hearing.named(given_settings) == Normalised(bands=20, decay=1.0)
    assert given_settings["name"] == "normalised", "what was given is left as it was"


@pytest.mark.parametrize("wrong", ["ears", {}, {"name": "ears"}, 5, None, {"bands": 3}, "", [["name"]]])
def test_what_has_no_such_name_is_refused(wrong):
    with pytest.raises(UserError, match=r"config\.data\.hearing is .*\. Name one of log_mel, normalised"):
        hearing.named(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"bands": 0}, {"bands": 81}, {"decay": -1.0}, {"tilt": -1.0}, {"reach": -1.0}, {"depth": 0.0}),
        *({name: np.nan} for name in ("decay", "tilt", "reach", "depth")),
        {"decay": np.inf},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError, match="cannot be"):
        Normalised(**wrong)


@pytest.mark.parametrize("unknown", ["bnds", "quiet"])
def test_settings_that_there_are_not_are_refused(unknown):
    with pytest.raises(UserError, match=unknown):
        hearing.named({"name": "normalised", unknown: 3})

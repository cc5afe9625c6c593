"""What is put into mel bands is what it would be in sound, or a bound of it."""

import numpy as np
import pytest

from data_pipelines.loaders import overheard
from data_pipelines.loaders.overheard import Overheard
from vlogger_jax.audio import hearing, mel
from vlogger_jax.core.errors import UserError

FRAMES = 96
EVERYTHING = Overheard(warp=0.1, noise=1.0, music=1.0)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Bands as loud as of somebody who speaks half of the time."""
    rng = np.random.default_rng(0)
    voiced = np.repeat(rng.random(FRAMES // 4) < 0.5, 4)[:, None, None]
    loud = rng.normal(-2, 2, (FRAMES, mel.COLUMNS, mel.BANDS))
    return np.where(voiced, loud, np.log(mel.FLOOR)).astype(np.float32)


def tone(hertz: float, fps: float = 24.0) -> np.ndarray:
    """The bands in the middle of a sound of one frequency."""
    waveform = 0.3 * np.sin(2 * np.pi * hertz * np.arange(mel.RATE) / mel.RATE)
    return mel.mel(waveform.astype(np.float32), fps).mel[4:20]


@pytest.mark.parametrize("seed", range(3))
def test_of_nothing_nothing_is_changed(speech, seed):
    np.testing.assert_array_equal(Overheard()(speech, np.random.default_rng(seed)), speech)


def test_no_warp_is_identity(speech):
    bands = speech.reshape(-1, mel.BANDS)
    np.testing.assert_allclose(overheard._warped(bands, 0.0), bands, atol=1e-5)


@pytest.mark.parametrize("share", [-0.2, -0.07, 0.05, 0.2])
@pytest.mark.parametrize("hertz", [440.0, 900.0, 1250.0, 3000.0])
def test_a_warped_tone_is_a_higher_tone(share, hertz):
    """Both ways must agree on the band, which is where the pitch is heard; its flanks are of the window, not of it."""
    found = overheard._warped(tone(hertz).reshape(-1, mel.BANDS), share)
    expected = tone(hertz * (1 + share)).reshape(-1, mel.BANDS)
    middle = [np.exp(bands).mean(axis=0) @ np.arange(mel.BANDS) / np.exp(bands).mean(axis=0).sum()
              for bands in (found, expected)]  # fmt: skip
    assert middle[0] == pytest.approx(middle[1], abs=0.5)
    assert abs(middle[0] - tone(hertz).mean(axis=(0, 1)).argmax()) > abs(share) * 5, "it did move"


def test_frequencies_from_beyond_the_highest_band_are_as_the_highest(speech):
    found = overheard._warped(speech.reshape(-1, mel.BANDS), -0.3)
    np.testing.assert_allclose(found[:, -1], speech.reshape(-1, mel.BANDS)[:, -1], atol=1e-6)
    assert found.max() <= speech.max() + 1e-4 and found.min() >= speech.min() - 1e-4


@pytest.mark.parametrize("added", [{"noise": 1.0}, {"music": 1.0}, {"noise": 1.0, "music": 1.0}])
def test_what_is_added_lowers_no_power_and_is_below_the_speech(speech, added):
    for seed in range(20):
        found = Overheard(**added)(speech, np.random.default_rng(seed))
        assert (found - speech).min() > -1e-5 and (found > speech + 1e-4).any()
        more = (np.exp(found) - np.exp(speech)).sum(axis=-1)
        loud = np.quantile(np.exp(speech).sum(axis=-1), 0.9)
        assert 0.1 * 10**-3.5 < more.mean() / loud < 2 * len(added) * 10**-0.8


def test_noise_has_the_level_that_was_drawn():
    class Drawn(np.random.Generator):
        def __init__(self):
            super().__init__(np.random.PCG64(3))

        def uniform(self, low, high, size=None):
            return 20.0 if (low, high) == (overheard._LOUD, overheard._QUIET) else super().uniform(low, high, size)

    noise = overheard._noise(4000, 7.0, Drawn())
    assert noise.shape == (4000, mel.BANDS) and noise.min() >= 0
    assert noise.sum(axis=1).mean() == pytest.approx(0.07, rel=0.02)
    music = overheard._music(4000, 7.0, Drawn())
    assert music.sum(axis=1).mean() > 0.0 and music.sum(axis=1).max() < 0.07 * 6
    onsets = np.diff(music.sum(axis=1)) > 0.01
    assert 4000 / 96 / 1.2 * 0.5 < onsets.sum() < 4000 / 96 / 0.15, "chords come"


@pytest.mark.parametrize(("share", "some"), [(0.0, 0), (0.3, 60), (1.0, 200)])
@pytest.mark.parametrize("what", ["noise", "music"])
def test_as_many_windows_are_changed_as_are_wanted(speech, what, share, some):
    changed = sum(
        not np.array_equal(Overheard(**{what: share})(speech[:4], np.random.default_rng(seed)), speech[:4])
        for seed in range(200)
    )
    assert abs(changed - some) <= (25 if 0 < share < 1 else 0)


def test_gain_is_one_number_of_decibels_down_to_the_floor(speech):
    found = [Overheard(gain=12.0)(speech, np.random.default_rng(seed)) for seed in range(40)]
    heard = speech > np.log(mel.FLOOR) + 3
    gains = [np.unique((each - speech)[heard].round(3)) for each in found]
    assert all(len(each) == 1 for each in gains)
    decibels = 10 / np.log(10) * np.concatenate(gains)
    assert decibels.min() < -8 and decibels.max() > 8 and np.abs(decibels).max() <= 12.01
    assert min(each.min() for each in found) >= np.float32(np.log(mel.FLOOR))


def test_a_seed_decides_all(speech):
    one, same, other = (EVERYTHING(speech, np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("frames", [1, 2, 7, 400])
def test_any_length_stays_as_long(frames):
    for seed in range(4):
        found = EVERYTHING(hearing.silence(frames), np.random.default_rng(seed))
        assert found.shape == (frames, mel.COLUMNS, mel.BANDS) and found.dtype == np.float32
        assert np.isfinite(found).all() and (found < np.log(2 * mel.FLOOR * mel.BANDS)).all(), "silence stays quiet"


@pytest.mark.parametrize("wrong", [{"warp": 0.5}, {"warp": -0.1}, {"noise": 1.1}, {"music": -0.1}, {"warp": np.nan}])
def test_impossible_shares_are_refused(wrong):
    with pytest.raises(UserError, match="cannot be"):
        Overheard(**wrong)

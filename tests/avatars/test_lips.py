import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipelines.avatars import style
from data_pipelines.avatars.acting import lips, rhythm, seal
from data_pipelines.avatars.acting.arkit import column, columns
from data_pipelines.avatars.acting.visemes import CHANNELS
from tests.avatars.acted import betas, said
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.body.mouth import Mouth

FPS = 24.0
STYLE = dataclasses.replace(style.sample(np.random.default_rng(0)).lips, jaw=1.0, jitter=0.0, skew=0.0)


@pytest.fixture(scope="module")
def model():
    return model_file.default()


def track(phonemes, times, fps=FPS, lips_style=STYLE, seed=0):
    rng = np.random.default_rng(seed)
    return lips.track(phonemes, rhythm.of(phonemes, rng), lips_style, rng, np.asarray(times, float), fps)


def channel(found, name):
    return found.channels[:, CHANNELS.index(name)]


@given(
    start=st.floats(0.3, 0.6),
    length=st.floats(0.005, 0.15),
    ipa=st.sampled_from(["p", "b", "m", "mː", "pʲ"]),
    fps=st.sampled_from([24.0, 25.0, 30.0]),
)
@settings(max_examples=60)
def test_however_short_a_bilabial_is_a_frame_shows_it(start, length, ipa, fps):
    phonemes = said(("", start - 0.15), ("a", 0.15, 2), (ipa, length), ("a", 0.2, 2), ("", 0.3))
    times = np.arange(30) / fps
    held = track(phonemes, times, fps).held.closed
    near = (times >= start - 0.5 / fps - 1e-9) & (times <= start + length + 0.5 / fps + 1e-9)
    assert held[near].max() > 0.999
    assert held[(times < start - 0.12) | (times > start + length + 0.12)].max() == 0


def test_closed_lips_are_closed_on_everybody(model):
    phonemes = said(
        ("", 0.4), ("b", 0.06), ("a", 0.2, 2), ("m", 0.06), ("æ", 0.2, 2), ("p", 0.05), ("ɑ", 0.2), ("", 0.4)
    )
    times = np.arange(40) / FPS
    for seed in range(8):
        found = track(phonemes, times, lips_style=style.sample(np.random.default_rng(seed)).lips, seed=seed)
        expression = lips.expression(found, STYLE).astype(np.float32)
        aperture = Mouth(model, betas(seed)).aperture(expression, smplx.arkit_jaw_pose(model, expression))
        assert aperture[found.held.closed > 0.999].max() < 0.001
        assert (found.held.closed > 0.999).sum() >= 3
        assert aperture.max() > 0.007


def test_the_mouth_rests_in_silence():
    phonemes = said(("", 1.0), ("ɑ", 0.3, 2), ("", 1.0), ("u", 0.2, 2), ("", 1.0))
    times = np.arange(0, 3.5, 0.01)
    found = track(phonemes, times)
    silent = (times < 1 - STYLE.lead) | ((times > 1.3 + STYLE.linger) & (times < 2.3 - STYLE.lead))
    silent |= times > 2.5 + STYLE.linger
    assert found.channels[silent].max() == 0 and lips.expression(found, STYLE)[silent].max() == 0
    assert found.speaking[~silent].min() >= 0


def test_lips_lead_the_sound():
    times = np.arange(0, 2, 0.005)
    jaw = channel(track(said(("", 1.0), ("ɑ", 0.3, 2), ("", 0.7)), times), "jaw")
    begun = times[np.argmax(jaw > 0.1 * jaw.max())]
    assert 0.07 < 1.0 - begun < 0.13
    assert 0.03 < 1.0 - times[np.argmax(jaw > 0.5 * jaw.max())] < 0.1
    over = times[len(jaw) - np.argmax(jaw[::-1] > 0.1 * jaw.max())]
    assert 0.03 < over - 1.3 < 0.15


def test_rounding_reaches_over_the_consonants_before():
    times = np.arange(0.3, 0.5, 0.01)
    before = {
        vowel: channel(
            track(said(("", 0.3), ("s", 0.1), ("t", 0.1), (vowel, 0.2, 2), ("", 0.3)), times), "pucker"
        ).mean()
        for vowel in ("u", "i")
    }
    assert before["u"] > 0.08 > 20 * before["i"]


def test_fast_speech_undershoots():
    def peak(length):
        sounds = [("t", length), ("ɑ", length, 2), ("n", length), ("ɑ", length, 2), ("t", length)]
        return channel(track(said(("", 0.5), *sounds, ("", 0.5)), np.arange(0, 2, 0.005)), "jaw").max()

    peaks = [peak(length) for length in (0.04, 0.08, 0.16)]
    assert peaks == sorted(peaks) and peaks[0] < 0.85 * peaks[2]


def test_stress_opens_the_jaw():
    def peak(stress):
        phonemes = said(("", 0.5), ("t", 0.08), ("a", 0.15, stress), ("t", 0.08), ("", 0.5))
        return channel(track(phonemes, np.arange(0, 1.5, 0.01)), "jaw").max()

    assert peak(0) < peak(1) < peak(2)


@pytest.mark.parametrize("vowel", ["a", "o", "u"])
def test_teeth_meet_in_s_and_the_lip_meets_them_in_f(vowel):
    phonemes = said(("", 0.5), (vowel, 0.15, 2), ("s", 0.1), (vowel, 0.15, 2), ("f", 0.1), (vowel, 0.15, 2), ("", 0.5))
    found = lips.expression(track(phonemes, np.array([0.575, 0.70, 0.95])), STYLE)
    jaw = found[:, column("jawOpen")]
    assert jaw[1] < 0.08 and jaw[2] < 0.12
    assert found[2, column("mouthRollLower")] > 0.4 > 0.1 > found[0, column("mouthRollLower")]


def test_channels_stay_between_their_targets():
    rng = np.random.default_rng(0)
    sounds = [(str(rng.choice(list("taiuosfmkl"))), float(rng.uniform(0.03, 0.2)), 2) for _ in range(60)]
    found = track(said(("", 0.2), *sounds, ("", 0.2)), np.arange(0, 6, 0.01))
    assert found.channels.min() >= 0 and found.channels.max() < 1
    expression = lips.expression(found, STYLE)
    assert expression.min() >= 0 and expression.max() <= 1
    for name in names.EXPRESSIONS:
        if not name.startswith(("mouth", "jaw", "tongue")):
            assert expression[:, column(name)].max() == 0


def test_no_speech_no_motion():
    for phonemes in ((), said(("", 1.0))):
        assert lips.expression(track(phonemes, np.arange(10) / FPS), STYLE).max() == 0


def test_a_skewed_mouth_does_more_on_one_side():
    phonemes = said(("", 0.3), ("i", 0.3, 2), ("", 0.3))
    found = lips.expression(track(phonemes, np.array([0.45])), dataclasses.replace(STYLE, skew=0.1))[0]
    (_, left), (_, right) = columns("mouthStretch")
    np.testing.assert_allclose(found[left] / found[right], 1.1 / 0.9)


def test_sealing_closes_what_must_be_closed_and_nothing_else(model):
    rng = np.random.default_rng(1)
    mouth = Mouth(model, betas(5))
    expression = np.zeros((12, 52))
    for name in ("jawOpen", "mouthFunnel", "mouthUpperUp", "mouthSmile", "mouthLowerDown"):
        for _, index in columns(name):
            expression[:, index] = rng.uniform(0, 0.4, 12)
    limit = np.where(np.arange(12) % 2, 0.0005, np.inf)
    sealed = seal.seal(model, mouth, expression, limit)
    gap = mouth.gap(sealed.astype(np.float32), smplx.arkit_jaw_pose(model, sealed.astype(np.float32)))
    assert (gap <= limit + 1e-6).all()
    np.testing.assert_array_equal(sealed[::2], expression[::2])
    assert gap[1::2].max() > -0.002  # no more than it takes
    assert sealed.min() >= 0 and sealed.max() <= 1
    np.testing.assert_array_equal(seal.seal(model, mouth, sealed, limit), sealed)

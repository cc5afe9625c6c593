from pathlib import Path

import numpy as np
import pytest

from data_pipelines.avatars.acting import visemes
from data_pipelines.avatars.acting.visemes import BITTEN, CHANNELS, CLOSED, FREE, NAMES, TEETH
from vlogger_jax.audio.speech import Phoneme

# What espeak-ng 1.52 wrote for one text in each of its 151 languages.
ESPEAK = Path(__file__).with_name("espeak_phonemes.txt").read_text(encoding="utf-8").split()
GUESS = visemes.of("?")


def target(ipa, channel, part=0):
    return visemes.of(ipa)[part].target[CHANNELS.index(channel)]


@pytest.mark.parametrize("ipa", ESPEAK)
def test_every_phoneme_of_espeak_is_known(ipa):
    found = visemes.of(ipa)
    assert found and (found != GUESS or ipa[0] == "ə")
    for viseme in found:
        assert viseme is not visemes.REST
        assert len(viseme.target) == len(viseme.dominance) == len(CHANNELS)
        assert min(viseme.target) >= 0 and max(viseme.target) <= 1 and min(viseme.dominance) > 0


@pytest.mark.parametrize("ipa", ["p", "b", "m", "pʰ", "pʲ", "bː", "m̩", "ɓ", "b̥", "ᵐb", "mʲ", "p͡f", "k͡p"])
def test_bilabials_close_the_lips(ipa):
    assert visemes.closes_lips(ipa)


@pytest.mark.parametrize("ipa", ["", "f", "v", "w", "β", "ɸ", "n", "ɑ", "?", "ŋ"])
def test_others_do_not(ipa):
    assert not visemes.closes_lips(ipa)


def test_no_phoneme_of_espeak_closes_lips_but_p_b_m():
    assert {ipa[0] for ipa in ESPEAK if visemes.closes_lips(ipa)} == {"p", "b", "m"}


@pytest.mark.parametrize(
    ("ipa", "constraints"),
    [
        ("f", [BITTEN]),
        ("s", [TEETH]),
        ("tʃ", [FREE, TEETH]),
        ("p͡f", [CLOSED, BITTEN]),
        ("aɪ", [FREE, FREE]),
        ("", [FREE]),
    ],
)
def test_parts_and_constraints(ipa, constraints):
    assert [viseme.constraint for viseme in visemes.of(ipa)] == constraints


def test_vowels_are_what_phonetics_says():
    jaw = [target(ipa, "jaw") for ipa in ("i", "e", "ɛ", "a")]
    assert jaw == sorted(jaw) and jaw[-1] > 3 * jaw[0]
    for rounded, spread in (("u", "ɯ"), ("y", "i"), ("o", "ɤ"), ("ɔ", "ʌ")):
        assert target(rounded, "pucker") + target(rounded, "funnel") > 0.5
        assert target(spread, "pucker") == target(spread, "funnel") == 0
    assert target("i", "stretch") > 0.3 > 0.1 > target("ɯ", "stretch")
    assert target("u", "pucker") > target("ɔ", "pucker") and target("u", "funnel") < target("ɔ", "funnel")


def test_a_labialised_consonant_is_rounded_and_keeps_its_jaw():
    assert target("kʷ", "pucker") == target("w", "pucker") > 0.5 > 0 == target("k", "pucker")
    assert target("kʷ", "jaw") == target("k", "jaw")


def test_marks_change_nothing():
    for plain, marked in (("a", "aː"), ("n", "n̩"), ("t", "t̪"), ("d", "d̥"), ("ɛ", "ɛ̃"), ("k", "kʰ"), ("a", "a˥˩")):
        assert visemes.of(plain) == visemes.of(marked)


def test_what_is_unknown_is_a_middle_vowel():
    (found,) = visemes.of("♫")
    assert found == visemes.of("ə")[0] and found.vowel
    assert visemes.of("") == (visemes.REST,)
    assert np.all(np.array(visemes.REST.target) == 0)


def seen(ipa):
    return [NAMES[number] for number in visemes.classes(ipa)]


@pytest.mark.parametrize("ipa", ESPEAK)
def test_every_phoneme_of_espeak_has_a_class_for_each_of_its_parts(ipa):
    found, shown = visemes.classes(ipa), visemes.of(ipa)
    assert len(found) == len(shown) and 0 not in found
    closures = {CLOSED: "bilabial", BITTEN: "labiodental"}
    for name, viseme in zip(seen(ipa), shown, strict=True):
        assert closures.get(viseme.constraint, name) == name
        assert (name in NAMES[11:]) == viseme.vowel
        assert viseme.constraint != TEETH or name in ("sibilant", "hushing")


def test_every_class_is_met():
    assert {name for ipa in ["", *ESPEAK] for name in seen(ipa)} == set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize(
    ("ipa", "names"),
    [
        ("", ["silence"]),
        ("p", ["bilabial"]),
        ("v", ["labiodental"]),
        ("θ", ["dental"]),
        ("l", ["alveolar"]),
        ("ɕ", ["hushing"]),
        ("h", ["back"]),
        ("w", ["rounded glide"]),
        ("β", ["rounded glide"]),
        ("tʃ", ["alveolar", "hushing"]),
        ("t͡s", ["alveolar", "sibilant"]),
        ("ʧ", ["alveolar", "hushing"]),
        ("p͡f", ["bilabial", "labiodental"]),
        ("aɪ", ["open", "close"]),
        ("aː", ["open"]),
        ("ɔʏ", ["rounded open", "rounded close"]),
        ("ə", ["middle"]),
        ("ɚ", ["rounded close"]),
        ("ɝ", ["rounded close"]),
        ("♫", ["middle"]),
    ],
)
def test_classes_are_what_phonetics_says(ipa, names):
    assert seen(ipa) == names


def test_parts_of_a_phoneme_share_its_time():
    starts, shown = visemes.track((Phoneme("", 0.0, 0.5), Phoneme("tʃ", 0.5, 0.7), Phoneme("ɔʏ", 0.7, 1.1, 1)))
    np.testing.assert_allclose(starts, [0.0, 0.5, 0.6, 0.7, 0.9])
    names = ["silence", "alveolar", "hushing", "rounded open", "rounded close"]
    assert [NAMES[number] for number in shown] == names and shown.dtype == np.uint8
    assert [len(each) for each in visemes.track(())] == [0, 0]

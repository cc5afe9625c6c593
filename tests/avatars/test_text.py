"""Sentences: enough of them, well formed, of their split."""

import numpy as np
import pytest

from data_pipelines.avatars import splits, text
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.audio.speech import Voice


def _sentences(language, count, seed=0):
    rng = np.random.default_rng(seed)
    return [text.sentence(language, rng) for _ in range(count)]


def test_there_are_enough_languages_and_sentences():
    assert len(text.LANGUAGES) >= 12
    assert {
        language: text.load(language).count() for language in text.LANGUAGES if text.load(language).count() < 5e4
    } == {}


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_sentences_are_well_formed(language):
    for sentence in _sentences(language, 300):
        assert not set("{}\n\t") & set(sentence)
        assert sentence == sentence.strip() and "  " not in sentence
        assert sentence[-1] in ".?!"
        first = next(letter for letter in sentence if letter.isalnum())
        assert first == first.upper(), sentence


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_words_of_a_slot_differ(language):
    grammar = text.load(language)
    for slot, words in [*grammar.words.items(), *grammar.templates.items()]:
        assert len(set(words)) == len(words), slot


def test_sentences_vary():
    assert len(set(_sentences("en-us", 500))) > 480


@pytest.mark.parametrize("split", splits.SPLITS)
def test_a_split_says_its_own_sentences(split):
    rng = np.random.default_rng(0)
    assert {splits.of_sentence(text.draw("de", split, rng)) for _ in range(50)} == {split}


def test_one_sentence_in_ten_is_kept_for_the_test():
    of = [splits.of_sentence(sentence) for sentence in _sentences("es", 3000)]
    shares = [of.count(split) / len(of) for split in splits.SPLITS]
    np.testing.assert_allclose(shares, (0.8, 0.1, 0.1), atol=0.02)


def test_the_same_numbers_give_the_same_sentences():
    assert _sentences("fr-fr", 20, 5) == _sentences("fr-fr", 20, 5) != _sentences("fr-fr", 20, 6)


def test_every_kind_is_said(monkeypatch):
    for kind in text.SHARES:
        monkeypatch.setattr(text, "SHARES", {kind: 1.0})
        assert len(set(_sentences("pl", 20))) > 5, kind


GRAMMAR = """
capitals = { i = "İ" }
[templates]
statement = ["iki {small}. kat. iyi"]
question = ["¿{name}?"]
exclamation = ["{digits}!"]
greeting = ["{letters}."]
figures = ["{year}."]
spelling = ["{hour}."]
[words]
name = ["ana"]
[syllables]
onset = ["b"]
nucleus = ["a"]
coda = ["n"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "FOLDER", tmp_path)
    text.load.cache_clear()
    yield tmp_path
    text.load.cache_clear()


@pytest.mark.parametrize(
    ("kind", "begin"), [("statement", "İki "), ("question", "¿Ana?"), ("nonsense", ("Ban ", "Banban"))]
)
def test_capitals(folder, monkeypatch, kind, begin):
    (folder / "xx.toml").write_text(GRAMMAR, encoding="utf-8")
    monkeypatch.setattr(text, "SHARES", dict.fromkeys(text.SHARES, 0.0) | {kind: 1.0})
    [sentence] = _sentences("xx", 1)
    assert sentence.startswith(begin)
    # After an ordinal number a sentence goes on, after a word it ends.
    assert kind != "statement" or (". kat. İyi" in sentence)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("{name}", "{nobody}", "nothing fills"),
        ("figures =", "numbers =", "not complete"),
        ("onset =", "start =", "not complete"),
        ("[words]", "[extra]\n[words]", "unknown"),
    ],
)
def test_a_file_that_lacks_something_is_refused(folder, before, after, message):
    (folder / "xx.toml").write_text(GRAMMAR.replace(before, after), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        text.load("xx")


def test_all_languages_can_be_spoken_and_close_the_lips():
    with Espeak() as engine:
        for language in text.LANGUAGES:
            phonemes = [p.ipa for s in _sentences(language, 12) for p in engine.speak(s, Voice(language)).phonemes]
            assert len(set(phonemes)) >= 18, language
            assert np.isin(phonemes, ("p", "b", "m")).mean() > 0.02, language

"""Files of phonemes: back as they were, and every way in which they can be wrong."""

import json

import pytest

from vlogger_jax.audio import phonemes
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.core.errors import UserError

SAID = (Phoneme("", 0.0, 264 / 22050), Phoneme("oʊ", 264 / 22050, 1 / 3, 2), Phoneme('"\\', 1 / 3, 0.4, 1))
GOOD = {"ipa": "a", "start": 0, "end": 1, "stress": 0}


def written(path, **changes):
    whole = {"format": "vlogger.phonemes", "version": 1, "rate": 22050, "phonemes": [GOOD]} | changes
    path.write_text(json.dumps({key: value for key, value in whole.items() if value is not None}))
    return path


def test_back_to_the_bit(tmp_path):
    phonemes.save(tmp_path / "x.json", SAID, 22050)
    assert phonemes.load(tmp_path / "x.json") == SAID
    whole = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert whole["format"] == "vlogger.phonemes" and whole["version"] == 1 and whole["rate"] == 22050
    assert whole["phonemes"][1] == {"ipa": "oʊ", "start": 264 / 22050, "end": 1 / 3, "stress": 2}


def test_of_nothing(tmp_path):
    phonemes.save(tmp_path / "x.json", (), 16000)
    assert phonemes.load(tmp_path / "x.json") == ()


def test_rounded_times_meet(tmp_path):
    rows = [GOOD | {"start": 0.0004}, GOOD | {"start": 1.0009, "end": 2}]
    assert phonemes.load(written(tmp_path / "x.json", phonemes=rows)) == (Phoneme("a", 0, 1), Phoneme("a", 1, 2))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": "vlogger.fit"}, "holds no phonemes"),
        ({"format": None}, "holds no phonemes"),
        ({"version": 2}, "has version 2"),
        ({"version": True}, "has version True"),
        ({"version": None}, "has version None"),
        ({"rate": None}, 'lacks "rate"'),
        ({"rate": 0}, "its rate is no positive number"),
        ({"rate": "fast"}, "its rate is no positive number"),
        ({"voice": "me"}, 'has "voice", which means nothing'),
        ({"phonemes": None}, 'lacks "phonemes"'),
        ({"phonemes": {}}, "are no list"),
        ({"phonemes": ["a"]}, "phoneme 0 .*is no object"),
        ({"phonemes": [GOOD | {"end": 0}]}, "its start and end"),
        ({"phonemes": [GOOD | {"start": -0.1}]}, "its start and end"),
        ({"phonemes": [GOOD | {"start": "0"}]}, "its start and end"),
        ({"phonemes": [GOOD | {"start": False}]}, "its start and end"),
        ({"phonemes": [GOOD | {"end": float("nan")}]}, "no JSON"),
        ({"phonemes": [GOOD | {"end": 10**400}]}, "its start and end"),
        ({"phonemes": [GOOD | {"stress": 3}]}, "its stress"),
        ({"phonemes": [GOOD | {"stress": True}]}, "its stress"),
        ({"phonemes": [GOOD | {"stress": 1.0}]}, "its stress"),
        ({"phonemes": [GOOD | {"ipa": 1}]}, "its ipa"),
        ({"phonemes": [GOOD | {"ipa": "a\n"}]}, "its ipa"),
        ({"phonemes": [GOOD | {"ipa": "a" * 33}]}, "its ipa"),
        ({"phonemes": [GOOD | {"tone": 1}]}, 'has "tone"'),
        ({"phonemes": [{"ipa": "a", "start": 0, "end": 1}]}, 'lacks "stress"'),
        ({"phonemes": [GOOD | {"start": 0.01}]}, "begins at 0.01 s, where 0 s is due"),
        ({"phonemes": [GOOD, GOOD | {"start": 1.2, "end": 2}]}, "phoneme 1 .*begins at 1.2 s, where 1 s is due"),
        ({"phonemes": [GOOD, GOOD | {"start": 0.5, "end": 2}]}, "phoneme 1 .*begins at 0.5 s"),
    ],
)
def test_what_is_wrong_is_said(changes, why, tmp_path):
    with pytest.raises(UserError, match=why) as caught:
        phonemes.load(written(tmp_path / "x.json", **changes))
    assert "x.json" in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\xff\xfe", b"[" * 100_000, b"[]", b"3", b'{"format": "vlogger.phonemes"'], ids=range(7)
)
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.json (cannot be read: it is no JSON|holds no phonemes)"):
        phonemes.load(tmp_path / "x.json")


def test_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "missing.json"):
        with pytest.raises(UserError, match="is not a file"):
            phonemes.load(path)

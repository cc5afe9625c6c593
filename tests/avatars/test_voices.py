"""Voices, languages and splits, and that what is frozen stays so."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from data_pipelines.avatars import splits, text, voices
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.audio.speech import Voice
from vlogger_jax.core.errors import UserError


def test_the_generator_is_frozen():
    """Whoever changes any of this changes the data set: raise `splits.GENERATOR` with it."""
    tables = (splits.HELD_OUT_LANGUAGES, splits.HELD_OUT_VARIANTS, voices.VARIANTS, text.LANGUAGES, text.SHARES)
    files = b"".join((text.FOLDER / f"{language}.toml").read_bytes() for language in text.LANGUAGES)
    digests = [hashlib.sha256(part).hexdigest()[:12] for part in (repr(tables).encode(), files)]
    numbers = [int(splits.generator(0, 7, split, "voice").integers(10**6)) for split in splits.SPLITS]
    drawn = [
        (voices.draw_language(split, rng := splits.generator(3, 1, split, "voice")), voices.draw("de", split, rng).name)
        for split in splits.SPLITS
    ]
    frozen = (splits.GENERATOR, digests, numbers, drawn, text.sentence("en-us", np.random.default_rng(1)))
    assert frozen == FROZEN


FROZEN = (
    1,
    ["ff5dc5b7e814", "5189b5145594"],
    [535546, 690229, 53088],
    [("id", "de+kaukovalta"), ("de", "de"), ("ro", "de+steph2")],
    "Have you heard that his family buys five boxes of apples at the airport?",
)


def test_every_part_of_a_clip_has_numbers_of_its_own():
    keys = [(0, 0, "train", "a", 0), (1, 0, "train", "a", 0), (0, 1, "train", "a", 0), (0, 0, "test", "a", 0)]
    keys += [(0, 0, "train", "b", 0), (0, 0, "train", "a", 1)]
    drawn = [splits.generator(*key).random() for key in keys]
    assert len(set(drawn)) == len(keys)
    assert drawn[0] == splits.generator(0, 0, "train", "a").random()


@pytest.mark.parametrize(("key", "name"), [((-1, 0, 0), "seed"), ((0, -1, 0), "index"), ((0, 0, -1), "take")])
def test_negative_numbers_are_refused(key, name):
    seed, index, take = key
    with pytest.raises(UserError, match=f"the {name} of a clip is -1"):
        splits.generator(seed, index, "train", "a", take)


def test_a_wrong_split_is_refused():
    """Outside of pytest, which checks the types of arguments itself."""
    calls = ("text.draw('de', 'trian', rng)", "splits.generator(0, 0, 'trian', 'a')")
    for call in calls:
        program = f"""
import numpy as np
from data_pipelines.avatars import splits, text
from vlogger_jax.core.errors import UserError
rng = np.random.default_rng(0)
try:
    {call}
except UserError as error:
    print(error)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
        assert done.stdout == "there is no split 'trian'. Give train, validation or test.\n", done.stderr


def test_what_is_held_out_is_never_seen():
    assert len(splits.HELD_OUT_LANGUAGES) == 2
    assert set(splits.HELD_OUT_LANGUAGES) < set(text.LANGUAGES)
    assert set(splits.HELD_OUT_VARIANTS) < set(voices.VARIANTS)
    assert 0.2 < len(splits.HELD_OUT_VARIANTS) / len(voices.VARIANTS) < 0.33
    for split in ("train", "validation"):
        assert not set(voices.languages(split)) & set(splits.HELD_OUT_LANGUAGES)
        assert not set(voices.variants(split)) & set(splits.HELD_OUT_VARIANTS)
        rng = np.random.default_rng(0)
        for _ in range(300):
            language = voices.draw_language(split, rng)
            assert language in voices.languages(split)
            name = voices.draw(language, split, rng).name
            assert name == language or name.removeprefix(f"{language}+") in voices.variants(split)


def test_the_test_split_meets_new_voices_and_a_third_of_new_languages():
    rng = np.random.default_rng(0)
    languages = [voices.draw_language("test", rng) for _ in range(2000)]
    assert abs(np.isin(languages, splits.HELD_OUT_LANGUAGES).mean() - 1 / 3) < 0.04
    assert set(languages) == set(voices.languages("test")) == set(text.LANGUAGES)
    for language in languages[:300]:
        variant = voices.draw(language, "test", rng).name.removeprefix(f"{language}+")
        assert variant in splits.HELD_OUT_VARIANTS


def test_rates_and_pitches_vary_within_what_the_engine_can():
    rng = np.random.default_rng(0)
    drawn = [voices.draw("de", "train", rng) for _ in range(500)]
    for name, spread in (("rate", 20), ("pitch", 10), ("pitch_range", 12)):
        values = [getattr(voice, name) for voice in drawn]
        assert np.std(values) > spread
        assert min(values) >= (80 if name == "rate" else 0) and max(values) <= (450 if name == "rate" else 99)


@pytest.mark.parametrize("variant", (*splits.HELD_OUT_VARIANTS[:3], "m1", "klatt4"))
def test_variants_differ_from_the_plain_voice(variant):
    with Espeak() as engine:
        plain, other = (engine.speak("mama", Voice(name)).waveform for name in ("en-us", f"en-us+{variant}"))
        assert len(plain) != len(other) or np.abs(plain - other).max() > 0.01


def test_the_engine_has_all_voices():
    with Espeak() as engine:
        known = engine.voices()
    assert set(voices.VARIANTS) <= set(known.variants)
    assert set(text.LANGUAGES) <= {language.lower() for language in known.languages}

"""espeak-ng: exact phoneme times, the same bytes every time, and a process that may die."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from vlogger_jax.audio import espeak
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.audio.speech import Voice
from vlogger_jax.core.errors import UserError

pytest.importorskip("espeakng_loader")

TEXT = "Hello world, this is Bob speaking."


@pytest.fixture(scope="module")
def engine():
    with Espeak() as engine:
        yield engine


def worker(engine):
    return engine._process._process


def assert_whole(speech):
    """Phonemes cover the sound without gaps, at whole samples."""
    assert speech.phonemes[0].start == 0
    assert speech.phonemes[-1].end == len(speech.waveform) / speech.rate
    for before, after in zip(speech.phonemes, speech.phonemes[1:], strict=False):
        assert before.end == after.start
        assert before.ipa or after.ipa, "two silences"
    for phoneme in speech.phonemes:
        assert phoneme.start < phoneme.end
        assert abs(phoneme.start * speech.rate - round(phoneme.start * speech.rate)) < 1e-6
        assert phoneme.stress in (0, 1, 2)
        assert not set(phoneme.ipa) & set("ˈˌ()")


def test_a_sentence(engine):
    speech = engine.speak(TEXT, Voice())
    assert_whole(speech)
    assert speech.rate == 22050 and speech.waveform.dtype == np.float32
    assert 1.8 < len(speech.waveform) / speech.rate < 2.3
    said = " ".join(phoneme.ipa for phoneme in speech.phonemes if phoneme.ipa)
    assert said == "h ə l oʊ w ɜː l d ð ɪ s ɪ z b ɑː b s p iː k ɪ ŋ"
    assert {phoneme.ipa for phoneme in speech.phonemes if phoneme.stress == 2} == {"oʊ", "ɜː", "ɑː", "iː"}
    # The comma is a pause, about as long as a syllable.
    (pause,) = [p for p in speech.phonemes[1:-1] if not p.ipa]
    assert 0.1 < pause.end - pause.start < 0.3


def test_times_are_those_of_the_sound(engine):
    """Silence is silent, closures are quiet, vowels are loud, from the first to the last sentence of a minute."""
    speech = engine.speak("Papa, come at once. A cat attacked. " * 16, Voice())
    assert len(speech.waveform) / speech.rate > 40

    def level(start, end, margin):
        part = speech.waveform[round((start + margin) * speech.rate) : round((end - margin) * speech.rate)]
        return np.sqrt((part**2).mean()) if len(part) else np.nan

    silences = [level(p.start, p.end, 0.03) for p in speech.phonemes if not p.ipa and p.end - p.start > 0.1]
    vowels = [level(p.start, p.end, 0.01) for p in speech.phonemes if p.stress == 2]
    assert len(silences) >= 45 and len(vowels) >= 60
    assert max(silences) < 0.01 * min(vowels)


@pytest.mark.parametrize("voice", ["en-us", "en-us+f1", "fr-fr", "en-us+whisper"])
def test_stops_begin_with_their_closure(engine, voice):
    speech = engine.speak("Appa atta akka appa", Voice(voice))
    stops = 0
    for before, p in zip(speech.phonemes, speech.phonemes[1:], strict=False):
        if p.ipa in ("p", "t", "k", "kʰ", "pʰ", "tʰ") and before.ipa:
            part = speech.waveform[round(p.start * speech.rate) : round(p.end * speech.rate)]
            assert speech.waveform[round(p.start * speech.rate) - 1] != 0
            closure = np.flatnonzero(part)[0] / speech.rate
            assert 0.01 < closure < 0.12
            assert np.abs(part[round(closure * speech.rate) :]).max() > 0.01  # the release
            stops += 1
    assert stops >= 3


def test_the_same_words_are_the_same_bytes(engine):
    """Whisper and breath are noise, flutter a walk: both would go on where the sentence before left them."""
    voices = [
        Voice("en-us"),
        Voice("en-us+whisper"),
        Voice("en-us+klatt4"),
        Voice("en-us+f2"),
        Voice("de", 200, 70, 90),
    ]
    first = [engine.speak(TEXT, voice) for voice in voices]
    again = [engine.speak(TEXT, voice) for voice in reversed(voices)][::-1]
    with Espeak() as other:
        time.sleep(1.1)  # espeak-ng takes the time in seconds for a seed
        elsewhere = [other.speak(TEXT, voice) for voice in voices]
    for speeches in zip(first, again, elsewhere, strict=True):
        assert len({speech.waveform.tobytes() for speech in speeches}) == 1
        assert len({speech.phonemes for speech in speeches}) == 1
    assert len({speech.waveform.tobytes() for speech in first}) == len(voices)


def test_rate_pitch_and_range_are_heeded(engine):
    def seconds(rate):
        return len(engine.speak(TEXT, Voice(rate=rate)).waveform)

    def pitch(voice):
        """Hertz, of each stressed vowel: the strongest of the lags from 3 to 17 ms, overtones smoothed away."""
        speech, found = engine.speak("Mama, are you Mama? Mama!", voice), []
        smooth = np.convolve(speech.waveform, np.hanning(80), "same")
        for p in speech.phonemes:
            if p.stress == 2:
                part = smooth[round(p.start * speech.rate) : round(p.end * speech.rate)]
                lags = np.correlate(part, part, "full")[len(part) - 1 :]
                found.append(speech.rate / (66 + lags[66:375].argmax()))
        return np.array(found)

    assert seconds(350) < 0.65 * seconds(175) < 0.5 * seconds(80)
    assert np.median(pitch(Voice(pitch=80))) > 1.2 * np.median(pitch(Voice(pitch=20)))
    flat, lively = (np.ptp(pitch(Voice(pitch_range=pitch_range))) for pitch_range in (0, 99))
    assert flat < 0.5 * lively


def test_every_language_is_spoken(engine):
    voices = engine.voices()
    assert len(voices.languages) > 100 and {"en-us", "en-gb", "en", "de", "fr-fr", "cmn", "pl"} <= set(voices.languages)
    assert {"f1", "m3", "whisper", "klatt2"} <= set(voices.variants)
    assert voices.languages["en"] == voices.languages["en-gb"] == "English (Great Britain)"
    silent = []
    for language in voices.languages:
        try:
            assert_whole(engine.speak("Banana 12, papa.", Voice(language)))
        except UserError as error:
            assert "there is nothing in" in str(error)
            silent.append(language)
    assert len(silent) < 5


@pytest.mark.parametrize("name", ["en-US", "EN-us+F3", "en-us+Mr serious"])
def test_voices_in_other_letters(engine, name):
    assert_whole(engine.speak("Hi", Voice(name)))


@pytest.mark.parametrize(
    "name", ["", "xx", "en-us+", "en-us+nobody", "+f3", "gmw/en-US", "../en", "mb-en1", "e\0n", "é"]
)
def test_unknown_voices_are_refused(engine, name):
    with pytest.raises(UserError, match=r'knows no voice ".*--list-voices'):
        engine.speak("Hi", Voice(name))


@pytest.mark.parametrize("field", ["rate", "pitch", "pitch_range"])
@pytest.mark.parametrize("value", [-1, 451])
def test_impossible_voices_are_refused(engine, field, value):
    with pytest.raises(UserError, match=f"the {field.replace('_', ' ')} of the voice is {value}. Give"):
        engine.speak("Hi", Voice(**{field: value}))


@pytest.mark.parametrize("text", ["", " ", "\n\n", "...", "\0", "\x01", "?!", "\ud800", "\ue000"])
def test_nothing_to_say(engine, text):
    with pytest.raises(UserError, match="there is nothing in") as caught:
        engine.speak(text, Voice())
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\0 b", "ɐ biː"),
        ("\x015S hello", "faɪv z hə"),  # a command of espeak-ng's, were it not spoken
        ("<voice name='de'>hi</voice>", "vɔɪs"),  # no markup either
        ("[[h@'loU]] hi", "haɪ"),
        ("cafe\u0301", "kæfeɪ"),
        ("I \U0001f600", "ɡɹɪnɪŋ"),
        ("\u202ehi\u202c \ud800there", "haɪ ðɛɹ"),
    ],
)
def test_text_is_text(engine, text, said):
    speech = engine.speak(text, Voice())
    assert_whole(speech)
    assert said.replace(" ", "") in "".join(phoneme.ipa for phoneme in speech.phonemes)


def test_paragraphs_are_parted(engine):
    def pause(between):
        speech = engine.speak(f"Hello{between}world", Voice())
        return max((p.end - p.start for p in speech.phonemes[1:-1] if not p.ipa), default=0)

    assert pause(" ") == pause("\t") == pause("\0") == 0
    assert pause("\n\n") == pause("\r\n\r\n") > 0.2


@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=60), language=st.sampled_from(["en-us", "de", "fr", "ru", "cmn", "hi", "ar", "vi"]))
def test_any_text_is_spoken_or_refused(engine, text, language):
    try:
        assert_whole(engine.speak(text, Voice(language)))
    except UserError as error:
        assert "there is nothing in" in str(error)


def test_a_chapter(engine):
    sentences = 700
    speech = engine.speak(f"{TEXT}\n" * sentences, Voice(rate=300))
    assert_whole(speech)
    assert sum(phoneme.ipa == "w" for phoneme in speech.phonemes) == sentences


def test_a_book_is_refused(engine):
    with pytest.raises(UserError, match=r"has 100,001 characters; 100,000 can .*in parts"):
        engine.speak(" " * 100_001, Voice())
    with pytest.raises(UserError, match="there is nothing in"):
        engine.speak(" " * 100_000, Voice())


@pytest.mark.parametrize("said", [b"no JSON", b"\xff\xfe{}", b'{"rate": 22'])
def test_words_of_a_dying_process_are_a_crash(said):
    with Espeak() as engine:
        engine.speak(TEXT, Voice())
        old = worker(engine)
        reader, writer = os.pipe()
        os.write(writer, len(said).to_bytes(4, "big") + said)
        os.dup2(reader, old.stdout.fileno())
        os.close(reader)
        os.close(writer)
        with pytest.raises(UserError, match='crashed while it says "Hello world'):
            engine.speak(TEXT, Voice())
        assert_whole(engine.speak(TEXT, Voice()))
        assert worker(engine).pid != old.pid


def test_ten_seconds_take_no_time(engine):
    engine.speak(TEXT, Voice())
    start = time.perf_counter()
    speech = engine.speak(TEXT * 6, Voice())
    assert len(speech.waveform) / speech.rate > 10
    assert time.perf_counter() - start < 0.2  # 13 ms on an idle machine


def test_threads_take_turns(engine):
    expected = {i: engine.speak(f"Number {i}.", Voice()).waveform.tobytes() for i in range(8)}
    got = {}

    def say(i):
        got[i] = engine.speak(f"Number {i}.", Voice()).waveform.tobytes()

    threads = [threading.Thread(target=say, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
def test_the_library_is_in_another_process(engine):
    engine.speak("Hi", Voice())
    assert "espeak" not in Path("/proc/self/maps").read_text()
    assert "libespeak-ng" in Path(f"/proc/{worker(engine).pid}/maps").read_text()


def test_a_crash_is_one_error(engine):
    with pytest.raises(UserError, match="espeak-ng crashed while it is tested"):
        engine._ask({"text": "a request that lacks the rest"}, "it is tested")
    assert_whole(engine.speak(TEXT, Voice()))


def test_a_process_that_died_is_replaced():
    with Espeak() as engine:
        engine.speak(TEXT, Voice())
        old = worker(engine)
        os.killpg(old.pid, signal.SIGKILL)
        old.wait()
        assert_whole(engine.speak(TEXT, Voice()))
        assert worker(engine).pid != old.pid


def test_death_while_speaking_is_one_error():
    with Espeak() as engine:
        engine.speak(TEXT, Voice())
        timer = threading.Timer(0.2, os.killpg, (worker(engine).pid, signal.SIGKILL))
        timer.start()
        with pytest.raises(UserError, match='crashed while it says "Hello world'):
            engine.speak(TEXT * 2900, Voice())
        assert_whole(engine.speak(TEXT, Voice()))


def test_a_stuck_process_is_one_error():
    with Espeak(timeout=5) as engine:
        engine.speak(TEXT, Voice())
        stuck = worker(engine)
        os.kill(stuck.pid, signal.SIGSTOP)
        engine._process._timeout = 0.2
        with pytest.raises(UserError, match="stuck for 5 s while it says"):
            engine.speak(TEXT, Voice())
        assert stuck.poll() is not None
        assert_whole(engine.speak(TEXT, Voice()))


def test_the_process_ends(engine):
    other = Espeak()
    other.speak("Hi", Voice())
    process = worker(other)
    other.close()
    other.close()
    assert process.poll() is not None
    assert_whole(other.speak("Hi", Voice()))
    process = worker(other)
    del other
    gc.collect()
    assert process.poll() is not None


def test_it_ends_with_ours_however_that_ends():
    program = """
import os
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.audio.speech import Voice
engine = Espeak()
engine.speak("Hi", Voice())
print(engine._process._process.pid, flush=True)
os._exit(9)
"""
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout
    for _ in range(100):
        try:
            os.kill(int(output), 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{int(output)}/stat").exists() and ") Z " in Path(f"/proc/{int(output)}/stat").read_text():
            return  # ended, and nobody has asked how
        time.sleep(0.02)
    pytest.fail("it still runs")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*")
def test_a_fork_of_ours_has_its_own(engine):
    expected = engine.speak(TEXT, Voice()).waveform
    child = os.fork()
    if not child:
        same = False
        try:
            mine = worker(engine).pid
            same = np.array_equal(engine.speak(TEXT, Voice()).waveform, expected) and worker(engine).pid != mine
            engine.close()
        finally:
            os._exit(0 if same else 1)
    mine = worker(engine).pid
    assert os.waitpid(child, 0)[1] == 0
    assert np.array_equal(engine.speak(TEXT, Voice()).waveform, expected)
    assert worker(engine).pid == mine


def test_without_the_extra_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UserError, match=r'needs the extra "speech".*pip install'):
        Espeak().speak("Hi", Voice())


def test_a_library_that_does_not_load(monkeypatch, tmp_path):
    import espeakng_loader

    (tmp_path / "broken.so").write_text("no library")
    monkeypatch.setattr(espeakng_loader, "get_library_path", lambda: str(tmp_path / "broken.so"))
    with pytest.raises(UserError, match=r"espeak-ng does not start: .*broken\.so"):
        Espeak().speak("Hi", Voice())
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no_python"))
    with pytest.raises(UserError, match="cannot be started"):
        Espeak().speak("Hi", Voice())


def test_phonemes_from_events():
    """Language switches are no sound, modifiers join, what lasts no time is dropped, times never go back."""
    events = [[2, "ˈa"], [5, "(fr)"], [5, "ʲ"], [7, "p"], [7, "b"], [6, ""], [8, ""], [9, "ˌoʊ"], [99, "x"]]
    found = espeak._phonemes(events, np.ones(10, np.int16), 10)
    assert [(p.ipa, p.start, p.end, p.stress) for p in found] == [
        ("", 0, 0.2, 0),
        ("aʲ", 0.2, 0.7, 2),
        ("", 0.7, 0.9, 0),
        ("oʊ", 0.9, 1.0, 1),
    ]


def test_zeros_before_a_sound_are_its_closure():
    sound = np.array([0, 0, 3, 3, 0, 0, 3, 0, 0, 3, 0, 0], np.int16)
    events = [[2, "a"], [6, "p"], [7, "h"], [9, "e"], [11, ""]]
    found = espeak._phonemes(events, sound, 1)
    assert [(p.ipa, p.start, p.end) for p in found] == [
        ("", 0, 2),
        ("a", 2, 4),
        ("p", 4, 7),
        ("h", 7, 7 + 2),
        ("e", 9, 11),
        ("", 11, 12),
    ]

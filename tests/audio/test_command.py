"""A user's own program as an engine."""

import json
import os
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vlogger_jax.audio.command import Command
from vlogger_jax.audio.speech import Phoneme, Voice
from vlogger_jax.core.errors import UserError

RATE = 8000


def read(path):
    if not path.read_bytes().startswith(b"S"):
        raise UserError(f"{path} is not a sound", "Give a sound")
    return np.frombuffer(path.read_bytes()[1:], np.uint8).astype(np.float32) / 256, RATE


def command(program, arguments="{out}", **options):
    """One whose program is Python; `out` and `rest` are its arguments."""
    program = f"import sys; out, *rest = sys.argv[1:]\n{program}"
    return Command(f"{shlex.quote(sys.executable)} -I -S -c {shlex.quote(program)} {arguments}", read, **options)


SAYS_STDIN = "open(out, 'wb').write(b'S' + sys.stdin.buffer.read())"
SAYS_ARGUMENT = "open(out, 'wb').write(b'S' + rest[0].encode())"


def text_of(speech):
    return (speech.waveform * 256).astype(np.uint8).tobytes().decode()


@pytest.mark.parametrize("text", ["Hello", "Grüß dich 😀", "a\nb", "{out} $HOME `id` ; '\" \\ %s {phonemes}", "-rf"])
@pytest.mark.parametrize(("program", "arguments"), [(SAYS_STDIN, "{out}"), (SAYS_ARGUMENT, "{out} {text}")])
def test_the_text_arrives_whole(program, arguments, text):
    speech = command(program, arguments).speak(text, Voice())
    assert text_of(speech) == text
    assert speech.rate == RATE and speech.phonemes == ()


def test_the_text_arrives_once():
    assert text_of(command(f"{SAYS_STDIN}; assert not rest", "{out}").speak("a", Voice())) == "a"
    with pytest.raises(UserError, match="wrote no sound"):
        command("open(out, 'wb').write(sys.stdin.buffer.read())", "{out} {text}").speak("a", Voice())


def test_places_inside_of_words():
    program = "import sys; open(sys.argv[1][6:], 'wb').write(b'S' + sys.argv[2].encode())"
    line = f"{shlex.quote(sys.executable)} -I -c {shlex.quote(program)} --out={{out}} --say={{text}}"
    assert text_of(Command(line, read).speak("two words", Voice())) == "--say=two words"


def test_phonemes_of_the_program():
    rows = [{"ipa": "m", "start": 0, "end": 5 / RATE, "stress": 0}]
    whole = json.dumps({"format": "vlogger.phonemes", "version": 1, "rate": RATE, "phonemes": rows})
    engine = command(f"{SAYS_STDIN}; open(rest[0], 'w').write({whole!r})", "{out} {phonemes}")
    assert engine.tells_phonemes
    assert engine.speak("mmmmm", Voice()).phonemes == (Phoneme("m", 0.0, 5 / RATE),)
    assert not command(SAYS_STDIN).tells_phonemes
    with pytest.raises(UserError, match=r"phonemes of 0\.00 s and a sound of 0\.25 s"):
        engine.speak("m" * 2000, Voice())
    with pytest.raises(UserError, match=r"cannot be used: its file of phonemes is not a file"):
        command(SAYS_STDIN, "{out} {phonemes}").speak("m", Voice())


def test_an_empty_list_of_phonemes_beside_a_sound():
    empty = json.dumps({"format": "vlogger.phonemes", "version": 1, "rate": RATE, "phonemes": []})
    with pytest.raises(UserError, match="wrote a sound, and no phonemes") as caught:
        command(f"{SAYS_STDIN}; open(rest[0], 'w').write({empty!r})", "{out} {phonemes}").speak("m", Voice())
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("sys.exit(3)", "failed, exit code 3. Look"),
        (
            "print('first\\n  no such voice \\x1b[1m', file=sys.stderr); sys.exit(1)",
            r"exit code 1: no such voice  ?\[1m",
        ),
        ("raise ValueError('of mine')", "exit code 1: ValueError: of mine"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9"),
        ("pass", "wrote no sound"),
        ("open(out, 'w')", "wrote no sound"),
        ("open(out, 'w').write('text')", "wrote what cannot be used: its sound is not a sound"),
    ],
)
def test_a_program_that_fails_is_one_line(program, why):
    with pytest.raises(UserError, match=why) as caught:
        command(program).speak("Hello", Voice())
    assert str(caught.value).isprintable()


def test_a_program_that_hangs_is_ended_with_what_it_started(tmp_path):
    program = f"""
import os, time
if not os.fork():
    open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
time.sleep(60)
"""
    start = time.monotonic()
    with pytest.raises(UserError, match=r"has not ended after 0\.5 s"):
        command(program, timeout=0.5).speak("Hello", Voice())
    assert time.monotonic() - start < 5
    child = Path("/proc") / (tmp_path / "pid").read_text()
    time.sleep(0.1)
    assert not child.exists() or ") Z " in (child / "stat").read_text()


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("espeak", r"has no \{out\}"),
        ("espeak '{out}", "cannot be read: No closing quotation"),
        ("espeak {out} {speed}", r"stand for \{speed\}.*Use \{out\}, \{phonemes\}, \{text\}"),
    ],
)
def test_commands_that_cannot_be_are_refused_when_made(template, why):
    with pytest.raises(UserError, match=why):
        Command(template, read)


def test_programs_that_cannot_be_run(tmp_path):
    (tmp_path / "data").write_text("no program")
    for name, why in ((tmp_path / "missing", "No such file"), (tmp_path / "data", "Permission denied")):
        if os.geteuid() == 0 and name.exists():
            why = "Permission denied|Exec format"
        with pytest.raises(UserError, match=f"cannot be run: {why}"):
            Command(f"{name} {{out}}", read).speak("Hello", Voice())
    with pytest.raises(UserError, match="cannot be run: Argument list too long"):
        command(SAYS_ARGUMENT, "{out} {text}").speak("a" * 10_000_000, Voice())


def test_no_shell_and_nothing_left(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(UserError, match="wrote no sound"):
        Command(f"echo hi > {tmp_path}/x {{out}}", read).speak("Hello", Voice())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "  \n"])
def test_nothing_to_say(text):
    with pytest.raises(UserError, match="nothing to say"):
        command(SAYS_STDIN).speak(text, Voice())


def test_signs_that_no_argument_can_hold():
    assert text_of(command(SAYS_ARGUMENT, "{out} {text}").speak("a\0b\ud800", Voice())) == "a b?"

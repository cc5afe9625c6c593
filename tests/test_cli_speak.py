"""`vlogger speak`: what it refuses, what it writes, and that it leaves nothing half-written."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests import cli_files
from vlogger_jax import cli, doctor, speaking
from vlogger_jax.audio import phonemes
from vlogger_jax.audio.speech import Speech
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import audio_file

pytest.importorskip("espeakng_loader")

GOOD = "--text Hello --out {o}/x.wav"
REFUSED = {  # how the message goes on after "error: "
    "speak": "give one of --text and --text-file",
    "speak --out {o}/x.wav": "give one of --text and --text-file",
    f"speak {GOOD} --text-file {{f}}/words.txt": "give one of",
    "speak --text Hello": "--out is missing",
    "speak --text Hello --out {o}/x.mp3": "--out .*does not end in .wav",
    "speak --text Hello --out {o}/x": "--out .*does not end in .wav",
    "speak --text Hello --out {o}/nowhere/x.wav": "the folder .*nowhere does not exist",
    "speak --text Hello --out {f}/folder.wav": ".*folder.wav is a folder",
    f"speak {GOOD} --phonemes {{o}}/x.txt": "--phonemes .*does not end in .json",
    f"speak {GOOD} --phonemes {{o}}/nowhere/x.json": "the folder .*nowhere does not exist",
    f"speak {GOOD} --phonemes {{f}}/folder.json": ".*folder.json is a folder",
    "speak --text-file {f}/words.wav --out {f}/words.wav": "--text-file and --out name the same",
    "speak --text-file {f}/words.json --out {o}/x.wav --phonemes {f}/words.json": "--text-file and --phonemes name",
    "speak --text-file {f}/missing.txt --out {o}/x.wav": ".*missing.txt does not exist",
    "speak --text-file {f}/folder.txt --out {o}/x.wav": ".*folder.txt is a folder",
    "speak --text-file {f}/empty.txt --out {o}/x.wav": ".*empty.txt is empty",
    "speak --text-file {f}/blank.txt --out {o}/x.wav": "there is nothing in",
    "speak --text-file {f}/latin.txt --out {o}/x.wav": ".*latin.txt is not a text in UTF-8",
    "speak --text  --out {o}/x.wav --phonemes {o}/x.json": "there is nothing in",
    "speak --text ... --out {o}/x.wav --phonemes {o}/x.json": "there is nothing in",
    f"speak {GOOD} --voice klingonese": 'espeak-ng knows no voice "klingonese"',
    f"speak {GOOD} --voice en-us+nobody": "espeak-ng knows no voice",
    f"speak {GOOD} --rate 79": "the rate of the voice is 79. Give 80 to 450",
    f"speak {GOOD} --rate 175.5": "Invalid value",
    f"speak {GOOD} --pitch 100": "the pitch of the voice is 100",
    f"speak {GOOD} --pitch -1": "the pitch of the voice is -1",
    f"speak {GOOD} --list-voices": "--list-voices goes with no other",
    f"speak {GOOD} --engine ": "the engine's command is empty",
    f"speak {GOOD} --engine says": "the engine's command has no {out}",
    f"speak {GOOD} --engine {{c}}true --voice en": "--voice is for espeak-ng",
    f"speak {GOOD} --engine {{c}}true --rate 100": "--rate is for espeak-ng",
    f"speak {GOOD} --engine {{c}}true --pitch 1": "--pitch is for espeak-ng",
    f"speak {GOOD} --engine {{c}}true --phonemes {{o}}/x.json": "--phonemes needs an engine that tells them",
    f"speak {GOOD} --engine {{c}}no-such-program": "no-such-program cannot be run: No such file",
    f"speak {GOOD} --engine {{c}}false": "false failed, exit code 1",
    f"speak {GOOD} --engine {{c}}true": "true wrote no sound",
    f"speak {GOOD} --engine {{c}}cp\t{{f}}/words.txt": "cp wrote what cannot be used: its sound is not a",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speak") / "files"
    folder.mkdir()
    for name in ("folder.wav", "folder.json", "folder.txt"):
        (folder / name).mkdir()
    (folder / "words.txt").write_text("\ufeffGrüß dich, Welt.\r\n", encoding="utf-8")
    (folder / "words.wav").write_text("Hello")
    (folder / "words.json").write_text("Hello")
    (folder / "latin.txt").write_bytes("Grüß dich".encode("latin-1"))
    (folder / "empty.txt").touch()
    (folder / "blank.txt").write_text(" \n\n ")
    audio_file.write(
        folder / "sound.wav", (np.sin(np.arange(2400) / 5) * np.hanning(2400) / 2).astype(np.float32), 24000
    )
    return folder


def run(line, files, out):
    return cli.run(arguments(line, files, out))


def arguments(line, files, out):
    """{c} begins a command that ends with {out} and whose arguments are parted by tabs."""
    found = []
    for part in line.split(" "):
        command = part.startswith("{c}")
        part = part.removeprefix("{c}").replace("{f}", str(files)).replace("{o}", str(out))
        found.append(part.replace("\t", " ") + (" {out}" if command else ""))
    return found


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_used_is_one_line_and_leaves_nothing(line, files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli_files, "run", run)
    message = cli_files.assert_refused(line, files, tmp_path, capsys)
    assert re.match(f"error: {REFUSED[line]}", message), message


def test_speech_and_phonemes(files, tmp_path, capsys):
    line = "speak --text-file {f}/words.txt --voice de+f3 --rate 120 --pitch 70 --out {o}/x.wav --phonemes {o}/x.json"
    assert run(line, files, tmp_path) == 0
    stdout, stderr = capsys.readouterr()
    assert stderr == ""
    seconds, count = re.search(r"x\.wav: ([\d.]+) s of speech, 22050 samples/s, (\d+) phonemes\n$", stdout).groups()
    waveform = audio_file.read(tmp_path / "x.wav", 22050)
    assert len(waveform) / 22050 == pytest.approx(float(seconds), abs=0.006)
    said = phonemes.load(tmp_path / "x.json")
    assert said[-1].end == len(waveform) / 22050
    assert [p.ipa for p in said if p.ipa][:4] == ["ɡ", "ɾ", "yː", "s"] and int(count) == sum(bool(p.ipa) for p in said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.json", "x.wav"]


def test_defaults(files, tmp_path, capsys):
    assert run(f"speak {GOOD}", files, tmp_path) == 0
    assert run("speak --text Hello --out {o}/y.wav --voice en-us --rate 175 --pitch 50", files, tmp_path) == 0
    assert (tmp_path / "x.wav").read_bytes() == (tmp_path / "y.wav").read_bytes()


def test_a_program_of_the_users(files, tmp_path, capsys):
    assert run(f"speak {GOOD} --engine {{c}}cp\t{{f}}/sound.wav", files, tmp_path) == 0
    assert capsys.readouterr().out.endswith("x.wav: 0.10 s of speech, 48000 samples/s\n")
    theirs = audio_file.read(files / "sound.wav", 16000)
    np.testing.assert_allclose(audio_file.read(tmp_path / "x.wav", 16000), theirs, atol=2e-3)


def test_voices_are_listed(files, tmp_path, capsys):
    assert run("speak --list-voices", files, tmp_path) == 0
    out = capsys.readouterr().out
    assert re.search(r"^en-us +English \(America\)$", out, re.MULTILINE) and " whisper" in out


def test_what_was_there_stays_when_it_fails(files, tmp_path, monkeypatch, capsys):
    (tmp_path / "x.wav").write_text("precious")
    (tmp_path / "x.json").write_text("precious")

    class Broken:
        def speak(self, text, voice):
            return Speech(np.full(10, np.nan, np.float32), 16000, ())

    monkeypatch.setattr(speaking, "_engine", lambda request: Broken())
    assert run(f"speak {GOOD} --phonemes {{o}}/x.json", files, tmp_path) == 2
    assert "not numbers" in capsys.readouterr().err
    assert {path.read_text() for path in tmp_path.iterdir()} == {"precious"}
    assert len(list(tmp_path.iterdir())) == 2


def test_ctrl_c_leaves_nothing(files, tmp_path, monkeypatch, capsys):
    class Interrupted:
        def speak(self, text, voice):
            raise KeyboardInterrupt

    monkeypatch.setattr(speaking, "_engine", lambda request: Interrupted())
    assert run(f"speak {GOOD} --phonemes {{o}}/x.json", files, tmp_path) == 130
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_a_signal_ends_the_program_too(tmp_path):
    program = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    engine = f"{sys.executable} -I -S -c {shlex.quote(program)} {{out}}"
    command = [sys.executable, "-m", "vlogger_jax", "speak", "--text", "hi", "--out", str(tmp_path / "x.wav")]
    process = subprocess.Popen([*command, "--engine", engine], stderr=subprocess.PIPE, text=True)
    for _ in range(500):
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    assert "Traceback" not in process.stderr.read()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert [path.name for path in tmp_path.iterdir()] == ["pid"]


def test_without_the_extra(files, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    assert run(f"speak {GOOD}", files, tmp_path) == 2
    assert 'pip install "vlogger_jax[speech]"' in capsys.readouterr().err
    with pytest.raises(UserError, match="the extra"):
        speaking.list_voices()
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_says_whether_it_speaks(monkeypatch):
    state, text = doctor._extra("speech")
    assert state == "installed" and re.search(r"by espeak-ng 1\.\d+", text)
    monkeypatch.setattr("espeakng_loader.get_library_path", lambda: "/no/such/library.so")
    state, text = doctor._extra("speech")
    assert state == "broken" and "espeak-ng does not start" in text and "pip install" in text

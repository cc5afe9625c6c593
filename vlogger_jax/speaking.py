"""`vlogger speak`: text in, sound out, and what is said when."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vlogger_jax import console
from vlogger_jax.audio import phonemes as phoneme_file
from vlogger_jax.audio.command import Command
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.audio.speech import Engine, Voice
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float32
from vlogger_jax.fitting import check_apart, check_suffix
from vlogger_jax.media import atomic, audio_file, reading

COMMAND_RATE = 48000
"""Samples/s that the sound of a user's own program is written with: none of theirs is higher."""


@dataclass(frozen=True)
class Request:
    """The options of `vlogger speak`; see its help."""

    out: Path | None = None
    text: str | None = None
    text_file: Path | None = None
    voice: str | None = None
    rate: int | None = None
    pitch: int | None = None
    engine: str | None = None
    phonemes: Path | None = None


def speak_file(request: Request) -> None:
    """Say what `request` says, write the files that it asks for, and print a line about them.

    Raises:
        UserError: if options contradict each other, files cannot be read or written, or the engine cannot say it.
    """
    _check(request)
    engine = _engine(request)
    text = request.text if request.text_file is None else _text(request.text_file)
    chosen = {"name": request.voice, "rate": request.rate, "pitch": request.pitch}
    voice = Voice(**{name: value for name, value in chosen.items() if value is not None})
    with contextlib.ExitStack() as stack:
        stack.enter_context(console.progress())
        out = stack.enter_context(atomic.replacing(request.out))
        told = stack.enter_context(atomic.replacing(request.phonemes)) if request.phonemes else None
        speech = engine.speak(text, voice)
        audio_file.write(out, speech.waveform, speech.rate)
        if told:
            phoneme_file.save(told, speech.phonemes, speech.rate)
    said = [phoneme for phoneme in speech.phonemes if phoneme.ipa]
    line = f"{request.out}: {len(speech.waveform) / speech.rate:.2f} s of speech, {speech.rate} samples/s"
    print(line + (f", {len(said)} phonemes" if said else ""))


def list_voices() -> None:
    """Print what `--voice` can be.

    Raises:
        UserError: if espeak-ng is not there.
    """
    with Espeak() as engine:
        voices = engine.voices()
    width = max(map(len, voices.languages))
    print("\n".join(f"{code:{width}}  {name}" for code, name in voices.languages.items()))
    print(f"\nwith or without one of these, as in en-us+f3:\n{', '.join(voices.variants)}")


def _engine(request: Request) -> Engine:
    if request.engine is None:
        return Espeak()
    command = Command(request.engine, _read)
    for option in ("voice", "rate", "pitch"):
        if getattr(request, option) is not None:
            raise UserError(f"--{option} is for espeak-ng, not for --engine", f"Say the {option} in the command")
    if request.phonemes and not command.tells_phonemes:
        raise UserError(
            "--phonemes needs an engine that tells them", "Put {phonemes} into --engine, where it takes a file to write"
        )
    return command


def _read(path: Path) -> tuple[Float32[np.ndarray, "s"], int]:
    return audio_file.read(path, COMMAND_RATE), COMMAND_RATE


def _text(path: Path) -> str:
    path = reading.file(path, "a text")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text in UTF-8", "Save it as UTF-8") from error


def _check(request: Request) -> None:
    if (request.text is None) == (request.text_file is None):
        raise UserError("give one of --text and --text-file", 'For example `vlogger speak --text "Hello" --out hi.wav`')
    if request.out is None:
        raise UserError("--out is missing", "Say where to write the sound, .wav")
    check_suffix("--out", request.out, (".wav",))
    if request.phonemes:
        check_suffix("--phonemes", request.phonemes, (".json",))
    check_apart({"--out": request.out, "--phonemes": request.phonemes}, {"--text-file": request.text_file})

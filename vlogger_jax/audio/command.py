"""Any program that makes speech from text, as an engine."""

import contextlib
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vlogger_jax.audio import phonemes as phoneme_file
from vlogger_jax.audio.speech import Speech, Voice
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float32

PLACES = ("out", "phonemes", "text")

_NAMES = re.compile(r"\{(\w+)\}")
_TOLD = 4096  # bytes of the end of stderr to look for the last line in


@dataclass(frozen=True)
class Command:
    """A program that is run for each text, without a shell.

    Attributes:
        template: its command line; `{out}` stands for the file to write the sound to, `{text}` for the text, which is
            otherwise on stdin, UTF-8, and `{phonemes}`, if it can tell them, for a file to write as `audio.phonemes`
            describes. For example `piper --model en.onnx --output_file {out}`.
        read: what reads a sound: (waveform in [-1, 1], samples/s); `media.audio_file` can.
        timeout: seconds that the program may take.

    Raises:
        UserError: when made of a template that cannot be.
    """

    template: str
    read: Callable[[Path], tuple[Float32[np.ndarray, "s"], int]]
    timeout: float | int = 600

    def __post_init__(self):
        words = self._words()
        if not words:
            raise UserError("the engine's command is empty", "Give a program and its arguments")
        places = {place for word in words for place in _NAMES.findall(word)}
        if unknown := sorted(places - set(PLACES)):
            known = ", ".join(f"{{{place}}}" for place in PLACES)
            raise UserError(f"nothing is known to stand for {{{unknown[0]}}} in the engine's command", f"Use {known}")
        if "out" not in places:
            raise UserError("the engine's command has no {out}", "Put {out} where the program takes the file to write")

    @property
    def tells_phonemes(self) -> bool:
        """Whether the program is asked for phonemes."""
        return any("phonemes" in _NAMES.findall(word) for word in self._words())

    def speak(self, text: str, voice: Voice) -> Speech:
        """Say `text`; in which voice is for the command to say, and `voice` is not looked at.

        Raises:
            UserError: if there is no such program, it fails or takes too long, or does not write what was asked for.
        """
        if not text.strip():
            raise UserError("there is nothing to say in an empty text", "Give words")
        text = text.encode(errors="replace").decode().replace("\0", " ")
        with tempfile.TemporaryDirectory() as folder:
            out, told = Path(folder, "speech.wav"), Path(folder, "phonemes.json")
            values = {"out": str(out), "phonemes": str(told), "text": text}
            words = [_NAMES.sub(lambda place: values[place[1]], word) for word in self._words()]
            self._run(words, text, Path(folder))
            if not out.is_file() or not out.stat().st_size:
                raise UserError(
                    f"{words[0]} wrote no sound", "Look whether it writes to the file that {out} stands for"
                )
            try:
                waveform, rate = self.read(out)
                phonemes = phoneme_file.load(told) if self.tells_phonemes else ()
            except UserError as error:
                what = error.what.replace(str(out), "its sound").replace(str(told), "its file of phonemes")
                raise UserError(f"{words[0]} wrote what cannot be used: {what}", error.fix) from error
        if self.tells_phonemes and len(waveform) and not phonemes:
            raise UserError(
                f"{words[0]} wrote a sound, and no phonemes in its file of them",
                "Leave {phonemes} out of the command of an engine that cannot tell them",
            )
        if phonemes and abs(phonemes[-1].end - len(waveform) / rate) > 0.1:
            raise UserError(
                f"{words[0]} wrote phonemes of {phonemes[-1].end:.2f} s and a sound of {len(waveform) / rate:.2f} s",
                "They must be of the same length",
            )
        return Speech(waveform, rate, phonemes)

    def _words(self) -> list[str]:
        try:
            return shlex.split(self.template)
        except ValueError as error:
            raise UserError(f"the engine's command cannot be read: {error}", "Look at its quotes") from error

    def _run(self, words: list[str], text: str, folder: Path) -> None:
        (folder / "stdin").write_bytes(b"" if "{text}" in self.template else text.encode())
        with (folder / "stdin").open("rb") as said, (folder / "stderr").open("w+b") as errors:
            try:
                process = subprocess.Popen(
                    words, stdin=said, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
                )
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise UserError(f"{words[0]} cannot be run: {reason}", "Look at the engine's command") from error
            try:
                code = process.wait(self.timeout)
            except subprocess.TimeoutExpired as error:
                raise UserError(
                    f"{words[0]} has not ended after {self.timeout:g} s", "Give it less text, or look why it hangs"
                ) from error
            finally:  # what it has started is in its session
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, 9)
                process.wait()
            if code:
                raise UserError(f"{words[0]} failed, {_end(code)}{_last_line(errors)}", "Look at the engine's command")


def _end(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"ended by signal {-code}"


def _last_line(file) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - _TOLD))
    lines = file.read().decode(errors="replace").strip().splitlines()
    return f": {''.join(letter if letter.isprintable() else ' ' for letter in lines[-1])}" if lines else ""

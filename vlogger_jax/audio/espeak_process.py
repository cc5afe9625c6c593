"""Our end of the process that espeak-ng runs in; `audio.espeak_worker` is the other."""

import contextlib
import importlib
import json
import os
import select
import struct
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

from vlogger_jax.audio.espeak_worker import frame
from vlogger_jax.core.errors import UserError

INSTALL = 'pip install "vlogger_jax[speech]"'


class Process:
    """One that runs, and its pipes; not for two threads at a time."""

    def __init__(self, timeout: float | int):
        """Start it; it is stuck when it says nothing for `timeout` seconds.

        Raises:
            UserError: if espeak-ng is not there or does not start.
        """
        try:
            loader = importlib.import_module("espeakng_loader")
        except ImportError as error:
            raise UserError('speech from text needs the extra "speech"', f"Run `{INSTALL}`") from error
        worker = str(Path(__file__).with_name("espeak_worker.py"))
        # Isolated, it neither needs this package on its path nor meets a json.py in the current folder.
        command = [sys.executable, "-I", "-S", worker, loader.get_library_path(), loader.get_data_path()]
        pipe = subprocess.PIPE
        try:
            # A session of its own, so that Ctrl-C is for us to handle, and so that its forks can be ended with it.
            process = subprocess.Popen(
                command,
                stdin=pipe,
                stdout=pipe,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | {"LC_ALL": "C"},
            )
        except OSError as error:
            raise UserError(f"a process for espeak-ng cannot be started: {error}", "Run `vlogger doctor`") from error
        self._owner = os.getpid()
        self._process, self._timeout = process, timeout
        self.end = weakref.finalize(self, _end, process, self._owner)
        try:
            began, _ = self._answer()
        except (OSError, EOFError) as error:
            self.end()
            raise UserError("espeak-ng does not start", f"Run `{INSTALL} --force-reinstall`") from error
        if "error" in began:
            self.end()
            raise UserError(f"espeak-ng does not start: {began['error']}", f"Run `{INSTALL} --force-reinstall`")
        self.rate, self.version = began["rate"], began["version"]

    def is_ours(self) -> bool:
        """Whether it can be asked: it runs, and was started by this process, not by one that this is a fork of."""
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, request: dict[str, Any]) -> tuple[list[dict[str, Any]], bytes]:
        """All answers to a request, the last of which has "end", and their sound.

        Raises:
            TimeoutError: if it is stuck.
            OSError, EOFError: if it has died.
        """
        self._process.stdin.write(frame(request))
        self._process.stdin.flush()
        answers, sound = [], bytearray()
        while not answers or "end" not in answers[-1]:
            answer, block = self._answer()
            answers.append(answer)
            sound += block
        return answers, bytes(sound)

    def _answer(self) -> tuple[dict[str, Any], bytes]:
        deadline = time.monotonic() + self._timeout
        (length,) = struct.unpack(">I", self._read(4, deadline))
        try:
            answer = json.loads(self._read(length, deadline))
        except ValueError as error:  # it died within a message, whose rest is another's
            raise EOFError from error
        return answer, self._read(answer["bytes"], deadline)

    def _read(self, count: int, deadline: float) -> bytes:
        file, parts = self._process.stdout.fileno(), []
        poll = select.poll()
        poll.register(file, select.POLLIN)
        while count:
            if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
                raise TimeoutError
            part = os.read(file, count)
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


def _end(process: subprocess.Popen, owner: int) -> None:
    if os.getpid() != owner:  # a fork of ours, whose parent still uses it
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
    process.wait()

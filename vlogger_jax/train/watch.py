"""What happens to a training from outside: it hangs, it is asked to end, or another one wants its folder."""

import contextlib
import faulthandler
import fcntl
import logging
import math
import signal
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import jax

from vlogger_jax.core.errors import UserError
from vlogger_jax.parallel import distributed
from vlogger_jax.train.disk import unwritable

log = logging.getLogger(__name__)


@contextlib.contextmanager
def hangs(folder: str | Path, after: float | int) -> Iterator[Callable[[], None]]:
    """Call what this gives at every step; `after` seconds without a call, and again after as many, stacks are dumped.

    They go to `stacks.txt` in `folder`, of every thread, and a warning says so. A C thread dumps them, which needs no
    lock of Python's; so this works where a call into a library never comes back. It tells of the 100 newest threads
    only, so that the one this was called in is written down once more where Python can. 0 seconds: nothing is watched.
    """
    if not after:
        yield lambda: None
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    process = f"_{jax.process_index()}" if jax.process_count() > 1 else ""
    path = Path(folder) / f"stacks{process}.txt"
    beat, armed, ended = time.monotonic(), -math.inf, threading.Event()
    watched = threading.get_ident()

    def alive() -> None:
        nonlocal beat, armed
        beat = time.monotonic()
        if beat - armed > after / 8:  # it makes a thread, which takes longer than all else the loop does
            armed = beat
            faulthandler.dump_traceback_later(after, repeat=True, file=file)

    def warn() -> None:
        warned = 0
        while not ended.wait(after / 4):
            dumps = int((time.monotonic() - beat) / after)
            if dumps > warned:
                stack = "".join(traceback.format_stack(sys._current_frames()[watched]))
                file.write(f"Watched thread (most recent call last):\n{stack}")
                file.flush()
                log.warning("no step for %.0f s; stacks of all threads are in %s", time.monotonic() - beat, path)
            warned = dumps

    with path.open("a", encoding="utf-8") as file:
        thread = threading.Thread(target=warn, name="hangs", daemon=True)
        thread.start()
        alive()
        try:
            yield alive
        finally:
            faulthandler.cancel_dump_traceback_later()
            ended.set()
            thread.join()
            if not path.stat().st_size:
                path.unlink()


@contextlib.contextmanager
def ending() -> Iterator[Callable[[], int]]:
    """What this gives tells which signal asked the training to end: SIGTERM, SIGINT, or 0 for none.

    Ask after every step, and within whatever else takes long. The first such signal is noted, so that the running step
    ends and its state can be saved; a second SIGINT raises KeyboardInterrupt at once. Of several processes, which must
    ask equally often, a SIGTERM to any one is told to all when they have asked as many times; SIGINT is what it
    usually is.
    """
    if jax.process_count() > 1:
        # JAX has caught SIGTERM since it was told of the other processes.
        yield _together()
        return
    asked = 0

    def note(number: int, where: types.FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = asked or number

    ours = threading.current_thread() is threading.main_thread()
    usual = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT) if ours}
    try:
        yield lambda: asked
    finally:
        for number, before in usual.items():
            signal.signal(number, before)


def _together() -> Callable[[], int]:
    """JAX agrees on a count that no process has reached, and tells each of them when it reaches that, once."""
    count, told = 0, 0

    def asked() -> int:
        nonlocal count, told
        if not told:
            told = signal.SIGTERM if distributed.preempted(count) else 0
            count += 1
        return told

    return asked


@contextlib.contextmanager
def alone(folder: str | Path) -> Iterator[None]:
    """Within this, no other training is at work in `folder`, which is made where there is none.

    The system holds the lock, `.lock`, and takes it back however the process ends. Of several processes the first asks.

    Raises:
        UserError: if another is at work there, or the folder cannot be written to.
    """
    if jax.process_index():
        yield
        return
    path = Path(folder) / ".lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise unwritable(str(path), path.parent, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            said = f"another training is at work in {folder}"
            raise UserError(said, "Wait until it ends, or choose another folder") from error
        except OSError as error:  # some network disks have no locks
            log.warning("whether another training is at work in %s cannot be told: %s", folder, error)
        yield

"""What happens to a training from outside: it hangs, or it is asked to end."""

import contextlib
import faulthandler
import logging
import math
import signal
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import jax

from vlogger_jax.parallel import distributed

log = logging.getLogger(__name__)


@contextlib.contextmanager
def hangs(folder: str | Path, after: float | int) -> Iterator[Callable[[], None]]:
    """Call what this gives at every step; `after` seconds without a call, and again after as many, stacks are dumped.

    They go to `stacks.txt` in `folder`, of every thread, and a warning says so. A C thread dumps them, which needs no
    lock of Python's; so this works where a call into a library never comes back. 0 seconds: nothing is watched.
    """
    if not after:
        yield lambda: None
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    process = f"_{jax.process_index()}" if jax.process_count() > 1 else ""
    path = Path(folder) / f"stacks{process}.txt"
    beat, armed, ended = time.monotonic(), -math.inf, threading.Event()

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
def ending() -> Iterator[Callable[[int], int]]:
    """What this gives tells, after every step, which signal asked the training to end: SIGTERM, SIGINT, or 0 for none.

    The first such signal is noted, so that the running step ends and its state can be saved; a second SIGINT raises
    KeyboardInterrupt at once. Of several processes a SIGTERM to any one ends all after the same step, and SIGINT is
    what it usually is.
    """
    if jax.process_count() > 1:
        # JAX has caught SIGTERM since it was told of the other processes.
        yield lambda step: signal.SIGTERM if distributed.preempted(step) else 0
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
        yield lambda step: asked
    finally:
        for number, before in usual.items():
            signal.signal(number, before)

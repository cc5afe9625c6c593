"""What commands that compute have in common: progress with the time left, warnings, JAX's cache of compiled programs.

All of it goes to stderr; stdout is for results. Where stderr is no terminal there are plain lines instead of bars.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from vlogger_jax.core.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USER_ERROR, UserError

log = logging.getLogger(__name__)

Report = Callable[[float], None]
"""Is told which part of a piece of work is done, 0 to 1."""

LINE_EVERY = 10.0
"""Seconds between two lines about one piece of work, where there are no bars."""

SURE_AFTER = 3.0
"""Seconds of work after which the time left is told."""

LOGGERS = ("vlogger_jax", "data_pipelines")
"""Whose warnings people are told."""

COMPILED = 0.2
"""Seconds: what takes longer to compile is kept."""


def outcome(app: typer.Typer, arguments: Sequence[str], name: str) -> int:
    """Run a command line of any program, called `name`; the exit code, after one line about what the user can mend."""
    try:
        return app(args=list(arguments), prog_name=name, standalone_mode=False) or EXIT_OK
    except UserError as error:
        return _user_error(error)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else name
        return _user_error(UserError(error.format_message(), f"Run `{command} --help` to see what it takes"))
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED


def _user_error(error: UserError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return EXIT_USER_ERROR


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], Report]]:
    """Show how far pieces of work are: call what this gives with the name of each, and the result with what is done.

    Meanwhile warnings appear above the bars (`warnings_told`), and Ctrl-C ends the work no later than at the next
    report.
    """
    console = _console()
    with warnings_told(console):
        yield from _shown(console)


@contextlib.contextmanager
def warnings_told(console: Console | None = None) -> Iterator[None]:
    """While the block runs, warnings of the project appear as lines `warning: ...`; once, in blocks within blocks."""
    loggers = [
        logger for logger in map(logging.getLogger, LOGGERS) if not any(isinstance(h, _Lines) for h in logger.handlers)
    ]
    handler = _Lines(console or _console())
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def _console() -> Console:
    return Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


def _shown(console: Console) -> Iterator[Callable[[str], Report]]:
    with _interruptible() as check:
        if not sys.stderr.isatty():
            yield lambda name: _checked(_plain(name), check)
            return
        columns = (TextColumn("{task.description:<22}"), BarColumn(), TaskProgressColumn())
        columns += (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bars:

            def begin(name: str) -> Report:
                task = bars.add_task(name, total=1.0)
                return _checked(lambda done: bars.update(task, completed=min(done, 1.0)), check)

            yield begin


def _checked(report: Report, check: Callable[[], None]) -> Report:
    def checked(done: float) -> None:
        check()
        report(done)

    return checked


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """What this gives raises KeyboardInterrupt again if there was one; SIGTERM and SIGHUP end with 128 + their number.

    Ctrl-C while JAX compiles may be raised in a callback of the garbage collector, where Python drops it.
    """
    interrupted, ended = False, 0

    def note(number: int, where: types.FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    def end(number: int, where: types.FrameType | None) -> None:
        nonlocal ended
        ended = number
        raise SystemExit(128 + number)  # which lets files be cleared away, as death by a signal does not

    def check() -> None:
        if interrupted:
            raise KeyboardInterrupt
        if ended:
            raise SystemExit(128 + ended)

    def dropped(what: "sys.UnraisableHookArgs") -> None:
        if not issubclass(what.exc_type, KeyboardInterrupt | SystemExit):
            hook(what)

    wanted = {signal.SIGINT: (signal.default_int_handler, note)}
    wanted |= dict.fromkeys((signal.SIGTERM, signal.SIGHUP), (signal.SIG_DFL, end))
    ours = threading.current_thread() is threading.main_thread()
    usual = {number: before for number, (before, _) in wanted.items() if ours and signal.getsignal(number) is before}
    hook, sys.unraisablehook = sys.unraisablehook, dropped
    for number in usual:
        signal.signal(number, wanted[number][1])
    try:
        yield check
    finally:
        sys.unraisablehook = hook
        for number, before in usual.items():
            signal.signal(number, before)


def _plain(name: str) -> Report:
    said = time.monotonic()
    first: tuple[float, float] | None = None  # the beginning compiles, and tells nothing about the rest

    def report(done: float) -> None:
        nonlocal said, first
        now = time.monotonic()
        if first is None:
            first = now, done
        sure = now - first[0] >= SURE_AFTER and first[1] < done < 1
        if sure and now - said >= LINE_EVERY:
            said = now
            left = (now - first[0]) * (1 - done) / (done - first[1])
            print(f"{name}: {done:.0%}, {left:.0f} s left", file=sys.stderr, flush=True)

    return report


class _Lines(logging.Handler):
    def __init__(self, console: Console):
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(f"warning: {record.getMessage()}")


def cache_folder() -> str:
    """Where compiled programs are kept from one run to the next; "" if nowhere.

    The environment's JAX_COMPILATION_CACHE_DIR, else `vlogger_jax/jax` in the user's folder for caches.
    """
    import jax

    if jax.config.jax_compilation_cache_dir:
        return jax.config.jax_compilation_cache_dir
    try:
        base = os.environ.get("XDG_CACHE_HOME", "")
        folder = (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "vlogger_jax" / "jax"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        log.debug("compiled programs are not kept: %s", error)
        return ""
    return str(folder) if os.access(folder, os.W_OK | os.X_OK) else ""


def keep_compiled() -> None:
    """Keep what JAX compiles from now on in `cache_folder`; without such a folder each run compiles anew."""
    import jax

    folder = cache_folder()
    if not folder or jax.config.jax_compilation_cache_dir:
        return
    jax.config.update("jax_compilation_cache_dir", folder)
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", COMPILED)

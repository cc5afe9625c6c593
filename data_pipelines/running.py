"""Where clips are made: in this process, or by Apache Beam in others; how far it is, and what went wrong there."""

import contextlib
import errno
import fcntl
import importlib
import importlib.util
import io
import logging
import os
import re
import shlex
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlogger_jax import console
from vlogger_jax.core.errors import UserError

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks at how much is done."""

LOCK = "lock"
"""Among the finished clips: held by who makes them."""

ROOT = Path(__file__).parents[1]

_FULL = re.compile(r"No space left on device|Disk quota exceeded|File too large")
_USER_ERROR = re.compile(r"core\.errors\.(?:\w+)?UserError: (.+?)(?: \[while running|\\n|\n|$)")
_IN_THE_WAY = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
_LOCAL = "--direct_running_mode=multi_processing"
_QUIET = "--default_sdk_harness_log_level=CRITICAL"


@dataclass(frozen=True)
class Beam:
    """Who makes the clips.

    Attributes:
        workers: processes of Beam's local runner; 1 without options: this process, and no Beam.
        options: Beam's own, as on its command line: another runner. They replace the local one.
    """

    workers: int = 1
    options: str = ""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UserError(f"--workers is {self.workers}", "Give 1 or more")
        if self.used and not self.installed():
            raise UserError(
                "several workers need Apache Beam, which is not installed", "Run pip install 'vlogger_jax[beam]'"
            )

    @staticmethod
    def installed() -> bool:
        """Whether the extra `beam` is there."""
        return importlib.util.find_spec("apache_beam") is not None

    @property
    def used(self) -> bool:
        """Whether Beam is needed at all."""
        return self.workers > 1 or bool(self.options)

    def pipeline_options(self) -> Any:
        """For a `beam.Pipeline`; None where there is none."""
        if not self.used:
            return None
        from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
        from apache_beam.runners import create_runner

        told = io.StringIO()
        try:
            given = shlex.split(self.options)
            if given and not given[0].startswith("-"):
                raise ValueError(f"{given[0]} is no option")
            options = PipelineOptions([*(given or [_LOCAL, f"--direct_num_workers={self.workers}"]), _QUIET])
            with contextlib.redirect_stderr(told):  # argparse tells its usage, and exits
                options.get_all_options()
            create_runner(options.view_as(StandardOptions).runner or "DirectRunner")
        except (ValueError, ImportError, SystemExit) as error:
            reason = told.getvalue().strip().splitlines()[-1:] or [str(error)]
            raise UserError(
                f"--beam {self.options!r} cannot be: {reason[0]}", "Give Apache Beam's options, as on its command line"
            ) from error
        return options


def for_all(work: Callable[[Any], None], inputs: Sequence[Any], beam: Beam) -> None:
    """Call `work`, a function that pickles, with every input."""
    if not beam.used:
        for value in inputs:
            work(value)
        return
    import apache_beam

    with apache_beam.Pipeline(options=beam.pipeline_options()) as pipeline:
        _ = pipeline | apache_beam.Create(inputs) | apache_beam.Reshuffle() | apache_beam.Map(work)


@contextlib.contextmanager
def surroundings(beam: Beam, diary: Path) -> Iterator[None]:
    """What workers inherit: where this checkout and compiled programs are, and that none takes the machine for itself.

    Errors that the user can mend come out of it as UserError, wherever they were raised. What Beam and other
    processes say goes to the file `diary`.
    """
    known = dict(os.environ)
    console.keep_compiled()
    if beam.used:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), known.get("PYTHONPATH")]))
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        if folder := console.cache_folder():
            os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", folder)
    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        with _written_to(diary), contextlib.redirect_stdout(io.StringIO()):
            if beam.used:
                _import_quietly("apache_beam")
                # Its threads go on for a moment when we stop, and would tell at length that we did.
                threading.excepthook = _noted
                for chatty in ("apache_beam", "grpc"):
                    logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)
            yield
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        if mendable := _mendable(error):
            raise mendable from error
        raise
    finally:
        for name in set(os.environ) - set(known):
            del os.environ[name]
        os.environ.update(known)


def _noted(what: threading.ExceptHookArgs) -> None:
    log.debug("in %s: %r", what.thread, what.exc_value)


def _import_quietly(name: str) -> None:
    """Import a package that logs as it is imported, which would also set up logging for everybody."""
    root = logging.getLogger()
    before = list(root.handlers)
    root.addHandler(logging.NullHandler())
    importlib.import_module(name)
    root.handlers[:] = before


@contextlib.contextmanager
def _written_to(diary: Path) -> Iterator[None]:
    """The standard error of processes started in the block is `diary`; that of this one stays what it was."""
    ours = sys.stderr
    kept = os.dup(2)
    with (
        diary.open("w", encoding="utf-8") as file,
        os.fdopen(kept, "w", buffering=1, errors="backslashreplace") as shown,
    ):
        ours.flush()
        os.dup2(file.fileno(), 2)
        sys.stderr = shown if _is_descriptor(ours) else ours
        try:
            yield
        finally:
            sys.stderr = ours
            os.dup2(kept, 2)
            if diary.exists() and not diary.stat().st_size:
                diary.unlink()


def _is_descriptor(stream: Any) -> bool:
    """Whether what is written to `stream` goes to file descriptor 2; tests and notebooks have streams of their own."""
    try:
        return stream.fileno() == 2
    except (OSError, ValueError):
        return False


def _mendable(error: BaseException) -> UserError | None:
    """The UserError that an exception carries as a cause, or in the text that another process sent."""
    told: BaseException | None = error
    while told is not None:
        if isinstance(told, UserError):
            return told
        if isinstance(told, OSError) and told.errno in _IN_THE_WAY and told.filename:
            return UserError(f"{told.filename}: {told.strerror}", "Move what is in the way, or choose another folder")
        if _FULL.search(str(told)):
            return UserError("the disk is full, or a file may not grow further", "Free some space and run again")
        if found := _USER_ERROR.search(str(told)):
            what, _, fix = found[1].rpartition(". ")
            return UserError(what or found[1], fix or "Mend that and run again")
        told = told.__cause__ or told.__context__
    return None


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While the block runs, no other process is in a block of this `folder`.

    Raises:
        UserError: if one is.
    """
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"another process makes clips in {folder}", "Wait until it has ended") from error
        yield


@contextlib.contextmanager
def watched(paths: Sequence[Path], report: console.Report) -> Iterator[None]:
    """While the block runs, report how many of the files that it makes are there, whoever makes them."""
    ended = threading.Event()

    def look() -> None:
        left = list(paths)
        while not ended.wait(LOOK_EVERY):
            left = [path for path in left if not path.exists()]
            try:
                report(1 - len(left) / max(len(paths), 1))
            except (KeyboardInterrupt, SystemExit):  # is raised in the main thread as well
                return

    thread = threading.Thread(target=look, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    report(1.0)

"""What is told of a file that cannot be written."""

import errno
import os
import shutil
from pathlib import Path

from vlogger_jax.core.errors import UserError

_FULL = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT)]


def unwritable(what: str, folder: Path, error: BaseException) -> UserError:
    """Of `what`, in `folder`: why not, and what to do about it.

    Room is asked for only where there is none. A library's error has the system's words, but not its number.
    """
    full = [text for text in _FULL if text in str(root(error))]
    if not full:
        said = f"{what} could not be written: {first_line(error)}"
        return UserError(said, "See to the disk and give the same command again, or choose another folder")
    free = shutil.disk_usage(folder).free if folder.exists() else 0
    return UserError(
        f"{what} could not be written: {full[0]}",
        f"Make room ({free / 1e9:.1f} GB are free) and give the same command again, or choose another folder",
    )


def first_line(error: BaseException) -> str:
    """Of what was raised first."""
    cause = root(error)
    return (str(cause).splitlines() or [type(cause).__name__])[0][:200]


def root(error: BaseException) -> BaseException:
    """What was raised first."""
    return error if error.__cause__ is None else root(error.__cause__)

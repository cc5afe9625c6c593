"""Files that appear whole or not at all."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from vlogger_jax.core.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`, with its suffix, that becomes `path` when the block ends without an exception.

    Whatever ends the block otherwise, Ctrl-C included, removes the temporary file and leaves `path` as it was. A file
    that exists is replaced, a symbolic link is followed.

    Raises:
        UserError: before the block, if `path` cannot be written; after it, if the disk was full or failed. What is
            raised about other files passes.
    """
    path = Path(path)
    target = _target(path)
    # Hidden and short: the name as given may already be the longest that the file system takes.
    temporary = target.with_name(f".{secrets.token_hex(8)}{target.suffix}")
    try:
        # Not `tempfile`, whose files nobody else may read.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}", "Choose another place") from error
    try:
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        # Writing to an open file names none; an error that names another is not about this one.
        if error.errno in _FULL and error.filename in (None, str(temporary)):
            raise UserError(f"{path} could not be written: {error.strerror}", "Free some space") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _target(path: Path) -> Path:
    """Where `path` leads, if a file can be put there."""
    if path.name in ("", ".."):
        raise UserError(f"{str(path)!r} is not the name of a file", "Give the name of a file")
    try:
        target = path.resolve()
        mode = target.stat().st_mode if target.exists() else None
        parent = target.parent.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # the last two: a NUL in the name, a loop of links
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{str(path)!r} cannot be written: {reason}", "Choose another name") from error
    if mode is not None and stat.S_ISDIR(mode):
        raise UserError(f"{path} is a folder", "Give the name of a file in it")
    if mode is not None and not stat.S_ISREG(mode):
        raise UserError(f"{path} is a device or a pipe", "Give the name of an ordinary file")
    if not parent:
        raise UserError(f"the folder {target.parent} does not exist", "Make it first, or choose another")
    if mode is not None and not os.access(target, os.W_OK):
        raise UserError(f"{path} is write-protected", "Choose another name, or permit writing")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise UserError(f"the folder {target.parent} may not be written to", "Choose another")
    return target

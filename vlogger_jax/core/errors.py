"""Errors meant for the person at the keyboard, and the exit codes of every command."""

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USER_ERROR = 2
EXIT_TRAINING_STOPPED = 3
EXIT_PREEMPTED = 75
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """Something the user gave or has cannot be used; no traceback helps them.

    Commands print it as one line, `error: what happened. What to do.`, and exit with 2.

    Attributes:
        what: what happened, naming the file, key or value.
        fix: what the user can do about it.
    """

    def __init__(self, what: str, fix: str):
        self.what = _sentence(what)
        self.fix = _sentence(fix)
        super().__init__(f"{self.what} {self.fix}")


def _sentence(text: str) -> str:
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else line + "."

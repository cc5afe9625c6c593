"""The command `vlogger`.

Exit codes are those of `core.errors`: 0; 1 for a bug, with its traceback; 2 for what the user can put right, in one
line; 130 for Ctrl-C. Commands import what they need when they run, so that `vlogger --help` answers at once.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from vlogger_jax import __version__
from vlogger_jax.core.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USER_ERROR, UserError

app = typer.Typer(
    name="vlogger",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    try:
        return app(args=list(arguments) or ["--help"], prog_name="vlogger", standalone_mode=False) or EXIT_OK
    except UserError as error:
        return _user_error(error)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "vlogger"
        return _user_error(UserError(error.format_message(), f"Run `{command} --help` to see what it takes"))
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED


def _user_error(error: UserError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return EXIT_USER_ERROR


def _print_version(wanted: bool) -> bool:
    if wanted:
        print(f"vlogger_jax {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def vlogger(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Talking, moving people from one portrait and a voice."""


@app.command()
def doctor() -> None:
    """What is installed, which devices there are, and what each missing extra would give."""
    from vlogger_jax.doctor import examine

    examine()


if __name__ == "__main__":
    main()

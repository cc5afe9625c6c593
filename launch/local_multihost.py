"""`python -m launch.local_multihost -- python -m launch.train ...`: several processes on this CPU, as one.

For trying here what otherwise needs several machines. Each process gets devices of its own and the environment that
`parallel.distributed.start` reads.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from typing import IO, Annotated

import typer

from vlogger_jax import console
from vlogger_jax.core.errors import UserError
from vlogger_jax.parallel.distributed import ADDRESS, COUNT, NUMBER

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
POLL = 0.05
"""Seconds between two looks at the processes."""


@app.command()
def run(
    command: Annotated[list[str], typer.Argument(help="What each process runs, after `--`.")],
    processes: Annotated[int, typer.Option(help="How many.")] = 2,
    devices: Annotated[int, typer.Option(help="CPU devices of each.")] = 1,
    grace: Annotated[float, typer.Option(help="Seconds that the others have to end when one has failed.")] = 20.0,
) -> int:
    """Run a command as several processes that JAX takes for one; the first exit code that is not 0 is its own.

    Their lines are marked with their numbers. SIGTERM and Ctrl-C are passed on to all, once each.
    """
    if processes < 1 or devices < 1 or grace < 0:
        raise UserError(
            f"--processes {processes} --devices {devices} --grace {grace} cannot be", "Give 1 or more, grace 0 or more"
        )
    if shutil.which(command[0]) is None:
        raise UserError(f"there is no program {command[0]}", "Name one after --, such as python -m launch.train")
    address = f"localhost:{_free_port()}"
    started: list[subprocess.Popen[str]] = []
    with _forwarding(started), contextlib.ExitStack() as stack:
        for number in range(processes):
            started.append(stack.enter_context(_started(command, address, processes, number, devices)))
        return _ended(started, grace)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _started(
    command: list[str], address: str, count: int, number: int, devices: int
) -> Iterator[subprocess.Popen[str]]:
    """One process; killed at the end if it has not ended, its last lines shown."""
    environment = {
        **os.environ,
        ADDRESS: address,
        COUNT: str(count),
        NUMBER: str(number),
        "JAX_NUM_CPU_DEVICES": str(devices),
        "JAX_PLATFORMS": "cpu",
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        process_group=0,  # or Ctrl-C would reach it twice, from the terminal and from here
    )
    pairs = ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    readers = [threading.Thread(target=_marked, args=(*pair, number), daemon=True) for pair in pairs]
    for reader in readers:
        reader.start()
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for reader in readers:
            reader.join(timeout=1)  # a grandchild may hold the pipe


def _marked(source: IO[str], target: IO[str], number: int) -> None:
    for line in source:
        target.write(f"[{number}] {line.rstrip()}\n")
        target.flush()


@contextlib.contextmanager
def _forwarding(processes: list[subprocess.Popen[str]]) -> Iterator[None]:
    def forward(number: int, where: types.FrameType | None) -> None:
        _send(processes, number)

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _send(processes: list[subprocess.Popen[str]], number: int) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)


def _ended(processes: list[subprocess.Popen[str]], grace: float) -> int:
    """Wait for all; the code of the first that fails. The others then have `grace`, and after SIGTERM as much again."""
    code, failed, told = 0, 0.0, False
    while any(process.poll() is None for process in processes):
        codes = [process.returncode for process in processes if process.poll()]
        if codes and not code:
            code, failed = codes[0], time.monotonic()
        waited = time.monotonic() - failed if code else 0.0
        if waited > 2 * grace:
            break
        if waited > grace and not told:
            print(f"one process ended with {code}; the others are told to end", file=sys.stderr)
            _send(processes, signal.SIGTERM)
            told = True
        time.sleep(POLL)
    code = code or next((process.returncode for process in processes if process.returncode), 0)
    return 128 - code if code < 0 else code  # as shells tell of signals


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:] or ["--help"], "python -m launch.local_multihost"))

"""Several processes: what they are told, marked lines, exit codes, signals, and the end of all when one fails."""

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from launch import local_multihost
from vlogger_jax import console
from vlogger_jax.core.errors import EXIT_USER_ERROR


def run(*arguments: str) -> int:
    return console.outcome(local_multihost.app, arguments, "local_multihost")


def shell(script: str, *options: str) -> int:
    return run(*options, "--", "sh", "-c", script)


def test_each_is_told_its_number_and_lines_are_marked(capfd: pytest.CaptureFixture[str]):
    script = "echo $JAX_PROCESS_ID of $JAX_NUM_PROCESSES, $JAX_NUM_CPU_DEVICES on $JAX_PLATFORMS; echo oh >&2"
    assert shell(script, "--processes", "3", "--devices", "4") == 0
    told = capfd.readouterr()
    assert sorted(told.out.splitlines()) == [f"[{i}] {i} of 3, 4 on cpu" for i in range(3)]
    assert sorted(told.err.splitlines()) == [f"[{i}] oh" for i in range(3)]


def test_all_are_told_the_same_free_port(capfd: pytest.CaptureFixture[str]):
    assert shell("echo $JAX_COORDINATOR_ADDRESS") == 0
    addresses = {line.split()[1] for line in capfd.readouterr().out.splitlines()}
    assert len(addresses) == 1
    host, port = addresses.pop().split(":")
    assert host == "localhost" and 1024 <= int(port) < 65536


def test_the_code_is_that_of_the_first_to_fail():
    assert shell("[ $JAX_PROCESS_ID = 0 ] && { sleep 0.5; exit 4; }; exit 3") == 3
    assert shell("exit 0") == 0


def test_one_that_dies_ends_the_others(capfd: pytest.CaptureFixture[str]):
    begun = time.monotonic()
    assert shell("[ $JAX_PROCESS_ID = 1 ] && kill -9 $$; exec sleep 60", "--grace", "0.3") == 128 + signal.SIGKILL
    assert time.monotonic() - begun < 10
    assert "the others are told to end" in capfd.readouterr().err


def test_one_that_does_not_listen_is_killed():
    begun = time.monotonic()
    deaf = "trap '' TERM; [ $JAX_PROCESS_ID = 1 ] && exit 5; while :; do sleep 0.1; done"
    assert shell(deaf, "--grace", "0.3") == 5
    assert time.monotonic() - begun < 10


def test_the_others_may_end_by_themselves_first(capfd: pytest.CaptureFixture[str]):
    """As when all save because one machine goes, which takes some longer than others."""
    script = "[ $JAX_PROCESS_ID = 1 ] && exit 75; trap 'exit 9' TERM; sleep 0.5; echo saved; exit 75"
    assert shell(script, "--grace", "10") == 75
    assert capfd.readouterr().out == "[0] saved\n"


COUNTING = """
import os, pathlib, signal, sys, time
count = 0
def heard(*_):
    global count
    count += 1
number = int(sys.argv[1])
signal.signal(number, heard)
pathlib.Path(sys.argv[2], os.environ["JAX_PROCESS_ID"] + ".ready").touch()
limit = time.monotonic() + 20
while not count and time.monotonic() < limit:
    time.sleep(0.02)
time.sleep(0.3)
raise SystemExit(70 + count)
"""
"""Ends with 70 and the number of signals that it heard."""


def ready(folder: Path) -> bool:
    return len(list(folder.glob("*.ready"))) == 2


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)


def test_a_signal_reaches_each_process(tmp_path: Path):
    def end() -> None:
        wait_until(lambda: ready(tmp_path))
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=end)
    thread.start()
    assert run("--", sys.executable, "-c", COUNTING, str(int(signal.SIGTERM)), str(tmp_path)) == 71
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before


def test_ctrl_c_of_a_terminal_reaches_each_process_once():
    """It goes to a whole group. Were they of this one they would get it passed on, too, and two mean: at once."""
    assert run("--", sys.executable, "-c", "import os; raise SystemExit(os.getpgrp() != os.getpid())") == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--processes", "0", "--", "true"), "--processes 0 --devices 1 .* cannot be"),
        (("--", "no-such-program"), "there is no program no-such-program"),
        ((), "Missing argument"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], message: str, capfd: pytest.CaptureFixture[str]):
    assert run(*arguments) == EXIT_USER_ERROR
    assert re.search(message, capfd.readouterr().err)

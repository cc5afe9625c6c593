"""A training that hangs or is asked to end, and traces of one that does neither."""

import errno
import fcntl
import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import jax
import pytest

from tests.train import regression
from tests.train.regression import Problem
from vlogger_jax.core.errors import UserError
from vlogger_jax.parallel import distributed
from vlogger_jax.train import watch
from vlogger_jax.train.loop import Loop
from vlogger_jax.train.profile import Profile


def wait_here(seconds):
    time.sleep(seconds)


def test_where_it_hangs_is_written_down_and_told(tmp_path, caplog):
    with caplog.at_level(logging.WARNING), watch.hangs(tmp_path, 0.3) as alive:
        for _ in range(5):
            alive()
            time.sleep(0.1)
        assert not (tmp_path / "stacks.txt").read_text()
        wait_here(0.5)
    assert "wait_here" in (tmp_path / "stacks.txt").read_text()
    assert f"stacks of all threads are in {tmp_path / 'stacks.txt'}" in caplog.text
    assert "no step for 0 s" in caplog.text


def test_it_is_found_among_more_threads_than_are_dumped(tmp_path):
    ended = threading.Event()
    threads = [threading.Thread(target=ended.wait, daemon=True) for _ in range(120)]
    for thread in threads:
        thread.start()
    try:
        with watch.hangs(tmp_path, 0.3) as alive:
            alive()
            wait_here(0.7)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert "wait_here" in (tmp_path / "stacks.txt").read_text()


def test_a_run_that_never_hung_leaves_no_file_and_no_thread(tmp_path):
    with watch.hangs(tmp_path, 60) as alive:
        alive()
    assert not (tmp_path / "stacks.txt").exists()
    assert not [thread for thread in threading.enumerate() if thread.name == "hangs"]
    with watch.hangs(tmp_path / "none", 0) as alive:
        alive()
    assert not (tmp_path / "none").exists()


HANGS = """
import ctypes, sys
from vlogger_jax.train import watch
with watch.hangs(sys.argv[1], 0.3) as alive:
    alive()
    ctypes.PyDLL(None).sleep(1)  # which keeps all of Python waiting
"""


def test_a_call_that_keeps_python_from_running_is_found_too(tmp_path):
    subprocess.run([sys.executable, "-c", HANGS, str(tmp_path)], check=True, timeout=120)
    assert 'File "<string>", line 6' in (tmp_path / "stacks.txt").read_text()


def test_a_loop_whose_data_do_not_come_is_found(tmp_path):
    def of(number):
        wait_here(0.6 if number == 3 else 0)
        return regression.batch(number)

    Problem().train(tmp_path, Loop(steps=4, log_every=2, save_every=4, evaluate_every=0, hang_after=0.3), of)
    assert "wait_here" in (tmp_path / "stacks.txt").read_text()


def test_however_it_ends_no_empty_file_is_left(tmp_path):
    with pytest.raises(KeyError), watch.hangs(tmp_path, 60):
        raise KeyError
    assert not (tmp_path / "stacks.txt").exists()


HOLDS = """
import sys, time
from vlogger_jax.train import watch
with watch.alone(sys.argv[1]):
    print("holds", flush=True)
    time.sleep(60)
"""


def test_one_training_at_a_time_and_a_killed_one_is_none(tmp_path):
    folder = tmp_path / "new"
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(folder)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "holds\n"
        with pytest.raises(UserError, match=f"another training is at work in {folder}"), watch.alone(folder):
            pass
        other.kill()
        other.wait()
    with watch.alone(folder), pytest.raises(UserError, match="another training"), watch.alone(folder):
        pass
    with watch.alone(folder):
        pass


def test_of_several_processes_the_first_asks_for_the_folder(tmp_path, monkeypatch):
    with watch.alone(tmp_path):
        monkeypatch.setattr(jax, "process_index", lambda: 1)
        with watch.alone(tmp_path):
            pass


def test_where_there_are_no_locks_it_says_so(tmp_path, monkeypatch, caplog):
    def fails(file, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fails)
    with caplog.at_level(logging.WARNING), watch.alone(tmp_path):
        assert "cannot be told" in caplog.text


def test_signals_are_noted_and_handlers_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with watch.ending() as asked:
        assert asked() == 0
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked() == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_several_processes_ask_each_other(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(distributed, "preempted", lambda step: step == 3)
    before = signal.getsignal(signal.SIGTERM)
    with watch.ending() as asked:
        assert signal.getsignal(signal.SIGTERM) is before
        assert [asked() for _ in range(6)] == [0, 0, 0, *[signal.SIGTERM] * 3]


class Traces:
    """In place of jax.profiler."""

    def __init__(self, monkeypatch):
        self.told = []
        monkeypatch.setattr(jax.profiler, "start_trace", lambda folder: self.told.append(folder.split("/")[-1]))
        monkeypatch.setattr(jax.profiler, "stop_trace", lambda: self.told.append("end"))


def steps(profile, numbers):
    for number in numbers:
        with profile.step(number):
            pass
        profile.stepped(number + 1, {})


@pytest.mark.parametrize("planned, told", [(None, []), ((2, 3), ["profile_2", "end"]), ((8, 9), ["profile_8", "end"])])
def test_planned_traces(tmp_path, monkeypatch, planned, told):
    traces = Traces(monkeypatch)
    with Profile(tmp_path, planned) as profile:
        steps(profile, range(4))
        steps(profile, range(4, 10))
    assert traces.told == told


@pytest.mark.parametrize("text, count", [("", 10), ("3", 3), ("many\n", 10)])
def test_traces_on_demand(tmp_path, monkeypatch, text, count):
    traces = Traces(monkeypatch)
    with Profile(tmp_path) as profile:
        steps(profile, range(5))
        (tmp_path / "profile").write_text(text)
        profile.look(5)
        assert not (tmp_path / "profile").exists()
        steps(profile, range(5, 5 + count - 1))
        assert traces.told == ["profile_5"]
        steps(profile, [5 + count - 1])
        assert traces.told == ["profile_5", "end"]


@pytest.mark.parametrize("planned", [(-1, 2), (3, 0)])
def test_a_trace_has_steps(tmp_path, planned):
    with pytest.raises(UserError, match="cannot be traced"):
        Profile(tmp_path, planned)


def test_another_trace_is_no_reason_to_end(tmp_path, monkeypatch, caplog):
    def fails(folder):
        raise RuntimeError("another one is running")

    monkeypatch.setattr(jax.profiler, "start_trace", fails)
    with Profile(tmp_path, (0, 1)) as profile:
        steps(profile, range(2))
    assert "step 0 is not profiled: another one is running" in caplog.text


@pytest.mark.slow
def test_a_real_trace(tmp_path):
    Problem().train(tmp_path, Loop(steps=8, log_every=4, save_every=8, profile=(3, 2)))
    assert [path.name for path in (tmp_path / "profile_3").rglob("*.xplane.pb")]
    assert list(itertools.islice(tmp_path.glob("profile_*"), 2)) == [tmp_path / "profile_3"]

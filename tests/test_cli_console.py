"""Progress, warnings and the folder of compiled programs."""

import logging
import signal
import subprocess
import sys

import jax
import pytest

from vlogger_jax import console
from vlogger_jax.media import atomic


def test_without_a_terminal_short_work_says_nothing(capsys):
    with console.progress() as begin:
        report = begin("work")
        for i in range(11):
            report(i / 10)
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_long_work_says_how_long(monkeypatch, capsys):
    now = iter([0.0, 5.0, 11.0, 12.0, 25.0, 40.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(now))
    with console.progress() as begin:
        report = begin("work")
        for done in (0.1, 0.3, 0.4, 0.6, 1.0):
            report(done)
    # From 5 s to 11 s a fifth was done, so 0.7 take 21 s; from 5 s to 25 s a half, so 0.4 take 16 s.
    assert capsys.readouterr().err == "work: 30%, 21 s left\nwork: 60%, 16 s left\n"


def test_warnings_are_lines(capsys):
    with console.progress():
        logging.getLogger("vlogger_jax.fit").warning("no face in %d frames [3]", 2)
    logging.getLogger("vlogger_jax.fit").debug("nobody hears this")
    assert capsys.readouterr().err == "warning: no face in 2 frames [3]\n"


@pytest.fixture
def usual_signals():
    """Also where tests run in the background, whose SIGINT and SIGHUP are ignored."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_an_interrupt_that_python_drops_comes_with_the_next_report(monkeypatch, usual_signals):
    class Dropping:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    with console.progress() as begin:
        report = begin("work")
        report(0.1)
        Dropping()
        assert told == []  # no traceback for what the user wanted
        with pytest.raises(KeyboardInterrupt):
            report(0.2)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert sys.unraisablehook == told.append


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_ends_clear_away_too(number, tmp_path, usual_signals):
    with pytest.raises(SystemExit) as ended, console.progress(), atomic.replacing(tmp_path / "x.npz"):
        signal.raise_signal(number)
    assert ended.value.code == 128 + number and list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.fixture
def no_cache():
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    jax.config.update("jax_compilation_cache_dir", before)


def test_the_cache_is_in_the_users_folder_for_caches(no_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert console.cache_folder() == str(tmp_path / "caches" / "vlogger_jax" / "jax")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert console.cache_folder() == str(tmp_path / ".cache" / "vlogger_jax" / "jax")


def test_a_cache_that_cannot_be_written_is_done_without(no_cache, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    console.keep_compiled()
    assert console.cache_folder() == "" and jax.config.jax_compilation_cache_dir is None


def test_the_environment_wins(tmp_path):
    code = "from vlogger_jax import console; console.keep_compiled(); print(console.cache_folder())"
    environment = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "mine"), "XDG_CACHE_HOME": str(tmp_path / "x")}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert found.stdout == f"{tmp_path / 'mine'}\n", found.stderr
    assert not (tmp_path / "x").exists()

"""The command line's contract: exit codes, one line for what the user can put right, and what `doctor` says."""

import os
import re
import subprocess
import sys
from importlib import metadata

import pytest

from vlogger_jax import __version__, cli, doctor
from vlogger_jax.core.errors import UserError


def run_in_a_shell(*arguments, **environment):
    command = [sys.executable, "-c", "from vlogger_jax.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120)


@pytest.fixture
def failing_doctor(monkeypatch):
    def install(error):
        def fail():
            raise error

        monkeypatch.setattr(doctor, "examine", fail)

    return install


def test_version(capsys):
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"vlogger_jax {__version__}\n"


def test_alone_it_prints_help(capsys):
    assert cli.run([]) == 0
    assert "doctor" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--nonsense"], ["nonsense"], ["doctor", "--nonsense"], ["doctor", "nonsense"]])
def test_a_wrong_command_line_is_one_line_and_exit_2(arguments, capsys):
    assert cli.run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"error: .*nonsense.*\. Run `vlogger( doctor)? --help` .*\.\n", err)


def test_a_user_error_is_one_line_and_exit_2(failing_doctor, capsys):
    failing_doctor(UserError("body.npz has no key 'v_template'", "Get the file again"))
    assert cli.run(["doctor"]) == 2
    assert capsys.readouterr().err == "error: body.npz has no key 'v_template'. Get the file again.\n"


def test_ctrl_c_is_exit_130(failing_doctor):
    failing_doctor(KeyboardInterrupt())
    assert cli.run(["doctor"]) == 130


def test_a_bug_keeps_its_traceback(failing_doctor):
    failing_doctor(RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        cli.run(["doctor"])


def test_doctor_names_what_is_here():
    result = run_in_a_shell("doctor", JAX_PLATFORMS="cpu", VLOGGER_MEDIA="/nowhere", COLUMNS="200")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.startswith(f"vlogger_jax {__version__}, Python {sys.version_info[0]}.{sys.version_info[1]}")
    assert re.search(r"body +default-v1", result.stdout)
    assert re.search(r"jax +\d+\.\d+.*cpu", result.stdout)
    assert "/nowhere is not a folder" in result.stdout


@pytest.mark.parametrize("module", ["vlogger_jax", "vlogger_jax.cli"])
def test_it_runs_as_a_module_too(module):
    command = [sys.executable, "-m", module, "nonsense"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    assert re.fullmatch(r"error: .*nonsense.* Run `vlogger --help` .*\n", result.stderr)


def test_doctor_names_a_device_that_does_not_start():
    result = run_in_a_shell("doctor", JAX_PLATFORMS="nonsense")
    assert result.returncode == 2
    assert result.stderr.startswith("error: JAX does not start: ")
    assert result.stderr.endswith("Set JAX_PLATFORMS=cpu to run on the processor.\n")
    assert result.stderr.count("\n") == 1


def test_doctor_describes_the_extras_of_setup_py():
    assert set(metadata.metadata("vlogger_jax").get_all("Provides-Extra")) == set(doctor.GIVES)


class Distributions:
    """Stands in for importlib.metadata: name -> (version, requirement lines)."""

    PackageNotFoundError = metadata.PackageNotFoundError

    def __init__(self, **distributions):
        self.distributions = distributions

    def version(self, name):
        if name not in self.distributions:
            raise metadata.PackageNotFoundError(name)
        return self.distributions[name][0]

    def requires(self, name):
        return self.distributions[name][1]


OURS = [
    "jax>=0.10",
    "windows-thing; sys_platform == 'win32'",
    "landmarks==1; extra == 'fit'",
    "jax[tpu]; extra == 'tpu'",
    "antique; python_version < '3.0' and extra == 'speech'",
]
JAX = ["numpy", "libtpu==3.*; extra == 'tpu'"]


@pytest.mark.parametrize(
    ("installed", "missing"),
    [
        ({"jax": ("0.10.2", JAX)}, ""),
        ({"jax": ("0.11.0.dev1", JAX)}, ""),
        ({"jax": ("0.9", JAX)}, "jax>=0.10 (found 0.9)"),
        ({}, "jax>=0.10"),
    ],
)
def test_doctor_checks_what_the_package_requires(installed, missing, monkeypatch):
    monkeypatch.setattr(doctor, "metadata", Distributions(vlogger_jax=("0", OURS), **installed))
    broken = []
    assert doctor._requirements(broken) == (f"missing or of another version: {missing}" if missing else "all 1 present")
    assert len(broken) == bool(missing)


@pytest.mark.parametrize(
    ("extra", "installed", "state"),
    [
        ("fit", {"landmarks": ("1", [])}, "installed"),
        ("fit", {"landmarks": ("2", [])}, "missing"),
        ("fit", {}, "missing"),
        ("tpu", {"jax": ("1", JAX)}, "missing"),
        ("tpu", {"jax": ("1", JAX), "libtpu": ("3.1", [])}, "installed"),
        ("speech", {}, "not for this Python"),
    ],
)
def test_doctor_tells_which_extras_are_installed(extra, installed, state, monkeypatch):
    monkeypatch.setattr(doctor, "metadata", Distributions(vlogger_jax=("0", OURS), **installed))
    monkeypatch.setitem(sys.modules, "cv2", sys)
    found, text = doctor._extra(extra)
    assert found == state
    assert (f'pip install "vlogger_jax[{extra}]"' in text) == (state == "missing")


def test_doctor_names_an_opencv_that_does_not_start(monkeypatch):
    monkeypatch.setattr(doctor, "metadata", Distributions(vlogger_jax=("0", OURS), landmarks=("1", [])))
    monkeypatch.setitem(sys.modules, "cv2", None)
    state, text = doctor._extra("fit")
    assert state == "broken"
    assert "opencv-contrib-python-headless" in text


def test_doctor_names_the_packaged_models(monkeypatch, tmp_path):
    broken = []
    assert {"motion", "gesture_autoencoder"} <= set(doctor._models(broken).split(" (")[0].split(", ")) and broken == []
    monkeypatch.setattr("vlogger_jax.bundle.packaged", lambda: tmp_path)
    assert "do not load" in doctor._models(broken)
    assert len(broken) == 1 and "the packaged models do not load" in str(broken[0])

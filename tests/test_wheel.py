"""The wheel, installed in a fresh environment with what it asks for and nothing else, works away from the checkout."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / f"py{sys.version_info[0]}{sys.version_info[1]}.txt"

# An import that setup.py does not declare fails here and nowhere else.
IMPORT_ALL = """
import importlib, pkgutil, vlogger_jax
for module in pkgutil.walk_packages(vlogger_jax.__path__, "vlogger_jax."):
    importlib.import_module(module.name)
print(vlogger_jax.__file__)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed, with nothing of this test's environment in its way."""
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}
    result = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that nothing left by an earlier build gets in, nor anything into the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns(".*", "build", "dist", "out", "runs", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, folder / "source", ignore=ignored)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=folder / "source")
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory) -> Path:
    """The `bin` folder of an environment with the wheel and its requirements, at the lock's versions."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    at_the_locks_versions = ["--constraint", LOCK] if LOCK.exists() else []
    run(folder / "bin/python", "-m", "pip", "install", "-qq", wheel, *at_the_locks_versions, cwd=folder)
    return folder / "bin"


def test_the_wheel_holds_the_package_only(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    outside = [name for name in names if not re.match(r"vlogger_jax(-[\d.]+\.dist-info)?/", name)]
    assert outside == []
    wanted = {path.relative_to(ROOT).as_posix() for path in (ROOT / "vlogger_jax").rglob("*.py")}
    wanted |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "vlogger_jax/body/assets").iterdir()}
    inside = {name for name in names if name.startswith("vlogger_jax/")}
    assert inside == wanted | {"vlogger_jax/py.typed"}
    assert any(name.endswith(".npz") for name in inside)
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_away_from_the_checkout(installed, tmp_path):
    assert run(installed / "python", "-m", "pip", "check", cwd=tmp_path) == "No broken requirements found.\n"
    imported_from = Path(run(installed / "python", "-c", IMPORT_ALL, cwd=tmp_path).strip())
    assert imported_from.is_relative_to(installed.parent)

    told = run(installed / "vlogger", "doctor", cwd=tmp_path)
    assert re.search(r"body +default-v1", told)
    assert re.search(r"fit +missing", told)
    assert 'pip install "vlogger_jax[fit]"' in told

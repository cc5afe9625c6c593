"""Two processes with two devices each train what one process does, and end together when one is asked to."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.launch.test_train import BLIND, arguments, last
from vlogger_jax.core.errors import EXIT_OK, EXIT_PREEMPTED

ROOT = Path(__file__).parents[2]
SHAPE = {"mesh__context": 2, "train__batch": 16}
TRAIN = (sys.executable, "-m", "launch.train")
BOTH = (sys.executable, "-m", "launch.local_multihost", "--processes", "2", "--devices", "2", "--", *TRAIN)

pytestmark = pytest.mark.multihost


def start(command: tuple[str, ...], workdir: Path, **changed: object) -> subprocess.Popen:
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax")}
    environment["JAX_NUM_CPU_DEVICES"] = "4"  # of a process alone
    full = [*command, *arguments(workdir, **SHAPE, **changed)]
    return subprocess.Popen(
        full, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def losses(workdir: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_they_are_one_training(tmp_path):
    for command, name in ((TRAIN, "one"), (BOTH, "two")):
        process = start(command, tmp_path / name, **BLIND)
        said = process.communicate(timeout=300)[0]
        assert process.returncode == EXIT_OK, said
    np.testing.assert_allclose(losses(tmp_path / "two"), losses(tmp_path / "one"), rtol=1e-5)
    one, two = (last(tmp_path / name, **SHAPE, **BLIND) for name in ("one", "two"))
    assert one[0] == two[0] == 8
    for a, b in zip(one[1], two[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-5)


def test_asked_to_end_both_save_and_go_on(tmp_path):
    endless = {**BLIND, "train__steps": 10**6, "train__save_every": 10**6, "train__evaluate_every": 0}
    process = start(BOTH, tmp_path, **endless)
    for line in process.stdout:
        if re.search(r"step [1-9]\d+ of", line):
            break
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == EXIT_PREEMPTED, said
    assert "Traceback" not in said
    step, _ = last(tmp_path, **SHAPE, **endless)
    again = start(BOTH, tmp_path, **{**endless, "train__steps": step - step % 2 + 4})
    said = again.communicate(timeout=300)[0]
    assert again.returncode == EXIT_OK, said
    assert last(tmp_path, **SHAPE, **endless)[0] == step - step % 2 + 4

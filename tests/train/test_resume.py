"""A training that is a process of its own, and is killed."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.train.regression import lines
from vlogger_jax.core.errors import EXIT_INTERRUPTED, EXIT_PREEMPTED
from vlogger_jax.train.checkpoint import Checkpoints

ROOT = Path(__file__).parents[2]
STEPS = 120


def start(folder: Path, *more: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.train.regression", str(folder), "--steps", str(STEPS), *more]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax")}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen) -> int:
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err + out
    return process.returncode


def when_at(process: subprocess.Popen, step: int) -> None:
    """Wait until it says that it has done `step`."""
    for line in process.stdout:
        found = re.match(r"step (\d+) of \d+: ", line)
        if found and int(found[1]) >= step:
            return
    raise AssertionError(process.communicate()[1])


@pytest.mark.slow
def test_killed_at_ten_random_steps_is_unbroken_to_the_bit(tmp_path):
    assert ended(start(tmp_path / "unbroken")) == 0
    seed = int(time.time())
    rng = np.random.default_rng(seed)
    broken, kills = tmp_path / "broken", sorted(rng.choice(np.arange(1, STEPS - 12), 10, replace=False))
    print(f"seed {seed}: killed after", *kills)
    for step in kills:
        process = start(broken, "--pace", "0.02")
        when_at(process, int(step))
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert ended(start(broken)) == 0
    with np.load(tmp_path / "unbroken" / "end.npz") as one, np.load(broken / "end.npz") as other:
        assert one.files == other.files
        assert all(np.array_equal(one[name], other[name]) for name in one.files)
    assert lines(broken) == lines(tmp_path / "unbroken")


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGTERM, EXIT_PREEMPTED), (signal.SIGINT, EXIT_INTERRUPTED)])
def test_asked_to_end_it_saves_and_does_so_within_20_seconds(tmp_path, number, code):
    process = start(tmp_path, "--pace", "0.05", "--wide", "500000", "--save-every", "100")
    when_at(process, 10)
    asked = time.monotonic()
    process.send_signal(number)
    assert ended(process) == code
    print(f"{time.monotonic() - asked:.2f} s")
    assert time.monotonic() - asked < 20
    assert Checkpoints(tmp_path / "checkpoints").latest() >= 10

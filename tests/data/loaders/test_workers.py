"""Batches are made where no device can be opened, by worker processes too, and are the same whoever makes them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from data_pipelines.loaders import order
from data_pipelines.loaders.dataset import DataSet
from data_pipelines.loaders.motion import Motions, MotionWindows
from data_pipelines.loaders.order import Order, Reading, Stream
from vlogger_jax.core.errors import UserError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("workers", [*(pytest.param(n, marks=pytest.mark.slow) for n in (0, 1)), 2])
def test_every_loader_runs_without_a_device_and_without_what_is_heavy(folder: Path, workers: int):
    run(str(folder), str(workers))


@pytest.mark.slow
def test_real_clips_are_performed_by_a_worker_process():
    run("performed")


def run(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.data.loaders.on_the_host", *arguments],
        env={**os.environ, "JAX_PLATFORMS": "nonexistent", "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("whole\n")


def test_an_error_of_a_worker_process_keeps_its_type_and_its_words(data: DataSet):
    stream = Stream(MotionWindows(data.clips("train"), data.body, Motions(4, 8)), 0)
    with pytest.raises(UserError) as caught:
        for _ in zip(range(6), order.batches(stream, Order(1, reading=Reading(workers=1))), strict=False):
            pass
    assert caught.value.what == "clip 4 (train-4) is silent: 0.0e+00 of full scale."
    assert caught.value.fix == "Leave it out."

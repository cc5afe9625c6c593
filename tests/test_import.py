"""Importing the package is quick and brings none of the heavy packages."""

import json
import subprocess
import sys

HEAVY = {"flax", "librosa", "mediapipe", "orbax", "tensorflow", "tensorflow_datasets", "torch"}

MEASURE = """
import json, sys, time
start = time.perf_counter()
import {module}
print(json.dumps([time.perf_counter() - start, sorted({{name.split(".")[0] for name in sys.modules}})]))
"""


def measure(module: str) -> tuple[float, set[str]]:
    """Seconds that an import takes in a fresh interpreter (the better of two), and what it loads."""
    runs = []
    for _ in range(2):
        output = subprocess.run([sys.executable, "-c", MEASURE.format(module=module)], capture_output=True, check=True)
        runs.append(json.loads(output.stdout))
    return min(seconds for seconds, _ in runs), set(runs[0][1])


def test_importing_the_package():
    seconds, loaded = measure("vlogger_jax")
    assert seconds < 2
    assert loaded & HEAVY == set()


def test_the_package_has_what_most_people_want():
    import vlogger_jax
    from vlogger_jax import pipeline

    assert vlogger_jax.Vlogger is pipeline.Vlogger and vlogger_jax.Generation is pipeline.Generation
    assert not hasattr(vlogger_jax, "Trainer")


def test_importing_the_body():
    _, loaded = measure("vlogger_jax.body.model_file")
    assert loaded & HEAVY == set()


def test_the_command_line_starts_without_jax():
    seconds, loaded = measure("vlogger_jax.cli")
    assert seconds < 2
    assert loaded & {*HEAVY, "jax", "numpy"} == set()

"""What all tests share: eight CPU devices, checked array types, real media where there are any."""

import ctypes
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

ROOT = Path(__file__).parents[1]

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# What tests compile runs for milliseconds: a compiler that does not try hard takes a third of their time away.
os.environ["XLA_FLAGS"] = f"--xla_backend_optimization_level=0 {os.environ.get('XLA_FLAGS', '')}".strip()

import jax  # noqa: E402

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_compilation_cache_dir", str(ROOT / ".cache" / "jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)

from jaxtyping import install_import_hook  # noqa: E402

install_import_hook(["vlogger_jax", "data_pipelines"], "beartype.beartype")

# A compiled test takes seconds the first time, so no example has a deadline; CI always runs the same examples.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real recordings that VLOGGER_MEDIA names; without it the test is skipped."""
    folder = os.environ.get("VLOGGER_MEDIA")
    if not folder:
        pytest.skip("VLOGGER_MEDIA is not set")
    if not Path(folder).is_dir():
        pytest.fail(f"VLOGGER_MEDIA={folder} is not a folder")
    return Path(folder)


MOST = 2e9
"""Bytes that a test process may hold before what it compiled is thrown away."""


@pytest.fixture(autouse=True, scope="module")
def _little_memory() -> Iterator[None]:
    """What files compiled goes when it is too much: all of it together was seen to take more than 4 GB a process.

    After every file would be too often: what small operations all have in common takes a third of the time then.
    """
    yield
    if psutil.Process().memory_info().rss > MOST:
        jax.clear_caches()
        gc.collect()
        if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
            trim(0)  # glibc keeps what is free


@pytest.fixture(autouse=True)
def _what_the_markers_need(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("media"):
        request.getfixturevalue("media")
    if request.node.get_closest_marker("gpu") and jax.default_backend() != "gpu":
        pytest.skip("no GPU (JAX_PLATFORMS=cuda pytest -m gpu)")

"""Compiling for TPUs that are not there: what is asked for is checked, what is found is told."""

import dataclasses
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from launch import compile_tpu
from vlogger_jax import console
from vlogger_jax.core.errors import EXIT_OK, EXIT_USER_ERROR, UserError
from vlogger_jax.parallel import aot
from vlogger_jax.parallel.collectives import Traffic

CONFIG = "configs/toy_ar1.py:size=tiny"
GIB = 2**30

FITS = aot.Report(
    seconds=3.25,
    memory=3 * GIB,
    available=16 * GIB,
    arguments=GIB,
    results=5 * 2**20,
    flops=1.5e9,
    traffic=(
        Traffic(kind="all-gather", axes=("context",), count=2, bytes=2048, largest=(4, 16, 8), frames=True),
        Traffic(kind="all-reduce", axes=("data", "context"), count=1, bytes=4, largest=(), frames=False),
    ),
)
FULL = aot.Report(seconds=1.0, memory=None, available=16 * GIB, refusal="RESOURCE_EXHAUSTED: 20.00G exceeds 15.75G.")


def run(*arguments: str) -> int:
    return console.outcome(compile_tpu.app, ["--config", CONFIG, *arguments], "compile_tpu")


@pytest.fixture
def pretended(monkeypatch):
    """Runs on this machine's devices with the reports given, so that nothing is compiled."""
    import jax

    def pretend(*reports: aot.Report) -> list[dict]:
        left, asked = list(reports), []

        def compiled(lowered, available, axes, slices=1):
            asked.append({"axes": axes, "slices": slices, "lowered": lowered})
            return left.pop(0)

        monkeypatch.setenv("JAX_PLATFORMS", "cpu")
        monkeypatch.setattr(compile_tpu, "PACKAGES", ("jax",))  # there may be no libtpu
        monkeypatch.setattr(aot, "devices", lambda topology, slices=1: jax.devices())
        monkeypatch.setattr(aot, "compiled", compiled)
        return asked

    return pretend


def test_traffic_that_the_compiler_cannot_tell_is_not_called_none(pretended, capsys):
    pretended(dataclasses.replace(FITS, traffic=None))
    assert run("--topology", "v5e:2x4", "--what", "train") == EXIT_OK
    assert "not known" in capsys.readouterr().out


def test_what_was_found_is_told(pretended, capsys, tmp_path):
    asked = pretended(FITS, FITS)
    arguments = ("--topology", "v5e:2x4", "--mesh", "data=4,context=2", "--json", str(tmp_path / "o.json"))
    assert run(*arguments, "--config.train.batch=64") == EXIT_OK
    told = capsys.readouterr()
    assert told.err == ""
    for word in ("v5e:2x4, data=4 fsdp=1 context=2", "3.00 GiB of 16.00 GiB (18.8%)", "1.500e+09", "4x16x8", "once."):
        assert word in told.out
    content = json.loads((tmp_path / "o.json").read_text())
    assert content["mesh"] == {"data": 4, "fsdp": 1, "context": 2} and content["config"]["stage"] == "toy"
    assert content["programs"]["train"]["fits"] and content["programs"]["sample"]["memory"] == 3 * GIB
    assert content["programs"]["train"]["traffic"][0]["frames"]
    assert content["command"].startswith("python -m launch.compile_tpu")
    assert [each["axes"] for each in asked] == [{"data": 4, "fsdp": 1, "context": 2}] * 2
    # The step of training gives its state's memory away, and changes of the config reach it.
    train, sample = (each["lowered"].as_text() for each in asked)
    assert ("jax.buffer_donor" in train or "tf.aliasing_output" in train) and "jax.buffer_donor" not in sample
    for text in (train, sample):
        assert "tensor<64x16x1xf32>" in text and "tensor<256x16x1xf32>" not in text


def test_what_does_not_fit_is_told_and_fails(pretended, capsys, tmp_path, monkeypatch):
    pretended(FULL)
    monkeypatch.setattr(compile_tpu, "lowered", lambda built, what: None)
    arguments = ("--topology", "v5e:2x4", "--what", "train", "--json", str(tmp_path / "o.json"))
    assert run(*arguments) == EXIT_USER_ERROR
    told = capsys.readouterr()
    assert "more than 16.00 GiB" in told.out
    (line,) = told.err.splitlines()
    assert line.startswith("error: it does not fit into v5e:2x4; train: RESOURCE_EXHAUSTED: 20.00G exceeds 15.75G.")
    content = json.loads((tmp_path / "o.json").read_text())
    assert not content["programs"]["train"]["fits"] and content["programs"]["train"]["memory"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--topology", "v9:4x4"], "there are no chips 'v9'. Name a topology of v4, v5e, v5p, v6e, tpu7x"),
        (["--topology", "v5e:2x4", "--mesh", "data=3"], "does not divide 8 devices"),
        (["--topology", "v5e:2x4", "--mesh", "rows=3"], "a mesh has no axis 'rows'"),
        (["--topology", "v5e:2x4", "--mesh", "4x4"], "the mesh '4x4' cannot be read"),
        (["--topology", "v5e:2x4", "--mesh", "data=4,data=4"], "the mesh 'data=4,data=4' has an axis twice"),
        (["--topology", "v5e:2x4", "--slices", "0"], "there are no 0 slices. Give 1 or more"),
        (["--topology", "v5e:2x4", "--what", "export"], "--what"),
        (["--topology", "v5e:2x4", "--config.train.bach=3"], "no value train.bach"),
        ([], "--topology"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(pretended, capsys, arguments, message):
    pretended()
    assert run(*arguments) == EXIT_USER_ERROR
    told = capsys.readouterr()
    assert message in told.err and told.err.count("\n") == 1 and told.out == ""


def test_without_libtpu_it_is_said_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(aot, "BESIDE", tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not path.endswith("libtpu")])
    monkeypatch.setitem(sys.modules, "libtpu", None)
    monkeypatch.setattr(aot.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs libtpu\. Run `make setup-aot`"):
        aot.devices("v5e:4x4")


def test_a_folder_that_is_called_so_is_not_libtpu(monkeypatch, tmp_path):
    called, library = tmp_path / "called", tmp_path / "library"
    (called / "libtpu").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(called)])
    monkeypatch.setattr(aot, "BESIDE", library)
    monkeypatch.delitem(sys.modules, "libtpu", raising=False)
    importlib.invalidate_caches()
    importlib.import_module("libtpu")
    with pytest.raises(UserError, match="needs libtpu"):
        aot._find_libtpu()
    (library / "libtpu").mkdir(parents=True)
    (library / "libtpu" / "__init__.py").touch()
    (library / "libtpu" / "libtpu.so").touch()
    aot._find_libtpu()
    assert importlib.util.find_spec("libtpu").origin == str(library / "libtpu" / "__init__.py")


def program(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "launch.compile_tpu", "--config", CONFIG, *arguments]
    return subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=600)


@pytest.mark.aot
def test_the_toy_compiles_for_a_pod(tmp_path):
    done = program("--topology", "v5e:4x4", "--mesh", "data=4,context=4", "--json", str(tmp_path / "o.json"))
    assert done.returncode == EXIT_OK, done.stderr
    assert done.stderr == ""  # of libtpu's noise, too
    content = json.loads((tmp_path / "o.json").read_text())
    assert set(content["versions"]) == {"python", "jax", "jaxlib", "flax", "libtpu"}
    for found in content["programs"].values():
        assert found["fits"] and 0 < found["memory"] < found["available"] and found["flops"] > 0
        kinds = {(row["kind"], tuple(row["axes"])) for row in found["traffic"]}
        # Its temporal convolution asks the neighbours, its attention sees keys and values of all frames.
        assert {("collective-permute", ("context",)), ("all-gather", ("context",))} <= kinds
    train = content["programs"]["train"]["traffic"]
    assert {tuple(row["axes"]) for row in train if row["frames"]} == {("context",)}
    assert ["data", "context"] in [row["axes"] for row in train if row["kind"] == "all-reduce"]


@pytest.mark.aot
def test_a_batch_that_is_too_large_is_refused_by_the_compiler():
    done = program("--topology", "v5e:2x2", "--what", "train", "--config.train.batch=2097152")
    assert done.returncode == EXIT_USER_ERROR
    assert "it does not fit into v5e:2x2; train: RESOURCE_EXHAUSTED" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.aot
@pytest.mark.parametrize("topology", ["v4:2x2x1", "v5p:2x2x1", "v6e:2x2", "tpu7x:2x2x1"])
def test_the_compiler_agrees_on_the_memory_of_chips(topology):
    """A sum that needs more than any has: the refusal names what there is."""
    import jax
    import jax.numpy as jnp

    device = aot.devices(topology)[0]
    place = jax.sharding.SingleDeviceSharding(device)
    huge = jax.ShapeDtypeStruct((2**18, 2**18), jnp.float32, sharding=place)
    report = aot.compiled(jax.jit(lambda x: jnp.sin(x) @ x).lower(huge), aot.chip(topology).memory, {"data": 1})
    assert f"({report.available / GIB:.2f}G)" in report.refusal
    assert not report.fits


@pytest.mark.aot
def test_topologies_that_do_not_exist_are_refused():
    for name in ("v5e:3x3", "v5e", "v5e:"):
        with pytest.raises(UserError, match="there is no topology"):
            aot.devices(name)
    assert len(aot.devices("v5p:2x2x2", slices=2)) == 16

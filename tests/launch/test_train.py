"""The commands that train and sample, on eight devices; whole processes of them are slow tests."""

import dataclasses
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from launch import data, program, sample, settings, train
from launch.data import Inputs
from vlogger_jax import console
from vlogger_jax.core.errors import EXIT_OK, EXIT_PREEMPTED, EXIT_TRAINING_STOPPED, EXIT_USER_ERROR
from vlogger_jax.media import array_file, image_file
from vlogger_jax.train.checkpoint import Checkpoints

ROOT = Path(__file__).parents[2]
CONFIG = "configs/toy_ar1.py:size=tiny"
SMALL = {"train.batch": 16, "train.log_every": 2, "train.save_every": 2, "train.evaluate_every": 4}
SMALL |= {"train.steps": 8, "model.width": 8, "model.blocks": 1, "model.heads": 2, "diffusion.steps": 4}
SMALL |= {"eval.batches": 1, "eval.samples": 16, "optim.warmup": 2, "optim.steps": 8}


BLIND = {"eval__batches": 0, "eval__samples": 0}


def arguments(workdir: Path, **changed: object) -> list[str]:
    values = {**SMALL, **{name.replace("__", "."): value for name, value in changed.items()}}
    return ["--config", CONFIG, "--workdir", str(workdir)] + [f"--config.{name}={values[name]}" for name in values]


def run(workdir: Path, **changed: object) -> int:
    return console.outcome(train.app, arguments(workdir, **changed), "train")


def last(workdir: Path, **changed: object) -> tuple[int, list[np.ndarray]]:
    """The last checkpoint's step, and all numbers of its state."""
    made = program.build(settings.load(CONFIG, arguments(workdir, **changed)[4:]))
    checkpoints = Checkpoints(workdir / "checkpoints")
    state = checkpoints.restore(made.state)
    checkpoints.close()
    leaves = jax.tree.leaves((state.trainable, state.opt_state, state.ema))
    return int(state.step), [np.asarray(leaf) for leaf in leaves]


def lines(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "unbroken"
    assert run(folder) == EXIT_OK
    return folder


def test_what_a_training_leaves(unbroken):
    assert [line["step"] for line in lines(unbroken)] == [2, 4, 6, 8]
    first, *_, end = lines(unbroken)
    assert {"loss", "x0_error", "gradient_norm", "learning_rate", "seconds", "data_wait"} <= first.keys()
    assert {"validation/loss"} <= end.keys() and "validation/loss" not in first
    assert Checkpoints(unbroken / "checkpoints").steps() == [4, 6, 8]
    assert len(list((unbroken / "tensorboard").iterdir())) == 1
    assert json.loads((unbroken / "config.json").read_text())["config"]["train"]["batch"] == 16


def test_it_goes_on_as_if_it_had_never_stopped(unbroken, tmp_path):
    assert run(tmp_path, train__steps=4) == EXIT_OK
    assert last(tmp_path)[0] == 4
    assert run(tmp_path) == EXIT_OK
    for a, b in zip(last(tmp_path)[1], last(unbroken)[1], strict=True):
        np.testing.assert_array_equal(a, b)
    told = [
        {name: value for name, value in line.items() if name not in ("seconds", "data_wait")}
        for line in lines(tmp_path)
    ]
    wanted = [{name: line[name] for name in line if name not in ("seconds", "data_wait")} for line in lines(unbroken)]
    # The part that was to end at step 4 looked at itself there, as the other did for it was due.
    assert told == wanted


@pytest.mark.slow
def test_another_mesh_and_parts_of_batches_are_the_same_training(unbroken, tmp_path):
    assert run(tmp_path, mesh__context=4, mesh__fsdp=2, **BLIND) == EXIT_OK
    for a, b in zip(last(tmp_path)[1], last(unbroken)[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-5)


def test_a_number_that_is_not_finite_ends_it(tmp_path, capsys):
    """At this rate the first update throws the parameters out of range."""
    assert run(tmp_path, optim__learning_rate=1e38, optim__warmup=0, optim__clip=1e38, **BLIND) == EXIT_TRAINING_STOPPED
    said = capsys.readouterr().err
    found = re.search(r"stopped: step (\d) was not finite: .*samples (\d+) to (\d+)", said)
    assert found, said
    step = int(found[1])
    assert (int(found[2]), int(found[3])) == (16 * step, 16 * step + 15)
    assert Checkpoints(tmp_path / "checkpoints").latest() == step
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"train__batch": 12}, "batch of 12 does not divide"),
        ({"train__accumulate": 3}, "accumulate=3"),
        ({"mesh__data": 3}, "does not divide 8 devices"),
        ({"train__precision": "float8"}, "no precision named 'float8'"),
        ({"train__save_every": 3}, "log_every"),
        ({"model__heads": 3}, "heads"),
        ({"eval__samples": 3}, "a batch of 3"),
        ({"optim__decay": "exp"}, "config.optim.decay"),
        ({"optim__clip": 0}, "optim.clip is 0"),
        ({"optim__steps": 2}, "optim.steps"),
        ({"train__ema": 1}, "moving average is 1"),
        ({"train__seed": -1}, "seed -1"),
        ({"train__keep": 0}, "keep 0"),
        ({"mesh": None}, "config.mesh"),
        ({"optim": None}, "config.optim"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(tmp_path, capsys, changed, said):
    assert run(tmp_path / "run", **changed) == EXIT_USER_ERROR
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and said in err
    assert not (tmp_path / "run").exists()


def test_another_config_in_the_same_folder_is_refused(unbroken, capsys):
    before = (unbroken / "config.json").read_bytes()
    assert run(unbroken, diffusion__schedule="linear") == EXIT_USER_ERROR
    assert "diffusion.schedule" in capsys.readouterr().err
    assert (unbroken / "config.json").read_bytes() == before


@pytest.mark.parametrize("where", ["/dev/null/run", "/proc/run", "README.md", "README.md/run"])
def test_a_folder_that_cannot_be_is_one_line(where, capsys):
    assert run(Path(where)) == EXIT_USER_ERROR
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1


@pytest.mark.slow
def test_after_a_stop_it_goes_on_with_another_optimizer(tmp_path, capsys):
    assert run(tmp_path, optim__learning_rate=1e30, optim__warmup=0, **BLIND) == EXIT_TRAINING_STOPPED
    assert "lower learning_rate" in capsys.readouterr().err
    assert run(tmp_path, optim__learning_rate=1e-4, **BLIND) == EXIT_OK
    assert "optim.learning_rate is 0.0001" in capsys.readouterr().err
    assert last(tmp_path)[0] == 8


def test_the_optimizer_is_split_by_the_rules_of_the_config():
    made = program.build(settings.load(CONFIG, ["--config.mesh.rules={'smallest': 1}"]))
    split = [leaf for leaf in jax.tree.leaves(made.state.opt_state) if not leaf.sharding.is_fully_replicated]
    assert len(split) > 20
    with jax.set_mesh(made.mesh):
        state, _ = made.init()
    assert [leaf.sharding for leaf in jax.tree.leaves(state)] == [leaf.sharding for leaf in jax.tree.leaves(made.state)]


def test_splits_never_meet():
    given = settings.load(CONFIG)
    made = program.build(given)
    firsts = [Inputs.of(given, made.stage, made.mesh, split, 16).batch(0)["x"] for split in data.SPLITS]
    assert not any(np.isin(firsts[i], firsts[i - 1]).any() for i in range(len(firsts)))


def test_what_is_frozen_is_kept_once_and_brought_back(tmp_path):
    frozen, real = {"w": jnp.arange(3.0)}, program.build(settings.load(CONFIG, arguments(tmp_path)[4:]))
    state = real.init()[0]
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), frozen)
    made = dataclasses.replace(real, init=lambda: (state, frozen), frozen=shapes)
    checkpoints = Checkpoints(tmp_path)
    assert train.start(made, checkpoints)[1] is frozen
    checkpoints.save(0, state)
    checkpoints.wait()
    np.testing.assert_array_equal(train.start(made, Checkpoints(tmp_path))[1]["w"], frozen["w"])
    checkpoints.close()


def test_samples_of_a_training(unbroken, tmp_path, capsys):
    out, picture = tmp_path / "samples.npz", tmp_path / "samples.png"
    command = ["--workdir", str(unbroken), "--out", str(out), "--count", "8"]
    assert console.outcome(sample.app, [*command, "--picture", str(picture)], "sample") == EXIT_OK
    assert "8 samples of step 8" in capsys.readouterr().out
    found = array_file.read(out, "samples")
    assert found["samples"].shape == (8, 16, 1) and np.isfinite(found["samples"]).all()
    np.testing.assert_array_equal(found["samples"][:, :4], found["x"][:, :4])
    assert image_file.read(picture).rgb.ndim == 3
    made = program.build(settings.load(CONFIG, arguments(unbroken)[4:]))
    state = Checkpoints(unbroken / "checkpoints").restore(made.state)
    inputs = Inputs.of(settings.load(CONFIG), made.stage, made.mesh, "test", 8)
    with jax.set_mesh(made.mesh):
        wanted = made.sample(state.ema, {}, inputs.put(inputs.batch(0)), jax.random.key(0))
    np.testing.assert_array_equal(found["samples"], wanted)
    assert console.outcome(sample.app, [*command, "--seed", "1"], "sample") == EXIT_OK
    again = array_file.read(out, "samples")
    assert not np.array_equal(again["samples"], found["samples"])
    np.testing.assert_array_equal(again["x"], found["x"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--count", "3"], "a batch of 3"),
        (["--count", "0"], "--count is 0"),
        (["--split", "dev"], "no split 'dev'"),
        (["--step", "7"], "no checkpoint of step 7"),
        (["--config.diffusion.sampler=euler"], "config.diffusion.sampler"),
    ],
)
def test_samples_that_cannot_be(unbroken, tmp_path, capsys, more, said):
    command = ["--workdir", str(unbroken), "--out", str(tmp_path / "x.npz"), "--count", "8", *more]
    assert console.outcome(sample.app, command, "sample") == EXIT_USER_ERROR
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x.npz").exists()


@pytest.mark.slow
def test_the_step_of_a_training_compiles_once(tmp_path, caplog):
    with jax.log_compiles(), caplog.at_level(logging.WARNING, logger="jax"):
        assert run(tmp_path, mesh__context=2, train__steps=6, **BLIND) == EXIT_OK
    told = [record.getMessage() for record in caplog.records]
    assert sum(text.startswith("Compiling jit(step)") for text in told) == 1


# Whole processes.


def start(workdir: Path, **changed: object) -> subprocess.Popen:
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax")}
    command = [sys.executable, "-m", "launch.train", *arguments(workdir, **changed)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def when_at(process: subprocess.Popen, step: int) -> None:
    for line in process.stderr:
        found = re.match(r"step (\d+) of \d+: ", line)
        if found and int(found[1]) >= step:
            return
    raise AssertionError("it ended before")


LONG = {"train__steps": 400, "optim__steps": 400, "train__save_every": 10, "train__evaluate_every": 400, **BLIND}


@pytest.mark.slow
def test_killed_at_ten_random_steps_is_unbroken_to_the_bit(tmp_path):
    whole = start(tmp_path / "whole", **LONG)
    assert whole.wait(300) == EXIT_OK
    seed = int(time.time())
    rng = np.random.default_rng(seed)
    kills = sorted(rng.choice(np.arange(2, 390), 10, replace=False))
    print(f"seed {seed}: killed after", *kills)
    for step in kills:
        process = start(tmp_path / "killed", **LONG)
        when_at(process, int(step))
        time.sleep(rng.uniform(0, 0.02))
        process.kill()
        process.wait()
    assert start(tmp_path / "killed", **LONG).wait(300) == EXIT_OK
    one, other = (last(tmp_path / name, **LONG) for name in ("whole", "killed"))
    assert one[0] == other[0] == 400
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_asked_to_end_it_saves_within_20_seconds(tmp_path):
    changed = {**LONG, "train__steps": 10**6, "train__save_every": 10**6}
    process = start(tmp_path, **changed)
    when_at(process, 20)
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == EXIT_PREEMPTED
    print(f"{time.monotonic() - asked:.2f} s")
    assert time.monotonic() - asked < 20
    step, _ = last(tmp_path, **changed)
    assert step >= 20

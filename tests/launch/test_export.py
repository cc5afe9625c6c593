"""What a training has learned leaves it whole: into a bundle that gives the stage back."""

import dataclasses
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from launch import export, program, record, settings
from vlogger_jax import bundle, console, stages
from vlogger_jax.core.errors import EXIT_OK, EXIT_USER_ERROR
from vlogger_jax.train.checkpoint import Checkpoints

CONFIG = "configs/toy_ar1.py:size=tiny"
STEPS = (4, 8)
BASE = "ab" * 32


def after(made: program.Program, step: int):
    """A state whose average tells the step, on the mesh."""
    full = jax.tree.map(lambda leaf: np.full(leaf.shape, 0, leaf.dtype), dataclasses.replace(made.state, key=None))
    ema = jax.tree.map(lambda leaf: np.full_like(leaf, step + 0.1), full.ema)
    state = dataclasses.replace(full, key=jax.random.key(0), step=np.int32(step), ema=ema)
    return jax.device_put(state, jax.tree.map(lambda leaf: leaf.sharding, made.state))


@pytest.fixture(scope="module")
def workdir(tmp_path_factory) -> Path:
    """As a training on 8 devices leaves it, without the training."""
    folder = tmp_path_factory.mktemp("runs") / "m"
    given = settings.load(CONFIG, ["--config.mesh.context=2"])
    made = program.build(given)
    assert made.mesh.size == 8
    folder.mkdir()
    record.write(folder, given, 0, BASE)
    checkpoints = Checkpoints(folder / "checkpoints")
    with jax.set_mesh(made.mesh):
        for step in STEPS:
            checkpoints.save(step, after(made, step))
        checkpoints.close()
    return folder


def run(*arguments: object) -> int:
    return console.outcome(export.app, [str(each) for each in arguments], "export")


def exported(folder: Path):
    stage = stages.build(settings.load(CONFIG))
    return bundle.load(folder).params("toy", jax.eval_shape(stage.init, jax.random.key(0)))


def test_a_training_becomes_a_bundle(workdir, tmp_path, capsys):
    folder = tmp_path / "b"
    assert run("--workdir", workdir, "--out", folder, "--step", 4, "--dtype", "float16") == EXIT_OK
    stored = bundle.load(folder).stages["toy"]
    kept, training = record.read(workdir), stored.training
    assert (training.step, training.seed, training.ema, training.licence) == (4, 0, 0.995, "")
    assert (training.config, training.code, training.versions) == (
        kept.config,
        kept.parts[-1].code,
        kept.parts[-1].versions,
    )
    assert training.config["mesh"]["context"] == 2
    assert stored.dtype == "float16" and training.base_of == kept.base_of == BASE
    leaf = jax.tree.leaves(exported(folder))[0]
    assert leaf.dtype == np.float32 and np.all(leaf == np.float16(4.1))
    assert "licence not stated" in capsys.readouterr().out

    # The last step by default, in the place of the other.
    assert run("--workdir", workdir, "--out", folder, "--licence", "CC0-1.0") == EXIT_OK
    (stored,) = bundle.load(folder).stages.values()
    assert len(list(folder.iterdir())) == 2
    line = r": toy of step 8, [\d,]+ numbers as float32, [\d.]+ MB, licence CC0-1\.0\n"
    told = capsys.readouterr()
    assert re.fullmatch(re.escape(str(folder / stored.file)) + line, told.out) and told.err == ""
    variables = exported(folder)
    assert variables.frozen == {} and jax.tree.leaves(variables.trainable)
    assert all(np.all(leaf == np.float32(8.1)) for leaf in jax.tree.leaves(variables.trainable))


def test_a_step_that_was_not_kept_is_refused(workdir, tmp_path, capsys):
    assert run("--workdir", workdir, "--out", tmp_path / "b", "--step", 5) == EXIT_USER_ERROR
    assert "no checkpoint of step 5" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_a_folder_of_no_training_is_refused(tmp_path, capsys):
    assert run("--workdir", tmp_path / "none", "--out", tmp_path / "b") == EXIT_USER_ERROR
    assert "is no training's folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

"""A training that begins from a bundle: with what, from which, and what it says when it goes on."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

from launch import program, record, settings, train
from vlogger_jax import bundle, console
from vlogger_jax.bundle import Training
from vlogger_jax.core.errors import EXIT_OK, EXIT_USER_ERROR, UserError
from vlogger_jax.core.stage import Variables
from vlogger_jax.train import loop
from vlogger_jax.train.checkpoint import Checkpoints

CONFIG = "configs/toy_ar1.py:size=tiny"
SMALL = {"train.batch": 16, "model.width": 8, "model.blocks": 1, "model.heads": 2}


def changes(**changed: object) -> list[str]:
    values = SMALL | {name.replace("__", "."): value for name, value in changed.items()}
    return [f"--config.{name}={value}" for name, value in values.items()]


def run(workdir: Path, base: Path | None = None, **changed: object) -> int:
    begin = [] if base is None else ["--begin-from", str(base)]
    return console.outcome(
        train.app, ["--config", CONFIG, "--workdir", str(workdir), *begin, *changes(**changed)], "train"
    )


def save(folder: Path, made: program.Program, seed: int, name: str = "toy") -> bundle.Bundle:
    """With parameters that no initialisation gives."""
    leaves, tree = jax.tree.flatten(made.state.trainable)
    rng = np.random.default_rng(seed)
    params = tree.unflatten([rng.normal(0, 0.3, leaf.shape).astype(np.float32) for leaf in leaves])
    return bundle.save(folder, name, Variables(params, {}), Training(config={}, step=3, seed=0))


@pytest.fixture(scope="module")
def made() -> program.Program:
    return program.build(settings.load(CONFIG, changes()))


@pytest.fixture(scope="module")
def base(tmp_path_factory, made) -> bundle.Bundle:
    return save(tmp_path_factory.mktemp("base"), made, 0)


def kept(base: bundle.Bundle, made: program.Program) -> dict:
    return base.params("toy", Variables(made.state.trainable, {})).trainable


def test_its_parameters_and_their_average_are_those_of_the_bundle_and_all_else_is_fresh(made, base):
    with jax.set_mesh(made.mesh):
        fresh, frozen = made.init()
        state, still = program.begun_from(base, made.stage, fresh, frozen)
    for found in (state.trainable, state.ema):
        jax.tree.map(np.testing.assert_array_equal, found, kept(base, made))
    assert still == frozen == {}
    for name in ("step", "opt_state", "stopped"):
        jax.tree.map(np.testing.assert_array_equal, getattr(state, name), getattr(fresh, name))
    assert state.key == fresh.key and int(state.step) == 0
    # Where a step looks for them, and each in memory of its own, since a step takes both for the next.
    jax.tree.map(lambda found, wanted: np.testing.assert_equal(found.sharding, wanted.sharding), state, made.state)
    pairs = zip(jax.tree.leaves(state.trainable), jax.tree.leaves(state.ema), strict=True)
    assert all(
        one.addressable_data(0).unsafe_buffer_pointer() != other.addressable_data(0).unsafe_buffer_pointer()
        for one, other in pairs
    )


def test_what_is_frozen_is_the_bundles_too(made, tmp_path):
    frozen = {"w": np.arange(3, dtype=np.float32)}
    with jax.set_mesh(made.mesh):
        fresh, _ = made.init()
        of = Variables(jax.tree.map(np.asarray, fresh.trainable), frozen)
        other = bundle.save(tmp_path, "toy", of, Training(config={}, step=3, seed=0))
        found = program.begun_from(other, made.stage, fresh, {"w": jax.numpy.zeros(3, jax.numpy.bfloat16)})[1]
    np.testing.assert_array_equal(found["w"], frozen["w"])
    assert found["w"].dtype == "bfloat16"


def test_a_bundle_without_the_stage_or_of_other_shapes_is_refused(made, base, tmp_path):
    with jax.set_mesh(made.mesh):
        fresh, frozen = made.init()
        with pytest.raises(UserError, match=r"has no stage 'motion'. It has toy"):
            program.begun_from(base, dataclasses.replace(made.stage, name="motion"), fresh, frozen)
        wider = dataclasses.replace(
            fresh, trainable=jax.tree.map(lambda leaf: jax.numpy.zeros((*leaf.shape, 2)), fresh.trainable)
        )
        with pytest.raises(UserError, match=r"holds parameters of another network: of another shape: "):
            program.begun_from(base, made.stage, wider, frozen)


@pytest.fixture
def begun(monkeypatch) -> list:
    """The states that trainings go on from; each is saved as one step later, without the step."""
    found = []

    def one_step(asked, step, state, frozen, inputs, *, checkpoints, **others):
        found.append(jax.tree.map(np.asarray, dataclasses.replace(state, key=jax.random.key_data(state.key))))
        later = int(state.step) + 1
        checkpoints.save(later, dataclasses.replace(state, step=state.step + 1))
        checkpoints.wait()

    monkeypatch.setattr(loop, "run", one_step)
    return found


def test_a_training_begins_from_it_and_goes_on_with_or_without_it(made, base, tmp_path, capsys, begun):
    folder, sha = tmp_path / "run", base.stored("toy").sha256
    assert run(folder, base.folder) == EXIT_OK, capsys.readouterr().err
    assert record.base_of(folder) == sha
    other = save(tmp_path / "other", made, 1)
    assert run(folder, other.folder) == EXIT_USER_ERROR
    assert "was not begun from that bundle" in capsys.readouterr().err
    assert run(folder) == EXIT_OK
    assert [part.step for part in record.read(folder).parts] == [0, 1] == [int(state.step) for state in begun]
    assert record.base_of(folder) == sha
    for state in begun:
        for found in (state.trainable, state.ema):
            jax.tree.map(np.testing.assert_array_equal, found, kept(base, made))


def test_the_last_checkpoint_counts_not_the_bundle(made, base, tmp_path):
    with jax.set_mesh(made.mesh):
        checkpoints = Checkpoints(tmp_path / "checkpoints")
        checkpoints.save(5, dataclasses.replace(made.init()[0], step=jax.numpy.int32(5)))
        checkpoints.wait()
        state, _ = train.start(made, checkpoints, base)
        checkpoints.close()
    assert int(state.step) == 5
    leaves = zip(jax.tree.leaves(state.trainable), jax.tree.leaves(kept(base, made)), strict=True)
    assert not any(np.array_equal(one, other) for one, other in leaves)


def test_one_that_ended_before_its_first_checkpoint_does_not_begin_afresh(base, tmp_path, capsys):
    record.write(tmp_path, settings.load(CONFIG, changes()), 0, base.stored("toy").sha256)
    assert run(tmp_path) == EXIT_USER_ERROR
    assert "was begun from a bundle, and has no checkpoint yet. Give --begin-from" in capsys.readouterr().err
    assert len(record.read(tmp_path).parts) == 1


@pytest.mark.parametrize(
    ("name", "said"), [("toy", "holds parameters of another network"), ("text", "has no stage 'toy'")]
)
def test_bundles_that_cannot_be_are_one_line(made, tmp_path, capsys, name, said):
    save(tmp_path / "b", made, 0, name)
    assert run(tmp_path / "run", tmp_path / "b", model__width=16) == EXIT_USER_ERROR
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and said in err
    assert not (tmp_path / "run" / record.NAME).exists()


def test_a_folder_that_is_no_bundle_is_one_line(tmp_path, capsys):
    assert run(tmp_path / "run", tmp_path) == EXIT_USER_ERROR
    assert "is no bundle" in capsys.readouterr().err and not (tmp_path / "run").exists()

"""Every config, at its smallest, is trained for a few steps by what trains it in earnest, and learns one batch."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from configs import common
from launch import program, settings
from launch.data import Inputs
from vlogger_jax.train.state import GOING

CONFIGS = sorted(Path(common.__file__).parent.glob("*.py"))
EXPERIMENTS = [path for path in CONFIGS if path.stem not in ("__init__", "common")]
BATCH, STEPS = 32, 25


# One of the toys' networks is compiled in quick tests.
QUICKLY = [pytest.param(path, marks=[pytest.mark.slow] * (path.stem == "toy_mixture")) for path in EXPERIMENTS]


@pytest.fixture(params=EXPERIMENTS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


def smallest(path: Path) -> ml_collections.ConfigDict:
    config = settings.load(f"{path}:size=tiny")
    config.train.batch, config.optim.warmup, config.mesh.data = BATCH, 0, 1
    config.model.width, config.model.blocks, config.optim.learning_rate = 16, 1, 2e-2
    return config


@pytest.mark.parametrize("path", QUICKLY, indirect=True, ids=lambda path: getattr(path, "stem", ""))
def test_one_batch_is_learned(path):
    """With the same noise each time, so that there is something to learn by heart."""
    config = smallest(path)
    made = program.build(config, jax.devices()[:1])
    inputs = Inputs.of(config, made.stage, made.mesh, "train", BATCH)
    batch, losses = inputs.put(inputs.batch(0)), []
    with jax.set_mesh(made.mesh):
        state, frozen = made.init()
        for _ in range(STEPS):
            state, metrics = made.step(dataclasses.replace(state, step=jnp.int32(0)), frozen, batch)
            losses.append(float(metrics["loss"]))
    assert (int(state.step), int(state.stopped)) == (1, GOING)
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_sizes(path, size):
    """A size changes numbers, never what there is."""
    tiny, other = settings.load(f"{path}:size=tiny"), settings.load(f"{path}:size={size}")
    assert jax.tree.structure(tiny.to_dict()) == jax.tree.structure(other.to_dict())
    assert settings.load(str(path)) == tiny
    program.build(other, jax.devices()[:1])
    docstring = path.read_text().split('"""')[1]
    assert f"python -m launch.train --config configs/{path.name}" in docstring


def test_arguments():
    choices = dict(size=("tiny", "small"), people=("one", "many"))
    assert common.parse_arg("", **choices) == {"size": "tiny", "people": "one"}
    assert common.parse_arg("people=many,size=small", **choices) == {"size": "small", "people": "many"}


@pytest.mark.parametrize(
    ("arg", "message"),
    [
        ("sise=tiny", "unknown key 'sise' in 'sise=tiny'; known keys: size"),
        ("size=huge", "size is 'huge' in 'size=huge'; it may be tiny, small"),
        ("size", "size is '' in 'size'"),
        ("tiny", "unknown key 'tiny'"),
        ("size=tiny,size=small", "size is given twice"),
        ("size=tiny,", "unknown key ''"),
    ],
)
def test_arguments_that_are_refused(arg, message):
    with pytest.raises(ValueError, match=message):
        common.parse_arg(arg, size=("tiny", "small"))

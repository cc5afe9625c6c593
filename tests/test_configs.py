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
from vlogger_jax.core.stage import Batch
from vlogger_jax.parallel import distributed
from vlogger_jax.train.state import GOING

CONFIGS = sorted(Path(common.__file__).parent.glob("*.py"))
EXPERIMENTS = [path for path in CONFIGS if path.stem not in ("__init__", "common")]
BATCH, STEPS = 32, 25


# One of the toys' networks is compiled in quick tests.
QUICKLY = [pytest.param(path, marks=[pytest.mark.slow] * (path.stem != "toy_ar1")) for path in EXPERIMENTS]


def smallest(path: Path) -> ml_collections.ConfigDict:
    config = settings.load(f"{path}:size=tiny")
    config.train.batch, config.optim.warmup, config.mesh.data = BATCH, 0, 1
    if config.stage.startswith("video"):
        base = config.model.get("base", config.model)
        if "low" in config.model:
            base.blocks, config.model.shown.low, config.model.crop = (1, 1), 4, 0
        base.size, base.channels, base.multipliers, base.heads.channels, base.groups = 16, 16, (1, 2), 16, 4
    else:
        sizes = config.model.get("size", config.model)
        sizes.width, sizes.blocks = 16, 1
    config.optim.learning_rate = 5e-3 if config.stage == "gesture_autoencoder" else 2e-2
    return config


def one_batch(config: ml_collections.ConfigDict, made: program.Program) -> Batch:
    """Its first one; of a stage that learns from a data set, one of somebody who keeps still."""
    if config.stage == "toy":
        inputs = Inputs.of(config, made.stage, made.mesh, "train", BATCH)
        return inputs.put(inputs.batch(0))
    rng, found = np.random.default_rng(0), {}
    for name, each in made.stage.spec.items():
        frame = rng.uniform(0.1, 0.3, each.shape[1:] or each.shape)
        found[name] = np.broadcast_to(frame, (BATCH, *each.shape)).astype(each.dtype)
    if "length" in found:
        found["length"] = np.full(BATCH, config.data.frames, np.int32)
    return distributed.place_batch(found, made.mesh, made.stage.framed)


@pytest.mark.parametrize("path", QUICKLY, ids=lambda path: getattr(path, "stem", ""))
def test_one_batch_is_learned(path):
    """With the same noise each time, so that there is something to learn by heart."""
    config = smallest(path)
    made = program.build(config, jax.devices()[:1])
    batch, losses = one_batch(config, made), []
    with jax.set_mesh(made.mesh):
        state, frozen = made.init()
        for _ in range(STEPS):
            state, metrics = made.step(dataclasses.replace(state, step=jnp.int32(0)), frozen, batch)
            losses.append(float(metrics["loss"]))
    assert (int(state.step), int(state.stopped)) == (1, GOING)
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.3 * losses[0]


SIZES = {"gesture_autoencoder": ("tiny",), "motion": ("tiny", "small", "paper")}
VIDEO = ("base_128", "control_128", "temporal_128", "sr_256", "sr_512")
SIZES |= {f"video_{stage}": ("tiny", "small", "paper") for stage in VIDEO}


def of_size(path, size):
    """A network of many layers takes ten seconds to describe; they are made by the same lines as small ones."""
    large = path.stem.startswith("video") and size != "tiny"
    return pytest.param(path, size, marks=[pytest.mark.slow] * large, id=f"{path.stem}-{size}")


@pytest.mark.parametrize(
    ("path", "size"),
    [of_size(path, size) for path in EXPERIMENTS for size in SIZES.get(path.stem, ("tiny", "small"))],
)
def test_sizes(path, size):
    """A size changes numbers, how many levels there are, what is heard and how errors weigh, never what there is."""
    tiny, other = settings.load(f"{path}:size=tiny"), settings.load(f"{path}:size={size}")
    trees = [config.to_dict() for config in (tiny, other)]
    for tree in trees:
        tree["data"].pop("hearing", None)
        tree.get("diffusion", {}).pop("weighting", None)
    structures = [jax.tree.structure(tree, is_leaf=lambda part: isinstance(part, tuple)) for tree in trees]
    assert structures[0] == structures[1]
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

"""Eight devices, however they are laid out, compute what one does: loss, gradients, an update, samples.

In float64 to rounding, which leaves a forgotten sum or a wrong frame nowhere to hide; in float32 as training does it.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.motion import made
from vlogger_jax import stages
from vlogger_jax.core import precision
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.functional import paths
from vlogger_jax.core.stage import Batch, Params, Stage
from vlogger_jax.motion import stage as motion_stage
from vlogger_jax.parallel import mesh as meshes
from vlogger_jax.parallel import rules
from vlogger_jax.parallel.mesh import MeshConfig
from vlogger_jax.parallel.rules import Rules
from vlogger_jax.parallel.split import split
from vlogger_jax.train.ema import Ema
from vlogger_jax.train.optim import Optim
from vlogger_jax.train.state import create
from vlogger_jax.train.step import make_step

SHAPES = [(8, 1, 1), (4, 1, 2), (2, 2, 2), (1, 2, 4), (1, 1, 8)]
"""data, fsdp, context."""

BATCH = 16
NEGLIGIBLE = 1e-8
"""The largest number of a leaf that is nothing but rounding: what attention adds to all keys changes nothing."""

SECTIONS = dict(
    stage="toy",
    data=dict(truth="ar1", given=5),
    model=dict(width=16, blocks=1, heads=2),
    diffusion=dict(schedule="cosine", prediction="v", weighting="min_snr", drop=0.3, steps=3, scales=(1.5,)),
    optim=dict(),
    train=dict(),
    eval=dict(),
    mesh=dict(),
)


@cache
def toy() -> Stage:
    """All that a stage may have: convolutions and attention along frames, masks, guidance, outpainting."""
    return stages.build(SECTIONS)


@cache
def motion() -> Stage:
    """Sound that is heard ahead, motion that is averaged, and steps from frame to frame."""
    sections = dict(lips=1.0, viseme=0.1, smooths=dict(arms=2.0))
    sections |= dict(averaged={name: 0.5 * mass for name, mass in vars(made.MASS).items()})
    config = made.config(frames=16, model=sections, diffusion=dict(drop=0.3, scales=(1.5,), steps=3))
    lips = np.random.default_rng(3).standard_normal((7, 3, 8)).astype(np.float32)
    return motion_stage.stage(config, lips)


def batch(dtype: Any, stage: Stage) -> Batch:
    if stage.name == "motion":
        # A record of float64 cannot be made; all that follows is of the parameters' dtype.
        return made.batch(stage.spec, BATCH, frames=16)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH, *stage.spec["x"].shape)).cumsum(axis=1)
    return {"x": jnp.asarray(x / 3, dtype), "label": jnp.zeros(BATCH, jnp.uint8)}


def parameters(dtype: Any, stage: Stage) -> Params:
    """None of them 0, as the ends of residual branches are at first."""
    leaves, tree = jax.tree.flatten(stage.init(jax.random.key(1)).trainable)
    rng = np.random.default_rng(2)
    return tree.unflatten(
        [jnp.asarray(np.asarray(leaf) + 0.1 * rng.standard_normal(leaf.shape), dtype) for leaf in leaves]
    )


def on(shape: tuple[int, int, int] | None, compute: Callable[[], Any]) -> dict[str, np.ndarray]:
    """Leaves of what `compute` gives, by path, on a mesh of that shape; None: without one."""
    if shape is None:
        found = compute()
    else:
        with jax.set_mesh(meshes.make(MeshConfig(*shape))):
            found = compute()
    return {path: np.asarray(leaf) for path, leaf in paths(found).items()}


def gradients(dtype: Any, of: Callable[[], Stage] = toy) -> Any:
    """Loss, metrics and gradients of a batch."""
    stage = of()
    loss_fn = split(stage.loss_fn, stage.framed)

    @jax.jit
    def compute(params: Params, batch: Batch) -> Any:
        def mean(params: Params) -> Any:
            losses, metrics = loss_fn(params, {}, batch, Draw.of(jax.random.key(3), BATCH))
            return losses.mean(), {"losses": losses, **metrics}

        return jax.value_and_grad(mean, has_aux=True)(params)

    (loss, metrics), found = compute(parameters(dtype, stage), batch(dtype, stage))
    return {"loss": loss, "metrics": metrics, "gradients": found}


def updated(accumulate: int) -> Any:
    """The state after two steps, its arrays spread over the mesh if there is one."""
    stage, optim = toy(), Optim(learning_rate=1e-2)
    step = make_step(
        split(stage.loss_fn, stage.framed),
        optim,
        Ema(0.9),
        precision.Precision("float64"),
        np.arange(BATCH),
        accumulate,
    )
    state, data = (
        create(parameters(jnp.float64, stage), optim.transform(), jax.random.key(4)),
        batch(jnp.float64, stage),
    )
    mesh, places = jax.sharding.get_mesh(), None
    if not mesh.empty:
        places = rules.place(state, Rules(smallest=32), mesh)
        assert not all(place.is_fully_replicated for place in jax.tree.leaves(places))
        state = jax.device_put(state, places)
    step = jax.jit(step, out_shardings=(places, None))
    for _ in range(2):
        state, metrics = step(state, {}, data)
    return {"trainable": state.trainable, "ema": state.ema, "metrics": metrics}


def sampled(of: Callable[[], Stage] = toy, dtype: Any = "float64") -> Any:
    stage = of()
    sample = jax.jit(split(stage.sample, stage.framed, framed_result=True))
    return sample(parameters(dtype, stage), {}, batch(dtype, stage), Draw.of(jax.random.key(5), BATCH))


def compare(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], tolerance: float) -> None:
    """Raise AssertionError if leaves differ by more than that, relative to their norms."""
    assert found.keys() == expected.keys()
    nothing = {path for path, leaf in expected.items() if np.abs(leaf).max() < NEGLIGIBLE}
    wrong = {path: found[path] for path in nothing if not np.abs(found[path]).max() < NEGLIGIBLE}
    for path in expected.keys() - nothing:
        off = np.linalg.norm(found[path] - expected[path]) / np.linalg.norm(expected[path])
        if not off <= tolerance:
            wrong[path] = off
    assert not wrong
    assert len(nothing) <= 0.1 * len(expected)


@cache
def whole(compute: Callable[..., Any], *arguments: Any) -> dict[str, np.ndarray]:
    return on(None, partial(compute, *arguments))


SLOW = partial(pytest.param, marks=pytest.mark.slow)


@pytest.mark.parametrize("shape", [*map(SLOW, SHAPES[:2]), SHAPES[2], *map(SLOW, SHAPES[3:])], ids=str)
def test_loss_and_gradients_in_float64(shape):
    with jax.enable_x64(True):
        compare(on(shape, partial(gradients, "float64")), whole(gradients, "float64"), 1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(4, 1, 2), (1, 2, 4)], ids=str)
def test_loss_and_gradients_of_motion(shape):
    """To float32's rounding, which is what the noise and the truth are in."""
    with jax.enable_x64(True):
        compare(on(shape, partial(gradients, "float64", motion)), whole(gradients, "float64", motion), 1e-6)


@pytest.mark.slow
def test_samples_of_motion():
    with jax.default_matmul_precision("highest"):
        compare(on((2, 1, 4), partial(sampled, motion, "float32")), whole(sampled, motion, "float32"), 1e-4)


@pytest.mark.parametrize("shape", list(map(SLOW, SHAPES)), ids=str)
def test_loss_and_gradients_in_float32(shape):
    with jax.default_matmul_precision("highest"):
        compare(on(shape, partial(gradients, "float32")), whole(gradients, "float32"), 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "accumulate"), [((4, 1, 2), 2), ((1, 2, 4), 1)], ids=str)
def test_updates_with_everything_spread_over_the_mesh(shape, accumulate):
    with jax.enable_x64(True):
        compare(on(shape, partial(updated, accumulate)), whole(updated, 1), 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(2, 2, 2), (1, 2, 4)], ids=str)
def test_samples(shape):
    with jax.enable_x64(True):
        compare(on(shape, sampled), whole(sampled), 1e-10)

"""What is compiled of a stage: its first state, its step and its sampling, with the places of all arrays.

Training, sampling, exporting and compiling for machines that one does not have take it from here, so that they agree.
"""

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
from jax.sharding import Mesh, NamedSharding

from vlogger_jax import stages
from vlogger_jax.bundle import Bundle
from vlogger_jax.core import precision
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.stage import Batch, Params, Stage, Variables
from vlogger_jax.core.typing import Array
from vlogger_jax.parallel import mesh as meshes
from vlogger_jax.parallel import rules
from vlogger_jax.parallel.distributed import numbers
from vlogger_jax.parallel.split import FRAMES, SAMPLES, split
from vlogger_jax.train.ema import Ema
from vlogger_jax.train.loop import Loop
from vlogger_jax.train.optim import Optim
from vlogger_jax.train.state import State, create
from vlogger_jax.train.step import make_step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train:
    """The section `train` of a config.

    Attributes:
        batch: samples a step, on all devices together.
        steps: when to end.
        accumulate: parts that a batch is taken in, one after another.
        precision: what to compute in; see `core.precision`.
        ema: decay of the moving average.
        log_every, save_every, evaluate_every: steps between lines of the log, checkpoints, and evaluations.
        keep: checkpoints to keep.
        hang_after: seconds without a step after which all threads' stacks are written down.
        profile: first step and number of steps to profile; None: on demand only.
    """

    batch: int
    steps: int
    seed: int = 0
    accumulate: int = 1
    precision: str = "float32"
    ema: float = 0.9999
    log_every: int = 100
    save_every: int = 1000
    evaluate_every: int = 1000
    keep: int = 3
    hang_after: float = 600.0
    profile: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not (0 <= self.seed < 2**31 and self.batch >= 1 and self.keep >= 1):
            given = f"train has seed {self.seed}, batch {self.batch}, keep {self.keep}"
            raise UserError(given, "Give a seed from 0 to 2^31 - 1, and 1 or more of the others")
        if self.accumulate < 1 or self.batch % self.accumulate:
            raise UserError(f"a batch of {self.batch} does not divide by accumulate={self.accumulate}", "Change one")
        _ = self.loop  # which refuses what it cannot do

    @property
    def loop(self) -> Loop:
        """What the loop asks for."""
        return Loop(**{field.name: getattr(self, field.name) for field in dataclasses.fields(Loop)})


@dataclasses.dataclass(frozen=True)
class MeshSection(meshes.MeshConfig):
    """The section `mesh` of a config.

    Attributes:
        rules: where parameters lie, as `parallel.rules.read` reads it.
    """

    rules: Any = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Program:
    """Functions to compile and the arrays they take.

    Attributes:
        mesh: to be set with `jax.set_mesh` while anything here is called or lowered.
        init: () -> (state, frozen), jitted.
        step: (state, frozen, batch) -> (state, metrics), jitted; takes the state's memory for the next.
        sample: (trainable, frozen, batch, key) -> samples, which stay where they were drawn, jitted.
        validate, sample_fn: (trainable, frozen, batch, draw) -> ..., a stage's, on whole arrays.
        precision: what both compute in.
        state, frozen, batch: shapes, dtypes and places; `batch` is that of all hosts.
    """

    train: Train
    stage: Stage
    mesh: Mesh
    init: Callable[[], tuple[State, Params]]
    step: Callable[[State, Params, Batch], tuple[State, dict[str, Array]]]
    sample: Callable[[Params, Params, Batch, Array], Array]
    validate: Callable[..., Any]
    sample_fn: Callable[..., Any]
    precision: precision.Precision
    state: State
    frozen: Params
    batch: Batch


def build(
    config: ml_collections.ConfigDict, devices: list[jax.Device] | None = None, stage: Stage | None = None
) -> Program:
    """The program of a config.

    Args:
        devices: what to lay the mesh over; all there are by default.
        stage: that of the config, where it is there already.

    Raises:
        UserError: if the config does not fit itself or the devices.
    """
    stage = stages.build(config) if stage is None else stage
    train = from_mapping(Train, config.train, "config.train")
    optim = from_mapping(Optim, config.optim, "config.optim")
    laid = from_mapping(MeshSection, config.mesh, "config.mesh")
    placing, mesh = rules.read(laid.rules), meshes.make(laid, devices)
    digits = precision.named(train.precision)
    for name in stage.framed:
        meshes.check(mesh, train.batch // train.accumulate, stage.spec[name].shape[0])

    def first() -> tuple[State, Params]:
        key = jax.random.key(train.seed)
        variables = stage.init(jax.random.fold_in(key, zlib.crc32(stage.name.encode())))
        return create(variables.trainable, optim.transform(), key), digits.cast(variables.frozen)

    state, frozen = jax.eval_shape(first)
    places = rules.place(state, placing, mesh), rules.place(frozen, rules.WHOLE, mesh)
    order = numbers(train.batch, mesh)
    step = make_step(split(stage.loss_fn, stage.framed), optim, Ema(train.ema), digits, order, train.accumulate)
    sample_fn = split(stage.sample, stage.framed, stage.sampled_frames)

    def sample(trainable: Params, frozen: Params, batch: Batch, key: Array) -> Array:
        rows = numbers(len(next(iter(batch.values()))), mesh)
        draw = Draw(key, jnp.asarray(rows), len(rows))
        return sample_fn(digits.cast(trainable), frozen, batch, draw)

    batch = {
        name: jax.ShapeDtypeStruct(
            (train.batch, *each.shape),
            each.dtype,
            sharding=NamedSharding(mesh, FRAMES if name in stage.framed else SAMPLES),
        )
        for name, each in stage.spec.items()
    }
    return Program(
        train=train,
        stage=stage,
        mesh=mesh,
        init=jax.jit(first, out_shardings=places),
        step=jax.jit(step, donate_argnums=0, out_shardings=(places[0], None)),
        sample=jax.jit(sample),
        validate=split(stage.validate or stage.loss_fn, stage.framed),
        sample_fn=sample_fn,
        precision=digits,
        state=_at(state, places[0]),
        frozen=_at(frozen, places[1]),
        batch=batch,
    )


def begun_from(base: Bundle, stage: Stage, state: State, frozen: Params) -> tuple[State, Params]:
    """A first state with the parameters, and their average, of a bundle's stage: the same one, or an ancestor.

    Raises:
        UserError: if the bundle has neither, or one of other shapes or otherwise of another kind.
    """
    name, begin = ancestor(base, stage)
    of_whom = None if begin is None else stages.build(base.stored(name).training.config)
    for what, ours in stage.inherited.items() if of_whom else ():
        if (theirs := of_whom.inherited.get(what)) != ours:
            raise UserError(f"{name} of {base.folder} has {what} {theirs}, and the config {ours}", "Change the config")
    fresh = Variables(state.trainable, frozen)
    shapes = jax.eval_shape(of_whom.init, jax.random.key(0)) if of_whom else jax.eval_shape(lambda: fresh)
    kept = base.params(name, shapes)
    return begin_with(begin or (lambda learned, fresh: learned), kept, state, frozen)


def begin_with(
    begin: Callable[[Variables, Variables], Variables], learned: Variables, state: State, frozen: Params
) -> tuple[State, Params]:
    """A first state, and what is frozen, with what `begin` (as in `Stage.ancestors`) makes of `learned`."""
    fresh = Variables(state.trainable, frozen)
    kept = begin(learned, fresh)

    def placed(new: Array, old: Array) -> Array:
        """In memory of its own: a network and its copy may begin as one array, and a step takes each for the next."""
        return jax.device_put(jnp.copy(new).astype(old.dtype), old.sharding)

    trainable, frozen = jax.tree.map(placed, kept, fresh)
    return dataclasses.replace(state, trainable=trainable, ema=jax.tree.map(jnp.copy, trainable)), frozen


def ancestor(base: Bundle, stage: Stage) -> tuple[str, Callable[[Variables, Variables], Variables] | None]:
    """Which stage of a bundle a stage begins from, the nearest one, and how; None where it is the same one."""
    if stage.name not in base.stages:
        for name in reversed(stage.ancestors):
            if name in base.stages:
                return name, stage.ancestors[name]
    return stage.name, None


def _at(shapes: Any, places: Any) -> Any:
    return jax.tree.map(
        lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place), shapes, places
    )

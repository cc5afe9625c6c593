"""Checkpoints of a training, written while it goes on; the only place that knows Orbax.

A folder holds one folder a step, named by it, and `frozen` with the parameters that never change. A checkpoint that was
not written to its end has another name and is cleared away at the next start. Each carries a sum over the bits of every
array: Orbax does not notice a changed byte of an array, and restoring here does.
"""

import contextlib
import gc
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from orbax.checkpoint import v1 as ocp

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import check, paths
from vlogger_jax.core.stage import Params
from vlogger_jax.core.typing import Array
from vlogger_jax.train.disk import first_line, root, unwritable

FROZEN = "frozen"


class Checkpoints:
    """The checkpoints in a folder. Every process of a training calls the same methods in the same order.

    Reading changes nothing, and may be done while a training writes. From the first `save` on, this is the training:
    the folder is made where there is none, and what was not written to its end is cleared away.
    """

    def __init__(self, folder: str | Path, keep: int = 3):
        """Args: keep: how many of the newest are kept.

        Raises:
            UserError: if that is none.
        """
        if keep < 1:
            raise UserError(f"{keep} checkpoints were to be kept", "Keep 1 or more")
        self.folder = Path(folder).absolute()
        self._keep = keep
        self._writer: ocp.training.Checkpointer | None = None

    def steps(self) -> list[int]:
        """Of which there is a checkpoint, or one being written here; ascending."""
        if self._writer is not None:
            return [checkpoint.step for checkpoint in self._writer.checkpoints]
        if not self.folder.is_dir():
            return []
        # A name is given only to what is whole.
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdecimal() and path.is_dir())

    def latest(self) -> int | None:
        """The last of `steps`."""
        return max(self.steps(), default=None)

    def save(self, step: int, state: Any) -> None:
        """Begin to write `state`, whose arrays may be given away as soon as this returns.

        Nothing is done if there is a checkpoint of that very step. An earlier one is waited for.

        Raises:
            UserError: if there is one of a later step; or if an earlier one could not be written.
        """
        latest = self.latest()
        if latest == step:
            return
        if latest is not None and latest > step:
            raise UserError(
                f"{self.folder} has a checkpoint of step {latest}, and step {step} was to be saved",
                "Go on from the last one, remove those that are too new, or choose another folder",
            )
        with self._writing():
            self._open().save_async(step, _record(state))

    def wait(self) -> None:
        """Until all is written.

        Raises:
            UserError: if it could not be.
        """
        if self._writer is not None:
            with self._writing():
                self._writer.wait()

    def restore(self, abstract: Any, step: int | None = None) -> Any:
        """The state of a step, by default the last one's.

        Args:
            abstract: what it has to be, of `jax.ShapeDtypeStruct` with the shardings it shall have, which may be others
                than it was saved with.

        Raises:
            UserError: if there is none, if it is another's (naming what differs), or if it is damaged.
        """
        steps = self.steps()
        step = self.latest() if step is None else step
        if step is None:
            raise UserError(f"there is no checkpoint in {self.folder}", "Train for as long as it takes to save one")
        if step not in steps:
            known = ", ".join(map(str, steps)) or "none"
            raise UserError(f"{self.folder} has no checkpoint of step {step}", f"There are: {known}")
        path = self.folder / str(step)
        try:
            return _load(path, abstract)
        except _Damaged as error:
            fix = "Remove that folder; training then goes on from the checkpoint before"
            intact = next((older for older in reversed(steps) if older < step and self._intact(older, abstract)), None)
            fix += "; there is none that is intact" if intact is None else f"; the one of step {intact} is intact"
            raise UserError(f"the checkpoint {path} is damaged: {error}", fix) from error

    def keep_frozen(self, frozen: Params) -> None:
        """Save the parameters that never change, once; nothing if there are none."""
        path = self.folder / FROZEN
        if jax.tree.leaves(frozen) and not path.exists():
            with self._writing():
                self._open()
                ocp.save(str(path), _record(frozen))

    def frozen(self, abstract: Params) -> Params:
        """What `keep_frozen` saved, as `restore` gives the state."""
        if not jax.tree.leaves(abstract):
            return abstract
        path = self.folder / FROZEN
        if not path.exists():
            raise UserError(f"{path} does not exist", "Begin in another folder; this one's frozen parameters are lost")
        try:
            return _load(path, abstract)
        except _Damaged as error:
            raise UserError(f"{path} is damaged: {error}", "Put back a copy of it, or begin anew") from error

    def close(self) -> None:
        """Wait, and release what it holds."""
        if self._writer is not None:
            with self._writing():
                try:
                    self._writer.close()
                finally:
                    logging.getLogger("absl").removeFilter(_not_twice)

    def _open(self) -> ocp.training.Checkpointer:
        if self._writer is None:
            logging.getLogger("absl").addFilter(_not_twice)
            self._writer = ocp.training.Checkpointer(
                str(self.folder),
                save_decision_policy=ocp.training.save_decision_policies.FixedIntervalPolicy(1),
                preservation_policy=ocp.training.preservation_policies.LatestN(self._keep),
                cleanup_tmp_directories=True,
            )
        return self._writer

    def _intact(self, step: int, abstract: Any) -> bool:
        try:
            _load(self.folder / str(step), abstract)
        except (_Damaged, UserError):
            return False
        return True

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:
            raise unwritable(f"a checkpoint in {self.folder}", self.folder, error) from error


def _not_twice(record: logging.LogRecord) -> bool:
    """No tracebacks of threads of Orbax's, seven of them for a disk that is full: `_writing` tells what happened."""
    return not (record.exc_info and "orbax" in record.pathname)


class _Damaged(Exception):
    """What is wrong with a checkpoint."""


def _record(tree: Any) -> dict[str, Any]:
    return {"tree": tree, "sums": sums(jax.tree.leaves(tree))}


@jax.jit
def sums(arrays: list[Array]) -> Array:
    """One number each that changes with any bit, whatever mesh the arrays lie on; uint32 [n]."""
    return jnp.stack([_sum(array) for array in arrays])


def _sum(array: Array) -> Array:
    if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    if array.dtype == jnp.bool_:
        array = array.astype(jnp.uint8)
    bits = array.dtype.itemsize * 8
    words = jax.lax.bitcast_convert_type(array, jnp.dtype(f"uint{min(bits, 32)}")).astype(jnp.uint32)
    # Odd, so that no change of a word is lost modulo 2^32; different from place to place, so that order counts.
    weight = jnp.uint32(1)
    for dim in range(words.ndim):
        place = jax.lax.broadcasted_iota(jnp.uint32, words.shape, dim)
        weight = (weight * jnp.uint32(0x9E3779B1)) ^ (place * jnp.uint32(0x85EBCA6A))
    return jnp.sum(words * (weight | jnp.uint32(1)), dtype=jnp.uint32)


def _load(path: Path, abstract: Any) -> Any:
    """The tree in `path`.

    Raises:
        _Damaged: if it cannot be read, or was changed after it was written.
        UserError: if it is another tree.
    """
    leaves = jax.tree.leaves(abstract)
    wanted = {"tree": abstract, "sums": jax.ShapeDtypeStruct((len(leaves),), jnp.uint32, sharding=_beside(leaves))}
    metadata = _read(lambda: ocp.metadata(str(path)).metadata)
    if not isinstance(metadata, dict) or not {"tree", "sums"} <= metadata.keys():
        raise _Damaged("it does not say what is in it")
    _check(path, metadata["tree"], abstract)
    found = _read(lambda: ocp.load(str(path), wanted))
    changed = np.flatnonzero(jax.device_get(sums(jax.tree.leaves(found["tree"]))) != jax.device_get(found["sums"]))
    if changed.size:
        raise _Damaged(f"{list(paths(abstract))[changed[0]]} changed after it was written")
    return jax.tree.map(_where, found["tree"], abstract)


def _where(array: Array, wanted: jax.ShapeDtypeStruct) -> Array:
    """Orbax lays keys elsewhere where the mesh has one device."""
    if wanted.sharding in (None, array.sharding):
        return array
    return jax.device_put(array, wanted.sharding)


def _beside(leaves: list[Any]) -> jax.sharding.Sharding | None:
    """Where a small array can lie so that it may be computed with beside `leaves`."""
    sharding = next((leaf.sharding for leaf in leaves if leaf.sharding is not None), None)
    if isinstance(sharding, jax.sharding.NamedSharding):
        return jax.sharding.NamedSharding(sharding.mesh, jax.P())
    return sharding


def _check(path: Path, metadata: Any, abstract: Any) -> None:
    """Whether a checkpoint holds the arrays that are wanted, all of them and no others."""
    where = f"the checkpoint {path}"
    has, needs = paths(metadata), {name: _form(leaf) for name, leaf in paths(abstract).items()}
    check(has, needs, where)
    if others := [name for name in needs if np.dtype(has[name].dtype) != needs[name].dtype]:
        name = others[0]
        raise UserError(
            f"{where} has {len(others)} arrays of other digits: {name} is {has[name].dtype}, not {needs[name].dtype}",
            "Use the config that it was trained with",
        )


def _form(leaf: Any) -> jax.ShapeDtypeStruct:
    """As it is stored: of a typed key, its data."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.eval_shape(jax.random.key_data, jax.ShapeDtypeStruct(leaf.shape, leaf.dtype))
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)


def _read(read: Callable[[], Any]) -> Any:
    """What `read` gives; what Orbax has to say of damage, traceback by traceback, is not shown.

    Raises:
        _Damaged: for whatever it raises.
    """
    with _silence():
        try:
            return read()
        except Exception as error:  # Orbax has no type of its own for what cannot be read
            if isinstance(root(error), MemoryError | jax.errors.JaxRuntimeError):
                raise
            cause = first_line(error)
        # Its tasks that failed say so when they are collected; nothing holds them any more.
        gc.collect()
    raise _Damaged(cause)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    disabled, hook = logging.root.manager.disable, sys.unraisablehook
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = lambda unraisable: None
    try:
        yield
    finally:
        logging.disable(disabled)
        sys.unraisablehook = hook

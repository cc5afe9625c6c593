"""Which sample is when: sample i of a stream, and batch k of an order, are pure functions of their numbers.

So a run resumes at any step with nothing but the step, and any number of hosts, threads and worker processes see the
same batches. Nothing is ever left out: a bad sample is replaced by another, which is a function of its number too.
"""

import logging
import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol, runtime_checkable

import grain
import jax
import numpy as np
from absl import flags

from data_pipelines.loaders.samples import Sample, Samples, Spec, shaped
from data_pipelines.schema import BadExample
from vlogger_jax.core.errors import UserError

log = logging.getLogger(__name__)

REPLACED = "replaced"
"""Of a sample: how many bad ones were passed over for it, uint8."""


@runtime_checkable
class Endless(Protocol):
    """Samples without end, each a pure function of its number."""

    @property
    def spec(self) -> Spec:
        """Of every sample."""

    def __getitem__(self, number: int) -> Sample:
        """Sample `number`.

        Raises:
            UserError: if there is no such sample to be had.
        """


@dataclass(frozen=True, eq=False)
class Stream:
    """Samples epoch after epoch, each epoch in an order of its own.

    Attributes:
        samples: of one epoch.
        seed: 0 or more.
        tolerated: bad samples in succession that are replaced by others, at random; 0: the first is an error.
    """

    samples: Samples
    seed: int
    tolerated: int = 0

    def __post_init__(self) -> None:
        if not len(self.samples):
            raise UserError("there are no samples", "Give a split that has some")
        if not 0 <= self.tolerated < 255 or self.seed < 0:
            raise UserError(
                f"{self.tolerated} bad samples are to be tolerated, seed {self.seed}", "Give 0 to 254, seed 0 or more"
            )

    @property
    def spec(self) -> Spec:
        """That of the samples, and `replaced`."""
        return {**self.samples.spec, REPLACED: shaped(np.uint8)}

    def __getitem__(self, number: int) -> Sample:
        """Sample `number`: of epoch `number // len(samples)`.

        Raises:
            UserError: if it is bad, and so is what would replace it.
        """
        for attempt in range(self.tolerated):
            try:
                return self._attempt(number, attempt)
            except BadExample as error:
                _warn(str(error))
        return self._attempt(number, self.tolerated)

    def _attempt(self, number: int, attempt: int) -> Sample:
        rng = np.random.default_rng([self.seed, number, attempt])
        chosen = int(rng.integers(len(self.samples))) if attempt else self._shuffled[number]
        return {**self.samples.sample(chosen, rng), REPLACED: np.asarray(attempt, np.uint8)}

    @cached_property
    def _shuffled(self) -> grain.MapDataset:
        # grain shuffles epoch e with its seed + e, so that seeds beside each other would share orders.
        seed = int(np.random.SeedSequence(self.seed).generate_state(1)[0])
        return grain.MapDataset.range(len(self.samples)).shuffle(seed=seed)


@lru_cache(maxsize=1000)
def _warn(text: str) -> None:
    """Once a process; every time is counted in `replaced`."""
    log.warning("%s", text)


@dataclass(frozen=True)
class Reading:
    """How batches are made; they are the same however that is.

    Attributes:
        workers: processes; 0: the one that asks.
        threads: of each of them, every one making a batch.
        ahead: batches that each of them makes before they are asked for.
    """

    workers: int = 0
    threads: int = 2
    ahead: int = 2

    def __post_init__(self) -> None:
        if self.workers < 0 or self.threads < 1 or self.ahead < 1:
            raise UserError(f"{self} cannot be", "Give 0 or more workers, 1 or more threads and batches ahead")


@dataclass(frozen=True)
class Order:
    """How samples become batches.

    Attributes:
        batch: samples of all hosts together.
        host, hosts: of which host the batches are, and how many there are. Host p has samples p, p + `hosts`, ...
    """

    batch: int
    host: int = 0
    hosts: int = 1
    reading: Reading = Reading()

    def __post_init__(self) -> None:
        if self.batch < 1 or not 0 <= self.host < self.hosts:
            raise UserError(f"a batch of {self.batch}, host {self.host} of {self.hosts}", "Number hosts from 0")
        if self.batch % self.hosts:
            raise UserError(
                f"a batch of {self.batch} cannot be shared by {self.hosts} hosts", "Give a multiple of them"
            )

    def numbers(self, step: int) -> range:
        """The samples of batch `step` that are this host's."""
        return range(step * self.batch + self.host, (step + 1) * self.batch, self.hosts)


def batch(stream: Endless, order: Order, step: int) -> Sample:
    """Batch `step` of this host, its samples stacked; made here and now.

    Raises:
        UserError: if one cannot be had.
    """
    samples = [stream[number] for number in order.numbers(step)]
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}


def batches(stream: Endless, order: Order, start: int = 0) -> grain.IterDataset:
    """The batches of this host from number `start` on, without end, made ahead by threads and worker processes.

    A program that asks for worker processes must do so under `if __name__ == "__main__":`, since they import it; and
    what they read must not draw on the device (`live.Photographs`). Of an iterator that is given up before its end,
    grain leaves the batches made ahead in shared memory until the process ends.

    Iterating raises UserError where `batch` does.
    """
    if start < 0:
        raise UserError(f"step {start} is below 0", "Begin at 0 or later")
    reading = order.reading
    made = grain.MapDataset.source(_Batches(stream, order, start)).to_iter_dataset(
        grain.ReadOptions(num_threads=reading.threads, prefetch_buffer_size=reading.ahead)
    )
    if reading.workers:
        _parse_flags()
        made = made.mp_prefetch(
            grain.multiprocessing.MultiprocessingOptions(
                num_workers=reading.workers, per_worker_buffer_size=reading.ahead
            )
        )
    return made.map(_whole)


def _parse_flags() -> None:
    """Let grain read flags of its own, as 0.2.18 does, in a program whose command line absl has not read."""
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def batch_spec(stream: Endless, order: Order) -> Spec:
    """Of one host's batches."""
    count = order.batch // order.hosts
    return {name: jax.ShapeDtypeStruct((count, *each.shape), each.dtype) for name, each in stream.spec.items()}


@dataclass(frozen=True)
class _Refused:
    """What a UserError says: grain keeps neither type nor attributes of an error of a worker process."""

    what: str
    fix: str


@dataclass(frozen=True, eq=False)
class _Batches:
    """`batch` as a source of grain's."""

    stream: Endless
    order: Order
    start: int

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> Sample | _Refused:
        try:
            return batch(self.stream, self.order, self.start + index)
        except UserError as error:
            return _Refused(error.what, error.fix)


def _whole(found: Sample | _Refused) -> Sample:
    if isinstance(found, _Refused):
        raise UserError(found.what, found.fix)
    return found

"""Ten batches of every loader where no device can be opened, and flat memory; run as a program by `test_workers`.

JAX_PLATFORMS=nonexistent python -m tests.data.loaders.on_the_host FOLDER WORKERS
JAX_PLATFORMS=nonexistent python -m tests.data.loaders.on_the_host performed
"""

import itertools
import resource
import sys
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import jax
import numpy as np

from data_pipelines.loaders import dataset, order, synthetic
from data_pipelines.loaders.dataset import DataSet
from data_pipelines.loaders.frames import Frames, frame_windows
from data_pipelines.loaders.images import Images, image_windows
from data_pipelines.loaders.live import Clips, Jobs
from data_pipelines.loaders.mixture import Mixture
from data_pipelines.loaders.motion import Motions, MotionWindows
from data_pipelines.loaders.order import Endless, Order, Reading, Stream
from data_pipelines.loaders.samples import Sample, Samples, Spec
from tests.data.people import People

FORBIDDEN = frozenset({"librosa", "mediapipe", "numba", "scipy.signal", "soundfile", "tensorflow", "torch"})

PERFORMED = FORBIDDEN - {"scipy.signal"}
"""What a worker that performs clips must not have either: rooms and noise are filtered."""

STATM = Path("/proc/self/statm")
"""Where Linux says how large this process is."""

GIVEN = 5_000_000
"""Bytes of batches between two looks at the memory."""


def check(forbidden: Set[str] = FORBIDDEN) -> None:
    """Raise AssertionError if this process has what a worker must not have."""
    found = forbidden & sys.modules.keys()
    assert not found, found
    assert no_device()


@cache
def no_device() -> bool:
    """Whether none can be opened; JAX takes its time to say so."""
    try:
        return not jax.devices()
    except RuntimeError:
        return True


@dataclass(frozen=True)
class Checked:
    """Samples that check the process that they are made in."""

    samples: Samples
    forbidden: Set[str] = FORBIDDEN

    @property
    def spec(self) -> Spec:
        return self.samples.spec

    def __len__(self) -> int:
        return len(self.samples)

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        made = self.samples.sample(number, rng)
        check(self.forbidden)
        return made


def streams(data: DataSet) -> Iterator[Endless]:
    """One of every loader, with silent clips replaced."""
    people, size, motions = People(), 32, Motions(4, 24)
    stored = Stream(Checked(MotionWindows(data.clips("train"), data.body, motions)), 0, 20)
    live = MotionWindows(Clips(people, Jobs(partial(people.job, "train"))), data.body, motions)
    yield Stream(Checked(frame_windows(data, "train", Frames(size, 16))), 0)
    yield Mixture((stored, Stream(Checked(live), 0)), (1, 1), 0)
    yield Stream(Checked(frame_windows(data, "train", Frames(size))), 0)
    yield Stream(Checked(image_windows(data, "train", Images(size, 2))), 0)


def performed() -> Endless:
    """Clips without files of the real recipe, whose modules the other loaders do without."""
    from data_pipelines.mentor_synth import MentorSynth

    recipe = MentorSynth({"train": 1}, frames=40)
    windows = MotionWindows(Clips(recipe, Jobs(partial(recipe.job, "train"))), recipe.body(), Motions(8, 24))
    return Stream(Checked(windows, PERFORMED), 0)


def compare(stream: Endless, workers: int, count: int) -> None:
    """Raise AssertionError if batches by worker processes are not those made here."""
    wanted = Order(4, 1, 2, Reading(workers=workers))
    for step, found in enumerate(itertools.islice(order.batches(stream, wanted, 3), count), 3):
        expected = order.batch(stream, wanted, step)
        assert found.keys() == expected.keys() == order.batch_spec(stream, wanted).keys()
        for name, value in found.items():
            assert np.array_equal(value, expected[name]), (name, step)
    next(synthetic.batches(order.batch_spec(stream, wanted)))


def check_memory(stream: Endless) -> None:
    """Raise AssertionError if the process grows by half of what it is given, or more."""
    size = sum(each.nbytes for each in stream[0].values())
    batches = iter(order.batches(stream, Order(2)))

    def resident_after(count: int) -> int:
        for _ in itertools.islice(batches, count):
            pass
        return int(STATM.read_text().split()[1]) * resource.getpagesize()

    first, second = resident_after(20), resident_after(GIVEN // (2 * size))
    assert second - first < GIVEN / 2, (first, second, size)


def main(folder: str, workers: int) -> None:
    """Every loader here; by worker processes those that differ in more than what they take."""
    data = dataset.open(folder)
    every = list(streams(data))
    for stream in every[: 2 if workers else None]:
        compare(stream, workers, 10)
    if not workers and STATM.exists():
        for stream in every:
            check_memory(stream)
    check()
    print("whole")


def main_performed() -> None:
    """Clips that are performed by a worker process."""
    compare(performed(), 1, 2)
    check(PERFORMED)
    print("whole")


if __name__ == "__main__":
    if sys.argv[1:] == ["performed"]:
        main_performed()
    else:
        main(sys.argv[1], int(sys.argv[2]))

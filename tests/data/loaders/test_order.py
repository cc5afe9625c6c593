"""Sample i is a function of the seed and i; batch k of any host, resumed anywhere, is its share of [kB, (k+1)B)."""

import itertools
import logging

import numpy as np
import pytest

from data_pipelines.loaders import order
from data_pipelines.loaders.order import Order, Reading, Stream
from data_pipelines.schema import BadExample
from tests.data.loaders.counted import Counted
from vlogger_jax.core.errors import UserError


def numbers(stream: Stream, count: int) -> list[int]:
    return [int(stream[i]["number"]) for i in range(count)]


def taken(stream: Stream, wanted: Order, start: int, count: int) -> list[dict]:
    return list(itertools.islice(order.batches(stream, wanted, start), count))


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_each_epoch_has_every_sample_once_in_an_order_of_its_own(count):
    epochs = np.array(numbers(Stream(Counted(count), seed=3), 5 * count)).reshape(5, count)
    assert (np.sort(epochs) == np.arange(count)).all()
    if count == 60:
        assert len({tuple(epoch) for epoch in epochs}) == 5


def test_seeds_beside_each_other_share_no_epoch():
    runs = [numbers(Stream(Counted(30), seed), 90) for seed in range(3)]
    assert len({tuple(run[e * 30 :][:30]) for run in runs for e in range(3)}) == 9


def test_a_sample_is_a_function_of_seed_and_number_whatever_came_before():
    forwards, backwards = Stream(Counted(10), 5), Stream(Counted(10), 5)
    late = {i: backwards[i] for i in reversed(range(40))}
    assert all(same(forwards[i], late[i]) for i in range(40))
    assert len({int(forwards[i]["drawn"]) for i in range(40)}) == 40, "each epoch draws anew"
    assert not any(same(forwards[i], Stream(Counted(10), 6)[i]) for i in range(40))


@pytest.mark.parametrize("hosts", [1, 2, 3, 4, 8])
def test_hosts_share_each_global_batch(hosts):
    stream, size = Stream(Counted(36), 1), 24
    shares = [taken(stream, Order(size, host, hosts), 0, 3) for host in range(hosts)]
    for step in range(3):
        drawn = np.concatenate([share[step]["drawn"] for share in shares])
        assert all(len(share[step]["drawn"]) == size // hosts for share in shares)
        assert sorted(drawn) == sorted(int(stream[i]["drawn"]) for i in range(step * size, (step + 1) * size))
    every = np.concatenate([share[step]["number"] for share in shares for step in range(3)])
    assert (np.bincount(every) == 2).all(), "72 samples are two epochs"


@pytest.mark.parametrize("start", [0, 1, 5, 10**9])
@pytest.mark.parametrize("reading", [Reading(), Reading(threads=4, ahead=8), Reading(threads=1, ahead=1)])
def test_a_run_resumes_at_any_step(start, reading):
    stream, wanted = Stream(Counted(30), 2), Order(6, 1, 2, reading)
    assert all(
        same(found, order.batch(stream, wanted, start + i)) for i, found in enumerate(taken(stream, wanted, start, 4))
    )


def test_skipped_batches_are_not_made():
    class Watched(Counted):
        def sample(self, number, rng):
            made.append(number)
            return super().sample(number, rng)

    made = []
    taken(Stream(Watched(10**6), 0), Order(4, reading=Reading(threads=1, ahead=1)), 10**6, 2)
    assert len(made) <= 4 * 4


def test_grain_can_save_where_it_is():
    stream, wanted = Stream(Counted(30), 2), Order(6)
    iterator = iter(order.batches(stream, wanted))
    next(iterator), next(iterator)
    state, expected = iterator.get_state(), next(iterator)
    again = iter(order.batches(stream, wanted))
    again.set_state(state)
    assert same(next(again), expected)


def test_a_bad_sample_is_replaced_by_a_function_of_its_number_and_counted():
    bad = {3, 4, 5}
    stream, whole = Stream(Counted(10, bad), 0, tolerated=9), Stream(Counted(10), 0)
    samples = [stream[i] for i in range(120)]
    assert not bad & {int(sample["number"]) for sample in samples}
    again = Stream(Counted(10, bad), 0, tolerated=9)
    for i, sample in enumerate(samples):
        assert same(sample, again[i])
        was_bad = int(whole[i]["number"]) in bad
        assert (sample["replaced"] > 0) == was_bad
        assert was_bad or same(sample, whole[i])
    assert max(int(sample["replaced"]) for sample in samples) > 1
    counts = np.bincount([int(sample["number"]) for sample in samples if sample["replaced"]], minlength=10)
    assert (counts[[0, 1, 2, 6, 7, 8, 9]] > 0).all(), "any other may stand in"


def test_what_is_replaced_is_said_once(caplog):
    order._warn.cache_clear()
    stream = Stream(Counted(4, {2}), 0, tolerated=50)
    with caplog.at_level(logging.WARNING):
        assert sum(int(stream[i]["replaced"]) for i in range(40)) >= 10
    assert [record.message for record in caplog.records] == ["sample 2 is bad. Mend it."]


def test_too_many_bad_samples_are_an_error():
    with pytest.raises(BadExample, match="is bad"):
        Stream(Counted(3, {0, 1, 2}), 0, tolerated=5)[0]
    stream = Stream(Counted(8, {2}), 0)
    first = numbers(Stream(Counted(8), 0), 8).index(2)
    with pytest.raises(BadExample, match=r"sample 2 is bad\. Mend it\."):
        stream[first]
    iterator = iter(order.batches(stream, Order(1, reading=Reading(ahead=20))))
    assert [int(next(iterator)["number"][0]) for _ in range(first)] == numbers(Stream(Counted(8), 0), first)
    with pytest.raises(UserError, match=r"sample 2 is bad\. Mend it\."):
        next(iterator)


def test_the_spec_is_that_of_the_batches():
    stream, wanted = Stream(Counted(9), 0), Order(12, 2, 3)
    spec, found = order.batch_spec(stream, wanted), order.batch(stream, wanted, 4)
    assert {name: (each.shape, each.dtype) for name, each in spec.items()} == {
        name: (each.shape, each.dtype) for name, each in found.items()
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: Order(10, 0, 4),
        lambda: Order(8, 4, 4),
        lambda: Order(0),
        lambda: Reading(threads=0),
        lambda: Stream(Counted(0), 0),
        lambda: Stream(Counted(3), -1),
        lambda: Stream(Counted(3), 0, 255),
        lambda: order.batches(Stream(Counted(3), 0), Order(1), -1),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(UserError):
        make()

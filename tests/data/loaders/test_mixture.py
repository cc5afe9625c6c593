"""A mixture keeps every share exactly, and every stream its epochs."""

from collections import Counter

import numpy as np
import pytest

from data_pipelines.loaders import order
from data_pipelines.loaders.mixture import BLOCK, Mixture
from data_pipelines.loaders.order import Order, Stream
from tests.data.loaders.counted import Counted
from vlogger_jax.core.errors import UserError


def mixed(*weights: float, seed: int = 0) -> Mixture:
    return Mixture(tuple(Stream(Counted(5 + 2 * key, key=key), key) for key in range(len(weights))), weights, seed)


def test_shares_are_exact_in_every_block():
    mixture = mixed(1, 2.5, 0.5)
    for block in range(3):
        found = Counter(mixture.source(i)[0] for i in range(block * BLOCK, (block + 1) * BLOCK))
        assert found == {0: 250, 1: 625, 2: 125}


def test_every_stream_is_gone_through_in_its_blocks_without_gaps():
    mixture = mixed(1, 3)
    for key, share in ((0, 250), (1, 750)):
        for block in range(2):
            numbers = [mixture.source(i) for i in range(block * BLOCK, (block + 1) * BLOCK)]
            assert sorted(n for which, n in numbers if which == key) == list(range(block * share, (block + 1) * share))


def test_shares_that_are_not_whole_sum_to_a_block():
    mixture = mixed(1, 1, 1)
    found = Counter(mixture.source(i)[0] for i in range(BLOCK))
    assert sorted(found.values()) == [333, 333, 334]


def test_two_hosts_read_both_of_two_halves():
    mixture = mixed(1, 1)
    for host in range(2):
        keys = np.concatenate([order.batch(mixture, Order(20, host, 2), step)["key"] for step in range(8)])
        assert 20 < keys.sum() < 60


def test_samples_come_from_the_streams_whatever_the_seed_and_hosts():
    mixture = mixed(2, 1, seed=4)
    for i in range(0, 3000, 150):
        which, nth = mixture.source(i)
        assert all(np.array_equal(value, mixture[i][name]) for name, value in mixture.streams[which][nth].items())
    assert [mixture.source(i) for i in range(50)] != [mixed(2, 1, seed=5).source(i) for i in range(50)]


def test_what_cannot_be_mixed_is_refused():
    class Other(Counted):
        @property
        def spec(self):
            return {**super().spec, "number": order.shaped(np.int64, 2)}

    with pytest.raises(UserError, match="differ in 'number'"):
        Mixture((Stream(Counted(3), 0), Stream(Other(3), 0)), (1, 1), 0)
    for streams, weights in (((), ()), ((Stream(Counted(3), 0),), (0,)), ((Stream(Counted(3), 0),), (1, 1))):
        with pytest.raises(UserError):
            Mixture(streams, weights, 0)
    with pytest.raises(UserError, match="give"):
        mixed(1, 1e-6)


@pytest.mark.parametrize("weights", [(1, 0), (-1, 2), (np.nan, 1), (1, np.nan), (np.inf, 1), (1e308, 1e308)])
def test_weights_that_are_no_shares_are_refused(weights):
    with pytest.raises(UserError, match=r"are no shares\. Give finite numbers above 0"):
        mixed(*map(float, weights))

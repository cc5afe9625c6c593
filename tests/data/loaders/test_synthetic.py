"""Batches that cost nothing have the shapes and types of real ones."""

import time

import numpy as np

from data_pipelines.loaders import order, synthetic
from data_pipelines.loaders.frames import Frames, conditioned_spec
from data_pipelines.loaders.order import Order, Stream
from tests.data.loaders.counted import Counted


def test_they_have_the_shapes_and_types_of_real_ones():
    stream, wanted = Stream(Counted(9), 0), Order(6)
    real, found = order.batch(stream, wanted, 0), next(synthetic.batches(order.batch_spec(stream, wanted)))
    assert {name: (each.shape, each.dtype) for name, each in real.items()} == {
        name: (each.shape, each.dtype) for name, each in found.items()
    }
    assert all((each == 1).all() for each in found.values())


def test_they_cost_nothing():
    batches = synthetic.batches(conditioned_spec(Frames(256, 16)))
    first, start = next(batches), time.perf_counter()
    assert all(next(batches) is first for _ in range(1000))
    assert time.perf_counter() - start < 0.1
    assert first["frames"].dtype == np.uint8

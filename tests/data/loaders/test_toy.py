"""Samples of the toy are functions of the seed and their number, and batches hold them."""

import numpy as np
import pytest

from data_pipelines.loaders import order
from data_pipelines.loaders.order import Order, Stream
from data_pipelines.loaders.samples import Samples
from data_pipelines.loaders.toy import ToySamples
from vlogger_jax.toy import truth


@pytest.mark.parametrize(("name", "shape"), [("mixture", (1, 2)), ("ar1", (16, 1))])
def test_batches(name, shape):
    samples = ToySamples(truth.named(name))
    assert isinstance(samples, Samples)
    stream = Stream(samples, 3)
    found = order.batch(stream, Order(6), 5)
    assert found["x"].shape == (6, *shape)
    assert found["label"].shape == (6,)
    assert {key: (each.shape, each.dtype) for key, each in order.batch_spec(stream, Order(6)).items()} == {
        key: (each.shape, each.dtype) for key, each in found.items()
    }
    again = Stream(ToySamples(truth.named(name)), 3)
    np.testing.assert_array_equal(found["x"], np.stack([again[number]["x"] for number in range(30, 36)]))
    assert not np.array_equal(found["x"], order.batch(Stream(samples, 4), Order(6), 5)["x"])


def test_no_two_are_the_same_in_any_epoch():
    stream = Stream(ToySamples(truth.named("ar1"), count=4), 0)
    assert len({stream[i]["x"].tobytes() for i in range(12)}) == 12

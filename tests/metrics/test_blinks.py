import dataclasses

import numpy as np
import pytest

from vlogger_jax.body import model_file, smplx
from vlogger_jax.metrics.blinks import LIDS, blinks

REST = smplx.rest_motion(model_file.default())


def blinking(*lids: float):
    expression = np.zeros((len(lids), REST.expression.shape[-1]), np.float32)
    expression[:, LIDS] = np.float32(lids)[:, None]
    return dataclasses.replace(smplx.frames_of(REST, np.zeros(len(lids), int)), expression=expression)


@pytest.mark.parametrize(
    ("lids", "count"),
    [
        ((0, 0, 0), 0),
        ((0, 0.4, 0.49, 0), 0),
        ((0, 0.6, 1, 0.6, 0), 1),
        ((0, 0.6, 0.4, 0.6, 0.4, 0), 1),
        ((0, 0.6, 0.2, 0.6, 0), 2),
        ((1, 1, 0, 1), 2),
    ],
)
def test_a_blink_is_counted_once(lids, count):
    assert blinks(blinking(*lids)) == count


def test_a_wink_is_none():
    winking = blinking(0, 0.9, 0)
    winking.expression[:, LIDS[0]] = 0
    assert blinks(winking) == 0


def test_other_expressions_are_refused():
    with pytest.raises(ValueError, match="10 expressions"):
        blinks(dataclasses.replace(REST, expression=np.zeros((1, 10), np.float32)))

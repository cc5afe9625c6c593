"""Controls as pictures."""

import numpy as np
import pytest

from vlogger_jax.body import names
from vlogger_jax.controls import show
from vlogger_jax.core.records import Controls

SIZE = 8


@pytest.fixture
def controls():
    """Two frames; on the left half there is body, the upper half of that is shown by the reference."""
    there = np.zeros((2, SIZE, SIZE), bool)
    there[..., :4] = True
    mask = there.copy()
    mask[:, 4:] = False
    return Controls(
        dense=np.full((2, SIZE, SIZE, 3), 0x8040, np.uint16),
        label=np.where(there, 7, 0).astype(np.uint8),
        warp_uv=np.zeros((2, SIZE, SIZE, 2), np.float32),
        warp_mask=mask,
        warp=np.repeat(np.where(mask[..., None], 200, 0), 3, axis=-1).astype(np.uint8),
        composite=np.repeat(np.uint8([150, 151]), SIZE * SIZE * 3).reshape(2, SIZE, SIZE, 3),
        matte=np.full((2, SIZE, SIZE), 90, np.uint8),
    )


def test_six_pictures_a_frame(controls):
    images = list(show.pictures(controls, np.full((SIZE, SIZE, 3), 10, np.uint8)))
    step = SIZE + show.GAP
    assert [image.shape for image in images] == [(SIZE + step, SIZE + 2 * step, 3)] * 2
    assert images[0].dtype == np.uint8
    reference, dense, label = (images[0][:SIZE, i * step : i * step + SIZE] for i in range(3))
    warp, composite, matte = (images[1][step:, i * step : i * step + SIZE] for i in range(3))
    assert (reference == 10).all()
    assert (dense[:, :4] == 0x80).all() and (dense[:, 4:] == 0).all()
    assert (label[:, :4] == show.COLOURS[7]).all() and (label[:, 4:] == 0).all()
    assert (warp[:4, :4] == 200).all() and (warp[4:, :4] == show._HIDDEN).all() and (warp[:, 4:] == 0).all()
    assert (composite == 151).all() and (matte == 90).all()
    assert (images[0][SIZE:step] == 255).all() and (images[0][:, SIZE:step] == 255).all()


def test_every_label_has_a_colour_of_its_own():
    assert len(np.unique(show.COLOURS, axis=0)) == len(names.LABELS)

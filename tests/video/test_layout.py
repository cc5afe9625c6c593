"""The table that UNets are built from: ADM's of 128 pixels, by hand, and sizes that cannot be."""

import dataclasses

import pytest

from tests.video import small
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.nn.resnet import down, same, up
from vlogger_jax.video import layout
from vlogger_jax.video.layout import Feature, Heads, HeadWidth, Model, Row
from vlogger_jax.video.weights_adm import RELEASED


def test_what_the_encoder_of_adm_128_answers():
    rows = [(128, 256)] * 3 + [(64, 256)] * 3 + [(32, 256)] + [(32, 512)] * 2
    rows += [(16, 512)] + [(16, 768)] * 2 + [(8, 768)] + [(8, 1024)] * 2
    found = layout.features(RELEASED["128x128_diffusion"].model)
    assert found == tuple(Feature(*row) for row in [*rows, (8, 1024)])


@pytest.mark.parametrize(
    ("name", "skips"),
    [
        *(("64x64_diffusion", 16), ("128x128_diffusion", 15), ("256x256_diffusion", 18), ("512x512_diffusion", 21)),
        *(("64_256_upsampler", 18), ("128_512_upsampler", 18)),
    ],
)
def test_how_many_skips_there_are(name, skips):
    model = RELEASED[name].model
    assert len(layout.features(model)) == skips + 1
    assert sum(row.resample is not up for row in layout.decoder(model)) == skips


def test_the_table_by_hand():
    model = small.model(multipliers=(0.5, 2, 4), blocks=1, attention=(2, 4), patch=1)
    assert layout.encoder(model) == (
        Row(4, 4, 8),
        Row(4, 4, 4, resample=down),
        Row(4, 16, 4, attention=True),
        Row(16, 16, 2, resample=down),
        Row(16, 32, 2, attention=True),
    )
    assert layout.middle(model) == (Row(32, 32, 2, attention=True), Row(32, 32, 2))
    assert layout.decoder(model) == (
        Row(32 + 32, 32, 2, attention=True),
        Row(32 + 16, 32, 2, attention=True),
        Row(32, 32, 4, resample=up),
        Row(32 + 16, 16, 4, attention=True),
        Row(16 + 4, 16, 4, attention=True),
        Row(16, 16, 8, resample=up),
        Row(16 + 4, 4, 8),
        Row(4 + 4, 4, 8),
    )
    assert all(row.resample is same for row in layout.middle(model))


def test_patches_make_feature_maps_smaller():
    model = small.model(size=32, patch=4)
    assert model.sizes == (8, 4) and layout.features(model)[0] == Feature(8, 8)


@pytest.mark.parametrize(("heads", "wanted"), [(Heads(number=4), (4, 4)), (HeadWidth(channels=16), (2, 4))])
def test_heads(heads, wanted):
    assert (heads.of(32), heads.of(64)) == wanted


def test_from_a_config():
    mapping = dataclasses.asdict(small.model(multipliers=(0.5, 1), heads=Heads(number=2), dropout=0.1))
    assert mapping["heads"] == {"number": 2}
    assert from_mapping(Model, mapping) == small.model(multipliers=(0.5, 1), heads=Heads(number=2), dropout=0.1)
    assert from_mapping(Model, mapping | {"heads": {"channels": 4}}).heads == HeadWidth(channels=4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(blocks=0), "0 blocks a level"),
        (dict(channels=9), "9 channels"),
        (dict(c_in=0), "0 in"),
        (dict(classes=0), "0 classes"),
        (dict(groups=0), "0 groups"),
        (dict(patch=0), "patches of 0"),
        (dict(multipliers=()), "multiplied by"),
        (dict(multipliers=(0.3, 1)), "8 channels cannot be multiplied by .0.3, 1."),
        (dict(multipliers=(0, 1)), "multiplied by"),
        (dict(size=9), "9 pixels do not divide into 2 levels"),
        (dict(patch=8), "do not divide into 2 levels of patches of 8"),
        (dict(attention=(16,)), "attention is asked for at .16.; feature maps are .8, 4."),
        (dict(heads=Heads(number=3)), "number=3. do not divide 16 channels"),
        (dict(heads=Heads(number=0)), "do not divide"),
        (dict(heads=HeadWidth(channels=32)), "channels=32. do not divide 16 channels"),
        (dict(heads=HeadWidth(channels=16), attention=(8,)), "do not divide 8 channels"),
        (dict(dropout=1.0), "dropout is 1.0"),
        (dict(dropout=-0.1), "dropout is -0.1"),
        (dict(remat="some"), "no remat policy named 'some'"),
    ],
)
def test_sizes_that_cannot_be(changes, message):
    with pytest.raises(UserError, match=message):
        small.model(**changes)

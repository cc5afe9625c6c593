"""ADM's state dicts as our parameters: names, places, orders, and what is refused."""

import os
from functools import partial

import jax
import numpy as np
import pytest
import safetensors.numpy

from tests.media import torch_made
from tests.video import small
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import Network, check, count
from vlogger_jax.video import weights_adm
from vlogger_jax.video.layout import Heads
from vlogger_jax.video.unet import UNet

COUNTS = {  # parameters, tensors
    "64x64_diffusion": (295_904_454, 541),
    "128x128_diffusion": (421_529_606, 493),
    "256x256_diffusion": (553_838_086, 567),
    "256x256_diffusion_uncond": (552_814_086, 566),
    "512x512_diffusion": (558_997_638, 645),
    "64_256_upsampler": (311_795_910, 567),
    "128_512_upsampler": (308_835_270, 537),
    "ffhq_10m": (93_563_910, 362),
    "ffhq_ddpm_segmentation": (552_814_086, 566),
}

RES = ("in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3")
SKIPPING, ATTENTION = (*RES, "skip_connection"), ("norm", "qkv", "proj_out")
SMALL = {
    **{"time_embed.0": ("",), "time_embed.2": ("",), "input_blocks.0.0": ("",)},
    "input_blocks.1.0": RES,
    "input_blocks.2.0": RES,  # down
    **{"input_blocks.3.0": SKIPPING, "input_blocks.3.1": ATTENTION},
    **{"middle_block.0": RES, "middle_block.1": ATTENTION, "middle_block.2": RES},
    **{"output_blocks.0.0": SKIPPING, "output_blocks.0.1": ATTENTION},
    **{"output_blocks.1.0": SKIPPING, "output_blocks.1.1": ATTENTION, "output_blocks.1.2": RES},  # up
    "output_blocks.2.0": SKIPPING,
    "output_blocks.3.0": SKIPPING,
    **{"out.0": ("",), "out.2": ("",)},
}
"""The layers of `small.model()`, written out."""


def state_dict(model=None, **changes) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    shapes = weights_adm.shapes(model or small.model())
    return {name: random.standard_normal(shape, np.float32) for name, shape in shapes.items()} | changes


@pytest.mark.parametrize(
    "name", [name if name == "128x128_diffusion" else pytest.param(name, marks=pytest.mark.slow) for name in COUNTS]
)
def test_released_networks_have_as_many_parameters_as_published(name):
    model = weights_adm.released(name).model
    tensors = weights_adm.shapes(model)
    assert (count(Network(partial(UNet, model)).shapes()), len(tensors)) == COUNTS[name]
    assert sum(int(np.prod(shape)) for shape in tensors.values()) == COUNTS[name][0]


def test_all_released_networks_are_counted():
    assert set(COUNTS) == set(weights_adm.RELEASED)
    with pytest.raises(UserError, match=r"no released network named '32x32'\. Name one of 64x64_diffusion, "):
        weights_adm.released("32x32")


def test_names_are_adms():
    layers = [f"{block}.{layer}".strip(".") for block, layers in SMALL.items() for layer in layers]
    wanted = {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
    assert set(weights_adm.shapes(small.model())) == wanted
    assert set(weights_adm.shapes(small.model(classes=3))) == wanted | {"label_emb.weight"}


def test_shapes_are_pytorchs():
    shapes = weights_adm.shapes(small.model(classes=3))
    wanted = {
        "time_embed.0.weight": (32, 8),
        "label_emb.weight": (3, 32),
        "input_blocks.0.0.weight": (8, 3, 3, 3),
        "input_blocks.3.0.emb_layers.1.weight": (32, 32),
        "input_blocks.3.0.skip_connection.weight": (16, 8, 1, 1),
        "middle_block.1.qkv.weight": (48, 16, 1),
        "middle_block.1.qkv.bias": (48,),
        "middle_block.1.proj_out.weight": (16, 16, 1),
        "output_blocks.1.0.in_layers.2.weight": (16, 24, 3, 3),
        "out.0.weight": (8,),
        "out.2.weight": (6, 8, 3, 3),
    }
    assert {name: shapes[name] for name in wanted} == wanted


@pytest.mark.parametrize("order", ["legacy", "new"])
def test_every_number_finds_one_place(order):
    model = small.model(classes=3)
    tensors, shapes = state_dict(model), Network(partial(UNet, model)).shapes()
    params = weights_adm.to_params(tensors, model, order)
    check(params, shapes, "it")
    leaves = jax.tree.leaves(params)
    assert all(leaf.dtype == np.float32 and leaf.flags.c_contiguous for leaf in leaves)
    numbers = (np.sort(np.concatenate([np.ravel(part) for part in parts])) for parts in (leaves, tensors.values()))
    np.testing.assert_array_equal(*numbers)


def test_places_by_hand():
    tensors = state_dict(small.model(classes=3))
    params = weights_adm.to_params(tensors, small.model(classes=3), "new")
    stem, told = params["encoder"]["stem"], params["embedding"]
    assert stem["kernel"][0, 1, 2, 3] == tensors["input_blocks.0.0.weight"][3, 2, 0, 1]
    assert told["time"]["second"]["kernel"][4, 5] == tensors["time_embed.2.weight"][5, 4]
    np.testing.assert_array_equal(told["label"]["embedding"], tensors["label_emb.weight"])
    rising = params["decoder"]["blocks"]["2"]["res"]
    np.testing.assert_array_equal(rising["conv_2"]["bias"], tensors["output_blocks.1.2.out_layers.3.bias"])
    np.testing.assert_array_equal(rising["norm_2"]["scale"], tensors["output_blocks.1.2.out_layers.0.weight"])
    project = params["encoder"]["middle"]["0"]["attention"]["attention"]["project"]
    assert project["kernel"][1, 2] == tensors["middle_block.1.proj_out.weight"][2, 1, 0]


@pytest.mark.parametrize(
    ("order", "rows"),
    [
        # Two heads of eight: all of one head first, or all queries first.
        ("legacy", {"query": (0, 24), "key": (8, 32), "value": (16, 40)}),
        ("new", {"query": (0, 8), "key": (16, 24), "value": (32, 40)}),
    ],
)
def test_orders_by_hand(order, rows):
    model = small.model(heads=Heads(number=2))
    tensors = state_dict(model)
    found = weights_adm.to_params(tensors, model, order)["encoder"]["middle"]["0"]["attention"]["attention"]
    weight, bias = tensors["middle_block.1.qkv.weight"][..., 0], tensors["middle_block.1.qkv.bias"]
    for kind, starts in rows.items():
        at = [row for start in starts for row in range(start, start + 8)]
        np.testing.assert_array_equal(found[kind]["kernel"], weight[at].T)
        np.testing.assert_array_equal(found[kind]["bias"], bias[at])


def test_half_precision_becomes_float32():
    halves = {name: array.astype(np.float16) for name, array in state_dict().items()}
    params = weights_adm.to_params(halves, small.model(), "legacy")
    np.testing.assert_array_equal(params["decoder"]["out"]["bias"], np.float32(halves["out.2.bias"]))
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_from_files(kind, tmp_path):
    path, tensors = tmp_path / f"net.{kind}", state_dict()
    if kind == "pt":
        torch_made.save(path, tensors)
    else:
        safetensors.numpy.save_file(tensors, path)
    found, wanted = weights_adm.load(path, small.model(), "new"), weights_adm.to_params(tensors, small.model(), "new")
    jax.tree.map(np.testing.assert_array_equal, found, wanted)


def test_a_file_of_another_network_is_refused_by_its_name(tmp_path):
    path = torch_made.save(tmp_path / "net.pt", {"a": np.zeros(2, np.float32)})
    with pytest.raises(UserError) as refused:
        weights_adm.load(path, small.model(), "new")
    message = str(refused.value)
    lacked = "it lacks time_embed.0.weight, time_embed.0.bias, time_embed.2.weight, time_embed.2.bias and "
    assert message.startswith(f"{path} holds another network: {lacked}")
    assert "more; nothing asks for a. " in message and "\n" not in message


def test_a_file_that_asks_for_a_function_is_refused_and_nothing_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = torch_made.called(torch_made.named("os", "system"), torch_made.text("touch executed"))
    pickle = torch_made.pickled(torch_made.ordered({"out.2.bias": call}))
    path = torch_made.write(tmp_path / "net.pt", pickle, {})
    with pytest.raises(UserError, match=r"asks for 'os\.system'"):
        weights_adm.load(path, small.model(), "new")
    assert os.listdir(tmp_path) == ["net.pt"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(extra=np.zeros(2)), "nothing asks for extra"),
        ({"label_emb.weight": np.zeros((3, 32))}, "nothing asks for label_emb.weight"),
        (
            {"out.2.weight": np.zeros((3, 8, 3, 3))},
            r"of another shape are out.2.weight \[3, 8, 3, 3\] instead of \[6, ",
        ),
        ({"out.0.bias": np.zeros(8, np.int32)}, "no fractions are out.0.bias"),
        ({"middle_block.1.qkv.weight": np.zeros((48, 16))}, r"qkv.weight \[48, 16\] instead of \[48, 16, 1\]"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        weights_adm.to_params(state_dict(**changes), small.model(), "new")


def test_what_is_missing_is_named():
    tensors = state_dict()
    del tensors["out.2.bias"]
    with pytest.raises(UserError, match=r"the state dict holds another network: it lacks out.2.bias\. Give"):
        weights_adm.to_params(tensors, small.model(), "new")

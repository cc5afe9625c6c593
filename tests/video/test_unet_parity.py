"""The UNet against ADM's in PyTorch, as PyPI's `azula` 0.11.1 carries it: reduced widths, random weights everywhere.

    python -m tests.video.test_unet_parity

runs every case and prints the largest differences.
"""

import dataclasses
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vlogger_jax.core.functional import Network
from vlogger_jax.video import weights_adm
from vlogger_jax.video.layout import Heads, HeadWidth, Model
from vlogger_jax.video.unet import UNet

pytestmark = pytest.mark.parity

TOLERANCE = 1e-4
"""Of numbers whose standard deviation is about 1."""

MODELS = [
    Model(
        size=16,
        c_in=3,
        c_out=6,
        channels=64,
        multipliers=multipliers,
        blocks=2,
        attention=(8, 4),
        heads=heads,
        classes=classes,
    )
    for heads in (Heads(number=4), HeadWidth(channels=16))
    for classes in (10, None)
    for multipliers in ((0.5, 1, 2), (1, 2, 3))
]
SUPER_RESOLUTION = dataclasses.replace(MODELS[0], c_in=6)


def name(model: Model) -> str:
    kinds = (type(model.heads).__name__, f"classes {model.classes}", f"multipliers {model.multipliers}")
    return ", ".join(kinds)


def theirs(model: Model, order: weights_adm.Order):
    """ADM's network, with random numbers in all its tensors."""
    import torch
    from azula.plugins.adm._src import unet

    upscales = model.c_in == 6
    network = (unet.SuperResModel if upscales else unet.UNetModel)(
        image_size=model.size,
        in_channels=3,
        model_channels=model.channels,
        out_channels=model.c_out,
        num_res_blocks=model.blocks,
        attention_resolutions={model.size // size for size in model.attention},
        channel_mult=model.multipliers,
        num_classes=model.classes,
        num_heads=getattr(model.heads, "number", 1),
        num_head_channels=getattr(model.heads, "channels", -1),
        use_scale_shift_norm=True,
        resblock_updown=True,
        use_new_attention_order=order == "new",
    )
    random = np.random.default_rng(0)

    def drawn(tensor: torch.Tensor) -> torch.Tensor:
        numbers = random.standard_normal(tensor.shape, np.float32)
        if tensor.ndim == 1:
            return torch.from_numpy(0.2 * numbers + (tensor == 1).numpy())
        return torch.from_numpy(numbers / np.sqrt(tensor[0].numel()).astype(np.float32))

    network.load_state_dict({key: drawn(tensor) for key, tensor in network.state_dict().items()})
    return network.eval()


def inputs(model: Model) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    drawn = {"x": random.standard_normal((3, 3, model.size, model.size), np.float32), "step": np.array([0, 403, 999])}
    if model.classes is not None:
        drawn["label"] = random.integers(0, model.classes, 3).astype(np.int32)
    if model.c_in == 6:
        drawn["small"] = random.standard_normal((3, 3, model.size // 4, model.size // 4), np.float32)
    return drawn


@cache
def ours(model: Model):
    return jax.jit(Network(partial(UNet, model)))


def both(model: Model, order: weights_adm.Order) -> tuple[np.ndarray, np.ndarray]:
    """Our answer and theirs, [b, h, w, c]."""
    import torch

    network, given = theirs(model, order), inputs(model)
    tensors = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    others = {"y": torch.from_numpy(given["label"])} if "label" in given else {}
    x = given["x"].transpose(0, 2, 3, 1)
    if "small" in given:
        others["low_res"] = torch.from_numpy(given["small"])
        enlarged = jax.image.resize(jnp.asarray(given["small"].transpose(0, 2, 3, 1)), x.shape, "bilinear")
        x = np.concatenate([x, enlarged], axis=-1)
    with torch.no_grad():
        wanted = network(torch.from_numpy(given["x"]), torch.from_numpy(given["step"]), **others)
    params = weights_adm.to_params(tensors, model, order)
    found = ours(model)(params, x, np.float32(given["step"] / 999), given.get("label"))
    return np.asarray(found), wanted.numpy().transpose(0, 2, 3, 1)


@pytest.mark.parametrize("order", ["legacy", "new"])
@pytest.mark.parametrize("model", MODELS, ids=name)
def test_networks_agree(model, order):
    found, wanted = both(model, order)
    assert 0.3 < wanted.std() < 3
    assert np.abs(found - wanted).max() <= TOLERANCE


def test_networks_that_enlarge_agree():
    found, wanted = both(SUPER_RESOLUTION, "legacy")
    assert np.abs(found - wanted).max() <= TOLERANCE


def test_orders_differ():
    """So that the cases above could fail."""
    model = MODELS[0]
    tensors = {key: tensor.numpy() for key, tensor in theirs(model, "legacy").state_dict().items()}
    given = inputs(model)
    x, t = given["x"].transpose(0, 2, 3, 1), np.float32(given["step"] / 999)
    one, two = (
        np.asarray(ours(model)(weights_adm.to_params(tensors, model, order), x, t, given["label"]))
        for order in ("legacy", "new")
    )
    assert np.abs(one - two).max() > 100 * TOLERANCE


def main() -> None:
    cases = [(model, order) for model in MODELS for order in ("legacy", "new")] + [(SUPER_RESOLUTION, "legacy")]
    for model, order in cases:
        found, wanted = both(model, order)
        print(f"{np.abs(found - wanted).max():.2e} of {wanted.std():.2f}  {order}, {model.c_in} in, {name(model)}")


if __name__ == "__main__":
    main()

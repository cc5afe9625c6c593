"""`python -m benchmarks.unet`: the UNet beside the same network in PyTorch, azula's (`make setup-parity`).

Forward, and a training step (mean squared error, its gradient, Adam), of the same sizes, batches and random weights, on
the same cores, turn by turn; medians, after compilation. PyTorch is run as it is, and with `torch.compile` on a GPU.
"""

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from azula.plugins.adm._src import unet as adm

from benchmarks import report
from configs import common
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.functional import Network
from vlogger_jax.video import weights_adm
from vlogger_jax.video.layout import HeadWidth, Model
from vlogger_jax.video.unet import UNet

TURNS, LONGEST = 15, 60.0
"""Turns of each case, and seconds after which there are no more."""

HELD_TO = 1.0
"""What ours may take of theirs."""


def cases() -> dict[str, tuple[Model, int]]:
    """Networks and batches. ADM has no patches: `tiny` is given them as channels, which is the same, and is 64 wide."""
    tiny, small = (from_mapping(Model, common.base_model(size)) for size in ("tiny", "small"))
    patches = dict(size=tiny.size // tiny.patch, c_in=3 * tiny.patch**2, c_out=3 * tiny.patch**2, patch=1, groups=32)
    narrow = dataclasses.replace(tiny, channels=64, heads=HeadWidth(channels=32))
    return {
        "tiny, batch 16": (_adm_like(dataclasses.replace(narrow, **patches)), 16),
        "64 px, batch 4": (_adm_like(dataclasses.replace(narrow, patch=1, groups=32, attention=(16,))), 4),
        "small, batch 1": (_adm_like(small), 1),
    }


def _adm_like(model: Model) -> Model:
    return dataclasses.replace(model, heads=dataclasses.replace(model.heads, channels=32), remat="none", dropout=0.0)


def theirs(model: Model) -> torch.nn.Module:
    """The same network in PyTorch."""
    torch.manual_seed(0)
    network = adm.UNetModel(
        image_size=model.size,
        in_channels=model.c_in,
        model_channels=model.channels,
        out_channels=model.c_out,
        num_res_blocks=model.blocks,
        attention_resolutions={model.size // size for size in model.attention},
        channel_mult=model.multipliers,
        num_head_channels=model.heads.channels,
        use_scale_shift_norm=True,
        resblock_updown=True,
    )
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    if torch.cuda.is_available():
        return torch.compile(network.cuda())
    return network


def calls(model: Model, batch: int) -> tuple[dict[str, Callable[[], Any]], dict[str, Callable[[], Any]]]:
    """Forward and step, ours and theirs, of the same weights."""
    network, module = Network(partial(UNet, model)), theirs(model)
    tensors = {key.removeprefix("_orig_mod."): tensor.cpu().numpy() for key, tensor in module.state_dict().items()}
    params = jax.device_put(weights_adm.to_params(tensors, model, "legacy"))
    rng = np.random.default_rng(0)
    x, target = (rng.standard_normal((batch, model.size, model.size, model.c_in), np.float32) for _ in range(2))
    t = np.linspace(0.1, 0.9, batch, dtype=np.float32)

    optimizer = optax.adam(1e-4)
    forward = jax.jit(network)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, x: jax.Array, t: jax.Array) -> tuple:
        loss, slope = jax.value_and_grad(lambda params: ((network(params, x, t) - target) ** 2).mean())(params)
        update, state = optimizer.update(slope, state)
        return optax.apply_updates(params, update), state, loss

    held = {"params": jax.tree.map(jnp.copy, params), "state": optimizer.init(params)}

    def ours_step() -> None:
        held["params"], held["state"], loss = step(held["params"], held["state"], x, t)
        jax.block_until_ready(loss)

    device = "cuda" if torch.cuda.is_available() else "cpu"
    xs, targets = (torch.from_numpy(each.transpose(0, 3, 1, 2)).contiguous().to(device) for each in (x, target))
    ts, adam = torch.from_numpy(999 * t).to(device), torch.optim.Adam(module.parameters(), 1e-4)

    def wait() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def theirs_forward() -> None:
        with torch.no_grad():
            module(xs, ts)
        wait()

    def theirs_step() -> None:
        adam.zero_grad(set_to_none=True)
        ((module(xs, ts) - targets) ** 2).mean().backward()
        adam.step()
        wait()

    return (
        {"forward": lambda: jax.block_until_ready(forward(params, x, t)), "train step": ours_step},
        {"forward": theirs_forward, "train step": theirs_step},
    )


def compare(case: str, model: Model, batch: int) -> list[dict]:
    """A row each for forward and step."""
    ours, other = calls(model, batch)
    rows = []
    for what in ours:
        both, times, begun = (ours[what], other[what]), ([], []), time.perf_counter()
        for call in (*both, *both):
            call()
        while len(times[0]) < TURNS and (time.perf_counter() - begun < LONGEST or len(times[0]) < 3):
            for call, found in zip(both, times, strict=True):
                start = time.perf_counter()
                call()
                found.append(1e3 * (time.perf_counter() - start))
        rows.append(report.row(f"{case}: {what}", *map(statistics.median, times), "ms"))
    return rows


def main() -> None:
    rows = [row for case, (model, batch) in cases().items() for row in compare(case, model, batch)]
    print(report.write("unet", rows, ("jax", "flax", "torch", "azula")))
    if slower := [each["case"] for each in rows if each["ratio"] > HELD_TO]:
        sys.exit(f"error: slower than PyTorch: {', '.join(slower)}")


if __name__ == "__main__":
    main()

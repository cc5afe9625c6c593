"""Frames split over chips cost what they should: nothing is computed twice, and no chip gets all frames.

A network of pictures and frames, compiled for sixteen TPU chips: FLOPs of a chip and what chips tell each other, once
inside `parallel.split` and once left to the compiler. `python -m tests.parallel.test_aot_context` writes `RESULTS`.
"""

import json
import math
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from vlogger_jax.core import constrain
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.functional import Network, count
from vlogger_jax.nn.dense import Conv
from vlogger_jax.nn.temporal import TemporalConv
from vlogger_jax.parallel import aot, mesh
from vlogger_jax.parallel.split import FRAMES, split

TOPOLOGY = "v5e:4x4"
CONTEXTS = (1, 2, 4)
CLIPS, SIZE, WIDTH = (16, 16), 64, 128
"""Samples and frames; pixels to a side; channels between the convolutions."""

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "aot_context.json"

pytestmark = pytest.mark.aot


class Pictures(nnx.Module):
    """conv, temporal conv, conv."""

    def __init__(self, rngs: nnx.Rngs):
        self.widen = Conv(3, WIDTH, rngs=rngs)
        self.time = TemporalConv(WIDTH, WIDTH, rngs=rngs)
        self.narrow = Conv(WIDTH, 3, rngs=rngs)

    def __call__(self, x):
        return self.narrow(self.time(jnp.tanh(self.widen(x))))


NETWORK = Network(Pictures)


def loss(trainable, frozen, batch, draw):
    """Of each sample: mean squares of what the network changes."""
    x = batch["x"]
    squares = jnp.square(NETWORK(trainable, x) - x).astype(jnp.float32).mean(axis=(2, 3, 4))
    return constrain.total(squares.sum(axis=1), constrain.CONTEXT) / CLIPS[1]


def compiled(context: int, automatic: bool) -> aot.Report:
    """Loss and gradients for all clips, clips over chips and frames over `context` of them."""
    chips = mesh.make(mesh.MeshConfig(context=context), aot.devices(TOPOLOGY))
    function = loss if automatic else split(loss, frozenset({"x"}))
    whole, frames = jax.NamedSharding(chips, jax.P()), jax.NamedSharding(chips, FRAMES)
    place = lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, jnp.bfloat16, sharding=sharding)  # noqa: E731
    params = jax.tree.map(lambda leaf: place(leaf, whole), NETWORK.shapes())
    batch = {"x": place(jax.ShapeDtypeStruct((*CLIPS, SIZE, SIZE, 3), jnp.bfloat16), frames)}

    def step(params: Any, batch: Any) -> Any:
        draw = Draw.of(jax.random.key(0), CLIPS[0])
        return jax.value_and_grad(lambda params: function(params, {}, batch, draw).mean())(params)

    with jax.set_mesh(chips):
        lowered = jax.jit(step, out_shardings=whole).lower(params, batch)
    return aot.compiled(lowered, aot.chip(TOPOLOGY).memory, dict(chips.shape))


def gathers(report: aot.Report) -> int:
    """How often frames of all chips are brought together on each."""
    return sum(row.count for row in report.traffic if row.frames and row.kind != "collective-permute")


@pytest.fixture(scope="module")
def reports():
    """By context, and whether sharding is automatic."""
    return {(context, automatic): compiled(context, automatic) for automatic in (False, True) for context in CONTEXTS}


def test_split_frames_cost_a_chip_no_more(reports):
    alone = reports[1, False].flops
    assert alone == pytest.approx(reports[1, True].flops, rel=0.01)
    for context in CONTEXTS[1:]:
        assert reports[context, False].flops == pytest.approx(alone, rel=0.05)


def test_split_frames_are_never_gathered(reports):
    for context in CONTEXTS:
        assert gathers(reports[context, False]) == 0
    # Halos alone: one frame to each side, forwards and backwards.
    halos = [row for row in reports[4, False].traffic if row.frames]
    assert [(row.kind, row.axes, row.count) for row in halos] == [("collective-permute", ("context",), 4)]
    assert halos[0].largest == (CLIPS[0] // 4, 1, SIZE, SIZE, WIDTH)


def test_nothing_but_gradients_and_losses_is_summed(reports):
    """A sum of frames over chips would be no gather, and cost as much."""
    parameters = 2 * count(NETWORK.shapes())
    for context in CONTEXTS:
        sums = [row for row in reports[context, False].traffic if row.kind in ("all-reduce", "reduce-scatter")]
        assert parameters <= sum(row.bytes for row in sums) <= 2 * parameters
        assert max(math.prod(row.largest) for row in sums) <= parameters / 2


def test_left_to_the_compiler_frames_are_gathered_and_work_is_repeated(reports):
    alone = reports[1, True].flops
    for context in CONTEXTS[1:]:
        assert gathers(reports[context, True]) == 1
        assert reports[context, True].flops == pytest.approx(context * alone, rel=0.05)


def report() -> None:
    """Write `RESULTS`."""
    rows = []
    for automatic in (False, True):
        found = {context: compiled(context, automatic) for context in CONTEXTS}
        for context, each in found.items():
            row = {"sharding": "automatic" if automatic else "parallel.split", "context": context}
            row |= {"flops_a_chip": each.flops, "flops_ratio": round(each.flops / found[1].flops, 4)}
            row |= {"gathers_of_frames": gathers(each), "peak_mib_a_chip": round(each.memory / 2**20, 1)}
            names = ("kind", "axes", "count", "bytes")
            row["collectives"] = [{name: getattr(one, name) for name in names} for one in each.traffic]
            print({name: value for name, value in row.items() if name != "collectives"})
            rows.append(row)
    packages = ("jax", "flax", "libtpu")
    result = {
        "command": "python -m tests.parallel.test_aot_context",
        "versions": {name: metadata.version(name) for name in packages} | {"python": platform.python_version()},
        "topology": TOPOLOGY,
        "batch": [*CLIPS, SIZE, SIZE, 3],
        "channels": WIDTH,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    report()

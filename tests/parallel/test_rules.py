"""Places of arrays, by path: what matches, what is split along what, and what is refused."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax
import pytest

from vlogger_jax.core.errors import UserError
from vlogger_jax.parallel import mesh, rules
from vlogger_jax.parallel.mesh import MeshConfig
from vlogger_jax.parallel.rules import Rules

BOTH = ("data", "fsdp")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    step: Any
    key: Any
    trainable: Any
    opt_state: Any


@pytest.fixture(scope="module")
def on() -> jax.sharding.Mesh:
    return mesh.make(MeshConfig(data=2, fsdp=2, context=2))


def shape(*sizes: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(sizes, jnp.float32)


def spec(on: jax.sharding.Mesh, leaf: Any, rule: Any, smallest: int = 1) -> jax.P:
    return rules.place({"a": leaf}, Rules((("", rule),), smallest), on)["a"].spec


def state() -> State:
    def first() -> State:
        trainable = {"block_0": {"kernel": jnp.zeros((256, 512)), "bias": jnp.zeros(512)}}
        return State(jnp.int32(0), jax.random.key(0), trainable, optax.adam(1e-3).init(trainable))

    return jax.eval_shape(first)


def test_masters_and_moments_are_split_by_default_and_what_is_small_is_not(on: jax.sharding.Mesh):
    places = rules.place(state(), rules.DEFAULT, on)
    split = jax.P(None, BOTH)
    assert places.trainable["block_0"]["kernel"].spec == split
    assert places.opt_state[0].mu["block_0"]["kernel"].spec == split
    assert places.opt_state[0].nu["block_0"]["kernel"].spec == split
    whole = (places.trainable["block_0"]["bias"], places.opt_state[0].count, places.step, places.key)
    assert [place.spec for place in whole] == [jax.P()] * 4
    assert all(place.mesh == on for place in jax.tree.leaves(places))


def test_arrays_are_made_where_they_belong(on: jax.sharding.Mesh):
    places = rules.place(state(), rules.DEFAULT, on)
    made = jax.jit(
        lambda: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), state().trainable), out_shardings=places.trainable
    )()
    kernel = made["block_0"]["kernel"]
    assert {shard.data.shape for shard in kernel.addressable_shards} == {(256, 128)}


def test_paths_name_fields_and_keys_and_the_first_rule_counts(on: jax.sharding.Mesh):
    given = Rules(
        (
            ("^trainable/block_0/kernel$", ("context",)),
            ("^opt_state/0/mu/.*/bias$", (("data", "context"),)),
            ("kernel", (None, "fsdp")),
            ("", "replicate"),
        )
    )
    places = rules.place(state(), given, on)
    assert places.trainable["block_0"]["kernel"].spec == jax.P("context")
    assert places.opt_state[0].nu["block_0"]["kernel"].spec == jax.P(None, "fsdp")
    assert places.opt_state[0].mu["block_0"]["bias"].spec == jax.P(("data", "context"))
    assert places.opt_state[0].nu["block_0"]["bias"].spec == jax.P()


@pytest.mark.parametrize(
    "sizes, expected",
    [
        ((3, 3, 8, 16), jax.P(None, None, None, BOTH)),
        ((3, 3, 16, 8), jax.P(None, None, BOTH)),
        ((8, 8), jax.P(BOTH)),
        ((18, 8), jax.P(None, BOTH)),  # the larger does not divide by 4
        ((18, 7), jax.P(("data",))),  # nothing does, but one axis alone fits
        ((9, 7), jax.P()),
        ((), jax.P()),
    ],
)
def test_the_largest_dimension_that_divides_is_split(on: jax.sharding.Mesh, sizes: tuple[int, ...], expected: jax.P):
    assert spec(on, shape(*sizes), "shard") == expected


def test_the_longer_axis_alone_is_taken_before_the_shorter():
    assert spec(mesh.make(MeshConfig(data=2, fsdp=4)), shape(12, 4), "shard") == jax.P(("fsdp",))
    assert spec(mesh.make(MeshConfig(data=4, fsdp=2)), shape(12, 4), "shard") == jax.P(("data",))


def test_one_device_splits_nothing():
    assert spec(mesh.make(MeshConfig(), jax.devices()[:1]), shape(8, 8), "shard") == jax.P()


def test_small_arrays_are_not_split(on: jax.sharding.Mesh):
    assert spec(on, shape(8, 8), "shard", 64) == jax.P(BOTH)
    assert spec(on, shape(8, 8), "shard", 65) == jax.P()


def test_what_no_rule_is_for_is_refused(on: jax.sharding.Mesh):
    with pytest.raises(UserError, match="no rule is for opt_state/0/count"):
        rules.place(state(), Rules((("^(trainable|step|key)", "replicate"),)), on)


@pytest.mark.parametrize(
    "rule, message",
    [
        (("model",), r"for a of shape \(8, 6\) names the axis 'model'. Name data, fsdp, context"),
        ((None, BOTH), r"splits a of shape \(8, 6\) into 4 parts of 6"),
        ((None, None, "data"), r"has more dimensions than a of shape \(8, 6\)"),
        (("data", "data"), "names the axis 'data' twice"),
    ],
)
def test_axes_that_cannot_be_are_refused(on: jax.sharding.Mesh, rule: Any, message: str):
    with pytest.raises(UserError, match=message):
        spec(on, shape(8, 6), rule)


def test_rules_are_read_from_configs(on: jax.sharding.Mesh):
    written = {
        "of": [["^opt_state/", "shard"], ["kernel$", [None, ["data", "fsdp"]]], ["", "replicate"]],
        "smallest": 8,
    }
    expected = Rules((("^opt_state/", "shard"), ("kernel$", (None, BOTH)), ("", "replicate")), 8)
    assert rules.read(ml_collections.ConfigDict(written)) == expected
    assert rules.read(written) == expected
    assert rules.read(None) == rules.DEFAULT
    with pytest.raises(UserError, match=r"config.mesh.rules.of\[0\]\[1\] is 'shrad'"):
        rules.read({"of": [["", "shrad"]]})
    with pytest.raises(UserError, match=r"the pattern '\(' of a rule cannot be read"):
        rules.read({"of": [["(", "shard"]]})

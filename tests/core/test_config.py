"""`from_mapping`: what fits is built, what does not is refused with a message that names the key and the way out."""

import dataclasses
import json
from typing import Any, Literal

import ml_collections
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class Block:
    width: int
    dropout: float = 0.0


@dataclasses.dataclass(frozen=True)
class Cosine:
    offset: float


@dataclasses.dataclass(frozen=True)
class Linear:
    start: float
    end: float


@dataclasses.dataclass(frozen=True)
class Model:
    channels: int
    rate: float
    name: str = "unet"
    causal: bool = True
    multipliers: tuple[int, ...] = (1, 2)
    size: tuple[int, int] = (128, 128)
    span: tuple[float, int] = (0.5, 1)
    tags: tuple[str, ...] = ()
    block: Block = Block(8)
    head: Block | None = None
    blocks: tuple[Block, ...] = ()
    weights: dict[str, float] = dataclasses.field(default_factory=dict)
    kind: Literal["eps", "v"] = "eps"
    schedule: Cosine | Linear = Cosine(0.008)
    clip: float | None = None
    steps: int | str = 10
    anything: Any = None
    derived: int = dataclasses.field(default=0, init=False)


def build(**values):
    return from_mapping(Model, {"channels": 4, "rate": 0.5, **values}, "config.model")


def refuse(**values):
    with pytest.raises(UserError) as caught:
        build(**values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_builds_with_defaults():
    assert build() == Model(channels=4, rate=0.5)


def test_int_serves_as_float_and_becomes_one():
    model = build(rate=2, clip=3, weights={"face": 1}, span=[1, 2])
    assert model == Model(channels=4, rate=2.0, clip=3.0, weights={"face": 1.0}, span=(1.0, 2))
    values = (model.rate, model.clip, model.weights["face"], model.span[0])
    assert all(type(value) is float for value in values)
    assert type(model.span[1]) is int


def test_list_serves_as_tuple():
    model = build(multipliers=[1, 2, 4], size=[64, 32], tags=["a", "b"])
    assert (model.multipliers, model.size, model.tags) == ((1, 2, 4), (64, 32), ("a", "b"))
    assert hash(dataclasses.replace(model, weights=None))


def test_nested_mappings_become_dataclasses():
    model = build(block={"width": 3}, head={"width": 5, "dropout": 0.1}, blocks=[{"width": 1}, {"width": 2}])
    assert model.block == Block(3)
    assert model.head == Block(5, 0.1)
    assert model.blocks == (Block(1), Block(2))


def test_a_dataclass_already_built_is_taken():
    assert build(block=Block(7)).block == Block(7)


def test_optional_nested_may_be_none():
    assert build(head=None, clip=None) == Model(channels=4, rate=0.5)


def test_union_takes_the_option_that_fits():
    assert build(schedule={"start": 0, "end": 1}).schedule == Linear(0.0, 1.0)
    assert build(schedule={"offset": 0.1}).schedule == Cosine(0.1)
    assert build(steps="all").steps == "all"
    assert build(steps=3).steps == 3


def test_any_takes_everything():
    assert build(anything=[1, {"a": 2}]).anything == [1, {"a": 2}]


def test_config_dict_of_ml_collections():
    config = ml_collections.ConfigDict(
        {"channels": 4, "rate": 1, "block": {"width": 2}, "multipliers": (1, 2, 4), "size": [8, 8]}
    )
    expected = Model(channels=4, rate=1.0, block=Block(2), multipliers=(1, 2, 4), size=(8, 8))
    assert from_mapping(Model, config) == expected
    assert from_mapping(Model, ml_collections.FrozenConfigDict(config)) == expected
    assert from_mapping(Model, {"channels": 4, "rate": 1, "block": config.block}).block == Block(2)


@pytest.mark.parametrize(
    ("values", "what", "fix"),
    [
        ({"chanels": 4}, "config.model has the unknown key 'chanels'", "Did you mean 'channels'?"),
        ({"block": {"width": 1, "drop": 0.1}}, "config.model.block has the unknown key 'drop'", "'dropout'?"),
        ({"head": {"widht": 1}}, "config.model.head has the unknown key 'widht'", "Did you mean 'width'?"),
        ({"blocks": [{"width": 1}, {"widt": 1}]}, "config.model.blocks[1] has the unknown key 'widt'", "'width'?"),
        ({"zzz": 1}, "config.model has the unknown key 'zzz'", "Known keys: channels, rate, name"),
        ({3: 1}, "config.model has the unknown key 3", "Known keys"),
        ({"derived": 1}, "unknown key 'derived'", "Known keys"),
    ],
)
def test_unknown_key_is_named_with_the_nearest(values, what, fix):
    with pytest.raises(UserError) as caught:
        from_mapping(Model, {"channels": 4, "rate": 0.5, **values}, "config.model")
    assert what in caught.value.what
    assert fix in caught.value.fix


def test_known_keys_do_not_offer_what_cannot_be_given():
    assert "derived" not in refuse(zzz=1)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"rate": 1.0}, "config lacks the key 'channels'. Add it; Model needs it."),
        ({"channels": 1, "rate": 1.0, "block": {}}, "config.block lacks the key 'width'. Add it; Block needs it."),
        ({"channels": 1, "rate": 1.0, "blocks": [{}]}, "config.blocks[0] lacks the key 'width'"),
    ],
)
def test_missing_key_is_named(mapping, message):
    with pytest.raises(UserError) as caught:
        from_mapping(Model, mapping)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"channels": True}, "config.model.channels is True, of type bool. Give a value of type int."),
        ({"channels": 4.0}, "config.model.channels is 4.0, of type float. Give a value of type int."),
        ({"channels": "4"}, "config.model.channels is '4', of type str. Give a value of type int."),
        ({"channels": None}, "config.model.channels is None, of type NoneType. Give a value of type int."),
        ({"rate": "0.5"}, "config.model.rate is '0.5', of type str. Give a value of type float."),
        ({"rate": True}, "config.model.rate is True, of type bool. Give a value of type float."),
        ({"clip": "x"}, "config.model.clip is 'x', of type str. Give a value of type float."),
        ({"causal": 1}, "config.model.causal is 1, of type int. Give a value of type bool."),
        ({"name": 3}, "config.model.name is 3, of type int. Give a value of type str."),
        ({"block": {"width": "3"}}, "config.model.block.width is '3', of type str. Give a value of type int."),
        ({"head": {"width": True}}, "config.model.head.width is True, of type bool. Give a value of type int."),
        ({"block": 3}, "config.model.block is 3, not a mapping. Give the fields of Block."),
        ({"block": None}, "config.model.block is None, not a mapping. Give the fields of Block."),
        ({"multipliers": [1, True]}, "config.model.multipliers[1] is True, of type bool. Give a value of type int."),
        ({"multipliers": 3}, "config.model.multipliers is 3, of type int. Give a value of type tuple[int, ...]."),
        ({"size": [1]}, "config.model.size is [1], of type list. Give a value of type tuple[int, int]."),
        ({"size": [1, 2, 3]}, "Give a value of type tuple[int, int]."),
        ({"tags": "abc"}, "config.model.tags is 'abc', of type str. Give a value of type tuple[str, ...]."),
        ({"tags": {"a": 1}}, "Give a value of type tuple[str, ...]."),
        ({"weights": {"face": "x"}}, "config.model.weights.face is 'x', of type str. Give a value of type float."),
        ({"kind": "x0"}, "config.model.kind is 'x0', of type str. Give a value of type Literal['eps', 'v']."),
        ({"steps": 0.5}, "config.model.steps is 0.5, of type float. Give a value of type int | str."),
        ({"steps": None}, "config.model.steps is None, of type NoneType. Give a value of type int | str."),
        ({"steps": True}, "config.model.steps is True, of type bool."),
        ({"schedule": {"begin": 1}}, "config.model.schedule is {'begin': 1}"),
    ],
)
def test_wrong_type_names_key_value_and_type(values, message):
    assert message in refuse(**values)


def test_top_must_be_a_mapping():
    with pytest.raises(UserError, match=r"config is \[1\], not a mapping"):
        from_mapping(Model, [1])


@given(
    st.builds(
        Model,
        channels=st.integers(),
        rate=st.floats(allow_nan=False),
        name=st.text(),
        causal=st.booleans(),
        multipliers=st.lists(st.integers()).map(tuple),
        tags=st.lists(st.text()).map(tuple),
        head=st.none() | st.builds(Block, width=st.integers(), dropout=st.floats(allow_nan=False)),
        blocks=st.lists(st.builds(Block, width=st.integers())).map(tuple),
        schedule=st.builds(Linear, start=st.floats(0, 1), end=st.floats(0, 1)),
        steps=st.integers() | st.text(),
    )
)
def test_json_round_trip(model):
    values = dataclasses.asdict(model)
    values.pop("derived")
    assert from_mapping(Model, json.loads(json.dumps(values))) == model

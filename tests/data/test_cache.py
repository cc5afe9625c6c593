"""Finished clips: kept whole, found by what decides them, made again when damaged."""

import logging

import pytest

from data_pipelines import cache
from data_pipelines.cache import Cache
from vlogger_jax.core.errors import UserError

KEY = cache.key(a=1, b="two")


def test_what_is_put_is_got(tmp_path):
    store = Cache(tmp_path / "store")
    assert store.get(KEY) is None and store.about(KEY) is None
    examples = [bytes([i]) * (i + 1) for i in range(12)]
    store.put(KEY, examples, {"frames": 3, "who": "Ä"})
    assert store.get(KEY) == cache.Entry(tuple(examples), {"frames": 3, "who": "Ä"})
    assert store.about(KEY) == {"frames": 3, "who": "Ä"}
    store.put(KEY, [], {})
    assert store.get(KEY) == cache.Entry((), {})
    store.drop(KEY)
    store.drop(KEY)
    assert store.get(KEY) is None and not list((tmp_path / "store").iterdir())


def test_keys_follow_from_values_not_from_their_order():
    assert cache.key(b="two", a=1) == KEY
    assert len({KEY, cache.key(a=2, b="two"), cache.key(a=1, b="tw"), cache.key(a=1)}) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"x" * 99,
        lambda data: data[:-9] + bytes([data[-9] ^ 4]) + data[-8:],
    ],
)
def test_a_damaged_entry_is_made_again(tmp_path, damage, caplog):
    store = Cache(tmp_path)
    store.put(KEY, [b"abc" * 99], {})
    path = store.path(KEY)
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert store.get(KEY) is None
    assert "made again" in caplog.text


def test_a_full_disk_is_a_user_error_and_leaves_nothing(tmp_path, small_disk):
    store = Cache(tmp_path)
    with pytest.raises(UserError, match="too large"):
        store.put(KEY, [b"x" * 400_000], {})
    assert store.get(KEY) is None and not [path for path in tmp_path.rglob("*") if path.is_file()]

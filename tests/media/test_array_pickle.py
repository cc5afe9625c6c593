"""Pickles of arrays: what Python and joblib write comes back; nothing is ever executed."""

import os
import pickle

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlogger_jax.core.errors import UserError
from vlogger_jax.media import array_pickle

HELD = {
    "poses": np.arange(12, dtype=np.float32).reshape(3, 4),
    "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "big": np.arange(3, dtype=">f8"),
    "many": [{"x": np.float64(1.5), "none": np.zeros((0, 3), np.uint8)}, {"yes": np.array([True, False])}],
    "fps": 30,
    "name": "somebody",
}


def same(found, wanted):
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for name in wanted:
            same(found[name], wanted[name])
    elif isinstance(wanted, list):
        for one, other in zip(found, wanted, strict=True):
            same(one, other)
    else:
        np.testing.assert_array_equal(found, wanted)
        assert type(found) is type(wanted)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_what_python_writes(protocol, tmp_path):
    (tmp_path / "tracks.pkl").write_bytes(pickle.dumps(HELD, protocol=protocol))
    same(array_pickle.read(tmp_path / "tracks.pkl", "tracks"), HELD)


def test_what_joblib_writes(tmp_path):
    joblib.dump(HELD, tmp_path / "tracks.pkl")
    same(array_pickle.read(tmp_path / "tracks.pkl", "tracks"), HELD)


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("write", [joblib.dump, lambda held, path: path.write_bytes(pickle.dumps(held))])
def test_nothing_is_executed(write, tmp_path):
    write({"a": Harmful(tmp_path / "made")}, tmp_path / "tracks.pkl")
    with pytest.raises(UserError, match=r"is not tracks: it asks for '\w+\.mkdir'"):
        array_pickle.read(tmp_path / "tracks.pkl", "tracks")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (np.array([{"a": 1}], object), "which are not numbers"),
        (np.array(["text"]), "which are not numbers"),
        ({1j}, "more than plain data"),
    ],
)
def test_what_is_no_number_is_refused(held, said, tmp_path):
    (tmp_path / "tracks.pkl").write_bytes(pickle.dumps(held, protocol=4))
    with pytest.raises(UserError, match=said):
        array_pickle.read(tmp_path / "tracks.pkl", "tracks")


def test_compressed_ones_are_refused(tmp_path):
    joblib.dump(HELD, tmp_path / "tracks.pkl", compress=True)
    with pytest.raises(UserError, match="is not tracks: its pickle"):
        array_pickle.read(tmp_path / "tracks.pkl", "tracks")


@pytest.mark.parametrize("by_joblib", [False, True])
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4), st.booleans())
def test_however_it_is_damaged_there_is_one_line(by_joblib, tmp_path_factory, where, written, cut):
    path = tmp_path_factory.getbasetemp() / f"damaged_{by_joblib}.pkl"
    if by_joblib:
        joblib.dump(HELD, path)
    else:
        path.write_bytes(pickle.dumps(HELD))
    whole = path.read_bytes()
    where %= len(whole)
    path.write_bytes(whole[:where] if cut else whole[:where] + written + whole[where + len(written) :])
    try:
        array_pickle.read(path, "tracks")
    except UserError as error:
        assert "\n" not in str(error)

"""Checkpoints of PyTorch and safetensors: what is in them, and nothing else, whatever they ask for."""

import json
import os
import pickle
import struct
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from tests.media import torch_made as made
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import plain_pickle, tensor_file


def arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "a.weight": random.standard_normal((2, 3, 4), np.float32),
        "a.bias": random.standard_normal(3).astype(np.float16),
        "b.weight": random.standard_normal((2, 2)).astype(jnp.bfloat16),
        "steps": np.array(2**40),
        "empty": np.zeros((0, 3), np.float32),
    }


def assert_same(found, wanted):
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(np.asarray(found[name]), array)


def test_a_state_dict(tmp_path):
    assert_same(tensor_file.read(made.save(tmp_path / "net.bin", arrays())), arrays())


def test_safetensors(tmp_path):
    plain = {name: array for name, array in arrays().items() if array.dtype != jnp.bfloat16}
    safetensors.numpy.save_file(plain, tmp_path / "net.pt")
    found = tensor_file.read(tmp_path / "net.pt")
    assert_same({name: found[name] for name in plain}, plain)


def test_bfloat16_in_safetensors(tmp_path):
    header = json.dumps({"b": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "net").write_bytes(struct.pack("<Q", len(header)) + header + b"\x80\x3f\x00\x40")
    assert_same(tensor_file.read(tmp_path / "net"), {"b": np.array([1, 2], jnp.bfloat16)})


def test_views_of_one_storage(tmp_path):
    numbers = np.arange(12, dtype=np.float32)
    stored = made.storage("0", 12)
    items = {
        "whole": made.tensor(stored, (3, 4), (4, 1)),
        "transposed": made.tensor(stored, (4, 3), (1, 4)),
        "part": made.tensor(stored, (2, 2), (4, 1), offset=5),
        "number": made.tensor(stored, (), (), offset=11),
    }
    path = made.write(tmp_path / "x", made.pickled(made.ordered(items)), {"0": numbers.tobytes()})
    whole = numbers.reshape(3, 4)
    wanted = {"whole": whole, "transposed": whole.T, "part": whole[1:, 1:3], "number": numbers[11]}
    assert_same(tensor_file.read(path), wanted)


def hostile(reduced) -> bytes:
    class Hostile:
        def __reduce__(self):
            return reduced

    return pickle.dumps({"a": Hostile()}, protocol=4)


FLOATS = made.storage("0", 4)


def one(value: bytes) -> bytes:
    return made.pickled(made.ordered({"a": value}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (hostile((os.system, ("touch executed",))), f"asks for '{os.system.__module__}.system'"),
        (hostile((eval, ("open('executed', 'w')",))), "asks for 'builtins.eval'"),
        (one(made.called(made.named("os", "system"), made.text("touch executed"))), "asks for 'os.system'"),
        (one(made.called(made.named("collections", "OrderedDict"), b"]")), "asks for 'collections.OrderedDict'"),
        (one(b"(" + made.text("touch executed") + b"ios\nsystem\n"), "opcode INST"),
        (one(made.named("os", "system") + b"(" + made.text("touch executed") + b"t\x81"), "asks for 'os.system'"),
        (one(b"\x82\x01"), "opcode EXT1"),
        (one(made.text("a") + b"}b"), "a dict was expected"),
        (one(made.text("a")), "under 'a' is no tensor"),
        (one(b"}"), "under 'a' is no tensor"),
        (made.pickled(b"]"), "no tensors by name"),
        (one(made.tensor(made.storage("0", 4, "Odd"), (4,), (1,))), "asks for 'torch.Odd'"),
        (one(made.tensor(made.storage("0", 4, module="os"), (4,), (1,))), "asks for 'os.FloatStorage'"),
        (one(made.tensor(made.storage("1", 4), (4,), (1,))), "lacks its 'data/1'"),
        (one(made.tensor(made.storage("../data.pkl", 4), (4,), (1,))), "lacks its 'data/../data.pkl'"),
        (one(made.tensor(made.storage("0", 5), (5,), (1,))), "storage '0' is not of the size"),
        (one(made.tensor(made.storage("0", 3), (3,), (1,))), "larger than it may be"),
        (one(made.tensor(FLOATS, (5,), (1,))), "beyond its storage"),
        (one(made.tensor(FLOATS, (4,), (1,), offset=1)), "beyond its storage"),
        (one(made.tensor(FLOATS, (2,), (4,))), "beyond its storage"),
        (one(made.tensor(FLOATS, (2**40,), (0,))), "beyond its storage"),
        (one(made.tensor(FLOATS, (2**62, 2**62), (0, 0))), "beyond its storage"),
        (one(made.tensor(FLOATS, (2,), (1,), offset=2**70)), "beyond its storage"),
        (one(made.tensor(FLOATS, (2,), (-1,), offset=3)), "shape of a tensor cannot be"),
        (one(made.tensor(FLOATS, (4,), (1,), offset=-1)), "shape of a tensor cannot be"),
        (one(made.tensor(FLOATS, (-1,), (1,))), "shape of a tensor cannot be"),
        (one(made.tensor(FLOATS, (2, 2), (1,))), "shape of a tensor cannot be"),
        (one(made.tensor(FLOATS, (1,) * 9, (1,) * 9)), "shape of a tensor cannot be"),
        (one(made.tensor(b"N", (1,), (1,))), "asks for 'torch._utils._rebuild_tensor_v2'"),
        (one(b"NQ"), "something that is no storage"),
        (made.pickled(b"}(" + b"(" * 50_000 + b")" + b"t" * 50_000 + b"Nu"), "keys that are neither"),
        (made.pickled(b"}" + made.text("a"))[:-1], "damaged"),
        (made.pickled(b"h\x07"), "damaged"),
        (made.pickled(b"t"), "damaged"),
        (b"", "damaged"),
        (b"\xff\xfe", "damaged"),
    ],
)
def test_what_a_pickle_may_not_ask_for(data, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = made.write(tmp_path / "net.pt", data, {"0": bytes(16)})
    with pytest.raises(UserError) as refused:
        tensor_file.read(path)
    assert message in str(refused.value) and "\n" not in str(refused.value) and len(str(refused.value)) < 400
    assert os.listdir(tmp_path) == ["net.pt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello, world", "is not a checkpoint"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "before 1.6"),
        (struct.pack("<Q", 2**40) + b"{}", "cannot be read as safetensors"),
        (struct.pack("<Q", 60) + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}     ', "as safetensors"),
        (b"PK\3\4" + bytes(40), "damaged or incomplete"),
    ],
)
def test_other_files(content, message, tmp_path):
    (tmp_path / "net.pt").write_bytes(content)
    with pytest.raises(UserError, match=message):
        tensor_file.read(tmp_path / "net.pt")


def test_other_zip_files(tmp_path):
    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/b", b"")
    with pytest.raises(UserError, match="zip file, but none of PyTorch"):
        tensor_file.read(path)
    made.write(path, one(b"}"), {}, byteorder=b"big")
    with pytest.raises(UserError, match="big-endian"):
        tensor_file.read(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", one(made.tensor(FLOATS, (4,), (1,))))
    with pytest.raises(UserError, match=r"'data\.pkl' is compressed"):
        tensor_file.read(path)


def test_a_storage_that_was_changed_is_noticed(tmp_path):
    path = made.save(tmp_path / "net.pt", {"a": np.float32([1.5, 2.5, 3.5])})
    whole, where = path.read_bytes(), path.read_bytes().index(np.float32(2.5).tobytes())
    path.write_bytes(whole[:where] + b"\1" + whole[where + 1 :])
    tensor = tensor_file.read(path)["a"]
    with pytest.raises(UserError, match="damaged or incomplete"):
        np.asarray(tensor)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4), st.booleans())
def test_however_it_is_damaged_there_is_one_line(tmp_path_factory, where, written, cut):
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    path = made.save(folder / "net.pt", {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.float16([1])})
    whole = path.read_bytes()
    where %= len(whole)
    path.write_bytes(whole[:where] if cut else whole[:where] + written + whole[where + len(written) :])
    try:
        for tensor in tensor_file.read(path).values():
            assert np.asarray(tensor).shape == tensor.shape
    except UserError as error:
        assert "\n" not in str(error)


@given(st.binary(max_size=60))
def test_no_bytes_are_anything_but_data_or_refused(data):
    try:
        plain_pickle.read(b"\x80\x02" + data + b".", lambda name, arguments: None, lambda identifier: None)
    except plain_pickle.Refused as refused:
        assert "its pickle" in str(refused)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_of_every_protocol(protocol):
    value = {"a": [1, -5, 2**40, 1.5, None, True], 3: {"b": (1, (2, ("x", 4)), [])}, "c": ((), {}, "é" * 300)}

    def never(*_):
        raise AssertionError

    assert plain_pickle.read(pickle.dumps(value, protocol=protocol), never, never) == value


@pytest.mark.parity
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_what_pytorch_writes(protocol, tmp_path):
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Linear(4, 5))
    tensors = network.state_dict() | {
        "half": torch.arange(6).half().reshape(2, 3).T,
        "brain": torch.arange(6).bfloat16()[1:5],
        "parameter": torch.nn.Parameter(torch.ones(2, 2)),
        "many": torch.arange(4),
    }
    torch.save(tensors, tmp_path / "net.pt", pickle_protocol=protocol)
    found = tensor_file.read(tmp_path / "net.pt")
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        wanted = tensor.detach().float() if tensor.dtype == torch.bfloat16 else tensor.detach()
        np.testing.assert_array_equal(np.asarray(found[name]).astype(wanted.numpy().dtype), wanted.numpy())
        assert str(found[name].dtype) == str(tensor.dtype).removeprefix("torch.")
    torch.save(tensors, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(UserError, match=r"before 1\.6"):
        tensor_file.read(tmp_path / "old.pt")

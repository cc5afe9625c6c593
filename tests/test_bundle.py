"""A bundle comes back as it was saved, and what is no whole bundle is refused in a line."""

import dataclasses
import hashlib
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from vlogger_jax import bundle
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.stage import Variables

TRAINING = bundle.Training(
    config={"stage": "toy", "model": {"width": 8, "rates": [0.1, 2]}},
    step=300,
    seed=7,
    ema=0.999,
    licence="CC0",
    code="ab" * 32,
    versions={"jax": "0.10.2"},
)


def params(scale: float = 1.0, dtype: str = "float32") -> Variables:
    values = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32) * np.float32(scale)
    net = {
        "in": {"kernel": jnp.asarray(values, dtype), "bias": jnp.zeros(4, dtype)},
        "blocks": {"0": {"scale": values.T}},
    }
    return Variables(trainable=net, frozen={"time": jnp.float32(2.5)})


def shapes(dtype: str = "float32") -> Variables:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, dtype), params())


def assert_same(left, right) -> None:
    jax.tree.map(np.testing.assert_array_equal, left, right)
    assert jax.tree.structure(left) == jax.tree.structure(right)


@pytest.fixture
def folder(tmp_path) -> Path:
    bundle.save(tmp_path / "b", "toy", params(), TRAINING, statistics={"mean": (0.5, -1.0)})
    return tmp_path / "b"


def edited(folder: Path, **changes) -> None:
    path = folder / bundle.NAME
    content = json.loads(path.read_text())
    for name, value in changes.items():
        content.pop(name, None) if value is None else content.update({name: value})
    path.write_text(json.dumps(content))


def test_it_comes_back_as_it_was(folder):
    loaded = bundle.load(folder)
    stored = loaded.stages["toy"]
    assert stored.training == TRAINING
    assert stored.statistics == {"mean": (0.5, -1.0)} and stored.dtype == "float32" and loaded.body is None
    assert_same(loaded.params("toy", shapes()), params())
    assert hashlib.sha256((folder / stored.file).read_bytes()).hexdigest() == stored.sha256
    assert sorted(path.name for path in folder.iterdir()) == sorted([bundle.NAME, stored.file])


def test_the_file_is_ordinary_safetensors_with_the_paths_of_the_tree(folder):
    content = json.loads((folder / bundle.NAME).read_text())
    assert (content["format"], content["version"]) == ("vlogger.bundle", 1)
    arrays = safetensors.numpy.load_file(folder / content["stages"]["toy"]["file"])
    assert set(arrays) == {
        "trainable/in/kernel",
        "trainable/in/bias",
        "trainable/blocks/0/scale",
        "frozen/time",
    }
    np.testing.assert_array_equal(arrays["trainable/blocks/0/scale"], params().trainable["blocks"]["0"]["scale"])


@pytest.mark.parametrize(("dtype", "digits"), [("float16", 2**-11), ("bfloat16", 2**-8)])
def test_half_the_bytes_and_fewer_digits(tmp_path, dtype, digits):
    bundle.save(tmp_path, "toy", params(), TRAINING, dtype=dtype)
    loaded = bundle.load(tmp_path)
    back = loaded.params("toy", shapes())
    kernel, was = back.trainable["in"]["kernel"], params().trainable["in"]["kernel"]
    assert kernel.dtype == np.float32
    np.testing.assert_allclose(kernel, was, rtol=digits)
    assert not np.array_equal(kernel, was)
    assert_same(loaded.params("toy", shapes(dtype)).trainable["in"]["kernel"], kernel.astype(jnp.dtype(dtype)))
    assert loaded.stages["toy"].dtype == dtype
    data = (tmp_path / loaded.stages["toy"].file).read_bytes()
    assert len(data) - 8 - int.from_bytes(data[:8], "little") == 2 * (12 + 4 + 12 + 1)


def test_stages_are_added_and_replaced(folder):
    first = bundle.load(folder).stages["toy"]
    bundle.save(folder, "sr_256", params(2), dataclasses.replace(TRAINING, base_of=first.sha256), body="default-v1")
    both = bundle.load(folder)
    assert set(both.stages) == {"toy", "sr_256"} and both.stages["toy"] == first and both.body == "default-v1"
    assert both.stages["sr_256"].training.base_of == first.sha256
    bundle.save(folder, "toy", params(3), dataclasses.replace(TRAINING, step=400))
    now = bundle.load(folder)
    assert now.stages["toy"].training.step == 400 and now.body == "default-v1"
    assert_same(now.params("toy", shapes()), params(3))
    assert_same(now.params("sr_256", shapes()), params(2))
    assert not (folder / first.file).exists() and len(list(folder.iterdir())) == 3
    with pytest.raises(UserError, match=r"is of body default-v1, and toy of smplx-0123"):
        bundle.save(folder, "toy", params(), TRAINING, body="smplx-0123")


@pytest.mark.parametrize("broken", ["file", "record"])
def test_what_fails_half_way_leaves_the_bundle_as_it_was(folder, monkeypatch, broken):
    before = (folder / bundle.NAME).read_bytes()

    def fail(path, *args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes" if broken == "file" else "write_text", fail)
    with pytest.raises(UserError, match="No space left"):
        bundle.save(folder, "toy", params(3), TRAINING)
    monkeypatch.undo()
    assert (folder / bundle.NAME).read_bytes() == before
    assert_same(bundle.load(folder).params("toy", shapes()), params())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "vlogger.fit"}, "holds 'vlogger.fit', not 'vlogger.bundle'"),
        ({"format": None}, "holds None"),
        ({"version": 2}, "is of version 2; this reads 1"),
        ({"version": "1"}, "is of version 1; this reads 1"),
        ({"overlays": {}}, "unknown key 'overlays'"),
        ({"stages": None}, "lacks the key 'stages'"),
        ({"stages": {"toy": {"file": "toy.safetensors"}}}, "lacks the key"),
    ],
)
def test_records_that_are_not_ours_are_refused(folder, changes, message):
    edited(folder, **changes)
    with pytest.raises(UserError, match=message):
        bundle.load(folder)


@pytest.mark.parametrize("name", ["../toy.safetensors", "/toy.safetensors", "toy.pkl", "a/b.safetensors", ""])
def test_files_lie_in_the_bundle(folder, name):
    stages = json.loads((folder / bundle.NAME).read_text())["stages"]
    stages["toy"]["file"] = name
    edited(folder, stages=stages)
    with pytest.raises(UserError, match="as the file of stage 'toy'"):
        bundle.load(folder)


def test_what_is_no_bundle_is_refused(tmp_path, folder):
    with pytest.raises(UserError, match=r"is no bundle: it has no bundle\.json"):
        bundle.load(tmp_path)
    with pytest.raises(UserError, match="is no bundle"):
        bundle.load(folder / bundle.NAME)
    for content in (b"{", b"\xff", b""):
        (folder / bundle.NAME).write_bytes(content)
        with pytest.raises(UserError, match="cannot be read"):
            bundle.load(folder)
    (folder / bundle.NAME).write_text("[]")
    with pytest.raises(UserError, match="holds None"):
        bundle.load(folder)


def test_damage_is_seen(folder):
    path = folder / bundle.load(folder).stages["toy"].file
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="its hash is another"):
        bundle.load(folder).params("toy", shapes())
    path.unlink()
    with pytest.raises(UserError, match="cannot be read: No such file"):
        bundle.load(folder).params("toy", shapes())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x80\x04K\x01.", "header too small"),  # a pickle
        (safetensors.numpy.save({"x": np.zeros(2, np.int64)}), "it holds numbers of dtype I64"),
    ],
)
def test_files_of_another_kind_are_refused(folder, data, message):
    stages = json.loads((folder / bundle.NAME).read_text())["stages"]
    (folder / stages["toy"]["file"]).write_bytes(data)
    stages["toy"]["sha256"] = hashlib.sha256(data).hexdigest()
    edited(folder, stages=stages)
    with pytest.raises(UserError, match=f"cannot be read as safetensors: .*{message}"):
        bundle.load(folder).params("toy", shapes())


def test_keys_are_strict(folder):
    loaded, wanted = bundle.load(folder), shapes()
    with pytest.raises(UserError, match=r"has no stage 'motion'\. It has toy"):
        loaded.params("motion", wanted)
    net = wanted.trainable
    more = wanted._replace(trainable={**net, "out": {"bias": jax.ShapeDtypeStruct((2,), "float32")}})
    with pytest.raises(UserError, match="missing: trainable/out/bias"):
        loaded.params("toy", more)
    with pytest.raises(UserError, match="unknown: frozen/time"):
        loaded.params("toy", wanted._replace(frozen={}))
    misshapen = {**net, "in": {**net["in"], "bias": jax.ShapeDtypeStruct((5,), "float32")}}
    with pytest.raises(UserError, match=r"trainable/in/bias \[4\] instead of \[5\]"):
        loaded.params("toy", wanted._replace(trainable=misshapen))


def test_what_cannot_be_kept_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"trainable/.* not finite as float16\. Keep it as bfloat16"):
        bundle.save(tmp_path / "b", "toy", params(1e6), TRAINING, dtype="float16")
    with pytest.raises(UserError, match=r"not finite\. Export an earlier step"):
        bundle.save(tmp_path / "b", "toy", params(np.nan), TRAINING)
    with pytest.raises(UserError, match="not kept as 'int8'"):
        bundle.save(tmp_path / "b", "toy", params(), TRAINING, dtype="int8")
    assert not (tmp_path / "b").exists()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be made"):
        bundle.save(tmp_path / "file", "toy", params(), TRAINING)

"""Body model files: what is read, and the one-line error for each way in which a file can be wrong."""

import os
import pickle

import jax
import numpy as np
import pytest

from tests.body import official_layout
from vlogger_jax.body import model_file, names
from vlogger_jax.core.errors import UserError

V = 80


@pytest.fixture(scope="module")
def contents():
    return official_layout.arrays(1, columns=20, vertices=V)


@pytest.fixture
def write(contents, tmp_path):
    """Write the small file, changed, and return its path; a value of None leaves the key out."""

    def write(**changes):
        arrays = {key: value for key, value in {**contents, **changes}.items() if value is not None}
        np.savez(tmp_path / "body.npz", **arrays)
        return tmp_path / "body.npz"

    return write


def refuse(path, **options):
    with pytest.raises(UserError) as caught:
        model_file.load(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


def test_official_size_and_dtypes(tmp_path):
    contents = official_layout.write(tmp_path / "SMPLX_NEUTRAL.npz", 0, columns=20)
    model = model_file.load(tmp_path / "SMPLX_NEUTRAL.npz")
    assert model.v_template.shape == (10475, 3)
    assert model.faces.shape == (20908, 3)
    assert model.posedirs.shape == (486, 10475, 3)
    np.testing.assert_array_equal(model.vertex_picks, names.SMPLX_VERTEX_PICKS)
    np.testing.assert_array_equal(model.posedirs[7], contents["posedirs"][..., 7].astype(np.float32))
    expected = contents["J_regressor"] @ contents["v_template"]
    np.testing.assert_allclose(model.joint_template, expected, atol=1e-7)
    assert contents["kintree_table"][0, 0] == 2**32 - 1


@pytest.mark.parametrize(("columns", "split"), [(400, (300, 100)), (20, (10, 10))])
def test_columns_divide_into_betas_and_expressions(tmp_path, columns, split):
    contents = official_layout.write(tmp_path / "body.npz", 2, columns=columns, vertices=V)
    model = model_file.load(tmp_path / "body.npz")
    assert (model.num_betas, model.num_expression) == split
    directions = contents["shapedirs"].astype(np.float32)
    np.testing.assert_array_equal(model.shapedirs, directions[..., : split[0]])
    np.testing.assert_array_equal(model.expression_dirs, directions[..., split[0] :])
    regressed = np.einsum("jv,vck->jck", contents["J_regressor"], contents["shapedirs"])
    np.testing.assert_allclose(model.joint_shapedirs, regressed[..., : split[0]], atol=1e-7)
    np.testing.assert_allclose(model.joint_expression_dirs, regressed[..., split[0] :], atol=1e-7)


def test_fewer_coefficients_are_the_first(tmp_path):
    path = tmp_path / "body.npz"
    contents = official_layout.write(path, 2, columns=400, vertices=V)
    model = model_file.load(path, num_betas=16, num_expression=50)
    assert (model.num_betas, model.num_expression) == (16, 50)
    directions = contents["shapedirs"].astype(np.float32)
    np.testing.assert_array_equal(model.shapedirs, directions[..., :16])
    np.testing.assert_array_equal(model.expression_dirs, directions[..., 300:350])
    assert model.joint_shapedirs.shape == (55, 3, 16)
    none = model_file.load(path, num_betas=0, num_expression=0)
    assert (none.num_betas, none.num_expression) == (0, 0)


def test_own_division_and_names_of_expressions(write):
    expressions = np.array([f"smile{i}" for i in range(14)])
    path = write(num_betas=np.array(6), expression_names=expressions)
    model = model_file.load(path)
    assert (model.num_betas, model.num_expression) == (6, 14)
    assert model.expression_names == tuple(expressions)
    assert model_file.load(path, num_expression=3).expression_names == ("smile0", "smile1", "smile2")


def test_float32_and_odd_dtypes_are_cast(tmp_path, contents):
    single = official_layout.write(tmp_path / "body.npz", 1, columns=20, vertices=V, dtype=np.float32)
    single["f"] = single["f"].astype(np.int64)
    np.savez(tmp_path / "body.npz", **single)
    model = model_file.load(tmp_path / "body.npz")
    np.testing.assert_array_equal(model.v_template, contents["v_template"].astype(np.float32))
    assert model.faces.dtype == np.int32
    assert model.lbs_weights.dtype == np.float32


def test_optional_keys_may_be_absent(write):
    optional = ("posedirs", "dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords", "vt", "ft", "joint2num", "part2num")
    model = model_file.load(write(**dict.fromkeys(optional)))
    assert model.posedirs is model.contour_faces is model.contour_bary is model.uv is model.uv_faces is None


def test_name_is_the_hash_of_the_file(write):
    path = write()
    name = model_file.load(path).name
    assert name.startswith("smplx-")
    assert len(name) == len("smplx-") + 12
    assert set(name[6:]) <= set("0123456789abcdef")
    (path.parent / "renamed.npz").write_bytes(path.read_bytes())
    assert model_file.load(path.parent / "renamed.npz").name == name
    assert model_file.load(path, num_betas=3).name == name
    assert model_file.load(write(hands_meanl=np.zeros(45))).name != name


def test_labels_come_from_the_joints(write, contents):
    model = model_file.load(write())
    for face in range(0, len(contents["f"]), 7):
        joint = names.JOINTS[contents["weights"][contents["f"][face]].sum(axis=0).argmax()]
        expected = {"head": "face skin", "jaw": "face skin", "neck": "neck", "left_eye": "sclera"}.get(joint)
        expected = expected or ("left hand" if joint.startswith(("left_index", "left_wrist")) else None)
        expected = expected or ("arms" if joint.endswith("elbow") else None)
        if expected:
            assert names.LABELS[model.labels[face]] == expected


def test_own_labels_are_kept(write, contents):
    labels = np.arange(len(contents["f"])) % 18
    np.testing.assert_array_equal(model_file.load(write(labels=labels)).labels, labels)


def test_every_joint_has_a_label():
    corners = np.arange(55)[:, None].repeat(3, axis=1)
    labels = model_file.labels_from_weights(np.eye(55, dtype=np.float32), corners)
    found = {names.JOINTS[i]: names.LABELS[label] for i, label in enumerate(labels)}
    assert found["right_thumb3"] == "right hand"
    assert found["left_wrist"] == "left hand"
    assert found["right_eye"] == "sclera"
    assert found["left_collar"] == found["spine2"] == "torso"
    assert found["left_shoulder"] == found["right_elbow"] == "arms"
    assert found["pelvis"] == found["right_foot"] == found["left_knee"] == "lower body"


def test_missing_file(tmp_path):
    assert refuse(tmp_path / "SMPLX.npz").startswith(f"there is no body model file {tmp_path / 'SMPLX.npz'}. Give")
    assert "there is no body model file" in refuse(tmp_path)
    assert "there is no body model file" in refuse(str(tmp_path / "SMPLX.npz"))


@pytest.mark.parametrize("name", ["SMPLX_NEUTRAL.pkl", "SMPLX_NEUTRAL.npz"])
def test_pickles_are_refused_by_content(tmp_path, contents, name):
    (tmp_path / name).write_bytes(pickle.dumps({"v_template": contents["v_template"]}))
    assert "is not an .npz archive. Download the .npz version" in refuse(tmp_path / name)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"hello", b"\x93NUMPY"])
def test_other_contents_are_refused(tmp_path, data):
    (tmp_path / "body.npz").write_bytes(data)
    assert "is not an .npz archive" in refuse(tmp_path / "body.npz")


def test_a_single_array_is_refused(tmp_path):
    np.save(tmp_path / "body.npy", np.zeros(3))
    assert "is not an .npz archive" in refuse(tmp_path / "body.npy")


class Malicious:
    """Unpickling this makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_is_ever_unpickled(write, tmp_path):
    trap = tmp_path / "sprung"
    array = np.array(Malicious(trap), object)
    model_file.load(write(joint2num=array, part2num=array, something_else=array))
    for key in ("v_template", "vt", "num_betas", "expression_names"):
        message = refuse(write(**{key: array}))
        assert f"{key!r} holds Python objects, which are never unpickled here. Save it as a plain array" in message
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Malicious(trap)))
    refuse(tmp_path / "raw.npz")
    np.save(tmp_path / "one.npy", array)
    refuse(tmp_path / "one.npy")
    assert not trap.exists()
    pickle.loads(pickle.dumps(Malicious(trap)))
    assert trap.exists()


@pytest.mark.parametrize(
    "key",
    [
        *("v_template", "f", "shapedirs", "J_regressor", "weights", "kintree_table", "hands_componentsl"),
        *("hands_componentsr", "hands_meanl", "hands_meanr", "lmk_faces_idx", "lmk_bary_coords"),
    ],
)
def test_missing_key_is_named(write, key):
    path = write(**{key: None})
    message = refuse(path)
    assert f"{path} lacks the key {key!r}" in message
    looks = "This looks like SMPL or SMPL-H; give" if key.startswith("hands_") else "Give"
    assert message.endswith(f". {looks} an SMPL-X model file.")


@pytest.mark.parametrize(
    ("key", "shape", "expected"),
    [
        ("v_template", (V, 4), f"({V}, 3)"),
        ("v_template", (3,), "(V, 3)"),
        ("f", (118, 4), "(118, 3)"),
        ("shapedirs", (V, 3), f"({V}, 3, K)"),
        ("shapedirs", (V - 1, 3, 20), f"({V}, 3, 20)"),
        ("posedirs", (V, 3, 207), f"({V}, 3, 486)"),
        ("J_regressor", (24, V), f"(55, {V})"),
        ("weights", (V, 24), f"({V}, 55)"),
        ("kintree_table", (2, 24), "(2, 55)"),
        ("hands_componentsr", (6, 45), "(45, 45)"),
        ("hands_meanl", (15, 3), "(45,)"),
        ("lmk_faces_idx", (68,), "(51,)"),
        ("lmk_bary_coords", (51, 2), "(51, 3)"),
        ("dynamic_lmk_faces_idx", (79, 16), "(79, 17)"),
        ("dynamic_lmk_bary_coords", (78, 17, 3), "(79, 17, 3)"),
        ("ft", (5, 3), "(118, 3)"),
        ("vertex_picks", (20,), "(21,)"),
        ("labels", (5,), "(118,)"),
        ("num_betas", (1,), "()"),
    ],
)
def test_wrong_shape_names_key_and_both_shapes(write, contents, key, shape, expected):
    dtype = contents[key].dtype if key in contents else np.int64
    message = refuse(write(**{key: np.zeros(shape, dtype)}))
    assert f"{key!r} has shape {shape}, expected {expected}. Give an SMPL-X model file." in message


@pytest.mark.parametrize(
    ("key", "limit"),
    [
        *(("f", V), ("ft", V + 838), ("lmk_faces_idx", 118), ("dynamic_lmk_faces_idx", 118)),
        *(("vertex_picks", V), ("labels", 18)),
    ],
)
@pytest.mark.parametrize("beyond", [0, -1])
def test_index_out_of_range_names_the_key(write, contents, key, limit, beyond):
    signed = contents.get(key, np.zeros(118)).astype(np.int64)
    index = (0,) * signed.ndim
    model_file.load(write(**{key: changed(signed, index, limit - 1)}))
    message = refuse(write(**{key: changed(signed, index, limit if beyond == 0 else -1)}))
    assert f"{key!r} points outside of {limit} entries. The file is damaged" in message


@pytest.mark.parametrize("key", ["v_template", "shapedirs", "posedirs", "weights", "hands_meanr", "lmk_bary_coords"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_values_that_are_not_finite_are_refused(write, contents, key, value):
    array = changed(contents[key], (0,) * contents[key].ndim, value)
    assert f"{key!r} holds values that are not finite in float32. The file is damaged" in refuse(write(**{key: array}))


@pytest.mark.parametrize(
    ("key", "array"),
    [
        ("v_template", np.full((V, 3), "x")),
        ("weights", np.zeros((V, 55), np.complex128)),
        ("hands_meanl", np.zeros(45, bool)),
        ("jaw_open_angle", np.array("0.3")),
    ],
)
def test_what_is_not_a_number_is_refused(write, key, array):
    assert f"{key!r} holds {array.dtype}, not numbers. Give an SMPL-X model file." in refuse(write(**{key: array}))


@pytest.mark.parametrize("key", ["f", "ft", "lmk_faces_idx", "dynamic_lmk_faces_idx", "vertex_picks", "kintree_table"])
@pytest.mark.parametrize("dtype", [np.float64, bool])
def test_indices_that_are_not_whole_numbers_are_refused(write, contents, key, dtype):
    message = refuse(write(**{key: contents[key].astype(dtype)}))
    assert f"{key!r} holds {np.dtype(dtype)}, not whole numbers. Give an SMPL-X model file." in message


@pytest.mark.parametrize(("key", "value"), [("num_betas", np.array(10.0)), ("labels", np.zeros(118))])
def test_counts_and_labels_that_are_not_whole_numbers_are_refused(write, key, value):
    assert f"{key!r} holds float64, not whole numbers." in refuse(write(**{key: value}))


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.uint32, np.int64, np.uint64])
def test_any_whole_numbers_are_indices(write, contents, dtype):
    model = model_file.load(write(f=contents["f"].astype(dtype), vertex_picks=contents["vertex_picks"].astype(dtype)))
    np.testing.assert_array_equal(model.faces, contents["f"])
    assert model.faces.dtype == model.vertex_picks.dtype == np.int32


@pytest.mark.parametrize(
    ("key", "shape"), [("v_template", (0, 3)), ("f", (0, 3)), ("vt", (0, 2)), ("hands_componentsl", (0, 45))]
)
def test_empty_arrays_are_refused(write, contents, key, shape):
    message = refuse(write(**{key: np.zeros(shape, contents[key].dtype)}))
    assert f"{key!r} is empty: its shape is {shape}. Give an SMPL-X model file." in message


@pytest.mark.parametrize("factor", [0.99, 1.01, 0.0])
def test_weights_that_do_not_sum_to_one_are_refused(write, contents, factor):
    weights = contents["weights"].copy()
    weights[7] *= factor
    assert f"'weights' of vertex 7 sum to {factor:.4g}, not 1. The file is damaged" in refuse(write(weights=weights))
    weights[7] = contents["weights"][7] * (1 + 5e-4)
    model_file.load(write(weights=weights))


def test_names_that_are_not_text_are_refused(write):
    assert "'expression_names' holds float64, not text." in refuse(write(expression_names=np.zeros(10)))


def test_as_many_names_as_expressions(write):
    message = refuse(write(expression_names=np.array(["a", "b"])))
    assert "'expression_names' has shape (2,), expected (10,)." in message


def test_as_many_names_as_betas(write):
    message = refuse(write(shape_names=np.array(["tall", "old"])))
    assert "'shape_names' has shape (2,), expected (10,)." in message
    names_of_six = np.array([f"shape{i}" for i in range(6)])
    assert model_file.load(write(num_betas=np.array(6), shape_names=names_of_six)).shape_names == tuple(names_of_six)


@pytest.mark.parametrize("read", [lambda path: model_file.default(), model_file.load])
def test_arrays_cannot_be_written_to(write, read):
    model = read(write())
    assert len(jax.tree.leaves(model)) >= 15
    assert not any(leaf.flags.writeable for leaf in jax.tree.leaves(model))
    with pytest.raises(ValueError, match="read-only"):
        model.v_template[0] = 0


@pytest.mark.parametrize("count", [-1, 21])
def test_division_outside_of_the_columns_is_refused(write, count):
    assert f"'num_betas' is {count}, but 'shapedirs' has 20 columns." in refuse(write(num_betas=np.array(count)))


def test_unknown_number_of_columns_needs_a_division(write, contents):
    fewer = contents["shapedirs"][..., :16]
    assert "'shapedirs' has 16 columns, not 400 (300 betas, 100 expressions) or 20" in refuse(write(shapedirs=fewer))
    model = model_file.load(write(shapedirs=fewer, num_betas=np.array(16)))
    assert (model.num_betas, model.num_expression) == (16, 0)


def test_half_a_contour_is_refused(write):
    for key in ("dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords"):
        assert f"lacks the key {key!r}" in refuse(write(**{key: None}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_betas": 11}, "holds 10 betas, not 11. Ask for at most 10."),
        ({"num_expression": 50}, "holds 10 expression coefficients, not 50. Ask for at most 10."),
        ({"num_betas": -1}, "holds 10 betas, not -1."),
    ],
)
def test_too_many_coefficients(write, options, message):
    assert message in refuse(write(), **options)


def test_other_skeletons_are_refused(write, contents):
    table = changed(contents["kintree_table"], (0, 30), 3)
    assert "'kintree_table' is not SMPL-X's skeleton" in refuse(write(kintree_table=table))


def test_root_may_be_written_in_any_way(write, contents):
    signed = changed(contents["kintree_table"].astype(np.int64), (0, 0), -1)
    model_file.load(write(kintree_table=signed))


def test_other_meshes_need_their_own_picks(write):
    message = refuse(write(vertex_picks=None))
    assert f"'v_template' has shape ({V}, 3), expected (10475, 3)" in message
    assert "vertex_picks" in message


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.98])
def test_truncated_file(write, kept):
    path = write()
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    assert "is not an .npz archive" in refuse(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_bytes(tmp_path, contents, save):
    save(tmp_path / "body.npz", **contents)
    data = bytearray((tmp_path / "body.npz").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "body.npz").write_bytes(data)
    assert "cannot be read. The file is damaged; get it again." in refuse(tmp_path / "body.npz")

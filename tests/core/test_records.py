"""Records are pytrees that check themselves when made by hand and never when JAX takes them apart."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vlogger_jax.core.records import BACKGROUND, AudioFeatures, Camera, Clip, Controls, GBuffer, Motion


def motion(*batch, frames=3, xp=np, **changes):
    def zeros(*shape):
        return xp.zeros((*batch, *shape), xp.float32)

    fields = {
        "betas": zeros(10),
        "expression": zeros(frames, 5),
        "global_orient": zeros(frames, 3),
        "body_pose": zeros(frames, 21, 3),
        "jaw_pose": zeros(frames, 3),
        "leye_pose": zeros(frames, 3),
        "reye_pose": zeros(frames, 3),
        "left_hand_pose": zeros(frames, 15, 3),
        "right_hand_pose": zeros(frames, 15, 3),
        "transl": zeros(frames, 3),
        "fps": 24.0,
        "body": "default-v1",
    }
    return Motion(**{**fields, **changes})


def camera(*batch, **changes):
    fields = {
        "focal": np.ones(batch, np.float32),
        "principal": np.ones((*batch, 2), np.float32),
        "rotation": np.ones((*batch, 3, 3), np.float32),
        "translation": np.ones((*batch, 3), np.float32),
        "size": (4, 6),
    }
    return Camera(**{**fields, **changes})


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_leading_dimensions_are_free(batch):
    assert motion(*batch).transl.shape == (*batch, 3, 3)
    assert camera(*batch).principal.shape == (*batch, 2)


def test_flatten_and_unflatten_give_the_same_record():
    before = motion(transl=np.arange(9, dtype=np.float32).reshape(3, 3))
    leaves, tree = jax.tree.flatten(before)
    after = jax.tree.unflatten(tree, leaves)
    assert type(after) is Motion
    assert len(leaves) == 10
    for field in dataclasses.fields(Motion):
        assert getattr(after, field.name) is getattr(before, field.name)


def test_static_fields_are_structure_not_leaves():
    assert jax.tree.structure(motion()) == jax.tree.structure(motion())
    assert jax.tree.structure(motion(fps=25.0)) != jax.tree.structure(motion())
    assert jax.tree.structure(motion(body="smplx-0123456789ab")) != jax.tree.structure(motion())
    assert jax.tree.structure(camera(size=(4, 5))) != jax.tree.structure(camera())
    hash(jax.tree.structure(motion()))
    with pytest.raises(ValueError, match="default-v1"):
        jax.tree.map(lambda a, b: a, motion(), motion(body="smplx-0123456789ab"))


def test_none_leaves_pass():
    clip = Clip(frames=np.zeros((2, 4, 4, 3), np.uint8), fps=24.0)
    assert clip.waveform is None
    assert len(jax.tree.leaves(clip)) == 1
    again = jax.tree.map(lambda x: x + 1, clip)
    assert again.waveform is None
    assert again.frames.dtype == np.uint8
    empty = jax.tree.map(lambda x: None, motion())
    assert empty.transl is None
    assert jax.tree.leaves(empty) == []


def test_key_paths_are_attribute_names():
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path({"m": motion()})]
    assert paths[0] == "['m'].betas"
    assert "['m'].left_hand_pose" in paths


def test_shape_structs_go_in_and_out_unchecked():
    structs = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), motion())
    assert structs.body_pose.shape == (3, 21, 3)
    arrays = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), structs)
    assert jax.tree.structure(arrays) == jax.tree.structure(motion())
    batched = jax.tree.map(lambda s: jax.sharding.PartitionSpec("data"), structs)
    assert batched.fps == 24.0


def test_jit_takes_and_gives_records():
    @jax.jit
    def shift(m):
        assert m.body == "default-v1"
        return dataclasses.replace(m, transl=m.transl + 1)

    out = shift(motion())
    assert isinstance(out, Motion)
    np.testing.assert_array_equal(out.transl, np.ones((3, 3)))
    assert out.fps == 24.0


def test_eval_shape_gives_a_record_of_structs():
    out = jax.eval_shape(lambda m: dataclasses.replace(m, expression=m.expression[..., :2]), motion(2))
    assert out.expression.shape == (2, 3, 2)


def test_vmap_maps_every_field():
    batched = motion(4, xp=jnp)
    out = jax.vmap(lambda m: motion(xp=jnp, transl=m.transl + m.betas[0]))(batched)
    assert out.transl.shape == (4, 3, 3)
    assert out.betas.shape == (4, 10)


def test_scan_carries_and_stacks_records():
    def step(carry, value):
        carry = dataclasses.replace(carry, transl=carry.transl + value)
        return carry, carry

    last, stack = jax.lax.scan(step, motion(xp=jnp), jnp.ones(5))
    np.testing.assert_array_equal(last.transl, np.full((3, 3), 5))
    assert stack.transl.shape == (5, 3, 3)
    np.testing.assert_array_equal(stack.transl[:, 0, 0], [1, 2, 3, 4, 5])


def test_grad_is_a_record():
    gradient = jax.grad(lambda m: (m.transl**2).sum())(motion(xp=jnp, transl=jnp.ones((3, 3))))
    assert isinstance(gradient, Motion)
    np.testing.assert_array_equal(gradient.transl, np.full((3, 3), 2))
    np.testing.assert_array_equal(gradient.betas, np.zeros(10))


@pytest.mark.parametrize(
    ("field", "shape"),
    [
        ("jaw_pose", (4, 3)),  # another number of frames than the fields before it
        ("transl", (3, 4)),
        ("body_pose", (3, 63)),
        ("left_hand_pose", (3, 12)),
        ("betas", (2, 10)),
        ("right_hand_pose", (2, 3, 15, 3)),
    ],
)
def test_shape_that_does_not_fit_names_the_field(field, shape):
    with pytest.raises(ValueError, match=r"Motion\.\w+ is float32 \(.*\); expected Float32 \(\*b") as caught:
        motion(**{field: np.zeros(shape, np.float32)})
    if field != "betas":  # the first field sets the batch, so that a later one is named
        assert f"Motion.{field}" in str(caught.value)


def test_a_shape_is_checked_against_the_fields_before_it():
    with pytest.raises(
        ValueError, match=r"jaw_pose is float32 \(4, 3\); expected .* \(\*b t 3\) with t = 3 as elsewhere$"
    ):
        motion(jaw_pose=np.zeros((4, 3), np.float32))
    with pytest.raises(ValueError, match=r"transl is float32 \(3, 3\); expected .* with \*b = \(2,\) as elsewhere$"):
        dataclasses.replace(motion(2), transl=np.zeros((3, 3), np.float32))
    with pytest.raises(ValueError, match=r"translation is float32 \(3,\); expected .* with \*b = \(5,\) as elsewhere$"):
        camera(5, translation=np.zeros(3, np.float32))
    with pytest.raises(ValueError, match=r"transl is float32 \(3,\); expected Float32 \(\*b t 3\)$"):
        motion(transl=np.zeros(3, np.float32))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, jnp.bfloat16])
def test_other_floats_come_in_by_tree_map_only(dtype):
    with pytest.raises(ValueError, match=rf"Motion\.transl is {np.dtype(dtype)} \(3, 3\); expected Float32"):
        motion(transl=np.zeros((3, 3), dtype))
    assert jax.tree.map(lambda leaf: leaf.astype(dtype), motion()).transl.dtype == dtype


@pytest.mark.parametrize("fps", [24, 24.0, 23.976, np.float32(25)])
def test_any_positive_rate(fps):
    assert hash(jax.tree.structure(motion(fps=fps))) == hash(jax.tree.structure(motion(fps=fps)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: motion(fps=0), r"Motion\.fps is 0; expected a positive number"),
        (lambda: motion(fps=-24.0), r"Motion\.fps is -24\.0; expected a positive number"),
        (lambda: motion(fps=float("nan")), r"Motion\.fps is nan; expected a positive number"),
        (lambda: motion(fps=float("inf")), r"Motion\.fps is inf; expected a positive number"),
        (lambda: motion(fps="24"), r"Motion\.fps is '24'; expected a positive number"),
        (lambda: motion(fps=np.array([24.0])), r"Motion\.fps is array\(.*\); expected a positive number"),
        (lambda: motion(body=None), r"Motion\.body is None; expected the name of a body"),
        (lambda: camera(size=[4, 6]), r"Camera\.size is \[4, 6\]; expected a tuple of two positive whole numbers"),
        (lambda: camera(size=(4, 6, 3)), r"Camera\.size is \(4, 6, 3\)"),
        (lambda: camera(size=(4, 0)), r"Camera\.size is \(4, 0\)"),
        (lambda: camera(size=(4.0, 6.0)), r"Camera\.size is \(4\.0, 6\.0\)"),
    ],
)
def test_wrong_static_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: motion(jaw_pose=np.zeros((3, 3), np.int32)), r"Motion\.jaw_pose is int32 \(3, 3\); expected Float32"),
        (lambda: motion(transl=None), r"Motion\.transl is None; expected Float32 \(\*b t 3\)"),
        (lambda: motion(transl=[[0.0, 0, 0]] * 3), r"Motion\.transl is \[\[0\.0, 0, 0\]"),
        (lambda: camera(focal=3.0), r"Camera\.focal is 3\.0; expected Float32"),
        (lambda: camera(rotation=np.eye(2, dtype=np.float32)), r"Camera\.rotation is float32 \(2, 2\)"),
        (lambda: Clip(frames=np.zeros((2, 4, 4, 3), np.float32), fps=24.0), r"Clip\.frames is float32 .*UInt8"),
        (lambda: Clip(frames=np.zeros((2, 4, 4, 3), np.uint8), waveform=np.zeros(5, np.int16), fps=24.0), "waveform"),
        (lambda: AudioFeatures(mel=np.zeros((3, 4, 81), np.float32), fps=24.0), r"AudioFeatures\.mel"),
    ],
)
def test_wrong_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_union_with_none_describes_both():
    with pytest.raises(ValueError, match=r"expected Float32 \(\*b s\) or NoneType"):
        Clip(frames=np.zeros((2, 4, 4, 3), np.uint8), waveform=[0.0], fps=24.0)


def test_image_records_hold_the_declared_integers():
    buffer = GBuffer(face_index=np.full((2, 4, 6), BACKGROUND, np.uint16), bary=np.zeros((2, 4, 6, 2), np.uint8))
    assert buffer.face_index.max() == BACKGROUND
    with pytest.raises(ValueError, match=r"GBuffer\.face_index is int32"):
        dataclasses.replace(buffer, face_index=buffer.face_index.astype(np.int32))
    colour, plane = np.zeros((2, 4, 6, 3), np.uint8), np.zeros((2, 4, 6), np.uint8)
    fields = {"label": plane, "warp_uv": np.zeros((2, 4, 6, 2), np.float32), "warp_mask": plane > 0, "warp": colour}
    fields |= {"composite": colour, "matte": plane, "dense": colour.astype(np.uint16)}
    Controls(**fields)
    with pytest.raises(ValueError, match=r"Controls\.warp_mask is uint8"):
        Controls(**{**fields, "warp_mask": plane})


def test_records_are_frozen_keyword_only_and_compared_by_identity():
    one = motion()
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.fps = 25.0
    with pytest.raises(TypeError):
        AudioFeatures(np.zeros((3, 4, 80), np.float32), 24.0)
    assert one == one
    assert one != motion()


def test_replace_checks_again():
    with pytest.raises(ValueError, match=r"Motion\.transl"):
        dataclasses.replace(motion(), transl=np.zeros((3, 2), np.float32))


def test_missing_field_is_a_type_error():
    with pytest.raises(TypeError, match="fps"):
        AudioFeatures(mel=np.zeros((3, 4, 80), np.float32))

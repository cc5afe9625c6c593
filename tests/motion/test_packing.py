"""Motion as numbers and back: what 0 is, what a turn is, and whose it may become."""

import dataclasses

import jax
import numpy as np
import pytest

from tests.motion import made
from vlogger_jax.body import names, rotation
from vlogger_jax.core import typing
from vlogger_jax.core.errors import UserError
from vlogger_jax.motion import packing
from vlogger_jax.motion.packing import ARMS, HEAD, LEGS, ONES, PARTS, POSE, TORSO, Packing, PerPart
from vlogger_jax.motion.retarget import retarget

E = 5
DEVIATIONS = PerPart(**{name: 0.1 * (i + 1) for i, name in enumerate(PARTS)})
PACKING = Packing(E, DEVIATIONS)


def with_legs_of(motion, reference):
    pose = motion.body_pose.copy()
    pose[..., LEGS, :] = reference.body_pose[..., LEGS, :]
    return dataclasses.replace(motion, body_pose=pose)


def test_there_and_back_is_the_motion_but_for_legs_and_shape():
    motion, reference = made.motion(0, 7), made.motion(1, 1)
    back = PACKING.unpack(PACKING.pack(motion, reference), reference)
    made.same(back, with_legs_of(motion, reference))
    np.testing.assert_array_equal(back.betas, reference.betas)
    assert (back.fps, back.body) == (reference.fps, reference.body)


def test_zero_is_the_pose_of_the_reference_with_a_face_at_rest():
    reference = made.motion(2, 1)
    packed = PACKING.pack(reference, reference)
    np.testing.assert_allclose(packed[:, PACKING.face :], 0, atol=2e-5)
    still = PACKING.unpack(np.zeros((3, PACKING.d), np.float32), reference)
    at_rest = {name: 0 * getattr(reference, name) for name in made.FACE}
    made.same(still, dataclasses.replace(reference, **at_rest))


def test_a_nod_by_hand():
    """Head turned by 0.3 about x, from a head tilted by 0.5 about z: columns (1, 0, 0) and (0, cos, sin), less I."""
    reference = made.motion(0, 1, spread=0.0)
    reference.body_pose[0, names.JOINTS.index("head") - 1] = (0, 0, 0.5)
    motion = made.motion(0, 1, spread=0.0)
    turn = rotation.matmul(*(rotation.axis_angle_to_matrix(np.float32(a)) for a in ([0, 0, 0.5], [0.3, 0, 0])))
    motion.body_pose[0, names.JOINTS.index("head") - 1] = rotation.matrix_to_axis_angle(turn)
    motion.transl[:] = (0.1, 0.2, 0.3)
    reference.transl[:] = (0.1, 0.1, 0.1)
    found = Packing(E, dataclasses.replace(ONES, head=0.5, transl=0.1)).pack(motion, reference)[0]
    wanted = np.zeros(PACKING.d)
    head = E + 9 + 6 + 18 + 6  # after the face, the root, the spine and the neck
    wanted[head : head + 6] = np.array([0, 0, 0, 0, np.cos(0.3) - 1, np.sin(0.3)]) / 0.5
    wanted[-3:] = (0, 1, 2)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_face_is_taken_as_it_is():
    motion, reference = made.motion(3, 4), made.motion(4, 1)
    packed, columns = PACKING.pack(motion, reference), PACKING.columns
    for name, field in zip(("expression", "jaw", "left_eye", "right_eye"), made.FACE, strict=True):
        wanted = getattr(motion, field) / getattr(DEVIATIONS, name)
        np.testing.assert_allclose(packed[:, columns[name]], wanted, rtol=1e-6)


def test_columns_cover_x():
    columns = PACKING.columns
    assert list(columns) == list(PARTS)
    assert [where.start for where in columns.values()] == [0, *(where.stop for where in columns.values())][:-1]
    assert columns["transl"].stop == PACKING.d == E + 9 + 6 * (1 + 3 + 2 + 8 + 30) + 3
    assert PACKING.face == E + 9
    found = PACKING.spread(DEVIATIONS)
    assert found.shape == (PACKING.d,)
    for name, where in columns.items():
        assert (found[where] == np.float32(getattr(DEVIATIONS, name))).all()


def test_every_joint_of_the_body_is_in_one_part():
    assert sorted([*LEGS, *HEAD, *TORSO, *ARMS]) == list(range(21))
    for rows, words in (
        (LEGS, {"hip", "knee", "ankle", "foot"}),
        (HEAD, {"neck", "head"}),
        (ARMS, {"collar", "shoulder", "elbow", "wrist"}),
    ):
        assert {names.JOINTS[row + 1].split("_")[-1] for row in rows} == words


def test_somebody_who_does_the_same_from_another_pose_has_the_same_numbers():
    motion, reference, other = made.motion(5, 6), made.motion(6, 1), made.motion(7, 1)
    turned = {}
    for name, matrices in made.turns(motion).items():
        start, there = made.turns(reference)[name], made.turns(other)[name]
        change = rotation.matmul(np.swapaxes(start, -1, -2), matrices)
        turned[name] = rotation.matrix_to_axis_angle(rotation.matmul(there, change))
    turned["transl"] = motion.transl - reference.transl + other.transl
    of_other = dataclasses.replace(motion, **turned)
    np.testing.assert_allclose(PACKING.pack(of_other, other), PACKING.pack(motion, reference), atol=5e-5)


def test_unpacked_onto_another_is_retargeted():
    motion, source, target = made.motion(8, 6), made.motion(9, 1), made.motion(10, 1)
    made.same(PACKING.unpack(PACKING.pack(motion, source), target), retarget(motion, source, target))


def test_relative_to_rest():
    """Turns and place are the numbers themselves, and shape, face and legs stay the reference's."""
    model = made.model(relative_to="rest")
    reference, motion = made.motion(11, 1), made.motion(12, 3)
    origin = model.origin(reference)
    packed = model.packing.pack(motion, origin)
    head = model.packing.columns["head"]
    wanted = rotation.matrix_to_sixd(made.turns(motion)["body_pose"][:, HEAD]) - [1, 0, 0, 0, 1, 0]
    np.testing.assert_allclose(packed[:, head], wanted.reshape(3, -1), atol=1e-6)
    np.testing.assert_array_equal(packed[:, model.packing.columns["transl"]], motion.transl)
    for name in ("betas", *made.FACE):
        np.testing.assert_array_equal(getattr(origin, name), getattr(reference, name))
    legs = np.isin(np.arange(21), LEGS)
    np.testing.assert_array_equal(origin.body_pose[:, legs], reference.body_pose[:, legs])
    assert not any(np.asarray(getattr(origin, name)).any() for name in ("global_orient", "transl", "left_hand_pose"))
    assert not origin.right_hand_pose.any() and not origin.body_pose[:, ~legs].any()
    made.same(model.packing.unpack(packed, origin), with_legs_of(motion, reference))
    batch = made.motion(11, 2, 1)
    made.same(made.clip(model.origin(batch), 1), model.origin(made.clip(batch, 1)))
    assert made.model().origin(reference) is reference


def test_what_the_network_is_shown_of_a_reference():
    reference = made.motion(13, 1)
    pose = PACKING.pose(reference)
    assert pose.shape == (1, POSE)
    still = made.motion(0, 1, spread=0.0)
    np.testing.assert_allclose(PACKING.pose(still), 0, atol=1e-7)
    ones = Packing(E)
    np.testing.assert_allclose(pose, ones.pack(reference, still)[:, ones.face : -3], atol=1e-6)
    face = PACKING.expression(reference)
    np.testing.assert_array_equal(face, PACKING.pack(reference, still)[:, : PACKING.face])
    turned = dataclasses.replace(made.motion(20, 1), **{name: getattr(reference, name) for name in made.FACE})
    np.testing.assert_array_equal(PACKING.expression(turned), face)


def test_batches():
    motion, reference = made.motion(14, 2, 3, 4), made.motion(15, 2, 3, 1)
    packed = PACKING.pack(motion, reference)
    back = PACKING.unpack(packed, reference)
    for i, j in ((0, 0), (1, 2)):
        one = PACKING.pack(made.clip(motion, i, j), made.clip(reference, i, j))
        np.testing.assert_allclose(packed[i, j], one, atol=1e-5)
    made.same(back, with_legs_of(motion, reference))


def test_packed_under_jit_as_on_numpy():
    motion, reference = made.motion(16, 4), made.motion(17, 1)
    np.testing.assert_allclose(jax.jit(PACKING.pack)(motion, reference), PACKING.pack(motion, reference), atol=5e-5)


@pytest.mark.slow
def test_unpacked_under_jit_as_on_numpy():
    reference = made.motion(17, 1)
    packed = PACKING.pack(made.motion(16, 4), reference)
    made.same(jax.jit(PACKING.unpack)(packed, reference), PACKING.unpack(packed, reference), 1e-5)


def test_numpy_never_touches_a_device(monkeypatch):
    monkeypatch.setattr(typing, "jnp", None)
    for module in (packing, rotation):
        assert not hasattr(module, "jnp") and not hasattr(module, "jax")
    motion, reference = made.motion(18, 4), made.motion(19, 1)
    back = PACKING.unpack(PACKING.pack(motion, reference), reference)
    assert {type(getattr(back, name)) for name in (*made.TURNS, *made.FACE, "transl")} == {np.ndarray}
    assert {getattr(back, name).dtype for name in (*made.TURNS, *made.FACE, "transl")} == {np.dtype(np.float32)}


@pytest.mark.parametrize("deviation", [0.0, -1.0])
def test_deviations_that_cannot_be(deviation):
    with pytest.raises(UserError, match="deviations of motion are"):
        Packing(E, PerPart(arms=deviation))

"""Posing against a slow float64 reference written from the published maths, closed forms of one bone, and gradients."""

import dataclasses
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params
from scipy.spatial.transform import Rotation

from tests.body import official_layout
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion

JOINT = {name: i for i, name in enumerate(names.JOINTS)}
NECK_CHAIN = ("pelvis", "spine1", "spine2", "spine3", "neck")
HALF = np.float32(np.pi / 2)


@pytest.fixture(scope="module")
def contents():
    return official_layout.arrays(3, columns=20, vertices=120)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("body") / "small.npz"
    official_layout.write(path, 3, columns=20, vertices=120)
    return model_file.load(path)


@pytest.fixture(scope="module")
def no_correctives(model):
    return dataclasses.replace(model, posedirs=None)


def random_motion(model, seed, *batch, frames=2, size=0.5):
    random = np.random.default_rng(seed)
    rest = smplx.rest_motion(model, frames)

    def draw(leaf):
        return (size * random.standard_normal((*batch, *leaf.shape))).astype(np.float32)

    return jax.tree.map(draw, rest)


def turned(model, **poses):
    """The rest pose with the named joints' axis-angles set, one frame."""
    motion = smplx.rest_motion(model)
    body = motion.body_pose.copy()
    fields = {}
    for joint, axis_angle in poses.items():
        if 1 <= JOINT[joint] <= 21:
            body[0, JOINT[joint] - 1] = axis_angle
        else:
            field = {"pelvis": "global_orient", "jaw": "jaw_pose"}[joint]
            fields[field] = np.asarray(axis_angle, np.float32)[None]
    return dataclasses.replace(motion, body_pose=body, **fields)


def reference(contents, motion, frame):
    """One frame of SMPL-X in float64 loops, from the file's arrays: vertices, joints."""
    pose = [motion.global_orient, *np.moveaxis(motion.body_pose, 1, 0), motion.jaw_pose, motion.leye_pose]
    pose += [motion.reye_pose, *np.moveaxis(motion.left_hand_pose, 1, 0), *np.moveaxis(motion.right_hand_pose, 1, 0)]
    turn = [Rotation.from_rotvec(axis_angle[frame]).as_matrix() for axis_angle in pose]
    coefficients = np.concatenate([motion.betas, motion.expression[frame]]).astype(float)
    shaped = contents["v_template"].copy()
    for k, coefficient in enumerate(coefficients):
        shaped += coefficient * contents["shapedirs"][:, :, k]
    rest = contents["J_regressor"] @ shaped
    feature = np.concatenate([(turn[i] - np.eye(3)).ravel() for i in range(1, 55)])
    bent = shaped + contents["posedirs"] @ feature
    rigid = []
    for i, parent in enumerate(names.PARENTS):
        local = np.eye(4)
        local[:3, :3] = turn[i]
        local[:3, 3] = rest[i] - (rest[parent] if parent >= 0 else 0)
        rigid.append(rigid[parent] @ local if parent >= 0 else local)
    posed = np.array([transform[:3, 3] for transform in rigid])
    vertices = np.zeros_like(bent)
    for v in range(len(bent)):
        for i in range(55):
            moved = rigid[i][:3, :3] @ (bent[v] - rest[i]) + posed[i]
            vertices[v] += contents["weights"][v, i] * moved
    neck = np.linalg.multi_dot([turn[JOINT[name]] for name in NECK_CHAIN])
    yaw = -np.degrees(np.arctan2(-neck[2, 0], np.hypot(neck[0, 0], neck[1, 0])))
    row = round(min(yaw, 39))
    row = 78 if row < -39 else 39 - row if row < 0 else row
    faces = [*contents["lmk_faces_idx"], *contents["dynamic_lmk_faces_idx"][row]]
    weights = [*contents["lmk_bary_coords"], *contents["dynamic_lmk_bary_coords"][row]]
    landmarks = [w @ vertices[contents["f"][face]] for face, w in zip(faces, weights, strict=True)]
    joints = np.concatenate([posed, vertices[contents["vertex_picks"]], landmarks])
    return vertices + motion.transl[frame], joints + motion.transl[frame]


@pytest.mark.parametrize("seed", range(4))
def test_matches_the_slow_reference(contents, model, seed):
    motion = random_motion(model, seed)
    posed = smplx.pose(model, motion)
    assert posed.joints.shape == (2, 55 + 21 + 51 + 17, 3)
    for frame in range(2):
        vertices, joints = reference(contents, motion, frame)
        np.testing.assert_allclose(posed.vertices[frame], vertices, atol=2e-6)
        np.testing.assert_allclose(posed.joints[frame], joints, atol=2e-6)


@pytest.mark.parametrize("degrees", [0.0, 7.4, 7.6, 38.7, 60.0, 120.0, -0.3, -0.7, -38.7, -39.4, -41.0, -80.0])
def test_contour_follows_the_yaw_of_the_neck(contents, model, degrees):
    yaw = np.radians(degrees) * np.array([0, 0.5, 0])
    motion = turned(model, pelvis=yaw, neck=yaw)
    _, joints = reference(contents, motion, 0)
    np.testing.assert_allclose(smplx.pose(model, motion).joints[0], joints, atol=1e-6)


def test_rest_pose_is_the_template(model):
    posed = smplx.pose(model, smplx.rest_motion(model, frames=3))
    np.testing.assert_allclose(posed.vertices, np.broadcast_to(model.v_template, posed.vertices.shape), atol=1e-6)
    joints = np.broadcast_to(model.joint_template, (3, 55, 3))
    np.testing.assert_allclose(posed.joints[:, :55], joints, atol=1e-6)
    np.testing.assert_array_equal(posed.joint_rotation, np.broadcast_to(np.eye(3), (3, 55, 3, 3)))


def test_shape_and_expression_add_their_directions(model):
    motion = smplx.rest_motion(model)
    motion = dataclasses.replace(motion, betas=np.eye(10, dtype=np.float32)[2] * 2)
    expected = model.v_template + 2 * model.shapedirs[..., 2]
    np.testing.assert_allclose(smplx.pose(model, motion).vertices[0], expected, atol=1e-6)
    motion = dataclasses.replace(motion, betas=motion.betas * 0, expression=np.eye(10, dtype=np.float32)[None, 4])
    expected = model.v_template + model.expression_dirs[..., 4]
    np.testing.assert_allclose(smplx.pose(model, motion).vertices[0], expected, atol=1e-6)


def test_a_body_may_keep_no_coefficients(model):
    none = dataclasses.replace(
        model,
        shapedirs=model.shapedirs[..., :0],
        expression_dirs=model.expression_dirs[..., :0],
        joint_shapedirs=model.joint_shapedirs[..., :0],
        joint_expression_dirs=model.joint_expression_dirs[..., :0],
    )
    np.testing.assert_allclose(smplx.pose(none, smplx.rest_motion(none)).vertices[0], model.v_template, atol=1e-6)


def test_joints_follow_shape_and_expression(contents, model):
    motion = random_motion(model, 5)
    still = smplx.rest_motion(model, 2)
    posed = smplx.pose(model, dataclasses.replace(still, betas=motion.betas, expression=motion.expression))
    expected = np.einsum("jv,tvk->tjk", contents["J_regressor"], posed.vertices)
    np.testing.assert_allclose(posed.joints[:, :55], expected, atol=2e-6)


def test_an_elbow_moves_the_hand_on_a_circle(no_correctives):
    model = no_correctives
    elbow, wrist = model.joint_template[[JOINT["left_elbow"], JOINT["left_wrist"]]]
    for angle in (0.3, HALF, 2.0):
        posed = smplx.pose(model, turned(model, left_elbow=(0, 0, angle)))
        arm = wrist - elbow
        cos, sin = np.cos(angle), np.sin(angle)
        expected = elbow + np.array([cos * arm[0] - sin * arm[1], sin * arm[0] + cos * arm[1], arm[2]])
        np.testing.assert_allclose(posed.joints[0, JOINT["left_wrist"]], expected, atol=1e-6)
        still = [JOINT[name] for name in ("pelvis", "head", "left_elbow", "right_wrist")]
        np.testing.assert_allclose(posed.joints[0, still], model.joint_template[still], atol=1e-6)


def test_a_vertex_of_one_joint_turns_about_it(no_correctives):
    wrist = JOINT["right_wrist"]
    weights = np.zeros_like(no_correctives.lbs_weights)
    weights[:, wrist] = 1
    model = dataclasses.replace(no_correctives, lbs_weights=weights)
    posed = smplx.pose(model, turned(model, right_wrist=(HALF, 0, 0)))
    x, y, z = (model.v_template - model.joint_template[wrist]).T
    expected = model.joint_template[wrist] + np.stack([x, -z, y], axis=-1)
    np.testing.assert_allclose(posed.vertices[0], expected, atol=1e-6)


def test_weights_blend_the_rigid_motions(no_correctives):
    elbow = JOINT["left_elbow"]
    weights = np.zeros_like(no_correctives.lbs_weights)
    weights[:, elbow], weights[:, JOINT["pelvis"]] = 0.25, 0.75
    model = dataclasses.replace(no_correctives, lbs_weights=weights)
    posed = smplx.pose(model, turned(model, left_elbow=(0, 0, HALF)))
    x, y, z = (model.v_template - model.joint_template[elbow]).T
    moved = model.joint_template[elbow] + np.stack([-y, x, z], axis=-1)
    np.testing.assert_allclose(posed.vertices[0], 0.25 * moved + 0.75 * model.v_template, atol=1e-6)


def test_orientation_turns_about_the_pelvis_not_the_origin(no_correctives):
    model = no_correctives
    posed = smplx.pose(model, turned(model, pelvis=(0, HALF, 0)))
    pelvis = model.joint_template[0]
    x, y, z = (model.v_template - pelvis).T
    np.testing.assert_allclose(posed.vertices[0], pelvis + np.stack([z, y, -x], axis=-1), atol=1e-6)
    np.testing.assert_allclose(posed.joints[0, 0], pelvis, atol=1e-7)


def test_translation_is_not_rotated(model):
    motion = turned(model, pelvis=(0.3, 1.0, -0.2), left_knee=(0.5, 0, 0))
    step = np.array([[1.0, 2.0, -3.0]], np.float32)
    before, after = (smplx.pose(model, dataclasses.replace(motion, transl=t)) for t in (0 * step, step))
    np.testing.assert_allclose(after.vertices - before.vertices, step + 0 * before.vertices, atol=1e-6)
    np.testing.assert_allclose(after.joints - before.joints, step + 0 * before.joints, atol=1e-6)
    np.testing.assert_array_equal(after.joint_rotation, before.joint_rotation)


def test_correctives_follow_the_joints_but_not_the_root(model):
    bend = (0.0, 0.0, HALF)
    straight = dataclasses.replace(model, posedirs=None)
    root = turned(model, pelvis=bend)
    np.testing.assert_allclose(smplx.pose(model, root).vertices, smplx.pose(straight, root).vertices, atol=1e-7)
    weights = np.zeros_like(model.lbs_weights)
    weights[:, 0] = 1
    model, straight = (dataclasses.replace(m, lbs_weights=weights) for m in (model, straight))
    jaw = turned(model, jaw=bend)
    offsets = np.array([[-1, -1, 0], [1, -1, 0], [0, 0, 0]], np.float32).ravel()
    start = 9 * (JOINT["jaw"] - 1)
    expected = np.tensordot(offsets, model.posedirs[start : start + 9], axes=1)
    got = smplx.pose(model, jaw).vertices[0] - smplx.pose(straight, jaw).vertices[0]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_full_pose_is_in_the_order_of_the_joints(model):
    motion = random_motion(model, 6)
    pose = smplx.full_pose(motion)
    assert pose.shape == (2, 55, 3)
    for name, value in {
        "pelvis": motion.global_orient,
        "left_hip": motion.body_pose[:, 0],
        "right_wrist": motion.body_pose[:, 20],
        "jaw": motion.jaw_pose,
        "left_eye": motion.leye_pose,
        "right_eye": motion.reye_pose,
        "left_index1": motion.left_hand_pose[:, 0],
        "left_thumb3": motion.left_hand_pose[:, 14],
        "right_pinky2": motion.right_hand_pose[:, 7],
    }.items():
        np.testing.assert_array_equal(pose[:, JOINT[name]], value)


@pytest.fixture(scope="module")
def jitted():
    return jax.jit(smplx.pose)


def assert_same(ours, theirs, atol=1e-6):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=atol), ours, theirs)


def test_numpy_equals_jax(model, jitted):
    motion = random_motion(model, 7)
    ours = smplx.pose(model, motion)
    assert all(isinstance(leaf, np.ndarray) and leaf.dtype == np.float32 for leaf in jax.tree.leaves(ours))
    theirs = jitted(model, motion)
    assert all(isinstance(leaf, jax.Array) and leaf.dtype == np.float32 for leaf in jax.tree.leaves(theirs))
    assert_same(ours, theirs)


@pytest.mark.parametrize("batch", [(2,), (2, 3)])
def test_batch_dimensions_are_those_of_single_motions(model, jitted, batch):
    motion = random_motion(model, 8, *batch)
    together = smplx.pose(model, motion)
    assert together.vertices.shape == (*batch, 2, 120, 3)
    for index in np.ndindex(batch):
        alone = smplx.pose(model, jax.tree.map(lambda leaf, index=index: leaf[index], motion))
        assert_same(jax.tree.map(lambda leaf, index=index: leaf[index], together), alone)
    assert_same(jitted(model, motion), together)


def test_vmap_is_a_batch_dimension(model):
    motion = random_motion(model, 9, 3)
    mapped = jax.jit(jax.vmap(smplx.pose, in_axes=(None, 0)))(model, motion)
    assert_same(mapped, smplx.pose(model, motion))


def test_body_without_contours_has_127_joints(model):
    bare = dataclasses.replace(model, contour_faces=None, contour_bary=None)
    motion = random_motion(model, 10)
    assert_same(smplx.pose(bare, motion).joints, smplx.pose(model, motion).joints[:, :127])


FIELDS = [field.name for field in dataclasses.fields(Motion) if not field.metadata.get("static")]


@pytest.mark.parametrize("name", FIELDS)
def test_one_traced_field_suffices(model, name):
    motion = random_motion(model, 11)

    def reach(value):
        return smplx.pose(model, dataclasses.replace(motion, **{name: value})).joints

    assert jax.eval_shape(reach, getattr(motion, name)).shape == (2, 144, 3)


@pytest.fixture(scope="module")
def slope(model):
    weights = np.random.default_rng(12).normal(size=(144, 3)).astype(np.float32)

    def score(motion):
        posed = smplx.pose(model, motion)
        return (posed.joints * weights).sum() + (posed.vertices**2).sum()

    return jax.jit(jax.grad(score)), score


@pytest.mark.parametrize("size", [0.0, 1e-12, 1e-4, 0.5, 3.0])
def test_gradients_are_finite(model, slope, size):
    gradient = slope[0](random_motion(model, 13, size=size))
    for name in FIELDS:
        assert np.isfinite(getattr(gradient, name)).all(), name
        assert np.abs(getattr(gradient, name)).max() > 0, name


@pytest.mark.parametrize("name", FIELDS)
def test_gradients_are_the_slopes(model, slope, name):
    motion = random_motion(model, 14)
    direction = np.random.default_rng(15).normal(size=getattr(motion, name).shape)

    def ahead(step):
        still = jax.tree.map(np.zeros_like, motion)
        object.__setattr__(still, name, step * direction)
        return slope[1](jax.tree.map(lambda leaf, more: leaf.astype(np.float64) + more, motion, still))

    expected = (ahead(1e-3) - ahead(-1e-3)) / 2e-3
    found = (getattr(slope[0](motion), name) * direction).sum()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_gradients_are_finite_where_the_contour_has_no_yaw(model, slope):
    motion = random_motion(model, 13, size=0)
    motion.global_orient[:, 1] = HALF
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope[0](motion)))


def test_another_bodys_motion_is_refused(model):
    motion = dataclasses.replace(smplx.rest_motion(model), body="default-v1")
    with pytest.raises(UserError, match=rf"made with the body 'default-v1', but the body in use is '{model.name}'"):
        smplx.pose(model, motion)


@pytest.mark.parametrize(
    ("field", "cut", "holds", "takes"),
    [
        ("betas", lambda leaf: leaf[..., :7], "7", "10"),
        ("betas", lambda leaf: np.concatenate([leaf, leaf]), "20", "10"),
        ("expression", lambda leaf: leaf[..., :0], "0", "10"),
        ("left_hand_pose", lambda leaf: leaf[..., :12, :], "12 x 3", "15 x 3"),
        ("right_hand_pose", lambda leaf: leaf[..., :2], "15 x 2", "15 x 3"),
    ],
)
def test_a_motion_of_other_sizes_is_refused(model, field, cut, holds, takes):
    motion = smplx.rest_motion(model, 2)
    object.__setattr__(motion, field, cut(getattr(motion, field)))
    message = rf"Motion\.{field} holds {holds} numbers, but the body '{model.name}' takes {takes}\."
    with pytest.raises(UserError, match=message):
        smplx.pose(model, motion)


def products(jaxpr):
    """The matrix products of a jaxpr and of all that it calls."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield equation
        for inner in jaxprs_in_params(equation.params):
            yield from products(inner)


def test_every_matrix_product_is_of_full_precision(model):
    hand = np.zeros(12, np.float32)
    for function, arguments, least in (
        (smplx.pose, (model, random_motion(model, 17, 2)), 6),
        (lambda v: smplx.hand_pose(model.left_hand, v, pca=True, flat_hand_mean=False), (hand,), 1),
    ):
        found = list(products(jax.make_jaxpr(function)(*arguments).jaxpr))
        assert len(found) >= least
        highest = jax.lax.Precision.HIGHEST
        assert all(product.params["precision"] == (highest, highest) for product in found)


@pytest.mark.parametrize("flat_hand_mean", [True, False])
@pytest.mark.parametrize("count", [6, 12, 45, None])
def test_hand_pose(contents, model, count, flat_hand_mean):
    values = np.random.default_rng(16).normal(size=(2, 3, count or 45)).astype(np.float32)
    hand = smplx.hand_pose(model.left_hand, values, pca=count is not None, flat_hand_mean=flat_hand_mean)
    expected = values.astype(float)
    if count is not None:
        expected = expected @ contents["hands_componentsl"][:count]
    if not flat_hand_mean:
        expected = expected + contents["hands_meanl"]
    assert hand.shape == (2, 3, 15, 3)
    np.testing.assert_allclose(hand.reshape(2, 3, 45), expected, atol=1e-6)
    traced = jax.jit(
        lambda v: smplx.hand_pose(model.left_hand, v, pca=count is not None, flat_hand_mean=flat_hand_mean)
    )
    np.testing.assert_allclose(traced(values), hand, atol=1e-6)


@pytest.mark.parametrize(
    ("width", "pca", "message"),
    [
        (46, True, "the hand pose has 46 coefficients, but the hand has 45 components"),
        (44, False, r"the hand pose has 44 numbers, not 45 \(15 axis-angles\)"),
        (6, False, r"the hand pose has 6 numbers, not 45 \(15 axis-angles\). If they are coefficients, set pca=True"),
    ],
)
def test_a_hand_of_another_width_is_refused(model, width, pca, message):
    with pytest.raises(UserError, match=message):
        smplx.hand_pose(model.left_hand, np.zeros((2, width), np.float32), pca=pca, flat_hand_mean=True)


def test_hands_differ(model):
    values = jnp.zeros(45)
    hands = [smplx.hand_pose(h, values, pca=False, flat_hand_mean=False) for h in (model.left_hand, model.right_hand)]
    assert np.abs(hands[0] - hands[1]).max() > 0.1


NO_DEVICE = """
import jax, numpy as np
from tests.body import official_layout
from vlogger_jax.body import camera, model_file, rotation, smplx
path = {path!r}
official_layout.write(path, 0, columns=20, vertices=60)
model = model_file.load(path)
posed = smplx.pose(model, smplx.rest_motion(model, 2))
view = camera.from_diagonal_fov((64, 64), 1.0)
pixels, depth = camera.project(camera.crop(view, 1, 2, 0.5, (32, 32)), posed.joints)
camera.unproject(view, pixels, depth)
camera.square_crop(pixels[0] * 0 + 9, pixels[0], view.size)
turn = rotation.matrix_to_axis_angle(rotation.sixd_to_matrix(rotation.matrix_to_sixd(posed.joint_rotation)))
rotation.slerp(*(rotation.axis_angle_to_quaternion(turn) for _ in "ab"), np.zeros((2, 55), np.float32))
smplx.hand_pose(model.left_hand, np.zeros((2, 6), np.float32), pca=True, flat_hand_mean=False)
assert isinstance(turn, np.ndarray) and isinstance(depth, np.ndarray)
try:
    jax.numpy.zeros(1)
except RuntimeError:
    print("no device was opened, none could be")
"""


def test_posing_numpy_opens_no_device(tmp_path):
    code = NO_DEVICE.format(path=str(tmp_path / "small.npz"))
    environment = {**os.environ, "JAX_PLATFORMS": "nowhere"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "no device was opened, none could be"


def test_frames_of_a_motion():
    motion = smplx.rest_motion(model_file.default(), frames=5)
    motion = dataclasses.replace(motion, transl=np.arange(15, dtype=np.float32).reshape(5, 3))
    some = smplx.frames_of(motion, np.array([3, 1]))
    np.testing.assert_array_equal(some.transl, motion.transl[[3, 1]])
    assert some.body_pose.shape == (2, 21, 3) and some.betas is motion.betas and some.fps == motion.fps


def test_clips_joined_are_cut_into_themselves():
    model = model_file.default()
    one, other = smplx.rest_motion(model, frames=2), smplx.rest_motion(model, frames=3)
    other = dataclasses.replace(other, transl=np.arange(9, dtype=np.float32).reshape(3, 3))
    both = smplx.joined(one, other)
    assert both.transl.shape == (5, 3) and both.body == one.body
    jax.tree.map(np.testing.assert_array_equal, smplx.frames_of(both, slice(0, 2)), one)
    jax.tree.map(np.testing.assert_array_equal, smplx.frames_of(both, np.arange(2, 5)), other)

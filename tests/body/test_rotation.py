"""Rotations: closed forms, round trips down to no turn and up to half turns, gradients, SciPy, numpy against JAX."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from vlogger_jax.body import rotation as R

X, Y, Z = np.eye(3)
HALF = np.pi / 2
ROOT = np.sqrt(0.5)
ANGLES = (0.0, 1e-12, 1e-9, 1e-7, 1e-5, 1e-3, 9.9e-3, 1.01e-2, 0.1, 1.0, 3.0, np.pi - 1e-3, np.pi - 1e-6, np.pi)
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-14}
precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def close(actual, expected, atol=0.0, rtol=0.0, **options):
    np.testing.assert_allclose(actual, expected, atol=atol, rtol=rtol, **options)


def axes(seed=0, n=64):
    random = np.random.default_rng(seed).normal(size=(n, 3))
    return np.concatenate([np.eye(3), -np.eye(3), random / np.linalg.norm(random, axis=-1, keepdims=True)])


def turns(dtype=np.float64, angles=ANGLES):
    """Axis-angles of every axis with every angle, [a n 3]."""
    return (np.array(angles)[:, None, None] * axes()).astype(dtype)


def random_quaternions(seed, *shape):
    q = np.random.default_rng(seed).normal(size=(*shape, 4))
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def product(a, b):
    """Hamilton's product, written out as he did."""
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def same_turn(a, b):
    """Largest difference of two axis-angles as rotations: at half turns an axis and its opposite are the same."""
    return np.abs(
        Rotation.from_rotvec(a.reshape(-1, 3)).as_matrix() - Rotation.from_rotvec(b.reshape(-1, 3)).as_matrix()
    )


@pytest.mark.parametrize(
    ("axis_angle", "matrix", "quaternion"),
    [
        (0 * X, np.eye(3), [1, 0, 0, 0]),
        (HALF * X, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], [ROOT, ROOT, 0, 0]),
        (HALF * Y, [[0, 0, 1], [0, 1, 0], [-1, 0, 0]], [ROOT, 0, ROOT, 0]),
        (HALF * Z, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], [ROOT, 0, 0, ROOT]),
        (-HALF * Z, [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], [ROOT, 0, 0, -ROOT]),
        (2 * HALF * X, np.diag([1, -1, -1]), [0, 1, 0, 0]),
        (2 * np.pi / 3 * (X + Y + Z) / np.sqrt(3), [[0, 0, 1], [1, 0, 0], [0, 1, 0]], [0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_closed_forms(axis_angle, matrix, quaternion):
    matrix, quaternion = np.array(matrix, float), np.array(quaternion, float)
    sixd = np.concatenate([matrix[:, 0], matrix[:, 1]])
    close(R.axis_angle_to_matrix(axis_angle), matrix, atol=1e-15)
    close(R.axis_angle_to_quaternion(axis_angle), quaternion, atol=1e-15)
    close(R.quaternion_to_matrix(quaternion), matrix, atol=1e-15)
    close(R.quaternion_to_matrix(-3 * quaternion), matrix, atol=1e-15)
    close(R.matrix_to_quaternion(matrix), quaternion, atol=1e-15)
    close(R.matrix_to_axis_angle(matrix), axis_angle, atol=1e-15)
    close(R.quaternion_to_axis_angle(quaternion), axis_angle, atol=1e-15)
    np.testing.assert_array_equal(R.matrix_to_sixd(matrix), sixd)
    close(R.sixd_to_matrix(sixd), matrix, atol=1e-15)


def test_a_turn_about_z_takes_x_to_y():
    close(R.axis_angle_to_matrix(HALF * Z) @ X, Y, atol=1e-15)


def test_product_of_quaternions_is_the_product_of_matrices():
    a, b = random_quaternions(1, 50), random_quaternions(2, 50)
    close(product(np.array([0.0, 1, 0, 0]), np.array([0.0, 0, 1, 0])), [0, 0, 0, 1])
    expected = R.quaternion_to_matrix(a) @ R.quaternion_to_matrix(b)
    close(R.quaternion_to_matrix(product(a, b)), expected, atol=1e-14)


def test_sixd_ignores_length_and_lean():
    sixd = np.array([0.0, 3, 0, 0, 5, 2])
    close(R.sixd_to_matrix(sixd), np.stack([Y, Z, X], axis=-1), atol=1e-15)


@precisions
def test_round_trips(dtype):
    for angle, axis_angle in zip(ANGLES, turns(dtype), strict=True):
        matrix, quaternion = R.axis_angle_to_matrix(axis_angle), R.axis_angle_to_quaternion(axis_angle)
        tolerance = TOLERANCE[dtype]
        for back in (
            R.matrix_to_axis_angle(matrix),
            R.quaternion_to_axis_angle(quaternion),
            R.quaternion_to_axis_angle(-2 * quaternion),
            R.matrix_to_axis_angle(R.quaternion_to_matrix(quaternion)),
            R.matrix_to_axis_angle(R.sixd_to_matrix(R.matrix_to_sixd(matrix))),
        ):
            assert back.dtype == dtype
            assert same_turn(back, axis_angle).max() < 4 * tolerance
            if angle < 3.1:
                close(back, axis_angle, rtol=8 * tolerance, atol=angle * 4 * tolerance)
            assert np.linalg.norm(back, axis=-1).max() < np.pi * (1 + tolerance)
        again = R.matrix_to_quaternion(matrix)
        assert again[..., 0].min() > -2 * tolerance
        close(np.abs((again * quaternion).sum(axis=-1)), 1, atol=4 * tolerance)


@precisions
def test_tiny_turns_keep_their_digits(dtype):
    axis_angle = np.array([1e-12, -2e-12, 3e-12], dtype)
    for back in (
        R.matrix_to_axis_angle(R.axis_angle_to_matrix(axis_angle)),
        R.quaternion_to_axis_angle(R.axis_angle_to_quaternion(axis_angle)),
    ):
        close(back, axis_angle, rtol=4 * np.finfo(dtype).eps)


@precisions
def test_no_turn_is_exactly_no_turn(dtype):
    zero, eye = np.zeros(3, dtype), np.eye(3, dtype=dtype)
    np.testing.assert_array_equal(R.axis_angle_to_matrix(zero), eye)
    np.testing.assert_array_equal(R.matrix_to_axis_angle(eye), zero)
    np.testing.assert_array_equal(R.axis_angle_to_quaternion(zero), np.array([1, 0, 0, 0], dtype))
    np.testing.assert_array_equal(R.sixd_to_matrix(R.matrix_to_sixd(eye)), eye)


@precisions
def test_matrices_are_rotations(dtype):
    axis_angle = turns(dtype, (*ANGLES, 4.0, 7.0, 20.0))
    sixd = np.random.default_rng(3).normal(size=(500, 6)).astype(dtype)
    quaternion = np.random.default_rng(4).normal(size=(500, 4)).astype(dtype)
    for matrix in (R.axis_angle_to_matrix(axis_angle), R.sixd_to_matrix(sixd), R.quaternion_to_matrix(quaternion)):
        matrix = matrix.reshape(-1, 3, 3).astype(np.float64)
        gram = np.einsum("nij,nik->njk", matrix, matrix)
        close(gram, np.broadcast_to(np.eye(3), gram.shape), atol=40 * TOLERANCE[dtype])
        close(np.linalg.det(matrix), 1, atol=40 * TOLERANCE[dtype])


def test_agrees_with_scipy():
    axis_angle = turns(angles=(*ANGLES, 4.0, 7.0, 20.0)).reshape(-1, 3)
    theirs = Rotation.from_rotvec(axis_angle)
    ours = R.axis_angle_to_matrix(axis_angle)
    close(ours, theirs.as_matrix(), atol=1e-14)
    quaternion = R.axis_angle_to_quaternion(axis_angle)
    close(R.quaternion_to_matrix(quaternion), theirs.as_matrix(), atol=1e-14)
    away = np.abs(theirs.magnitude() - np.pi) > 1e-9
    close(R.matrix_to_axis_angle(ours)[away], theirs.as_rotvec()[away], atol=1e-14)
    close(np.abs((R.matrix_to_quaternion(ours) * theirs.as_quat(scalar_first=True)).sum(axis=-1)), 1, atol=1e-14)


vectors = hnp.arrays(np.float64, 3, elements=st.floats(-10, 10))


@given(vectors)
def test_any_axis_angle_round_trips(axis_angle):
    matrix = R.axis_angle_to_matrix(axis_angle)
    close(matrix, Rotation.from_rotvec(axis_angle).as_matrix(), atol=1e-14)
    back = R.matrix_to_axis_angle(matrix)
    assert np.linalg.norm(back) <= np.pi + 1e-14
    close(R.axis_angle_to_matrix(back), matrix, atol=1e-14)


@given(vectors, vectors)
def test_any_two_directions_give_a_rotation(x, y):
    norms = np.linalg.norm(x), np.linalg.norm(y)
    if min(norms) < 1e-3 or np.linalg.norm(np.cross(x, y)) < 1e-3 * norms[0] * norms[1]:
        return
    matrix = R.sixd_to_matrix(np.concatenate([x, y]))
    close(matrix.T @ matrix, np.eye(3), atol=1e-12)
    close(matrix[:, 0], x / norms[0], atol=1e-14)
    assert matrix[:, 1] @ y > 0


@given(vectors, vectors)
def test_turns_compose_like_scipys(a, b):
    ours = R.axis_angle_to_matrix(a) @ R.axis_angle_to_matrix(b)
    theirs = Rotation.from_rotvec(a) * Rotation.from_rotvec(b)
    close(R.matrix_to_quaternion(ours)[0], abs(theirs.as_quat()[3]), atol=1e-13)


def test_slerp_half_way_is_half_the_angle():
    start, end = R.axis_angle_to_quaternion(0.2 * Y), R.axis_angle_to_quaternion(1.4 * Y)
    for fraction, angle in ((0.0, 0.2), (0.25, 0.5), (0.5, 0.8), (1.0, 1.4)):
        middle = R.slerp(start, end, np.array(fraction))
        close(middle, R.axis_angle_to_quaternion(angle * Y), atol=1e-15)


def test_slerp_has_constant_speed_and_scipys_path():
    start, end = random_quaternions(5, 2)
    start = start if start @ end > 0 else -start
    fraction = np.linspace(0, 1, 11)
    path = R.slerp(np.broadcast_to(start, (11, 4)), np.broadcast_to(end, (11, 4)), fraction)
    steps = (path[1:] * path[:-1]).sum(axis=-1)
    close(steps, steps[0], atol=1e-14)
    relative = Rotation.from_quat(start, scalar_first=True).inv() * Rotation.from_quat(end, scalar_first=True)
    theirs = [Rotation.from_quat(start, scalar_first=True) * relative**f for f in fraction]
    theirs = np.stack([r.as_matrix() for r in theirs])
    close(R.quaternion_to_matrix(path), theirs, atol=1e-14)


@precisions
@pytest.mark.parametrize("gap", [0.0, 1e-12, 1e-7, 0.99e-4, 1.01e-4, 2.01e-4, 1e-2])
@pytest.mark.parametrize("sign", [1, -1])
def test_slerp_of_nearly_equal_or_opposite_quaternions(dtype, gap, sign):
    start = R.axis_angle_to_quaternion((0.7 * X).astype(dtype))
    end = sign * R.axis_angle_to_quaternion(((0.7 + gap) * X).astype(dtype))
    middle = R.slerp(start, end, np.array(0.25, dtype))
    expected = R.axis_angle_to_quaternion((0.7 + 0.25 * gap) * X)
    assert middle.dtype == dtype
    close(middle, expected, atol=TOLERANCE[dtype])


def test_slerp_goes_the_shorter_way():
    start, end = R.axis_angle_to_quaternion(0.1 * Z), R.axis_angle_to_quaternion((2 * np.pi - 0.1) * Z)
    close(R.slerp(start, end, np.array(0.5)), [1, 0, 0, 0], atol=1e-15)


CONVERSIONS = {
    "axis_angle_to_matrix": R.axis_angle_to_matrix,
    "axis_angle_to_quaternion": R.axis_angle_to_quaternion,
    "axis_angle, matrix, axis_angle": lambda v: R.matrix_to_axis_angle(R.axis_angle_to_matrix(v)),
    "axis_angle, quaternion, axis_angle": lambda v: R.quaternion_to_axis_angle(R.axis_angle_to_quaternion(v)),
    "axis_angle, quaternion, matrix": lambda v: R.quaternion_to_matrix(R.axis_angle_to_quaternion(v)),
    "axis_angle, matrix, quaternion": lambda v: R.matrix_to_quaternion(R.axis_angle_to_matrix(v)),
    "axis_angle, 6D, matrix": lambda v: R.sixd_to_matrix(R.matrix_to_sixd(R.axis_angle_to_matrix(v))),
    "axis_angle, 6D, matrix, axis_angle": lambda v: R.matrix_to_axis_angle(
        R.sixd_to_matrix(R.matrix_to_sixd(R.axis_angle_to_matrix(v)))
    ),
}
SMOOTH = (
    "axis_angle_to_matrix",
    "axis_angle_to_quaternion",
    "axis_angle, 6D, matrix",
    "axis_angle, quaternion, matrix",
)


@pytest.fixture(scope="module")
def jacobians():
    """Of every conversion, by name, at axis-angles [n 3]; one function, so that it compiles once."""
    every = jax.jit(jax.vmap(jax.jacobian(lambda v: {name: convert(v) for name, convert in CONVERSIONS.items()})))
    return lambda points: every(points.reshape(-1, 3).astype(np.float32))


def test_gradients_are_finite_everywhere(jacobians):
    for name, jacobian in jacobians(turns()).items():
        assert np.isfinite(jacobian).all(), name
        assert np.abs(jacobian).max() < 20, name


def test_gradients_are_the_slopes(jacobians):
    points, step = turns(angles=(*ANGLES[:12], 2.0, 2.5)), 1e-5
    found = jacobians(points)
    for i, direction in enumerate(np.eye(3)):
        for name in SMOOTH:
            ahead, behind = (CONVERSIONS[name](points + sign * step * direction) for sign in (1, -1))
            slope = ((ahead - behind) / (2 * step)).reshape(found[name].shape[:-1])
            close(found[name][..., i], slope, atol=1e-5, err_msg=name)


def test_round_trips_have_the_identity_as_gradient(jacobians):
    found = jacobians(turns(angles=(*ANGLES[:10], 1.5, 2.0, 2.5, 3.0)))
    for name in ("axis_angle, matrix, axis_angle", "axis_angle, quaternion, axis_angle"):
        close(found[name], np.broadcast_to(np.eye(3), found[name].shape), atol=2e-4, err_msg=name)


def test_slerp_gradients_are_finite():
    same = np.array([[1, 0, 0, 0], [ROOT, ROOT, 0, 0], [-1, 0, 0, 0], [1, 1e-6, 0, 0]], np.float32)
    start = np.broadcast_to(same[0], same.shape)
    slope = jax.jit(jax.grad(lambda a, b, f: R.slerp(a, b, f)[..., 1].sum(), (0, 1, 2)))
    for fraction in (0.0, 0.5, 1.0):
        for gradient in slope(start, same, np.full(4, fraction, np.float32)):
            assert np.isfinite(gradient).all()


@pytest.fixture(scope="module")
def sixd_slopes():
    """Matrices and their slopes of [n 6], traced."""
    return jax.jit(jax.vmap(lambda sixd: (R.sixd_to_matrix(sixd), jax.jacobian(R.sixd_to_matrix)(sixd))))


def assert_rotations(matrix, atol):
    matrix = np.asarray(matrix, np.float64)
    close(np.swapaxes(matrix, -1, -2) @ matrix, np.broadcast_to(np.eye(3), matrix.shape), atol=atol)
    close(np.linalg.det(matrix), 1, atol=atol)


@pytest.mark.parametrize("first", [3e-38, 1e-30, 1e-20, 1e-10, 1.0, 1e20, 1e38])
def test_sixd_of_any_size_is_the_same_rotation(sixd_slopes, first):
    plain = np.random.default_rng(10).uniform(0.5, 1, (64, 6)) * np.random.default_rng(11).choice([-1, 1], (64, 6))
    expected = R.sixd_to_matrix(plain)
    for second in (3e-38, 1e-20, 0.3, 1e30):
        sixd = (plain * np.repeat([first, second], 3)).astype(np.float32)
        for matrix in (R.sixd_to_matrix(sixd), sixd_slopes(sixd)[0]):
            assert_rotations(matrix, 1e-6)
            close(matrix, expected, atol=1e-4)


@pytest.mark.parametrize("gap", [1e-5, 1e-4, 1e-3, 1e-2])
def test_sixd_of_nearly_parallel_columns_is_a_rotation(sixd_slopes, gap):
    x, lean = axes(12), np.random.default_rng(13).normal(size=axes(12).shape)
    sixd = np.concatenate([x, -2 * x + gap * lean], axis=-1).astype(np.float32)
    matrix, slope = sixd_slopes(sixd)
    for found in (matrix, R.sixd_to_matrix(sixd)):
        assert_rotations(found, 1e-6)
        close(found[..., 0], x, atol=1e-6)
    assert np.isfinite(slope).all()
    assert np.abs(slope).max() < 1e6


@pytest.mark.parametrize(
    ("sixd", "columns"),
    [
        ([0, 0, 0, 0, 0, 0], (X, Y)),
        ([0, 0, 0, 0, 0, 5], (X, Z)),
        ([0, 0, 0, 7, 0, 0], (X, Y)),
        ([0, 3, 0, 0, 0, 0], (Y, X)),
        ([1, 2, 2, 0, 0, 0], ((X + 2 * Y + 2 * Z) / 3, (4 * X - Y - Z) / np.sqrt(18))),
        ([1, 2, 2, -2, -4, -4], ((X + 2 * Y + 2 * Z) / 3, (4 * X - Y - Z) / np.sqrt(18))),
        ([1, 0, 0, 1, 1e-7, 0], (X, Y)),
        ([1, 0, 0, 1, 0, -1e-7], (X, Y)),
    ],
)
def test_sixd_that_spans_no_plane_is_a_rotation_with_sane_slopes(sixd_slopes, sixd, columns):
    sixd = np.array([sixd], np.float32)
    matrix, slope = sixd_slopes(sixd)
    for found in (matrix[0], R.sixd_to_matrix(sixd)[0]):
        assert_rotations(found, 1e-6)
        close(found[:, :2].T, columns, atol=1e-6)
    assert np.abs(slope).max() < 5
    tiny = np.array([[1e-20] * 6, [1e-37, 0, 0, 0, 1e-37, 0]], np.float32)
    assert np.isfinite(sixd_slopes(tiny)[1]).all()


def test_sixd_slopes_are_the_slopes(sixd_slopes):
    sixd, step = np.random.default_rng(14).normal(size=(32, 6)), 1e-6
    found = sixd_slopes(sixd.astype(np.float32))[1]
    for i, direction in enumerate(np.eye(6)):
        ahead, behind = (R.sixd_to_matrix(sixd + sign * step * direction) for sign in (1, -1))
        close(found[..., i], (ahead - behind) / (2 * step), atol=1e-3)


def test_numpy_equals_jax():
    points = turns(np.float32)
    traced = jax.jit(jax.vmap(lambda v: {name: convert(v) for name, convert in CONVERSIONS.items()}))(points)
    for name, convert in CONVERSIONS.items():
        ours, theirs = convert(points), traced[name]
        assert isinstance(ours, np.ndarray), name
        assert isinstance(theirs, jax.Array), name
        assert ours.dtype == theirs.dtype == np.float32, name
        if name.endswith((", quaternion", ", axis_angle")):
            # Half turns may come out with either sign.
            ours, theirs = ours[:-3], theirs[:-3]
        close(ours, theirs, atol=1e-6, err_msg=name)


def test_slerp_in_numpy_equals_jax():
    start, end = (random_quaternions(seed, 3, 40).astype(np.float32) for seed in (6, 7))
    fraction = np.random.default_rng(8).uniform(size=(3, 40)).astype(np.float32)
    ours = R.slerp(start, end, fraction)
    close(ours, jax.jit(jax.vmap(R.slerp))(start, end, fraction), atol=1e-6)


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_batch_dimensions_are_free(batch):
    axis_angle = np.random.default_rng(9).normal(size=(*batch, 3))
    flat = axis_angle.reshape(-1, 3)
    for convert in CONVERSIONS.values():
        together = convert(axis_angle)
        alone = np.stack([convert(one) for one in flat])
        np.testing.assert_array_equal(together, alone.reshape(together.shape))

"""Rotations: axis-angle, matrix, 6D, quaternion; numpy in, numpy out, and traced under `jit`.

Axis-angle is the axis times the angle in radians. Quaternions are (w, x, y, z). 6D is the first column of the matrix,
then the second (Zhou et al. 2019, "On the Continuity of Rotation Representations in Neural Networks"). Matrices act on
column vectors. All conversions are exact at the identity and near half turns, with finite gradients everywhere.
"""

import numpy as np

from vlogger_jax.core.typing import Array, Float, namespace


def axis_angle_to_matrix(axis_angle: Float[Array, "*b 3"]) -> Float[Array, "*b 3 3"]:
    """Rodrigues' formula, R = I + sin(θ)/θ K + (1 - cos θ)/θ² K², with K the cross-product matrix."""
    xp = namespace(axis_angle)
    squared = xp.sum(axis_angle * axis_angle, axis=-1)[..., None, None]
    K = _cross_matrix(axis_angle)
    return xp.eye(3, dtype=K.dtype) + _sinc(squared) * K + 0.5 * _sinc(0.25 * squared) ** 2 * matmul(K, K)


def matrix_to_axis_angle(matrix: Float[Array, "*b 3 3"]) -> Float[Array, "*b 3"]:
    """The axis-angle of the shorter turn, with angle in [0, pi]."""
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


def axis_angle_to_quaternion(axis_angle: Float[Array, "*b 3"]) -> Float[Array, "*b 4"]:
    """(cos θ/2, sin(θ/2)/θ · axis_angle)."""
    xp = namespace(axis_angle)
    quarter = 0.25 * xp.sum(axis_angle * axis_angle, axis=-1, keepdims=True)
    return xp.concatenate([_cos_of_root(quarter), 0.5 * _sinc(quarter) * axis_angle], axis=-1)


def quaternion_to_axis_angle(quaternion: Float[Array, "*b 4"]) -> Float[Array, "*b 3"]:
    """The axis-angle of the shorter turn; `quaternion` need not be normalised."""
    xp = namespace(quaternion)
    quaternion = xp.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, xyz = quaternion[..., :1], quaternion[..., 1:]
    squared = xp.sum(xyz * xyz, axis=-1, keepdims=True)
    small = squared < 1e-8 * w * w
    norm = xp.sqrt(xp.where(small, 1.0, squared))
    # θ/sin(θ/2): from atan2, and by its series where atan2's argument would be a root of nearly nothing.
    safe_w = xp.where(small, w, 1.0)
    factor = xp.where(small, 2.0 / safe_w - 2.0 / 3.0 * squared / safe_w**3, 2.0 * xp.arctan2(norm, w) / norm)
    return (factor * xyz).astype(quaternion.dtype)


def matrix_to_quaternion(matrix: Float[Array, "*b 3 3"]) -> Float[Array, "*b 4"]:
    """The unit quaternion, w >= 0 up to rounding.

    Each row below is 4·q_i·q for one component q_i; the row of the largest q_i² >= 1/4 is far from zero and is taken
    (Shepperd 1978).
    """
    xp = namespace(matrix)
    m00, m01, m02 = (matrix[..., 0, i] for i in range(3))
    m10, m11, m12 = (matrix[..., 1, i] for i in range(3))
    m20, m21, m22 = (matrix[..., 2, i] for i in range(3))
    rows = [
        [1 + m00 + m11 + m22, m21 - m12, m02 - m20, m10 - m01],
        [m21 - m12, 1 + m00 - m11 - m22, m10 + m01, m02 + m20],
        [m02 - m20, m10 + m01, 1 - m00 + m11 - m22, m12 + m21],
        [m10 - m01, m02 + m20, m12 + m21, 1 - m00 - m11 + m22],
    ]
    table = xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)
    squares = xp.stack([rows[i][i] for i in range(4)], axis=-1)
    best = xp.argmax(squares, axis=-1)[..., None, None]
    row = xp.take_along_axis(table, best, axis=-2)[..., 0, :]
    row = row / xp.sqrt(xp.sum(row * row, axis=-1, keepdims=True))
    return xp.where(row[..., :1] < 0, -row, row)


def quaternion_to_matrix(quaternion: Float[Array, "*b 4"]) -> Float[Array, "*b 3 3"]:
    """R = I + 2/|q|² (w K + K²); `quaternion` need not be normalised."""
    xp = namespace(quaternion)
    w, K = quaternion[..., :1, None], _cross_matrix(quaternion[..., 1:])
    scale = 2.0 / xp.sum(quaternion * quaternion, axis=-1)[..., None, None]
    return xp.eye(3, dtype=K.dtype) + scale * (w * K + matmul(K, K))


def matrix_to_sixd(matrix: Float[Array, "*b 3 3"]) -> Float[Array, "*b 6"]:
    """The first column, then the second."""
    return namespace(matrix).concatenate([matrix[..., :, 0], matrix[..., :, 1]], axis=-1)


def sixd_to_matrix(sixd: Float[Array, "*b 6"]) -> Float[Array, "*b 3 3"]:
    """Gram-Schmidt on two columns: any six numbers give a rotation, however small or large they are.

    A first column of zeros counts as the x axis. Where the second is zero or, up to rounding, parallel to the first,
    the axis farthest from the first stands in for it. A column that does not count gets no gradient.
    """
    xp = namespace(sixd)
    x, y = _near_one(sixd[..., :3]), _near_one(sixd[..., 3:])
    x = _normalize(xp.where(xp.any(x != 0, axis=-1, keepdims=True), x, xp.eye(3, dtype=x.dtype)[0]))
    y = _across(y, x)
    parallel = xp.max(xp.abs(y), axis=-1, keepdims=True) < 16 * xp.finfo(y.dtype).eps
    farthest = xp.argmin(xp.abs(x), axis=-1)[..., None] == np.arange(3)
    y = _normalize(xp.where(parallel, farthest.astype(y.dtype), y))
    y = _normalize(_across(y, x))  # again: between columns that are nearly parallel, little but rounding was left
    return xp.stack([x, y, _cross(x, y)], axis=-1)


def slerp(start: Float[Array, "*b 4"], end: Float[Array, "*b 4"], fraction: Float[Array, "*b"]) -> Float[Array, "*b 4"]:
    """Spherical interpolation of unit quaternions along the shorter way; constant angular speed in `fraction`."""
    xp = namespace(start, end, fraction)
    end = xp.where(xp.sum(start * end, axis=-1, keepdims=True) < 0, -end, end)
    # Half of the angle from chord lengths: exact for nearly equal quaternions, where acos of the cosine is not.
    chord, sum_ = start - end, start + end
    squared = xp.sum(chord * chord, axis=-1, keepdims=True)
    near = squared < 1e-8
    length = xp.sqrt(xp.where(near, 1.0, squared))
    angle = 2.0 * xp.arctan2(length, xp.sqrt(xp.sum(sum_ * sum_, axis=-1, keepdims=True)))
    f = fraction[..., None]
    sine = xp.sin(angle)
    from_start = xp.where(near, 1.0 - f, xp.sin((1.0 - f) * angle) / sine)
    from_end = xp.where(near, f, xp.sin(f * angle) / sine)
    return _normalize(from_start * start + from_end * end)


def matmul(a: Float[Array, "*#b i k"], b: Float[Array, "*#b k j"]) -> Float[Array, "*c i j"]:
    """`a @ b` of small matrices; leading dimensions broadcast.

    Written out as multiply and sum: accelerators multiply matrices in reduced precision unless told otherwise, and XLA
    of jaxlib 0.10.2 fails to compile such products for the CPU when their batch dimensions come from a gather.
    """
    return namespace(a, b).sum(a[..., :, :, None] * b[..., None, :, :], axis=-2)


def _cross(a: Array, b: Array) -> Array:
    return matmul(_cross_matrix(a), b[..., None])[..., 0]


def _cross_matrix(v: Array) -> Array:
    xp = namespace(v)
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    zero = xp.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)


def _normalize(v: Array) -> Array:
    xp = namespace(v)
    return v / xp.sqrt(xp.sum(v * v, axis=-1, keepdims=True))


def _near_one(v: Array) -> Array:
    """`v` times the power of two that brings its largest part near 1; 0 where `v` is 0 or subnormal."""
    xp = namespace(v)
    largest, tiny = xp.max(xp.abs(v), axis=-1, keepdims=True), float(xp.finfo(v.dtype).tiny)
    exponent = xp.floor(xp.log2(xp.clip(largest, tiny, 0.5 / tiny)))  # no slope: a scale is as good as any other
    return xp.where(largest < tiny, 0.0, v * xp.exp2(-exponent))


def _across(v: Array, x: Array) -> Array:
    """The part of `v` that is orthogonal to the unit vector `x`."""
    return v - namespace(v).sum(x * v, axis=-1, keepdims=True) * x


def _sinc(squared: Array) -> Array:
    """sin(√x)/√x, smooth in x at 0."""
    xp = namespace(squared)
    small = squared < 1e-4
    root = xp.sqrt(xp.where(small, 1.0, squared))
    return xp.where(small, 1.0 - squared / 6.0 + squared * squared / 120.0, xp.sin(root) / root)


def _cos_of_root(squared: Array) -> Array:
    """cos(√x), smooth in x at 0."""
    xp = namespace(squared)
    small = squared < 1e-4
    root = xp.sqrt(xp.where(small, 1.0, squared))
    return xp.where(small, 1.0 - squared / 2.0 + squared * squared / 24.0, xp.cos(root))

"""Cameras: closed forms, projection and its inverse, crops, and the framing of a clip."""

import dataclasses
import inspect
import re

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from vlogger_jax.body import camera as C
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera


def random_camera(seed, *batch, size=(48, 64)):
    random = np.random.default_rng(seed)
    count = int(np.prod(batch))
    rotation = Rotation.from_rotvec(random.normal(size=(count, 3))).as_matrix().reshape(*batch, 3, 3)
    return Camera(
        focal=np.asarray(random.uniform(40, 400, batch), np.float32),
        principal=random.uniform(10, 50, (*batch, 2)).astype(np.float32),
        rotation=rotation.astype(np.float32),
        translation=random.normal(size=(*batch, 3)).astype(np.float32),
        size=size,
    )


def points_ahead(view, seed, *batch, n=7):
    """World points 1 to 5 m in front of the camera."""
    random = np.random.default_rng(seed)
    pixels = random.uniform(-20, 80, (*batch, n, 2)).astype(np.float32)
    depth = random.uniform(1, 5, (*batch, n)).astype(np.float32)
    return C.unproject(view, pixels, depth), pixels, depth


def test_facing_camera_sees_the_person_upright_and_mirrored():
    view = C.from_focal(100, (200, 300))
    np.testing.assert_array_equal(view.principal, [150, 100])
    np.testing.assert_array_equal(view.translation, 0)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(view))
    # 2 m ahead: the middle, 0.5 m up, 0.5 m to the person's left.
    points = np.array([[0, 0, -2], [0, 0.5, -2], [0.5, 0, -2]], np.float32)
    pixels, depth = C.project(view, points)
    np.testing.assert_allclose(pixels, [[150, 100], [150, 75], [175, 100]])
    np.testing.assert_allclose(depth, 2)


def test_own_principal_point():
    np.testing.assert_array_equal(C.from_focal(50.0, (10, 20), (3, 4.5)).principal, np.float32([3, 4.5]))


@pytest.mark.parametrize("size", [(64, 64), (48, 64), (720, 1280)])
def test_diagonal_fov_is_the_angle_between_the_corners(size):
    fov = np.radians(55)
    view = C.from_diagonal_fov(size, fov)
    corners = np.array([[0, 0], [size[1], size[0]]], np.float32)
    rays = C.unproject(view, corners, np.ones(2, np.float32))
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    np.testing.assert_allclose(np.arccos(rays[0] @ rays[1]), fov, atol=1e-6)


def test_a_right_angle_has_half_the_diagonal_as_focal_length():
    np.testing.assert_allclose(C.from_diagonal_fov((30, 40), np.pi / 2).focal, 25, rtol=1e-6)


@pytest.mark.parametrize("fov", [0.0, -1.0, np.pi, 4.0, np.nan])
def test_a_field_of_view_that_cannot_be_is_refused(fov):
    with pytest.raises(UserError, match=rf"the field of view is {fov} radians\. Give an angle between 0 and pi\."):
        C.from_diagonal_fov((30, 40), fov)


@pytest.mark.parametrize("focal", [0, -3.0, np.inf, np.nan])
def test_a_focal_length_that_cannot_be_is_refused(focal):
    with pytest.raises(UserError, match=rf"the focal length is {focal} pixels\. Give a positive number\."):
        C.from_focal(focal, (30, 40))


@pytest.mark.parametrize("size", [(0, 40), (30, 0), (-30, 40)])
def test_an_image_without_pixels_is_refused(size):
    for make in (
        lambda: C.from_focal(10, size),
        lambda: C.from_diagonal_fov(size, 1.0),
        lambda: C.square_crop(cloud((0, 0)), cloud(), size),
    ):
        with pytest.raises(UserError, match=rf"the image is {size[1]} x {size[0]} pixels\. Give a height and a width"):
            make()


def test_to_camera_is_rotation_then_translation():
    view = dataclasses.replace(
        C.from_focal(10, (4, 4)),
        rotation=np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]], np.float32),
        translation=np.array([10, 20, 30], np.float32),
    )
    np.testing.assert_array_equal(C.to_camera(view, np.array([[1.0, 2, 3]], np.float32)), [[12, 19, 33]])


@pytest.mark.parametrize(
    ("camera_batch", "points_batch"),
    [((), ()), ((), (5,)), ((), (2, 5)), ((5,), (5,)), ((5,), (2, 5)), ((2, 5), (2, 5)), ((2, 1), (2, 5)), ((5,), ())],
)
def test_cameras_with_and_without_leading_dimensions(camera_batch, points_batch):
    view = random_camera(0, *camera_batch)
    batch = np.broadcast_shapes(camera_batch, points_batch)
    points = np.random.default_rng(1).normal(size=(*points_batch, 7, 3)).astype(np.float32)
    points = points - 4 * view.rotation[..., None, 2, :] if camera_batch == points_batch else points
    pixels, depth = C.project(view, points)
    assert pixels.shape == (*batch, 7, 2)
    assert depth.shape == (*batch, 7)
    back = C.unproject(view, pixels, depth)
    assert back.shape == (*batch, 7, 3)
    together = np.broadcast_to(points, (*batch, 7, 3))
    for index in np.ndindex(batch):
        alone = jax.tree.map(lambda x, index=index: _pick(x, camera_batch, batch, index), view)
        expected, expected_depth = C.project(alone, together[index])
        np.testing.assert_allclose(pixels[index], expected, rtol=1e-5, atol=1e-3)
        np.testing.assert_allclose(depth[index], expected_depth, atol=1e-6)
        np.testing.assert_allclose(C.unproject(alone, pixels[index], depth[index]), back[index], atol=1e-5)


def _pick(leaf, camera_batch, batch, index):
    tail = leaf.shape[len(camera_batch) :]
    return np.asarray(np.broadcast_to(leaf, (*batch, *tail))[index])


@given(st.integers(0, 10**6))
def test_unproject_inverts_project(seed):
    view = random_camera(seed)
    points, pixels, depth = points_ahead(view, seed)
    again, again_depth = C.project(view, points)
    np.testing.assert_allclose(again, pixels, atol=2e-3)
    np.testing.assert_allclose(again_depth, depth, atol=1e-5)


@given(
    st.integers(0, 10**6),
    st.integers(-40, 40) | st.floats(-40, 40),
    st.integers(-40, 40) | st.floats(-40, 40),
    st.floats(0.1, 8) | st.integers(1, 4),
)
def test_crop_moves_and_scales_every_pixel(seed, x0, y0, scale):
    view = random_camera(seed)
    points, _, _ = points_ahead(view, seed)
    cut = C.crop(view, x0, y0, scale, (32, 16))
    assert cut.size == (32, 16)
    before, depth = C.project(view, points)
    after, same = C.project(cut, points)
    np.testing.assert_allclose(after, (before - (x0, y0)) * scale, atol=1e-4 * max(scale, 1))
    np.testing.assert_array_equal(same, depth)
    assert cut.principal.dtype == cut.focal.dtype == np.float32


def test_crop_keeps_pixel_centres():
    # The left half at double size: old pixel (0, 0) becomes the four around corner (1, 1), its centre.
    view = C.from_focal(10, (8, 8))
    point = C.unproject(view, np.array([[0.5, 0.5]], np.float32), np.ones(1, np.float32))
    pixels, _ = C.project(C.crop(view, 0, 0, 2, (16, 16)), point)
    np.testing.assert_allclose(pixels, [[1, 1]], atol=1e-6)


def test_crops_compose():
    view = random_camera(2, 3)
    twice = C.crop(C.crop(view, 4, 6, 2, (20, 20)), 3, -2, 0.5, (10, 10))
    once = C.crop(view, 4 + 3 / 2, 6 - 2 / 2, 1, (10, 10))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-5), twice, once)


@pytest.mark.parametrize("z", [C.MIN_DEPTH, 1e-6, 0.0, -1e-6, -3.0])
def test_points_not_ahead_are_finite_and_told_by_their_depth(z):
    view = C.from_focal(100, (64, 64))
    points = np.array([[0.1, -0.2, -z], [0, 0, -z]], np.float32)

    def both(points):
        pixels, depth = C.project(view, points)
        return pixels.sum() + depth.sum()

    pixels, depth = C.project(view, points)
    np.testing.assert_allclose(depth, z, atol=1e-9)
    assert (depth <= np.float32(C.MIN_DEPTH)).all()
    np.testing.assert_allclose(pixels, [[32 + 1e4, 32 + 2e4], [32, 32]], rtol=1e-5)
    slope = jax.jit(jax.grad(both))(points)
    np.testing.assert_allclose(slope, [[1e5, -1e5, -1], [1e5, -1e5, -1]], rtol=1e-5)


def test_gradients_are_the_slopes():
    view = random_camera(4)
    points, _, _ = points_ahead(view, 4)
    direction = np.random.default_rng(5).normal(size=points.shape)
    weights = np.random.default_rng(6).normal(size=(7, 3))

    def score(points, view):
        pixels, depth = C.project(view, points)
        return (pixels * weights[:, :2]).sum() + (depth * weights[:, 2]).sum()

    double = jax.tree.map(lambda leaf: leaf.astype(np.float64), view)
    ahead, behind = (score(points + sign * 1e-5 * direction, double) for sign in (1, -1))
    found = (jax.jit(jax.grad(score))(points, view) * direction).sum()
    np.testing.assert_allclose(found, (ahead - behind) / 2e-5, rtol=1e-4)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(jax.jit(jax.grad(score, 1))(points, view)))


def test_numpy_equals_jax():
    view = random_camera(7, 3)
    points, pixels, depth = points_ahead(view, 7, 3)

    def everything(view, points, pixels, depth):
        cut = C.crop(view, 3, 4, 1.5, (10, 10))
        return C.project(cut, points), C.unproject(cut, pixels, depth), cut

    ours = everything(view, points, pixels, depth)
    assert all(isinstance(leaf, np.ndarray) and leaf.dtype == np.float32 for leaf in jax.tree.leaves(ours))
    for theirs in (
        jax.jit(everything)(view, points, pixels, depth),
        jax.jit(jax.vmap(everything))(view, points, pixels, depth),
    ):
        assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(theirs))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4), theirs, ours)


# Framing.


def cloud(*corners):
    return np.array(corners, np.float32).reshape(-1, 2)


def holds(square, points, slack=0.0):
    low, high = np.array([square.x0, square.y0]), np.array([square.x0, square.y0]) + square.side
    return ((points >= low - slack) & (points <= high + slack)).all(axis=-1)


def test_square_is_the_box_with_its_margin():
    square = C.square_crop(cloud((90, 60), (110, 80)), cloud((60, 160), (140, 160)), (400, 400), margin=0.1)
    # The box is 80 x 100; 10 pixels on each side; centred on (100, 110).
    assert square == C.Square(x0=40, y0=50, side=120)
    assert all(type(value) is int for value in square)


def test_square_is_clamped_to_a_landscape_image_and_keeps_its_height():
    square = C.square_crop(cloud((300, 20), (340, 60)), cloud((250, 99), (390, 99)), (100, 640))
    assert (square.y0, square.side) == (0, 100)
    assert holds(square, cloud((300, 20), (340, 60))).all()


def test_square_near_the_border_moves_inside():
    assert C.square_crop(cloud((0, 0), (40, 40)), cloud(), (200, 200), margin=0.25) == C.Square(0, 0, 60)
    assert C.square_crop(cloud((160, 160), (200, 200)), cloud(), (200, 200), margin=0.25) == C.Square(140, 140, 60)


def test_head_comes_before_hands():
    # Hands pull to the right by more than the image is high; most of them can only be held without the head.
    head, hands = cloud((20, 30), (60, 70)), cloud(*[(180, 90)] * 50, (100, 90))
    square = C.square_crop(head, hands, (100, 300))
    assert square.side == 100
    assert holds(square, head).all()
    assert holds(square, hands).tolist() == [False] * 50 + [True]


def test_most_of_the_other_points_are_held():
    head, hands = cloud((140, 30), (160, 50)), cloud(*[(215, 90)] * 3, *[(85, 90)] * 2)
    square = C.square_crop(head, hands, (100, 300), margin=0.0)
    assert holds(square, head).all()
    assert holds(square, hands).tolist() == [True] * 3 + [False] * 2


def test_head_keeps_its_margin_where_there_is_room():
    head, hands = cloud((100, 30), (120, 50)), cloud((250, 90), (251, 90))
    square = C.square_crop(head, hands, (100, 400), margin=0.05)
    assert square.x0 == 100 - 8  # 5 % of the 151 pixels that all points span
    assert C.square_crop(cloud((5, 30), (25, 50)), cloud((155, 90)), (100, 400), margin=0.05).x0 == 0
    assert C.square_crop(cloud((375, 30), (395, 50)), cloud((245, 90)), (100, 400), margin=0.05).x0 == 300


def test_head_larger_than_the_square_is_held_by_its_middle():
    square = C.square_crop(cloud((100, 0), (300, 100)), cloud((390, 50)), (100, 400))
    assert square == C.Square(150, 0, 100)


def test_invisible_and_outside_points():
    nan = np.nan
    seen = C.square_crop(cloud((50, 50), (70, 70)), cloud((80, 120)), (200, 200))
    hidden = C.square_crop(cloud((50, 50), (nan, 60), (70, 70)), cloud((80, 120), (nan, nan), (nan, 5)), (200, 200))
    assert seen == hidden
    outside = C.square_crop(cloud((50, 50), (70, 70)), cloud((-90, 60), (60, np.inf)), (200, 200))
    border = C.square_crop(cloud((50, 50), (70, 70)), cloud((0, 60)), (200, 200))
    assert outside == border
    assert C.square_crop(cloud((50, 50), (70, 70)), np.zeros((0, 2), np.float32), (200, 200)).side == 24


def test_one_point_gives_one_pixel():
    assert C.square_crop(cloud((200, 100)), np.zeros((0, 2)), (100, 200)) == C.Square(199, 99, 1)


@pytest.mark.parametrize("head", [[(np.nan, np.nan)], [(-1, 5)], [(5, 101)], [(np.nan, 5), (201, 5)], []])
def test_a_head_that_is_not_in_the_image_is_refused(head):
    with pytest.raises(UserError, match=r"no point of the head lies in the image of 200 x 100 pixels\. Use a picture"):
        C.square_crop(np.array(head, float).reshape(-1, 2), cloud((5, 5)), (100, 200))


@pytest.mark.parametrize("margin", [-0.1, np.nan, np.inf])
def test_a_margin_that_cannot_be_is_refused(margin):
    with pytest.raises(UserError, match=rf"the margin is {margin}\. Give a part of the box around the points"):
        C.square_crop(cloud((5, 5)), cloud(), (100, 200), margin=margin)


@pytest.mark.parametrize("shape", [(5,), (0,), (4, 3), (2, 4, 2)])
def test_points_of_another_shape_are_refused(shape):
    square_crop, points = inspect.unwrap(C.square_crop), np.ones(shape, np.float32)
    with pytest.raises(ValueError, match=rf"head has shape {re.escape(str(shape))}; expected \(n, 2\)"):
        square_crop(points, cloud((5, 5)), (100, 200))
    with pytest.raises(ValueError, match=rf"others has shape {re.escape(str(shape))}; expected \(n, 2\)"):
        square_crop(cloud((5, 5)), points, (100, 200))


coordinate = st.floats(-50, 350, width=32) | st.just(np.nan)
clouds = hnp.arrays(np.float32, st.tuples(st.integers(0, 12), st.just(2)), elements=coordinate)
inside = st.tuples(st.floats(0, 1), st.floats(0, 1))


@given(inside, clouds, clouds, st.tuples(st.integers(1, 300), st.integers(1, 300)), st.floats(0, 0.5))
def test_square_properties(anchor, head, others, size, margin):
    height, width = size
    head = np.concatenate([np.multiply(anchor, (width, height))[None], head])
    square = C.square_crop(head, others, size, margin)
    assert square == C.square_crop(head[::-1], others[::-1], size, margin)
    assert 1 <= square.side <= min(size)
    assert 0 <= square.x0 <= width - square.side
    assert 0 <= square.y0 <= height - square.side
    seen = [np.clip(p[np.isfinite(p).all(axis=-1)], 0, (width, height)) for p in (head, others)]
    low, high = np.floor(seen[0].min(axis=0)), np.ceil(seen[0].max(axis=0))
    if (high - low).max() <= square.side:
        assert holds(square, seen[0]).all()
    everything = np.concatenate(seen)
    if square.side < min(size):
        assert holds(square, everything).all()
        assert square.side >= np.ptp(everything, axis=0).max() * (1 + 2 * margin) - 1e-3
